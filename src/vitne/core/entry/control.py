"""Control entries with a JSON tail: what the log says of itself (transparency-log §3.2).

Types 5 to 10. Each struct holds what its tail says and `recorded_us` of the header; `members`
and `parse_*` are the two directions. The tails are JCS objects with exactly the members of the
table; byte strings are base64. `entry` puts header and tail together.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry import keys
from vitne.core.tree.note import parse_vkey
from vitne.core.values import (
    SECTIONS,
    Hash,
    Json,
    LeafIndex,
    Section,
    check_int,
    decode_base64,
    encode_base64,
    encode_utf8,
)
from vitne.errors import DecodeError, VerificationError

Members = dict[str, Json]
T = TypeVar("T", bound=str)

StreamMode = Literal["full", "body", "none"]
Numbering = Literal["sender", "server"]
Pruned = Literal["records", "entries"]
SigningRole = Literal["log", "index-log", "receipt", "source", "witness", "auditor"]
MAX_EPOCH: Final = 0xFFFF
_MOST_NAME_BYTES = 255


class StreamEntry(Struct, frozen=True):
    """Type 5: a stream opens."""

    recorded_us: int
    stream_id: bytes
    """16 bytes; `verify_stream` holds them against origin, source and name."""
    source: str
    """`application/service`."""
    name: str
    """The sender's `stream.id`; empty: the one that the log keeps for this source."""
    mode: StreamMode
    numbers: Numbering
    beat_s: int
    """Seconds between heartbeats; 0: none are promised."""
    key: bytes = b""
    """32-byte Ed25519 key of the sender; empty in mode none."""
    sig: bytes = b""
    """64 bytes over the registration; empty in mode none."""
    prev: bytes = b""
    """16-byte id of the stream that this one follows; empty: none is named."""
    prev_last: int = 0
    """Last number of that stream."""


class IndexSecretEntry(Struct, frozen=True):
    """Type 6, role index: an epoch of index secrets begins."""

    recorded_us: int
    epoch: int
    kinds: tuple[int, ...]
    """Kinds of keys that the epoch's entries hold, ascending."""
    commit: Hash


class SigningKeyEntry(Struct, frozen=True):
    """Type 6, the other roles: a key comes into use or goes out of it."""

    recorded_us: int
    role: SigningRole
    name: str
    vkey: str
    state: Literal["add", "retire"] = "add"


class EraseEntry(Struct, frozen=True):
    """Type 7: sections were deleted."""

    recorded_us: int
    items: tuple[tuple[LeafIndex, Section], ...]
    """Which, ascending."""
    basis: str
    ref: str
    """Reference of the request; holds no identity."""


class SegmentEntry(Struct, frozen=True):
    """Type 8: a record stands in the index log."""

    recorded_us: int
    record: int
    """Its position there."""
    leaf: Hash
    """Its leaf hash."""


class ConfigEntry(Struct, frozen=True):
    """Type 9: something about the log was set; either `value` or `hash` is given."""

    recorded_us: int
    what: str
    value: Mapping[str, Json] | None = None
    hash: Hash | None = None
    """SHA-256 of a document: catalog, policy, retention rules."""


class PruneEntry(Struct, frozen=True):
    """Type 10: what lies below `min_index` may be gone, under a stated rule."""

    recorded_us: int
    min_index: LeafIndex
    what: Pruned
    rule: str


JsonEntry = (
    StreamEntry
    | IndexSecretEntry
    | SigningKeyEntry
    | EraseEntry
    | SegmentEntry
    | ConfigEntry
    | PruneEntry
)


def verify_stream(entry: StreamEntry, origin: str) -> None:
    """Check that the stream's id is that of its origin, source and name.

    Raises:
        VerificationError: it is another's.
    """
    if keys.stream_id(origin, entry.source, entry.name) != entry.stream_id:
        raise VerificationError("a stream's id is not that of its name", rule="stream")


