"""The form of `vitne-bundle/v1`: its members as types, and reading it strictly (rule 1 of bundles).

A bundle is read by its types and encoded again: whatever is spelled in a second way, repeated, or
has no place does not come back as the same bytes. `docs/spec/bundle.md` says what each member is.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from vitne.core.entry import commit
from vitne.core.entry.commit import SALT_BYTES, PartName
from vitne.core.entry.keys import KEY_BYTES
from vitne.core.index.gap import LEAF_BYTES
from vitne.core.tree.checkpoint import check_origin
from vitne.core.values import (
    HASH_BYTES,
    MAX_DEPTH,
    MAX_INT,
    SECTIONS,
    Hash,
    Section,
    canonical,
    encode_trusted,
    json_faults,
)
from vitne.errors import BadInputError, DecodeError

FORMAT: Final = "vitne-bundle/v1"
MAX_BYTES: Final = 64 << 20
MAX_LIMITS: Final = 1_000
_NEWEST_KIND: Final = 6

Int = Annotated[int, Meta(ge=0, le=MAX_INT)]
Bit = Annotated[int, Meta(ge=0, le=1)]
HashBytes = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Path = list[HashBytes]
StreamBytes = Annotated[bytes, Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


LeafAt = tuple[Int, Annotated[bytes, Meta(min_length=LEAF_BYTES, max_length=LEAF_BYTES)]]
"""(position, gap leaf)."""


class Member(Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the document: exactly these members."""


class PolicyMember(Member, frozen=True):
    """The policies that the exporter used."""

    log: str
    index: str


class KeyMember(Member, frozen=True):
    """One lookup key of the question."""

    kind: Annotated[int, Meta(ge=1, le=_NEWEST_KIND)]
    epoch: Annotated[int, Meta(ge=0, le=0xFFFF)]
    parts: list[str]
    key: StreamBytes
    secrets: Annotated[list[HashBytes], Meta(min_length=1, max_length=2)] | UnsetType = UNSET


class QuestionMember(Member, frozen=True):
    """What is asked."""

    text: str
    clock: Literal["recorded", "occurred"]
    from_us: Int
    to_us: Int
    early_us: Int
    late_us: Int
    filter: str
    keys: list[KeyMember]


class LogMember(Member, frozen=True):
    """The log's head, and entries that are in it."""

    checkpoint: str
    link: Path
    entries: list[tuple[Int, bytes]]
    path: Path


class IndexMember(Member, frozen=True):
    """The index log's head, and records that are in it."""

    checkpoint: str
    records: list[tuple[Int, bytes]]
    path: Path


class PostingsMember(Member, frozen=True):
    """Consecutive postings of one gap leaf."""

    leaf: Int
    from_: Int = msgspec.field(name="from")
    items: Annotated[list[Int], Meta(min_length=1)]
    path: Path


class GapMember(Member, frozen=True):
    """Gap leaves of one run."""

    record: Int
    leaves: list[LeafAt]
    path: Path
    postings: list[PostingsMember]


class PartMember(Member, frozen=True):
    """A part: opened, with salt and JSON, or withheld, with its leaf."""

    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)] | UnsetType = UNSET
    json: Raw | UnsetType = UNSET
    hash: HashBytes | UnsetType = UNSET

    def data(self) -> bytes | None:
        """The canonical JSON, if it is opened."""
        return None if isinstance(self.json, UnsetType) else bytes(self.json)

    def leaf(self, name: PartName) -> Hash:
        """The leaf that the entry commits to."""
        if isinstance(self.hash, bytes):
            return Hash(self.hash)
        assert isinstance(self.salt, bytes)  # noqa: S101 - `read_bundle` has checked which members are there
        return commit.part_leaf(self.salt, name, self.data() or b"")


class SectionMember(Member, frozen=True):
    """A section: what the sender sent, what the log added, and whether it was erased."""

    event: PartMember
    record: PartMember | UnsetType = UNSET
    erased: Int | UnsetType = UNSET

    def parts(self) -> tuple[PartMember, ...]:
        """One or two."""
        return (self.event,) if isinstance(self.record, UnsetType) else (self.event, self.record)


