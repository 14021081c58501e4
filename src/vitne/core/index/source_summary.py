"""What the sources said in a range of the log: about which kinds of targets, how well attributed.

An answer states which sources speak for a kind of target, and names undeclared and quarantined
events that could hide an act. Both come from summaries of segments, made once, so that no answer
reads a segment through. `summarize` is the definition; archives compute the same from columns.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

from vitne.core.entry.entry import HEADER, VOID, VOID_QUARANTINED, decode_entry
from vitne.core.filter.fields import target_texts
from vitne.core.values import JsonObject, Record
from vitne.errors import DecodeError

Grade = Literal["A", "B", "C", "D", "E"]

GRADES: Final[Mapping[str, Grade]] = {
    "token": "A",
    "session": "A",
    "ticket": "B",
    "checkout": "B",
    "inferred": "C",
    "asserted": "D",
    "none": "E",
}
"""How well the person behind an event is established, by `actor.attribution` (§4.2)."""

MARKED: Final[tuple[Grade, ...]] = ("C", "D", "E")
"""Grades whose events a summary marks one by one."""

Span = tuple[int, int]
"""recorded_us of the first and the last event of several."""


class Spoken(Struct, frozen=True):
    """What one source said of one kind of target."""

    source: str
    """`application/service`; `""`: it stands in a section that is erased."""
    target_type: str
    """`""`: events without a target."""
    events: int
    recorded_us: Span
    undeclared: int = 0
    """Events of types that the source did not declare."""
    undeclared_us: Span = (0, 0)


class Kept(Struct, frozen=True):
    """Events of one stream that were kept aside, untrusted."""

    stream_id: bytes
    events: int
    recorded_us: Span


class SourceSummary(Struct, frozen=True):
    """What the sources said in entries [start, end)."""

    start: int
    end: int
    spoken: tuple[Spoken, ...]
    """By source and target type."""
    kept: tuple[Kept, ...] = ()
    """By stream id."""
    marks: dict[Grade, bytes] = field(default_factory=dict)
    """Per grade of `MARKED`, packed: bit i of the unpacked bytes is the event at `start` + i."""

    def encode(self) -> bytes:
        """As bytes, to be kept; no format of the log."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "SourceSummary":
        """Read what `encode` wrote. Raises `DecodeError`."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise DecodeError(f"no summary of sources: {error}") from None

    def weak(self, indices: Sequence[int]) -> dict[Grade, list[int]]:
        """Those of ascending log indices, all in the range, whose grade is C, D or E."""
        found: dict[Grade, list[int]] = {}
        for grade, packed in self.marks.items():
            bits = zlib.decompress(packed)
            held = [at for at in indices if _is_set(bits, at - self.start)]
            if held:
                found[grade] = held
        return found


def grade_marks(positions: Mapping[Grade, Iterable[int]], count: int) -> dict[Grade, bytes]:
    """The marks of a range of `count` entries, from the positions of each grade."""
    marks: dict[Grade, bytes] = {}
    for grade in MARKED:
        bits = bytearray(-(-count // 8))
        for at in positions.get(grade, ()):
            bits[at >> 3] |= 1 << (at & 7)
        if any(bits):
            marks[grade] = zlib.compress(bytes(bits), 1)
    return marks


def _is_set(bits: bytes, position: int) -> bool:
    return bool(bits[position >> 3] >> (position & 7) & 1)


# ---------------------------------------------------------------- the definition


class _Counts:
    """Counts by a key, with the first and last time."""

    def __init__(self) -> None:
        self.found: dict[Any, tuple[int, int, int]] = {}  # keys of one kind each

    def add(self, key: object, at_us: int) -> None:
        """Count one event; times never decrease."""
        count, first, _ = self.found.get(key, (0, at_us, 0))
        self.found[key] = (count + 1, first, at_us)


def summarize_sources(start: int, records: Sequence[Record]) -> SourceSummary:
    """The summary of consecutive records from log index `start` on."""
    said, undeclared, kept = _Counts(), _Counts(), _Counts()
    grades: dict[Grade, list[int]] = {}
    for position, record in enumerate(records):
        if not record.event_id:
            stream = quarantined_stream(record.entry)
            if stream:
                kept.add(stream, record.recorded_us)
            continue
        core = _object(record.parts.core)
        declared = _object(record.parts.core_record).get("declared") is not False
        grades.setdefault(grade_of(core), []).append(position)
        for kind in _types(record.facets.targets):
            key = (source_of(core), kind)
            said.add(key, record.recorded_us)
            if not declared:
                undeclared.add(key, record.recorded_us)
    spoken = []
    for (source, kind), (count, first, last) in sorted(said.found.items()):
        hidden, low, high = undeclared.found.get((source, kind), (0, 0, 0))
        spoken.append(Spoken(source, kind, count, (first, last), hidden, (low, high)))
    return SourceSummary(
        start,
        start + len(records),
        tuple(spoken),
        tuple(Kept(key, n, (low, high)) for key, (n, low, high) in sorted(kept.found.items())),
        grade_marks(grades, len(records)),
    )


def join_summaries(parts: Iterable[SourceSummary]) -> tuple[tuple[Spoken, ...], tuple[Kept, ...]]:
    """What several ranges say together, ascending."""
    said: dict[tuple[str, str], Spoken] = {}
    kept: dict[bytes, Kept] = {}
    for part in parts:
        for new in part.spoken:
            old = said.get((new.source, new.target_type))
            said[new.source, new.target_type] = new if old is None else _both(old, new)
        for more in part.kept:
            was = kept.get(more.stream_id)
            kept[more.stream_id] = (
                more
                if was is None
                else Kept(
                    more.stream_id,
                    was.events + more.events,
                    (was.recorded_us[0], more.recorded_us[1]),
                )
            )
    return tuple(said[key] for key in sorted(said)), tuple(kept[key] for key in sorted(kept))


def _both(old: Spoken, new: Spoken) -> Spoken:
    low = old.undeclared_us[0] if old.undeclared else new.undeclared_us[0]
    high = new.undeclared_us[1] if new.undeclared else old.undeclared_us[1]
    return Spoken(
        old.source,
        old.target_type,
        old.events + new.events,
        (old.recorded_us[0], new.recorded_us[1]),
        old.undeclared + new.undeclared,
        (low, high),
    )


def grade_of(core: JsonObject) -> Grade:
    """How well the actor of a core section is established; E if it does not say."""
    actor = core.get("actor")
    told = actor.get("attribution") if isinstance(actor, dict) else None
    return GRADES.get(told, "E") if isinstance(told, str) else "E"


def source_of(core: JsonObject) -> str:
    """`application/service` of a core section; `""` if it does not say."""
    source = core.get("source")
    if not isinstance(source, dict):
        return ""
    application, service = source.get("application"), source.get("service")
    named = isinstance(application, str) and isinstance(service, str)
    return f"{application}/{service}" if named else ""


def quarantined_stream(entry: bytes) -> bytes:
    """The stream of an event that was put aside, if the entry is the void of one; else nothing."""
    if entry[4] != VOID:
        return b""
    void = decode_entry(entry)
    stream_id: bytes = HEADER.unpack_from(entry)[7]
    return stream_id if getattr(void, "reason", None) == VOID_QUARANTINED else b""


def _types(targets: str) -> list[str]:
    """The distinct types of an event's targets; one empty type if it has none."""
    return sorted({text.partition("/")[0] for text in target_texts(targets)}) or [""]


def _object(part: bytes | None) -> JsonObject:
    value = msgspec.json.decode(part) if part else {}
    return value if isinstance(value, dict) else {}
