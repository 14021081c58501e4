"""Finding events in segments.

Equality on actor, target, type and action is answered by the indexes of the segments; what is left
is asked of DuckDB, newest segments first and no more of them than needed. Every record that is
returned was tested against the filter itself, so neither an index that points to too much nor a
condition that finds too much shows.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final

from msgspec import Struct

from vitne.adapters.archive.find.duck import Duck
from vitne.adapters.archive.find.plan import (
    KeyOf,
    Plan,
    candidate_positions,
    confirms_entry,
    may_lie_in,
    plan_lookup,
)
from vitne.adapters.archive.find.segment_list import Listed, Result
from vitne.adapters.archive.find.where import field_texts, segment_condition
from vitne.adapters.archive.parquet.files import SegmentFiles
from vitne.core.filter.compile import Condition
from vitne.core.filter.fields import SearchedRecord, text_field
from vitne.core.filter.matches import filter_predicate
from vitne.core.filter.nodes import Filter
from vitne.core.values import LeafIndex, LogId, Record
from vitne.ports import Segment

FEW_CANDIDATES: Final = 256
"""Up to so many records of a segment are read and tested rather than asking DuckDB."""
_FIRST_SEGMENTS: Final = 1
_MOST_SEGMENTS: Final = 32
_FIRST_READ: Final = 64
_MOST_READ: Final = 1024


class Ask(Struct, frozen=True):
    """One question, made ready: to the log's records in [start, end)."""

    log: LogId
    start: LeafIndex
    end: LeafIndex
    plan: Plan
    condition: Condition
    test: Callable[[Record], bool]
    everything: bool
    key_of: KeyOf

    def relevant(self, segments: Sequence[Segment]) -> list[Segment]:
        """Segments that may hold a match."""
        return [
            segment
            for segment in segments
            if segment.events
            and may_lie_in(self.plan.occurred, *segment.occurred_us)
            and may_lie_in(self.plan.recorded, *segment.recorded_us)
        ]

    def within(self, segment: Segment, positions: Sequence[int]) -> list[int]:
        """Those positions of a segment that are asked about."""
        low, high = self.start - segment.start, self.end - segment.start
        return [at for at in positions if low <= at < high]


