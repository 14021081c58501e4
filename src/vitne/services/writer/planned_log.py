"""A log while a group of requests is planned: its end, its streams, the records to write (pure)."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import VOID_QUARANTINED, BeatEntry, VoidEntry, decode_entry
from vitne.core.values import LeafIndex, LogId, Record
from vitne.ports import AnnouncedKey, AppendTransaction, Aside, Seen, StreamState, Tail
from vitne.services.writer.control_entries import stream_entry
from vitne.services.writer.prepared import LogBatch, StreamAct, StreamRef
from vitne.services.writer.stream_numbers import StreamCursor


class LogWrites(Struct, frozen=True):
    """Everything to write to one log."""

    records: Sequence[Record]
    digests: Sequence[bytes]
    streams: Sequence[StreamState]
    asides: Sequence[Aside]
    announced_keys: Mapping[bytes, AnnouncedKey]
    """Source keys that it names."""


class PlannedLog:
    """What the planners of events and of stream acts read and change.

    Args:
        tail: where the log ends.
        recorded_us: time of everything that is planned; not below the tail's.
        streams: those of the streams in question that the log knows.
        announced: source keys that the log names.
    """

    def __init__(
        self,
        tail: Tail,
        recorded_us: int,
        streams: Mapping[bytes, StreamState] = {},
        announced: Mapping[bytes, AnnouncedKey] = {},
    ) -> None:
        self.next = int(tail.next_index)
        """Index of what is placed next."""
        self.recorded_us = recorded_us
        self.cursors = {key: StreamCursor(state) for key, state in streams.items()}
        """By stream id; a change is written if its stream is in `used`."""
        self.used: set[bytes] = set()
        self.records: list[Record] = []
        self.digests: list[bytes] = []
        """One for each record; empty for a control entry."""
        self.asides: list[Aside] = []
        self._announced = dict(announced)
        self._announced_now: dict[bytes, AnnouncedKey] = {}

    def writes(self) -> LogWrites:
        """All writes so far."""
        streams = [self.cursors[key].state(self.recorded_us) for key in sorted(self.used)]
        return LogWrites(self.records, self.digests, streams, self.asides, self._announced_now)

    def place_control(self, entry: bytes) -> LeafIndex:
        """Place a control entry that bears the plan's time."""
        index = LeafIndex(self.next)
        self.records.append(Record(index, self.recorded_us, entry))
        self.digests.append(b"")
        self.next += 1
        return index

    def know(self, streams: Mapping[bytes, StreamState]) -> None:
        """Add what the store knows of further streams; what is planned already wins."""
        for key, state in streams.items():
            self.cursors.setdefault(key, StreamCursor(state))

    def open_unsigned(self, stream: StreamRef) -> StreamCursor:
        """Open a stream that nobody signs, with its entry; no number of it is used yet."""
        key = stream.stream_id
        numbers: Literal["sender", "server"] = "sender" if stream.by_sender else "server"
        cursor = StreamCursor(StreamState(key, stream.source, stream.name, numbers))
        self.cursors[key] = cursor
        self.place_control(
            stream_entry(
                self.recorded_us, key, stream.source, stream.name, by_sender=stream.by_sender
            )
        )
        return cursor

    def announce_key(self, key: bytes, entry: bytes, *, retired: bool) -> LeafIndex:
        """Name a source key in the log; where that stands."""
        index = self.place_control(entry)
        known = self._announced.get(key)
        announced = AnnouncedKey(known.index if known else index, retired)
        self._announced[key] = self._announced_now[key] = announced
        return index

    def announced_key(self, key: bytes) -> AnnouncedKey | None:
        """A source key as the log names it; None if it does not."""
        return self._announced.get(key)


class Known(NamedTuple):
    """What the store knows of some batches."""

    seen: dict[bytes, Seen]
    streams: dict[bytes, StreamState]
    kept: dict[bytes, LeafIndex]


def read_known(tx: AppendTransaction, log: LogId, batches: Sequence[LogBatch]) -> Known:
    """What the store knows of the ids, streams and digests in the batches."""
    ids = [event.event_id for batch in batches for event in batch.events]
    streams = {event.stream.stream_id for batch in batches for event in batch.events}
    voids = [void for batch in batches for void in batch.voids]
    streams.update(void.stream.stream_id for void in voids)
    for batch in batches:
        if batch.signed is not None:
            streams.add(batch.signed.stream.stream_id)
        for act in batch.acts:
            streams.update(_streams_of(act))
    digests = [void.digest for void in voids if void.reason == VOID_QUARANTINED]
    return Known(
        tx.seen(log, ids) if ids else {},
        tx.streams(log, sorted(streams)) if streams else {},
        tx.kept_aside(log, digests) if digests else {},
    )


def _streams_of(act: StreamAct) -> set[bytes]:
    """Ids of the streams that an act is about."""
    entry = decode_entry(act.entry)
    match entry:
        case StreamEntry():
            return {entry.stream_id} | ({entry.prev} if entry.prev else set())
        case BeatEntry() | VoidEntry():
            return {entry.stream_id}
        case _:
            return set()
