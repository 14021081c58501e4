"""The form of `vitne-record/v1`: building it, and reading it strictly. `record_proof` verifies."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, cast

import msgspec
from msgspec import Struct

from vitne.core.entry import commit
from vitne.core.entry.commit import RECORD_PART, PartName, SectionLeaves
from vitne.core.entry.keyring import leaves_of, read_keyring
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Vkey, parse_note, parse_vkey
from vitne.core.values import (
    SECTIONS,
    Hash,
    Json,
    JsonObject,
    LeafIndex,
    Origin,
    Record,
    Section,
    TreeSize,
    canonical,
    check_int,
    decode_base64,
    decode_hash,
    encode_base64,
)
from vitne.errors import BadInputError, DecodeError, TooLargeError

FORMAT: Final = "vitne-record/v1"
MAX_BYTES: Final = 4 << 20
MAX_PATH: Final = 53
"""Hashes of an inclusion path in the largest tree there can be."""
MAX_KEYS: Final = 100
_PART_LEVEL: Final = 4
"""Levels of the document above a part's JSON: document, opened, section, part."""
_MEMBERS: Final = frozenset(
    {"checkpoint", "entry", "format", "index", "keys", "opened", "origin", "path", "size"}
)


class OpenPart(Struct, frozen=True):
    """A part that is shown: its salt and its canonical JSON."""

    salt: bytes
    data: bytes

    def leaf(self, name: PartName) -> Hash:
        """The leaf that the entry commits to. Raises `DecodeError`."""
        return commit.part_leaf(self.salt, name, self.data)


Part = OpenPart | bytes
"""A part: opened, or withheld and only its 32-byte leaf."""


class Document(Struct, frozen=True):
    """A document as read: every member has its type, nothing is verified."""

    origin: Origin
    index: LeafIndex
    size: TreeSize
    entry: bytes
    opened: dict[Section, tuple[Part, Part | None]]
    """Per section its event part and its record part; None where the log added nothing."""
    erased: dict[Section, LeafIndex]
    """Sections that were erased, each with the erase entry that the exporter names."""
    path: tuple[Hash, ...]
    checkpoint: str
    keys: tuple[Vkey, ...]

    def leaves(self) -> dict[Section, SectionLeaves]:
        """The leaves of every section, from the opened parts or as given."""
        found: dict[Section, SectionLeaves] = {}
        for section in SECTIONS:
            event, record = self.opened[section]
            found[section] = SectionLeaves(
                _leaf(event, section),
                None if record is None else _leaf(record, RECORD_PART[section]),
            )
        return found


def build_document(
    record: Record,
    checkpoint: str,
    path: Sequence[bytes],
    keys: Sequence[str],
    withhold: Collection[Section] = (),
    erased: Mapping[Section, int] | None = None,
) -> bytes:
    """The document of one event's record.

    Args:
        record: an event.
        checkpoint: the log's signed note, of a size above the record's index.
        path: inclusion proof of the entry in that tree.
        keys: vkeys to name; the log's own must be among them.
        withhold: sections of which only the leaves are given.
        erased: section → index of the erase entry that names it, for those that were erased.

    Raises:
        BadInputError: a control entry, or an index outside the checkpoint's tree.
        TooLargeError: the record is larger than a document may be.
        DecodeError: the checkpoint is no signed note.
    """
    head = Checkpoint.parse(parse_note(checkpoint)[0])
    if not record.event_id:
        raise BadInputError("only events have records to prove", where=f"index {record.index}")
    if record.index >= head.size:
        raise BadInputError(
            f"entry {record.index} is not in the published tree of size {head.size}",
            hint="wait for the next checkpoint",
        )
    document = {
        "format": FORMAT,
        "origin": head.origin,
        "index": record.index,
        "size": head.size,
        "entry": encode_base64(record.entry),
        "opened": {
            section: _section(record, section, withhold, (erased or {}).get(section))
            for section in SECTIONS
        },
        "path": [encode_base64(value) for value in path],
        "checkpoint": checkpoint,
        "keys": list(keys),
    }
    data = canonical.encode_trusted(document)
    if len(data) > MAX_BYTES:
        raise TooLargeError(
            f"the document would have {len(data):,} bytes; at most {MAX_BYTES:,} are allowed",
            hint="withhold the section payload",
        )
    return data


def redact_record(data: bytes, withhold: Collection[Section]) -> bytes:
    """The same document with sections withheld: only their leaves stay, and the proof holds.

    Whoever holds a document can do this before handing it on; nobody can undo it.

    Raises:
        DecodeError: the bytes are no document.
    """
    value = load_document(data)
    leaves = read_document(value).leaves()
    opened = cast("dict[Section, dict[str, Json]]", value["opened"])
    for section in withhold:
        found = leaves[section]
        if "erased" in opened[section]:
            continue
        opened[section] = {"event": {"hash": encode_base64(found.event)}}
        if found.record is not None:
            opened[section]["record"] = {"hash": encode_base64(found.record)}
    return canonical.encode_trusted(value)


def _section(
    record: Record, section: Section, withhold: Collection[Section], erased: int | None
) -> JsonObject:
    event, added = commit.parts_of(record.parts, section)
    leaves, ring = leaves_of(record)[section], read_keyring(record)
    if event is None:
        gone: JsonObject = {"event": {"hash": encode_base64(leaves.event)}}
        if erased is not None:  # else a retention rule took it
            gone["erased"] = erased
        if leaves.record is not None:
            gone["record"] = {"hash": encode_base64(leaves.record)}
        return gone
    hide = section in withhold
    made = {"event": _part(ring.salts[section], event, leaves.event, hide)}
    if added and leaves.record is not None:
        name = RECORD_PART[section]
        made["record"] = _part(ring.salts[name], added, leaves.record, hide)
    return made