class OpenedMember(Member, frozen=True):
    """The record of an entry."""

    index: Int
    core: SectionMember
    payload: SectionMember
    person: SectionMember

    def section(self, name: Section) -> SectionMember:
        """One of the three."""
        match name:
            case "core":
                return self.core
            case "payload":
                return self.payload
            case "person":
                return self.person


class SenderMember(Member, frozen=True):
    """That a signed batch holds an event."""

    index: Int
    batch: Int
    """Index of the batch entry; it and the stream's registration are among the entries."""
    path: Path
    """Multiproof of the sender view in the batch's tree."""


class StreamMember(Member, frozen=True):
    """A stream that is silent, abandoned, or lacks numbers, and when that may hide an event."""

    stream: StreamBytes
    source: str
    silent: Bit
    abandoned: Bit
    missing: Int
    """Numbers that are in no entry."""
    voided: Int
    """Numbers that were declared lost."""
    from_us: Int
    to_us: Int
    """[from_us, to_us), on the exporter's word."""


class CoverageMember(Member, frozen=True):
    """Counts of the last record; all members or none."""

    record: Int | UnsetType = UNSET
    registered: Int | UnsetType = UNSET
    open: Int | UnsetType = UNSET
    silent: Int | UnsetType = UNSET
    abandoned: Int | UnsetType = UNSET
    missing: Int | UnsetType = UNSET
    voided: Int | UnsetType = UNSET
    streams: list[StreamMember] | UnsetType = UNSET


class DetectionMember(Member, frozen=True):
    """That a rule was run."""

    rule: str
    hash: HashBytes
    matches: Int
    runs: list[Int]
    """Index of each `system.detection.ran` event."""


class StampMember(Member, frozen=True):
    """A time stamp over a checkpoint."""

    kind: Literal["rfc3161", "ots"]
    over: HashBytes
    """SHA-256 of the checkpoint note."""
    token: bytes


class LimitMember(Member, frozen=True):
    """A limit that the exporter states itself: it can only weaken a verdict."""

    code: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
    source: Annotated[str, Meta(max_length=512)]
    from_us: Int
    to_us: Int
    text: Annotated[str, Meta(max_length=512)]


class Bundle(Member, frozen=True, kw_only=True):
    """A bundle as read; nothing is verified but its form."""

    format: Literal["vitne-bundle/v1"] = FORMAT
    origin: str
    range: tuple[Int, Int]
    policy: PolicyMember
    question: QuestionMember
    log: LogMember
    index: IndexMember
    gaps: list[GapMember]
    opened: list[OpenedMember]
    senders: list[SenderMember]
    coverage: CoverageMember
    detections: list[DetectionMember]
    stamps: list[StampMember]
    limits: Annotated[list[LimitMember], Meta(min_length=1, max_length=MAX_LIMITS)] | UnsetType = (
        UNSET
    )
    seal: str | UnsetType = UNSET


encode_bundle = msgspec.json.Encoder(order="sorted").encode
"""The JCS bytes of a bundle; its parts' JSON must be canonical already."""

_decode = msgspec.json.Decoder(Bundle).decode


def is_bundle(data: bytes) -> bool:
    """Whether bytes look like one rather than like another proof of ours."""
    return data.startswith(b'{"coverage":')


def read_bundle(data: bytes) -> Bundle:
    """The bundle of exactly these bytes.

    Raises:
        DecodeError: too long, not JSON, other members, or another spelling of them.
    """
    if len(data) > MAX_BYTES:
        raise DecodeError(f"a bundle has at most {MAX_BYTES:,} bytes, got {len(data):,}")
    try:
        bundle = _decode(data)
        same = encode_bundle(bundle) == data
    except UnicodeDecodeError as error:
        raise DecodeError("the bytes are not UTF-8") from error
    except RecursionError as error:
        raise DecodeError("nested too deep") from error
    except (msgspec.DecodeError, ValueError) as error:  # ValueError: a number of many digits
        raise DecodeError(f"not the form of a bundle: {error}") from error
    if not same:
        raise DecodeError("the bytes are not canonical JSON")
    _check_members(bundle)
    _check_text(data)
    return bundle


