"""Checking the records of one log: from the stored parts up to the entry, in index order."""

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from vitne.core.entry.assemble import Assembler
from vitne.core.entry.commit import parts_of, section_leaves, verify_body
from vitne.core.entry.control import EraseEntry, PruneEntry, StreamEntry
from vitne.core.entry.entry import (
    EVENT,
    HEADER,
    BatchEntry,
    BeatEntry,
    Entry,
    EventEntry,
    VoidEntry,
    decode_entry,
)
from vitne.core.entry.keyring import leaves_of
from vitne.core.entry.keys import stream_id
from vitne.core.event.event import ValidEvent
from vitne.core.event.sections import target_lines
from vitne.core.values import SECTIONS, Facets, LeafIndex, Origin, Parts, Record, Section, parse_utc
from vitne.errors import DecodeError, VitneError
from vitne.ports import StreamState
from vitne.services.check.senders import SenderCheck
from vitne.services.writer import StreamCursor

_PLACE_US = slice(10, 18)
_STREAM_AND_NUMBER = slice(26, 50)


class _Actor(Struct):
    id: str
    issuer: str = ""


class _Outcome(Struct):
    result: str


class _Target(Struct):
    type: str
    id: str


class _Overflow(Struct):
    type: str


class _Correlation(Struct):
    action_id: str = ""


class _Core(Struct):
    """What an entry's header, keys and columns are made of, read from the core part."""

    id: str
    type: str
    occurred_at: str
    actor: _Actor
    outcome: _Outcome
    correlation: _Correlation
    targets: list[_Target] = []
    targets_overflow: _Overflow | None = None


_read_core = msgspec.json.Decoder(_Core).decode


class RecordCheck:
    """Checks records in index order, and keeps what is known of the streams on the way.

    Args:
        origin: of the log.
        assembler: with the index secret of the log's epoch, to make the keys again; None where K is
            not at hand: then the keys are taken as they stand.
    """

    def __init__(self, origin: Origin, assembler: Assembler | None) -> None:
        self._origin = origin
        self._assembler = assembler
        self._last_us = 0
        self._streams: dict[bytes, StreamCursor] = {}
        self._senders = SenderCheck(origin)
        self._erased: set[tuple[LeafIndex, str]] = set()
        self._lacking: dict[LeafIndex, list[Section]] = {}
        self._pruned_below = 0
        self.events = 0
        self.voids: dict[LeafIndex, bytes] = {}
        """Digest of each void entry."""

    def check(self, record: Record) -> Iterator[str]:
        """Every fault of one record."""
        entry = record.entry
        if len(entry) < HEADER.size:
            yield "the entry is cut off"
            return
        head = HEADER.unpack_from(entry)
        if record.recorded_us != head[5]:
            yield f"the row says recorded at {record.recorded_us}, its entry {head[5]}"
        if head[5] < self._last_us:
            yield f"recorded at {head[5]}, before the entry in front of it"
        self._last_us = max(self._last_us, head[5])
        if head[1] == EVENT:
            self.events += 1
            yield from self._check_event(record)
            yield from self._use(head[7], head[8], head[8])
            yield from self._senders.event(record)
        else:
            yield from self._check_control(record)

    def _check_event(self, record: Record) -> Iterator[str]:
        parts = record.parts
        lacking = _lacking(parts)
        if lacking:
            self._lacking[record.index] = lacking
            try:
                decode_entry(record.entry)
            except DecodeError as error:
                yield f"the entry is damaged: {error}"
                return
            yield from _check_remains(record)
            return
        # One pass makes the whole entry again; only when it differs is the place looked for.
        try:
            event = _as_valid(parts)
        except (msgspec.DecodeError, ValueError) as error:
            yield f"the core part cannot be read: {error}"
            return
        if event.event_id != record.event_id:
            yield "the event id is not that of the core part"
        if event.facets != record.facets:
            yield "the searchable columns are not those of the core part"
        if self._assembler is None or not self._same(record, event, self._assembler):
            yield from _difference(record, keys_known=self._assembler is not None)

    def _same(self, record: Record, event: ValidEvent, assembler: Assembler) -> bool:
        parts = record.parts
        try:
            made = assembler.prepare(
                event,
                parts.core_record or b"",
                parts.payload_record or b"",
                parts.person_record or b"",
                record.keyring,
            ).entry
        except VitneError:
            return False
        entry = record.entry
        return (
            made[: _PLACE_US.start] == entry[: _PLACE_US.start]
            and made[_PLACE_US.stop : _STREAM_AND_NUMBER.start]
            == entry[_PLACE_US.stop : _STREAM_AND_NUMBER.start]
            and made[_STREAM_AND_NUMBER.stop :] == entry[_STREAM_AND_NUMBER.stop :]
        )

    def _check_control(self, record: Record) -> Iterator[str]:
        try:
            entry = decode_entry(record.entry)
        except DecodeError as error:
            yield f"the entry is damaged: {error}"
            return
        if record.event_id or record.parts != Parts() or record.facets != Facets():
            yield "a control entry with the parts of an event"
        if not isinstance(entry, EventEntry):
            yield from self._senders.control(entry)
        match entry:
            case StreamEntry():
                yield from self._open(entry)
            case VoidEntry():
                self.voids[record.index] = entry.digest
                yield from self._use(entry.stream_id, entry.first, entry.last)
            case EraseEntry():
                self._erased.update(entry.items)
            case PruneEntry(what="records"):
                self._pruned_below = max(self._pruned_below, entry.min_index)
            case BatchEntry() | BeatEntry():
                cursor = self._streams.get(entry.stream_id)
                if cursor is None:
                    yield "its stream is not registered before it"
                else:
                    cursor.reach(entry.last)
            case _:
                pass

    def _open(self, entry: StreamEntry) -> Iterator[str]:
        if entry.stream_id != stream_id(self._origin, entry.source, entry.name):
            yield "the stream's id is not that of its source and name"
        if entry.stream_id in self._streams:
            yield "the stream is registered twice"
            return
        self._streams[entry.stream_id] = StreamCursor(
            StreamState(entry.stream_id, entry.source, entry.name, entry.numbers)
        )
        if entry.prev in self._streams:
            self._streams[entry.prev].reach(entry.prev_last)

    def _use(self, of_stream: bytes, first: int, last: int) -> Iterator[str]:
        cursor = self._streams.get(of_stream)
        if cursor is None:
            yield "its stream is not registered before it"
            return
        if not cursor.take_all(first, last):
            numbers = f"number {first}" if first == last else f"one of the numbers {first}-{last}"
            yield f"{numbers} of stream {cursor.name} stands twice"

    def unexplained(self) -> Iterator[tuple[LeafIndex, str]]:
        """Records that lack a part which no erase entry names, and that were not pruned whole.

        Of a pruned record nothing is left that would tell its class: any record below the index
        of a prune entry may be gone, but only with all of its sections.
        """
        for index, sections in sorted(self._lacking.items()):
            if index < self._pruned_below and set(sections) == set(SECTIONS):
                continue
            for section in sections:
                if (index, section) not in self._erased:
                    yield index, f"the {section} part is missing, and no erase entry says why"

    def compare_streams(self, states: Sequence[StreamState]) -> Iterator[str]:
        """Faults of the stored states of streams against the numbers in the entries."""
        yield from self._senders.unsigned()
        stored = {state.stream_id: state for state in states}
        for key, cursor in self._streams.items():
            found, expected = stored.pop(key, None), cursor.state()
            if found is None:
                yield f"stream {expected.name} is in the log, but not in the table of streams"
            elif (found.last_seq, found.missing, found.source, found.name) != (
                expected.last_seq,
                expected.missing,
                expected.source,
                expected.name,
            ):
                yield f"stream {expected.name} stands otherwise than its numbers in the log"
        for state in stored.values():
            yield f"stream {state.name} is in the table of streams, but not in the log"