# ---------------------------------------------------------------- to members


def tail_members(entry: JsonEntry) -> Members:  # noqa: PLR0911 - one short case a type
    """The JSON tail of an entry as an object."""
    match entry:
        case StreamEntry():
            return _stream_members(entry)
        case IndexSecretEntry():
            return {
                "role": "index",
                "epoch": entry.epoch,
                "kinds": list(entry.kinds),
                "commit": encode_base64(entry.commit),
            }
        case SigningKeyEntry():
            return {
                "role": entry.role,
                "name": entry.name,
                "vkey": entry.vkey,
                "state": entry.state,
            }
        case EraseEntry():
            return {
                "items": [[index, section] for index, section in entry.items],
                "basis": entry.basis,
                "ref": entry.ref,
            }
        case SegmentEntry():
            return {"record": entry.record, "leaf": encode_base64(entry.leaf)}
        case ConfigEntry():
            found: Members = {"what": entry.what}
            if entry.value is not None:
                found["value"] = dict(entry.value)
            if entry.hash is not None:
                found["hash"] = encode_base64(entry.hash)
            return found
        case PruneEntry():
            return {"min_index": entry.min_index, "what": entry.what, "rule": entry.rule}


def _stream_members(entry: StreamEntry) -> Members:
    found: Members = {
        "source": entry.source,
        "name": entry.name,
        "mode": entry.mode,
        "numbers": entry.numbers,
        "beat_s": entry.beat_s,
    }
    if entry.mode != "none":
        found |= {"key": encode_base64(entry.key), "sig": encode_base64(entry.sig)}
    if entry.prev:
        found |= {"prev": encode_base64(entry.prev), "prev_last": entry.prev_last}
    return found


# ---------------------------------------------------------------- from members


def parse_stream(recorded_us: int, stream_id: bytes, tail: Members) -> StreamEntry:
    """Type 5. Raises `DecodeError`, as every function here."""
    signed = tail.get("mode") in ("full", "body")
    needed = {"source", "name", "mode", "numbers", "beat_s"} | ({"key", "sig"} if signed else set())
    follows = {"prev", "prev_last"}
    _expect(tail, needed | (follows if follows & tail.keys() else set()))
    numbers = _one_of(tail, "numbers", get_args(Numbering))
    entry = StreamEntry(
        recorded_us,
        stream_id,
        _text(tail, "source", most=_MOST_NAME_BYTES),
        # No sender can name its stream with nothing, so the log's own streams cannot be mistaken.
        _text(tail, "name", least=0 if numbers == "server" else 1, most=_MOST_NAME_BYTES),
        _one_of(tail, "mode", get_args(StreamMode)),
        numbers,
        check_int(tail["beat_s"], "beat_s"),
    )
    if signed:
        entry = replace(entry, key=_bytes(tail, "key", 32), sig=_bytes(tail, "sig", 64))
    if "prev" in tail:
        prev, last = _bytes(tail, "prev", 16), check_int(tail["prev_last"], "prev_last")
        if not any(prev):
            raise DecodeError("a stream follows none by leaving the member out", where="prev")
        entry = replace(entry, prev=prev, prev_last=last)
    return entry


def parse_key(recorded_us: int, tail: Members) -> IndexSecretEntry | SigningKeyEntry:
    """Type 6."""
    if tail.get("role") == "index":
        _expect(tail, {"role", "epoch", "kinds", "commit"})
        kinds = tail["kinds"]
        if not isinstance(kinds, list) or not kinds:
            raise DecodeError("expected a list of kinds", where="kinds")
        found = tuple(check_int(kind, "kinds", 1, 254) for kind in kinds)
        if list(found) != sorted(set(found)):
            raise DecodeError("expected ascending kinds without repeats", where="kinds")
        epoch = check_int(tail["epoch"], "epoch", 1, MAX_EPOCH)
        return IndexSecretEntry(recorded_us, epoch, found, Hash(_bytes(tail, "commit", 32)))
    _expect(tail, {"role", "name", "vkey", "state"})
    entry = SigningKeyEntry(
        recorded_us,
        _one_of(tail, "role", get_args(SigningRole)),
        _text(tail, "name"),
        _text(tail, "vkey"),
        _one_of(tail, "state", ("add", "retire")),
    )
    if parse_vkey(entry.vkey).name != entry.name:
        raise DecodeError("the key signs under another name", where="vkey")
    return entry


