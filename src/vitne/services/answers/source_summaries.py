"""Who speaks in a log: summaries of its segments, made once, and of its hot rows, as they come.

A summary is a pure function of the records, so a lost one is made again. It is kept as an object
`summaries/<log>/<start>-<end>` beside the segments, and holds no personal data. Merging segments
leaves summaries of the old ones behind, which the next round removes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from vitne.core.index.source_summary import (
    Grade,
    SourceSummary,
    Spoken,
    join_summaries,
    summarize_sources,
)
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import DecodeError
from vitne.ports import Ports

_PREFIX: Final = "summaries"
_CHUNK: Final = 1_024
"""Hot rows that are summed up at once."""
_KEPT: Final = 2_048
"""Summaries in memory, of all logs."""
_AT_ONCE: Final = 64
"""Segments that one round sums up."""
_WHOLE_ROUND: Final = 60
"""Every so many rounds all logs are looked at, else those that have grown."""

_Key = tuple[LogId, int, int]


class SourceSummaries:
    """Summaries of ranges of all logs. Any thread may ask."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._known: OrderedDict[_Key, SourceSummary] = OrderedDict()
        self._joined: dict[LogId, tuple[tuple[tuple[int, int], ...], SourceSummary]] = {}
        self._lock = threading.Lock()  # guards: _known, _joined
        self._seen: dict[LogId, LeafIndex] = {}
        """Per log up to where its segments have summaries; of the thread of `run_once` alone."""
        self._rounds = 0

    def run_once(self) -> int:
        """Sum up segments that lack a summary, and remove those of segments that are gone.

        Returns:
            How many were made; at most 64, the others in the next round.
        """
        made = 0
        self._rounds += 1
        for info in self._ports.store.logs():
            # Merging changes the list without moving its end, and may be done much later.
            if self._seen.get(info.log) == info.sealed_end and self._rounds % _WHOLE_ROUND:
                continue
            spans = {(s.start, s.end) for s in self._ports.segments.segments(info.log)}
            kept = set(self._ports.objects.keys(f"{_PREFIX}/{info.log}/"))
            wanted = {_name(info.log, *span): span for span in spans}
            self._ports.objects.delete(sorted(kept - wanted.keys()))
            lacking = sorted(wanted.keys() - kept)
            for name in lacking[: max(_AT_ONCE - made, 0)]:
                self.sealed(info.log, *wanted[name])
                made += 1
            if made < _AT_ONCE:
                self._seen[info.log] = info.sealed_end
        return made

    def over(self, log: LogId, end: LeafIndex) -> list[SourceSummary]:
        """Summaries that follow each other without a hole from 0 to `end`, or a little beyond."""
        listed = [one for one in self._ports.segments.segments(log) if one.start < end]
        found = [self.sealed(log, one.start, one.end) for one in listed]
        start = found[-1].end if found else 0
        while start < end:
            chunk = self._hot(log, start)
            if chunk.end == start:
                break  # sealed meanwhile: the rows have left, and are asked for again
            found.append(chunk)
            start = chunk.end
        return found if start >= end else self.over(log, end)

    def spoken(self, log: LogId, summaries: Sequence[SourceSummary]) -> tuple[Spoken, ...]:
        """What all summaries of a log say together; what the older ones say is remembered."""
        if not summaries:
            return ()
        *older, last = summaries
        key = tuple((part.start, part.end) for part in older)
        with self._lock:
            known = self._joined.get(log)
        if known is None or known[0] != key:
            known = (key, SourceSummary(0, last.start, *join_summaries(older)))
            with self._lock:
                self._joined[log] = known
        return join_summaries([known[1], last])[0]

    def sealed(self, log: LogId, start: LeafIndex, end: LeafIndex) -> SourceSummary:
        """The summary of one segment, read or made."""
        return self._remembered((log, start, end), lambda: self._load(log, start, end))

    def _load(self, log: LogId, start: LeafIndex, end: LeafIndex) -> SourceSummary:
        name = _name(log, start, end)
        data = self._ports.objects.get(name)
        if data is not None:
            try:
                return SourceSummary.decode(data)
            except DecodeError:
                pass  # of another version, or damaged: it is made again
        made = self._ports.archive.summary(log, start, end)
        if made is None:  # merged meanwhile: the records are where they were
            records: list[Record] = []
            for first in range(start, end, _CHUNK):
                last = LeafIndex(min(first + _CHUNK, end))
                records += self._ports.archive.records(log, LeafIndex(first), last)
            made = summarize_sources(start, records)
        self._ports.objects.replace({name: made.encode()})
        return made

    def _hot(self, log: LogId, start: int) -> SourceSummary:
        """Some of the hot rows from `start` on; full chunks are remembered."""
        first, last = LeafIndex(start), LeafIndex(start + _CHUNK)
        with self._lock:
            known = self._known.get((log, first, last))
        if known is not None:
            return known
        made = summarize_sources(start, self._ports.store.records(log, first, last))
        if made.end == last:
            self._remembered((log, first, last), lambda: made)
        return made

    def _remembered(self, key: _Key, make: Callable[[], SourceSummary]) -> SourceSummary:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        made = make()  # outside the lock: two threads may make it, which gives the same
        with self._lock:
            self._known[key] = made
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return made


def weak_of(summaries: Iterable[SourceSummary], indices: Sequence[int]) -> dict[Grade, list[int]]:
    """Those of ascending log indices whose grade is C, D or E, by grade."""
    found: dict[Grade, list[int]] = {}
    for part in summaries:
        here = [at for at in indices if part.start <= at < part.end]
        if here:
            for grade, held in part.weak(here).items():
                found.setdefault(grade, []).extend(held)
    return found


def _name(log: LogId, start: int, end: int) -> str:
    return f"{_PREFIX}/{log}/{start}-{end}"