def _check_remains(record: Record) -> Iterator[str]:
    """What is left of an erased record, against what its entry commits to."""
    entry = decode_entry(record.entry)
    try:
        verify_body(leaves_of(record), entry.flags, entry.body_root)  # type: ignore[union-attr]  # an event's
    except VitneError as error:
        yield f"what is left of an erased record is damaged: {error.message}"


def _lacking(parts: Parts) -> list[Section]:
    """Sections of which a part is erased."""
    return [name for name in SECTIONS if None in parts_of(parts, name)]


def _as_valid(parts: Parts) -> ValidEvent:
    """The event that the parts tell of, as intake saw it."""
    core_part = parts.core or b""
    core = _read_core(core_part)
    occurred_us = parse_utc(core.occurred_at)
    if occurred_us is None:
        raise ValueError("occurred_at is no time")
    targets = tuple(dict.fromkeys([(one.type, one.id) for one in core.targets]))
    return ValidEvent(
        event_id=bytes.fromhex(core.id.replace("-", "")),
        tenant="",
        type=core.type,
        category="",
        occurred_us=occurred_us,
        actor=(core.actor.issuer, core.actor.id),
        targets=targets,
        overflow_type=core.targets_overflow.type if core.targets_overflow else "",
        action_id=core.correlation.action_id,
        source_id="",
        stream_name="",
        stream_seq=0,
        core=core_part,
        payload=parts.payload or b"",
        person=parts.person or b"",
        digest=b"",
        facets=Facets(
            occurred_us, core.type, core.actor.id, core.outcome.result, target_lines(targets)
        ),
    )


def _difference(record: Record, *, keys_known: bool) -> Iterator[str]:
    """Where an entry and its record disagree, by the plain definitions."""
    try:
        entry: Entry = decode_entry(record.entry)
    except DecodeError as error:
        yield f"the entry is damaged: {error}"
        return
    if not isinstance(entry, EventEntry):
        yield "the entry is none of an event"
        return
    try:
        leaves = section_leaves(record.keyring, record.parts)
        verify_body(leaves, entry.flags, entry.body_root)
    except VitneError as error:
        yield f"a part, the record key or the entry's body root was changed: {error}"
        return
    if keys_known:
        yield "the entry's time, flags or lookup keys are not those of the core part"
