"""Sealed segments in a dictionary (`vitne.ports.Archive`)."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from vitne.adapters.memory.search import MemorySearch
from vitne.core.filter.fields import SearchedRecord, find_field
from vitne.core.index.gap import build_run, gap_leaves, keys_of, run_root
from vitne.core.index.source_summary import SourceSummary, summarize_sources
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.values.record import Record
from vitne.core.values.types import Hash, LeafIndex, LogId
from vitne.errors import IntegrityError, NotFoundError
from vitne.ports import GapAnswer, Segment, SegmentCatalog


class MemoryArchive(MemorySearch):
    """Finds what was written and is listed in the catalog."""

    def __init__(self, catalog: SegmentCatalog) -> None:
        self._catalog = catalog
        self._files: dict[str, tuple[Record, ...]] = {}

    def _all(self, log: LogId) -> Sequence[Record]:
        listed = self._catalog.segments(log)
        return [record for segment in listed for record in self._files[segment.key]]

    def write(self, log: LogId, records: Sequence[Record]) -> Segment:
        records = list(records)  # they may be read from a store as they are asked for
        key = f"segments/{log}/{records[0].index}-{records[-1].index + 1}"
        return self._described(log, records, key)

    def _described(self, log: LogId, records: Sequence[Record], key: str) -> Segment:
        del log
        first, last = records[0], records[-1]
        body = msgspec.msgpack.encode(records)
        self._files[key] = tuple(records)
        run = build_run(first.index, [record.entry for record in records])
        times = [record.facets.occurred_us for record in records if record.event_id]
        return Segment(
            start=first.index,
            end=LeafIndex(last.index + 1),
            key=key,
            file_bytes=len(body),
            sha256=sha256(body).digest(),
            events=len(times),
            recorded_us=(first.recorded_us, last.recorded_us),
            occurred_us=(min(times, default=0), max(times, default=0)),
            gap_count=len(run.leaves),
            run_root=run.root(),
        )

    def gaps(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> GapAnswer:  # noqa: ARG002 - the port names it
        if segment.key not in self._files:
            raise NotFoundError("the segment is gone", where=segment.key)
        run = build_run(segment.start, [record.entry for record in self._files[segment.key]])
        places = sorted({run.find(key) for key in keys})
        leaves = [leaf.encode() for leaf in run.leaves]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        ranges = multiproof_ranges(len(leaves), places)
        return GapAnswer(
            [(place, leaves[place]) for place in places],
            [merkle_root(hashes[start:end]) for start, end in ranges],
            {place: run.postings[place] for place in places if run.leaves[place].key in keys},
        )

    def expect(self, segments: Sequence[Segment], keys: Sequence[bytes]) -> None:
        """Nothing has to be read."""

    def around(self, log: LogId, segment: Segment, at_us: int) -> tuple[int, int]:  # noqa: ARG002 - the port names it
        if segment.key not in self._files:
            raise NotFoundError("the segment is gone", where=segment.key)
        held = self._files[segment.key]
        at = segment.start + bisect_left(held, at_us, key=lambda row: row.recorded_us)
        return at, at

    def postings(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> list[int]:  # noqa: ARG002 - the port names it
        if segment.key not in self._files:
            raise NotFoundError("the segment is gone", where=segment.key)
        wanted = set(keys)
        held = self._files[segment.key]
        return [row.index for row in held if not wanted.isdisjoint(keys_of(row.entry))]

    def run_of(self, start: LeafIndex, entries: Sequence[bytes]) -> tuple[int, Hash]:
        leaves = gap_leaves(start, entries)
        return len(leaves), run_root(leaves)

    def rebuild(self, log: LogId, segment: Segment) -> bool:  # noqa: ARG002 - the port names them
        """Nothing is kept that could be damaged."""
        return False

    def fetch(
        self,
        log: LogId,
        indices: Sequence[LeafIndex],
        entries: Mapping[int, bytes] | None = None,
    ) -> list[Record]:
        del entries
        held = {record.index: record for record in self._all(log)}
        return [held[index] for index in indices if index in held]

    def summary(self, log: LogId, start: LeafIndex, end: LeafIndex) -> SourceSummary | None:
        for segment in self._catalog.segments(log):
            if (segment.start, segment.end) == (start, end):
                return summarize_sources(start, self._files[segment.key])
        return None

    def issuers(self, log: LogId) -> frozenset[str] | None:
        return _issuers(record for record in self._all(log) if record.event_id)

    def issuers_of(self, log: LogId, actor: str) -> frozenset[str] | None:
        return _issuers(record for record in self._all(log) if record.facets.actor == actor)

    def rewrite(self, log: LogId, segment: Segment, records: Sequence[Record]) -> Segment:
        made = self._described(log, records, segment.key + "-again")
        if (made.start, made.end, made.run_root) != (segment.start, segment.end, segment.run_root):
            raise IntegrityError("these are not the records of the segment", where=segment.key)
        return replace(made, level=segment.level, record=segment.record)

    def remove(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self._files.pop(segment.key, None)

    def faults(self, log: LogId, segment: Segment) -> list[tuple[str, str]]:  # noqa: ARG002 - the port names it
        records = self._files.get(segment.key)
        if records is None:
            return [(segment.key, "the segment is missing")]
        if sha256(msgspec.msgpack.encode(records)).digest() != segment.sha256:
            return [(segment.key, "the segment is not the one written")]
        return []

    def refresh(self, log: LogId) -> None:
        """Nothing is cached."""


def _issuers(events: Iterable[Record]) -> frozenset[str]:
    issuer = find_field("issuer")
    return frozenset(name for one in events for name in SearchedRecord(one).values(issuer) or ("",))
