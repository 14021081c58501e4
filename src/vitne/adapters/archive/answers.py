"""What answers need of segments beside the search: scattered records, and who spoke."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from vitne.adapters.archive.find.search import SegmentSearch
from vitne.adapters.archive.index.lookup import Lookup
from vitne.adapters.archive.parquet.damage import damage
from vitne.adapters.archive.parquet.summary import COLUMNS, summary_of
from vitne.core.entry.entry import VOID
from vitne.core.entry.keys import ACTOR, ENTRY_TYPE
from vitne.core.index.source_summary import SourceSummary
from vitne.core.values import LeafIndex, LogId, Record
from vitne.ports import Segment

_VOIDS = bytes((ENTRY_TYPE, VOID)) + bytes(15)
"""The key that every void implies (transparency-log §3.4)."""

_AT_ONCE = 64
"""Segments whose indexes are asked together for the issuers of an actor."""


class SegmentAnswers(SegmentSearch):
    """That part of the archive (`vitne.ports.Archive`)."""

    def fetch(
        self,
        log: LogId,
        indices: Sequence[LeafIndex],
        entries: Mapping[int, bytes] | None = None,
    ) -> list[Record]:
        if not indices:
            return []

        def look(segments: Sequence[Segment]) -> list[Record]:
            wanted = [
                (one, here)
                for one in segments
                if (here := [at - one.start for at in indices if one.start <= at < one.end])
            ]
            return self._files.fetch(log, wanted, entries)

        return self._listed.over(log, indices[0], LeafIndex(indices[-1] + 1), look)

    def summary(self, log: LogId, start: LeafIndex, end: LeafIndex) -> SourceSummary | None:

        def read(segments: Sequence[Segment]) -> SourceSummary | None:
            for segment in segments:
                if (segment.start, segment.end) == (start, end):
                    places = sorted(self._files.lookup(segment).positions(_VOIDS))
                    voids = [self._files.entry(log, segment, at) for at in places]
                    with damage(segment.key):
                        return summary_of(start, self._files.columns(segment, COLUMNS), voids)
            return None

        return self._listed.over(log, start, end, read)

    def issuers(self, log: LogId) -> frozenset[str] | None:

        def read(segments: Sequence[Segment]) -> frozenset[str] | None:
            found: set[str] = set()
            for segment in segments:
                named = self._files.lookup(segment).head.issuers if segment.events else ()
                if named is None:
                    return None
                found.update(named)
            return frozenset(found)

        return self._listed.over_all(log, read)

    def issuers_of(self, log: LogId, actor: str) -> frozenset[str] | None:
        key_of = lru_cache(1024)(self._key_of)

        def read(segments: Sequence[Segment]) -> frozenset[str] | None:
            found: set[str] = set()
            for low in range(0, len(segments), _AT_ONCE):
                wanted: list[tuple[Lookup, str, bytes]] = []
                for segment in segments[low : low + _AT_ONCE]:
                    lookup = self._files.lookup(segment)
                    if lookup.head.issuers is None:
                        return None
                    for issuer in set(lookup.head.issuers) - found:
                        for epoch in lookup.head.epochs:
                            key = key_of(log, epoch, ACTOR, (issuer, actor))
                            if key is None:
                                return None
                            wanted.append((lookup, issuer, key))
                found |= _held_of(wanted)
            return frozenset(found)

        return self._listed.over_all(log, read)


def _held_of(wanted: Sequence[tuple[Lookup, str, bytes]]) -> set[str]:
    """The names of which an index holds a key."""
    for lookup, _, key in wanted:
        lookup.expect([key])
    found: set[str] = set()
    for lookup, name, key in wanted:
        if name not in found and lookup.positions(key):
            found.add(name)
    return found