def unsigned_bytes(data: bytes) -> bytes:
    """The JCS bytes that the seal is over: those of the bundle without the member `seal`.

    Args:
        data: what `read_bundle` has taken.
    """
    bundle = _decode(data)
    return encode_bundle(msgspec.structs.replace(bundle, seal=UNSET))


def _check_text(data: bytes) -> None:
    """Every text must be NFC. Whole documents are looked at first, which is right nearly always."""
    if data.isascii() or unicodedata.is_normalized("NFC", data.decode()):
        return
    for fault in json_faults(msgspec.json.decode(data), max_depth=MAX_DEPTH * 2):
        raise DecodeError(f"expected {fault.expected}, got {fault.got}", where=fault.path)


def _check_members(bundle: Bundle) -> None:
    try:
        check_origin(bundle.origin)
    except BadInputError as error:
        raise DecodeError(error.message, where="origin") from error
    if bundle.range[0] > bundle.range[1]:
        raise DecodeError("expected [a, b] with a <= b", where="range")
    _check_order(bundle)
    for opened in bundle.opened:
        for name in SECTIONS:
            for part in opened.section(name).parts():
                _check_part(part, f"opened {opened.index} {name}")
    _check_coverage(bundle.coverage)
    spans = [] if isinstance(bundle.limits, UnsetType) else bundle.limits
    if any(limit.from_us >= limit.to_us for limit in spans):
        raise DecodeError("expected from_us < to_us", where="limits")


def _check_order(bundle: Bundle) -> None:
    _ascending((at for at, _ in bundle.log.entries), "log.entries")
    _ascending((at for at, _ in bundle.index.records), "index.records")
    _ascending((gap.record for gap in bundle.gaps), "gaps")
    for gap in bundle.gaps:
        _ascending((at for at, _ in gap.leaves), "gaps.leaves")
        _ascending((found.leaf for found in gap.postings), "gaps.postings")
        for found in gap.postings:
            _ascending(found.items, "gaps.postings.items")
    _ascending((opened.index for opened in bundle.opened), "opened")
    _ascending((sender.index for sender in bundle.senders), "senders")
    for detection in bundle.detections:
        _ascending(detection.runs, "detections.runs")


def _ascending(values: Iterable[int] | Iterable[bytes], where: str) -> None:
    pairs: Iterable[tuple[Any, Any]] = pairwise(values)  # of what can be compared
    if any(first >= second for first, second in pairs):
        raise DecodeError("expected ascending values, each once", where=where)


def _check_part(part: PartMember, where: str) -> None:
    data = part.data()
    hidden = not isinstance(part.hash, UnsetType)
    salted = not isinstance(part.salt, UnsetType)
    if hidden == (data is not None) or salted != (data is not None):
        raise DecodeError("expected {json, salt} or {hash}", where=where)
    if data is None:
        return
    value = canonical.decode(data)
    if not isinstance(value, dict) or encode_trusted(value) != data:
        raise DecodeError("expected a canonical JSON object", where=where)


def _check_coverage(coverage: CoverageMember) -> None:
    values: Sequence[object] = [getattr(coverage, name) for name in coverage.__struct_fields__]
    there = [not isinstance(value, UnsetType) for value in values]
    if any(there) and not all(there):
        raise DecodeError("expected all members or none", where="coverage")
    if isinstance(coverage.streams, UnsetType):
        return
    _ascending((stream.stream for stream in coverage.streams), "coverage.streams")
    if any(stream.from_us >= stream.to_us for stream in coverage.streams):
        raise DecodeError("expected from_us < to_us", where="coverage.streams")
