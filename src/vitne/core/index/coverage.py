"""How complete the streams of a log are: the six counts of an index record (§5.3).

The counts describe all entries [0, end), so the counter reads every entry once, in order, and can
be kept as bytes between segments.
"""

from bisect import bisect_left
from typing import Final

import msgspec
from msgspec import Struct, field

from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    BEAT_ALIVE,
    EVENT,
    HEADER,
    HEADER_BYTES,
    NO_STREAM,
    VOID_BY_POLICY,
    BatchEntry,
    BeatEntry,
    ControlEntry,
    EventEntry,
    VoidEntry,
    decode_entry,
)
from vitne.core.index.index_record import Coverage
from vitne.errors import DecodeError

_SILENT_BEATS: Final = 3
_MOST_HOLES: Final = 64
"""Of one stream, told apart; more are told as so many wider ones."""
_US: Final = 1_000_000


class Ranges(Struct):
    """A set of numbers as disjoint ranges [first, last], ascending and never touching."""

    firsts: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)

    def add(self, first: int, last: int) -> None:
        """Add the numbers first..last; those that are in it already change nothing."""
        if self.lasts and first == self.lasts[-1] + 1:  # in order, as nearly always
            self.lasts[-1] = last
            return
        low = bisect_left(self.lasts, first - 1)  # first range that touches, or lies beyond
        high = low
        while high < len(self.firsts) and self.firsts[high] <= last + 1:
            first = min(first, self.firsts[high])
            last = max(last, self.lasts[high])
            high += 1
        self.firsts[low:high] = [first]
        self.lasts[low:high] = [last]

    def count(self) -> int:
        """How many numbers are in it."""
        return sum(self.lasts) - sum(self.firsts) + len(self.firsts)

    def within(self, first: int, last: int) -> int:
        """How many of the numbers first..last are in it."""
        at, found = bisect_left(self.lasts, first), 0
        while at < len(self.firsts) and self.firsts[at] <= last:
            found += min(self.lasts[at], last) - max(self.firsts[at], first) + 1
            at += 1
        return found

    def union(self, *others: "Ranges") -> "Ranges":
        """The numbers of all of them."""
        found = Ranges(list(self.firsts), list(self.lasts))
        for other in others:
            for first, last in zip(other.firsts, other.lasts, strict=True):
                found.add(first, last)
        return found


class Timed(Ranges):
    """Such a set, with the recorded time of the first and the last number of each range."""

    firsts_us: list[int] = field(default_factory=list)
    lasts_us: list[int] = field(default_factory=list)

    def put(self, number: int, at_us: int) -> None:
        """Add one number; a repeat changes nothing."""
        if self.lasts and number == self.lasts[-1] + 1:  # in order, as nearly always
            self.lasts[-1] = number
            self.lasts_us[-1] = at_us
            return
        at = bisect_left(self.lasts, number)  # first range that ends there, or beyond
        beyond = self.firsts[at] if at < len(self.firsts) else 0
        if beyond and beyond <= number:
            return
        below = at > 0 and self.lasts[at - 1] == number - 1
        if below and beyond == number + 1:
            self.lasts[at - 1], self.lasts_us[at - 1] = self.lasts.pop(at), self.lasts_us.pop(at)
            del self.firsts[at], self.firsts_us[at]
        elif below:
            self.lasts[at - 1], self.lasts_us[at - 1] = number, at_us
        elif beyond == number + 1:
            self.firsts[at], self.firsts_us[at] = number, at_us
        else:
            self.firsts.insert(at, number)
            self.lasts.insert(at, number)
            self.firsts_us.insert(at, at_us)
            self.lasts_us.insert(at, at_us)


class Trouble(Struct, frozen=True):
    """What is wrong with a stream, and when it may hide an event."""

    silent: int
    """0 or 1, as `abandoned`."""
    abandoned: int
    missing: int
    """Numbers that are in no entry."""
    voided: int
    """Numbers that were declared lost."""
    from_us: int
    """Recorded times [from_us, to_us)."""
    to_us: int


