"""A log while a group of requests is planned: its end, its streams, the records to write (pure)."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex
from vitne.ports import AnnouncedKey, Aside, StreamState, Tail
from vitne.services.writer.stream_numbers import StreamCursor


class LogWrites(Struct, frozen=True):
    """Everything to write to one log."""

    records: Sequence[Record]
    digests: Sequence[bytes]
    streams: Sequence[StreamState]
    asides: Sequence[Aside]
    announced_keys: Mapping[bytes, AnnouncedKey]
    """Source keys that it names."""


class Growing:
    """What all parts of the planner change.

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
        streams: Mapping[bytes, StreamState],
        announced: Mapping[bytes, AnnouncedKey],
    ) -> None:
        self._next = int(tail.next_index)
        self._recorded_us = recorded_us
        self._stamp = recorded_us.to_bytes(8, "big")
        self._cursors = {key: StreamCursor(state) for key, state in streams.items()}
        self._used: set[bytes] = set()
        self._announced = dict(announced)
        self._announced_now: dict[bytes, AnnouncedKey] = {}
        self._records: list[Record] = []
        self._digests: list[bytes] = []
        self._asides: list[Aside] = []

    def plan(self) -> LogWrites:
        """All writes so far."""
        streams = [self._cursors[key].state(self._recorded_us) for key in sorted(self._used)]
        return LogWrites(self._records, self._digests, streams, self._asides, self._announced_now)

    def control(self, entry: bytes) -> LeafIndex:
        """Place a control entry that bears the plan's time."""
        index = LeafIndex(self._next)
        self._records.append(Record(index, self._recorded_us, entry))
        self._digests.append(b"")
        self._next += 1
        return index

    def _announce_key(self, key: bytes, entry: bytes, *, retired: bool) -> LeafIndex:
        """Name a source key in the log; where that stands."""
        index = self.control(entry)
        known = self._announced.get(key)
        announced = AnnouncedKey(known.index if known else index, retired)
        self._announced[key] = self._announced_now[key] = announced
        return index

    def _is_retired(self, key: bytes) -> bool:
        known = self._announced.get(key)
        return known is not None and known.retired