class SegmentSearch:
    """The searching half of the archive (`vitne.ports.Searchable`)."""

    def __init__(self, listed: Listed, files: SegmentFiles, duck: Duck, key_of: KeyOf) -> None:
        self._listed = listed
        self._files = files
        self._duck = duck
        self._key_of = key_of

    def _over(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        work: Callable[[Ask, Sequence[Segment]], Result],
    ) -> Result:
        """Answer a question over the segments in reach. Raises as `segment_condition`."""
        asked = Ask(
            log,
            start,
            end,
            plan_lookup(where),
            segment_condition(where),
            filter_predicate(where),
            where is None,
            # The same keys are looked up in every segment; a key that is destroyed is still gone
            # for the next question.
            lru_cache(1024)(self._key_of),
        )
        return self._listed.over(log, start, end, lambda segments: work(asked, segments))

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        if limit <= 0:
            return []
        return self._over(
            log, where, start, end, lambda asked, segments: self._scan(asked, segments, limit)
        )

    def _scan(self, asked: Ask, segments: Sequence[Segment], limit: int) -> list[Record]:
        found: list[Record] = []
        for group in _groups(asked.relevant(segments), asked.plan):
            need = limit - len(found)
            found += islice(self._matching(asked, group, need), need)
            if len(found) >= limit:
                break
        return found

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        return self._over(
            log, where, start, end, lambda asked, segments: self._count(asked, segments, most)
        )

    def _count(self, asked: Ask, segments: Sequence[Segment], most: int) -> int:
        total = 0
        for group in _groups(asked.relevant(segments), asked.plan):
            if total >= most:
                return most
            if asked.plan.equal or asked.everything:
                total += sum(self._count_one(asked, segment, most - total) for segment in group)
            else:
                total += self._count_rows(asked, group, most - total)
        return min(total, most)

    def _count_one(self, asked: Ask, segment: Segment, most: int) -> int:
        if asked.everything:
            inside = asked.start <= segment.start and segment.end <= asked.end
            return segment.events if inside else self._count_rows(asked, [segment], most)
        held = self._candidates(asked, segment)
        if held is None or (not asked.plan.whole and len(held) > FEW_CANDIDATES):
            return self._count_rows(asked, [segment], most)
        if not held:
            return 0
        if asked.plan.whole and self._confirmed(asked, segment, held[-1]):
            return len(held)
        return sum(1 for _ in self._read(asked, segment, held, _MOST_READ))

    def _count_rows(self, asked: Ask, group: Sequence[Segment], most: int) -> int:
        if not asked.condition.exact:
            return sum(1 for _ in islice(self._found(asked, group, _MOST_READ), most))
        params = (self._paths(group), asked.start, asked.end)
        count: int = self._duck.rows("count", params, asked.condition, limit=most)[0][0]
        return count

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        return self._over(
            log,
            where,
            start,
            end,
            lambda asked, segments: self._facets(asked, segments, fields, most),
        )

    def _facets(
        self, asked: Ask, segments: Sequence[Segment], fields: Sequence[str], most: int
    ) -> dict[str, dict[str, int]]:
        wanted = [text_field(name) for name in fields]
        relevant = asked.relevant(segments)
        if not relevant:
            return {name: {} for name in fields}
        if not asked.condition.exact or any(of.part == "person" and of.many for of in wanted):
            return self._read_facets(asked, relevant, fields, most)
        params = (self._paths(relevant), asked.start, asked.end)
        found: dict[str, dict[str, int]] = {}
        for name, of in zip(fields, wanted, strict=True):
            query = "facet_of_list" if of.many else "facet"
            rows = self._duck.rows(
                query, params, asked.condition, texts=field_texts(of), limit=most
            )
            found[name] = dict(rows)
        return found

    def _read_facets(
        self, asked: Ask, segments: Sequence[Segment], fields: Sequence[str], most: int
    ) -> dict[str, dict[str, int]]:
        counters = {name: (text_field(name), Counter[str]()) for name in fields}
        for record in self._found(asked, segments, _MOST_READ):
            reading = SearchedRecord(record)
            for of, counter in counters.values():
                counter.update(set(reading.values(of)))
        return {
            name: dict(sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:most])
            for name, (_, counter) in counters.items()
        }

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        if len(edges_us) < 2:  # noqa: PLR2004 - a bucket has two edges
            return []
        return self._over(
            log,
            where,
            start,
            end,
            lambda asked, segments: self._histogram(asked, segments, edges_us),
        )

    def _histogram(
        self, asked: Ask, segments: Sequence[Segment], edges_us: Sequence[int]
    ) -> list[int]:
        bounds = (edges_us[0], edges_us[-1])
        relevant = [s for s in asked.relevant(segments) if may_lie_in(bounds, *s.occurred_us)]
        buckets = range(len(edges_us) - 1)
        if not relevant:
            return [0 for _ in buckets]
        if not asked.condition.exact:
            records = self._found(asked, relevant, _MOST_READ)
            return _buckets(((record.facets.occurred_us, 1) for record in records), edges_us)
        span = (self._paths(relevant), asked.start, asked.end, *bounds)
        width = edges_us[1] - edges_us[0]
        if width > 0 and all(edges_us[at + 1] - edges_us[at] == width for at in buckets):
            params = (bounds[0], width, *span)
            counts: dict[int, int] = dict(self._duck.rows("even_buckets", params, asked.condition))
            return [counts.get(at, 0) for at in buckets]
        rows = self._duck.rows("times", span, asked.condition)
        return _buckets(((at, count) for at, count in rows), edges_us)

    # ------------------------------------------------------------ records that match

    def _matching(self, asked: Ask, group: Sequence[Segment], need: int) -> Iterator[Record]:
        """Matching records of a group, newest first."""
        if not asked.plan.equal:
            yield from self._found(asked, group, need)
            return
        for segment in reversed(group):
            held = self._candidates(asked, segment)
            if held is None or (not asked.plan.whole and len(held) > FEW_CANDIDATES):
                yield from self._found(asked, [segment], need)
            else:
                yield from self._read(asked, segment, held, need)

    def _candidates(self, asked: Ask, segment: Segment) -> list[int] | None:
        lookup = self._files.lookup(segment)
        held = candidate_positions(lookup, asked.log, asked.plan.equal, asked.key_of)
        return None if held is None else asked.within(segment, held)

    def _confirmed(self, asked: Ask, segment: Segment, position: int) -> bool:
        entry = self._files.entry(asked.log, segment, position)
        lookup = self._files.lookup(segment)
        return confirms_entry(entry, lookup, asked.log, asked.plan.equal, asked.key_of)

    def _read(
        self, asked: Ask, segment: Segment, positions: Sequence[int], need: int
    ) -> Iterator[Record]:
        """Those records at some positions that match, newest first."""
        size, end = need if asked.plan.whole else max(need, _FIRST_READ), len(positions)
        while end > 0:
            some = positions[max(end - size, 0) : end]
            for record in reversed(self._files.fetch(asked.log, [(segment, some)])):
                if asked.test(record):
                    yield record
            end -= size
            size = min(size * 2, _MOST_READ)

    def _found(self, asked: Ask, group: Sequence[Segment], need: int) -> Iterator[Record]:
        """What DuckDB finds in a group, tested, newest first."""
        paths, end = self._paths(group), asked.end
        size = need if asked.condition.exact else max(need, _FIRST_READ)
        while True:
            params = (paths, asked.start, end)
            rows = self._duck.rows("newest", params, asked.condition, limit=size)
            indices = [index for (index,) in rows]
            held = [
                (one, [at - one.start for at in reversed(indices) if one.start <= at < one.end])
                for one in group
            ]
            for record in reversed(self._files.fetch(asked.log, held)):
                if asked.test(record):
                    yield record
            if len(indices) < size:
                return
            end = indices[-1]
            size = min(size * 2, _MOST_READ)

    def _paths(self, segments: Sequence[Segment]) -> list[str]:
        return [str(self._files.path(segment)) for segment in segments]


def _groups(segments: Sequence[Segment], how: Plan) -> Iterator[Sequence[Segment]]:
    """Segments in groups, newest first; larger ones the longer nothing was found."""
    size, end = _FIRST_SEGMENTS, len(segments)
    while end > 0:
        yield segments[max(end - size, 0) : end]
        end -= size
        if not how.equal:
            size = min(size * 2, _MOST_SEGMENTS)


def _buckets(times: Iterable[tuple[int, int]], edges_us: Sequence[int]) -> list[int]:
    """Sum of the counts per bucket [edge, next edge)."""
    counts = [0] * (len(edges_us) + 1)
    for at, count in times:
        counts[bisect_right(edges_us, at)] += count
    return counts[1:-1]