def parse_erase(recorded_us: int, tail: Members) -> EraseEntry:
    """Type 7."""
    _expect(tail, {"items", "basis", "ref"})
    items = tail["items"]
    if not isinstance(items, list) or not items:
        raise DecodeError("expected a list of [index, section]", where="items")
    found = tuple(_erased(item) for item in items)
    if list(found) != sorted(set(found)):
        raise DecodeError("expected ascending items without repeats", where="items")
    return EraseEntry(recorded_us, found, _text(tail, "basis"), _text(tail, "ref"))


def _erased(item: Json) -> tuple[LeafIndex, Section]:
    if not isinstance(item, list) or len(item) != 2:  # noqa: PLR2004 - index and section
        raise DecodeError("expected [index, section]", where="items")
    index = LeafIndex(check_int(item[0], "items"))
    for section in SECTIONS:
        if item[1] == section:
            return index, section
    raise DecodeError("no such section", where="items")


def parse_segment(recorded_us: int, tail: Members) -> SegmentEntry:
    """Type 8."""
    _expect(tail, {"record", "leaf"})
    record = check_int(tail["record"], "record")
    return SegmentEntry(recorded_us, record, Hash(_bytes(tail, "leaf", 32)))


def parse_config(recorded_us: int, tail: Members) -> ConfigEntry:
    """Type 9."""
    if "hash" in tail:
        _expect(tail, {"what", "hash"})
        digest = Hash(_bytes(tail, "hash", 32))
        return ConfigEntry(recorded_us, _text(tail, "what"), hash=digest)
    _expect(tail, {"what", "value"})
    value = tail["value"]
    if not isinstance(value, dict):
        raise DecodeError("expected an object", where="value")
    return ConfigEntry(recorded_us, _text(tail, "what"), value=value)


def parse_prune(recorded_us: int, tail: Members) -> PruneEntry:
    """Type 10."""
    _expect(tail, {"min_index", "what", "rule"})
    index = LeafIndex(check_int(tail["min_index"], "min_index"))
    what = _one_of(tail, "what", get_args(Pruned))
    return PruneEntry(recorded_us, index, what, _text(tail, "rule"))


# ---------------------------------------------------------------- single members


def _expect(tail: Members, names: set[str]) -> None:
    if tail.keys() != names:
        raise DecodeError(f"expected exactly the members {', '.join(sorted(names))}", where="tail")


def _text(tail: Members, name: str, least: int = 1, most: int = 65_535) -> str:
    value = tail[name]
    if not isinstance(value, str) or not least <= len(encode_utf8(value, name)) <= most:
        raise DecodeError(f"expected text of {least} to {most} bytes", where=name)
    return value


def _one_of(tail: Members, name: str, known: tuple[T, ...]) -> T:
    for value in known:
        if tail[name] == value:
            return value
    raise DecodeError(f"expected one of {', '.join(known)}", where=name)


def _bytes(tail: Members, name: str, size: int) -> bytes:
    value = tail[name]
    if not isinstance(value, str):
        raise DecodeError("expected base64", where=name)
    return decode_base64(value, size, name)


PARSERS: Final[dict[int, Callable[[int, Members], JsonEntry]]] = {
    6: parse_key,
    7: parse_erase,
    8: parse_segment,
    9: parse_config,
    10: parse_prune,
}
"""By entry type; type 5 also needs the header's stream id."""