class StreamCount(Struct):
    """What the entries say of one stream."""

    registered: int = 0
    beat_s: int = 0
    named_us: int = 0
    """recorded_us of the newest entry that names it."""
    opened_us: int = 0
    """recorded_us of the first one."""
    left_us: int = 0
    """recorded_us of the newest entry before the log gave it up; 0: it did not."""
    ended_us: int = 0
    """recorded_us of the entry that closed, abandoned or followed it; 0: none did."""
    largest: int = 0
    """Largest number that an entry of it, or a `prev_last`, states."""
    closed: bool = False
    abandoned: bool = False
    followed: bool = False
    events: Timed = field(default_factory=Timed)
    excused: Ranges = field(default_factory=Ranges)
    """Voided because no event is meant to be there (reason 3)."""
    lost: Ranges = field(default_factory=Ranges)
    """Voided for another reason."""

    @property
    def open(self) -> bool:
        """Registered, and neither closed nor followed."""
        return bool(self.registered) and not (self.closed or self.abandoned or self.followed)

    def missing(self) -> int:
        """Numbers that were given out and are neither an event nor voided."""
        return self.largest - self.events.union(self.excused, self.lost).count()

    def voided(self) -> int:
        """Numbers without an event that were voided for another reason than 3."""
        return self.events.union(self.lost).count() - self.events.count()

    def silent(self, now_us: int) -> bool:
        """Open, and three promised beats late."""
        late_us = _SILENT_BEATS * self.beat_s * _US
        return self.open and self.beat_s > 0 and now_us - self.named_us > late_us

    def troubles(self, now_us: int) -> list[Trouble]:
        """What is wrong with it, by time; the numbers sum to the counts of the stream.

        Numbers are given out in order and sent in order, so what a missing one stood for would
        have been recorded between its neighbours. What has no neighbour yet may hide an event
        until `now_us`, the time of the newest entry.
        """
        end_us = now_us + 1
        found = self._holes(self.ended_us + 1 if self.ended_us else end_us)
        if self.silent(now_us):
            found.append(Trouble(1, 0, 0, 0, self.named_us, end_us))
        if self.abandoned:
            found.append(Trouble(0, 1, 0, 0, self.left_us, self.ended_us + 1))
        return found

    def _holes(self, end_us: int) -> list[Trouble]:
        events, known = self.events, self.lost.union(self.excused)
        edges = [
            (0, self.opened_us),
            *zip(events.lasts, events.lasts_us, strict=True),
        ]
        nexts = [*zip(events.firsts, events.firsts_us, strict=True), (self.largest + 1, end_us)]
        found = []
        for (before, from_us), (after, to_us) in zip(edges, nexts, strict=True):
            missing = after - before - 1 - known.within(before + 1, after - 1)
            voided = self.lost.within(before + 1, after - 1)
            if missing or voided:
                found.append(Trouble(0, 0, missing, voided, from_us, max(to_us, from_us + 1)))
        size = -(-len(found) // _MOST_HOLES)
        return [_joined(found[at : at + size]) for at in range(0, len(found), size or 1)]


def _joined(holes: list[Trouble]) -> Trouble:
    """Neighbouring holes as one."""
    missing, voided = sum(one.missing for one in holes), sum(one.voided for one in holes)
    return Trouble(0, 0, missing, voided, holes[0].from_us, max(one.to_us for one in holes))


class CoverageCounter(Struct, array_like=True):
    """Reads the entries of a log from the first one on, and counts its streams.

    Not for two threads at once.
    """

    size: int = 0
    """How many entries were read; the next one to `add` has this index."""
    recorded_us: int = 0
    """Of the newest entry."""
    streams: dict[bytes, StreamCount] = field(default_factory=dict)
    """Counts by 16-byte stream id."""

    def add(self, entry: bytes) -> None:
        """Read the next entry.

        Raises:
            DecodeError: it is none.
        """
        if len(entry) >= HEADER_BYTES and entry[4] == EVENT:
            _, _, _, _, _, recorded_us, _, stream_id, seq = HEADER.unpack_from(entry)
            stream = self._named(stream_id, recorded_us, seq)
            stream.events.put(seq, recorded_us)
        else:
            found = decode_entry(entry)
            if isinstance(found, EventEntry):  # pragma: no cover - read above
                raise DecodeError("an event that is none")
            recorded_us = found.recorded_us
            self._add_control(found)
        self.size += 1
        self.recorded_us = recorded_us

    def _add_control(self, entry: ControlEntry) -> None:
        match entry:
            case BatchEntry():
                self._named(entry.stream_id, entry.recorded_us, entry.last)
            case BeatEntry():
                known = self.streams.get(entry.stream_id)
                before_us = known.named_us if known else entry.recorded_us
                stream = self._named(entry.stream_id, entry.recorded_us, entry.last)
                if entry.state != BEAT_ALIVE:
                    stream.ended_us = entry.recorded_us
                if entry.state == BEAT_ABANDONED:
                    stream.left_us = before_us
                stream.closed |= entry.state != BEAT_ALIVE
                stream.abandoned |= entry.state == BEAT_ABANDONED
            case VoidEntry():
                stream = self._named(entry.stream_id, entry.recorded_us, entry.last)
                kind = stream.excused if entry.reason == VOID_BY_POLICY else stream.lost
                kind.add(entry.first, entry.last)
            case StreamEntry():
                stream = self._named(entry.stream_id, entry.recorded_us, 0)
                stream.registered += 1
                stream.beat_s = entry.beat_s
                if entry.prev:
                    before = self.streams.setdefault(entry.prev, StreamCount())
                    before.followed = True
                    before.ended_us = before.ended_us or entry.recorded_us
                    before.largest = max(before.largest, entry.prev_last)
            case _:
                pass  # it names no stream

    def _named(self, stream_id: bytes, recorded_us: int, number: int) -> StreamCount:
        stream = self.streams.get(stream_id)
        if stream is None:
            if stream_id == NO_STREAM:
                raise DecodeError("an entry of a stream names none")
            self.streams[stream_id] = stream = StreamCount(opened_us=recorded_us)
        stream.named_us = recorded_us
        stream.largest = max(stream.largest, number)
        return stream

    def coverage(self) -> Coverage:
        """The six counts over everything read so far."""
        streams = self.streams.values()
        return Coverage(
            registered=sum(stream.registered for stream in streams),
            open=sum(stream.open for stream in streams),
            silent=sum(stream.silent(self.recorded_us) for stream in streams),
            abandoned=sum(stream.abandoned for stream in streams),
            missing=sum(stream.missing() for stream in streams),
            voided=sum(stream.voided() for stream in streams),
        )

    def reduced(self, most: int = 1_000) -> "CoverageCounter":
        """Only streams that are open or in trouble, if there are more than `most`: to be kept."""
        if len(self.streams) <= most:
            return self
        kept = {
            key: stream
            for key, stream in self.streams.items()
            if stream.open or stream.troubles(self.recorded_us)
        }
        return CoverageCounter(self.size, self.recorded_us, kept)

    def encode(self) -> bytes:
        """The counter as bytes, to go on later; no format of the log."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "CoverageCounter":
        """Read what `encode` wrote. Raises `DecodeError`."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise DecodeError(f"no counter of streams: {error}") from None