def _part(salt: bytes, data: bytes, leaf: Hash, hide: bool) -> JsonObject:
    if hide:
        return {"hash": encode_base64(leaf)}
    return {"json": msgspec.Raw(data), "salt": encode_base64(salt)}


def _leaf(part: Part, name: PartName) -> Hash:
    return part.leaf(name) if isinstance(part, OpenPart) else Hash(part)


# ---------------------------------------------------------------- strict reading


def load_document(data: bytes) -> dict[str, Json]:
    """The JSON object of a document that is exactly its own canonical bytes.

    Raises:
        DecodeError: it is not.
    """
    depth = canonical.MAX_DEPTH + _PART_LEVEL
    value = canonical.decode(data, max_bytes=MAX_BYTES, max_depth=depth)
    if canonical.encode_trusted(value) != data:
        raise DecodeError("the bytes are not canonical JSON")
    if not isinstance(value, dict):
        raise DecodeError("expected an object", where="$")
    return value


def read_document(value: Mapping[str, Json]) -> Document:
    """The document of a JSON object; every member must have its form.

    Raises:
        DecodeError: a member is lacking, too many, or of another form; `where` is its JSON path.
    """
    members = _object(value, "$", _MEMBERS, _MEMBERS)
    if members["format"] != FORMAT:
        raise DecodeError(f"expected {FORMAT!r}", where="$.format")
    size = check_int(members["size"], "$.size", 1)
    path = _texts(members["path"], "$.path", MAX_PATH)
    keys = _texts(members["keys"], "$.keys", MAX_KEYS)
    opened = _object(members["opened"], "$.opened", set(SECTIONS), set(SECTIONS))
    return Document(
        origin=Origin(_text(members["origin"], "$.origin")),
        index=LeafIndex(check_int(members["index"], "$.index", 0, size - 1)),
        size=TreeSize(size),
        entry=decode_base64(_text(members["entry"], "$.entry"), where="$.entry"),
        opened={name: _read_section(opened[name], f"$.opened.{name}") for name in SECTIONS},
        erased={
            name: found
            for name in SECTIONS
            if (found := _read_erased(opened[name], f"$.opened.{name}")) is not None
        },
        path=tuple(decode_hash(text, f"$.path[{at}]") for at, text in enumerate(path)),
        checkpoint=_text(members["checkpoint"], "$.checkpoint"),
        keys=tuple(_read_vkey(text, f"$.keys[{at}]") for at, text in enumerate(keys)),
    )


def _read_section(value: Json, where: str) -> tuple[Part, Part | None]:
    members = _object(value, where, {"event", "record", "erased"}, {"event"})
    event = _read_part(members["event"], f"{where}.event")
    if "record" not in members:
        return event, None
    return event, _read_part(members["record"], f"{where}.record")


def _read_erased(value: Json, where: str) -> LeafIndex | None:
    """The erase entry that a section names; then nothing of it may be opened."""
    if not isinstance(value, dict) or "erased" not in value:
        return None
    parts = [value[name] for name in ("event", "record") if name in value]
    if any(not isinstance(part, dict) or "hash" not in part for part in parts):
        raise DecodeError("an erased section that is opened", where=where)
    return LeafIndex(check_int(value["erased"], f"{where}.erased", 0))


def _read_part(value: Json, where: str) -> Part:
    if isinstance(value, dict) and "hash" in value:
        members = _object(value, where, {"hash"}, {"hash"})
        return decode_hash(_text(members["hash"], f"{where}.hash"), f"{where}.hash")
    members = _object(value, where, {"json", "salt"}, {"json", "salt"})
    shown = members["json"]
    if not isinstance(shown, dict):
        raise DecodeError("expected an object", where=f"{where}.json")
    salt = _text(members["salt"], f"{where}.salt")
    return OpenPart(
        decode_base64(salt, commit.SALT_BYTES, f"{where}.salt"), canonical.encode_trusted(shown)
    )


def _read_vkey(text: str, where: str) -> Vkey:
    vkey = parse_vkey(text)
    if vkey.encode() != text:
        raise DecodeError("a vkey in another spelling", where=where)
    return vkey


def _object(
    value: object, where: str, allowed: Collection[str], required: Collection[str]
) -> dict[str, Json]:
    if not isinstance(value, Mapping):
        raise DecodeError("expected an object", where=where)
    if lacking := sorted(set(required) - set(value)):
        raise DecodeError(f"the member {lacking[0]!r} is lacking", where=where)
    if strange := sorted(set(value) - set(allowed)):
        raise DecodeError(f"the member {strange[0]!r} has no place here", where=where)
    return cast("dict[str, Json]", value)


def _text(value: Json, where: str) -> str:
    if not isinstance(value, str):
        raise DecodeError("expected a text", where=where)
    return value


def _texts(value: Json, where: str, most: int) -> list[str]:
    if not isinstance(value, list) or len(value) > most:
        raise DecodeError(f"expected a list of at most {most} texts", where=where)
    return [_text(item, f"{where}[{at}]") for at, item in enumerate(value)]
