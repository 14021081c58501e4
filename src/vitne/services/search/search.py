"""Search: recent rows and segments as one log, newest first.

Order is that of the log, never of anybody's clock. A page reads the recent rows from the sealed end
on, and then the segments below it; if a segment was sealed in between, rows may have left that
store unseen, and they are read again. The first page fixes the high-water mark; the cursor carries
it, so pages neither skip nor repeat an event however many arrive meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeVar

from msgspec import Struct

from vitne.core.filter.fields import find_field
from vitne.core.filter.nodes import Filter
from vitne.core.filter.syntax import parse_filter
from vitne.core.values import LeafIndex, LogId, Record, format_utc
from vitne.errors import BadInputError, CursorError, UnavailableError
from vitne.ports import LogInfo, Ports, Searchable
from vitne.services.search import cursor as search_cursor
from vitne.services.search.cursor import Cursor
from vitne.services.search.found_event import found_event
from vitne.services.search.histogram import edges_for, is_indexed, time_bounds
from vitne.wire.search import EventHistogram, FacetCounts, SearchReply

PAGE_EVENTS_MAX: Final = 1_000
COUNT_MOST: Final = 1_000
"""Up to so many a total is exact."""
CHEAP_ENTRIES: Final = 262_144
"""A log with no more entries than this is counted whatever the filter is."""
FACETS_MAX: Final = 8
FACET_VALUES: Final = 20
_FACET_VALUES_READ: Final = 1_000
_BUCKETS_MAX: Final = 200
_TRIES: Final = 8

Result = TypeVar("Result")
Span = tuple[LeafIndex, LeafIndex]


class SearchRequest(Struct, frozen=True):
    """What somebody asks."""

    log: LogId
    text: str = ""
    """In the filter language; empty: every event."""
    limit: int = 50
    cursor: str = ""
    """`next` of the page before; empty: the first page."""
    facets: tuple[str, ...] = ()
    """Fields whose commonest values are counted."""
    buckets: int = 0
    """At most so many bars of a time histogram; 0: none."""
    count: Literal["cheap", "exact", "none"] = "cheap"


class Search:
    """Answers searches. Any thread may ask."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def run(self, request: SearchRequest) -> SearchReply:
        """One page.

        Raises:
            NotFoundError: there is no such log.
            FilterSyntaxError: the text does not parse, or a facet is no field.
            TooLargeError: the text has too many parts.
            CursorError: the cursor is of another search.
            BadInputError: a number is out of its bounds.
            UnavailableError: segments are sealed faster than the page can be read.
        """
        _check(request)
        info = self._ports.store.log(request.log)
        cursor = self._cursor(request, info)
        where = parse_filter(request.text, cursor.now_us) if request.text.strip() else None
        found = self._records(request.log, where, cursor.before, request.limit + 1)
        more, records = len(found) > request.limit, found[: request.limit]
        total, total_is = self._total(request, where, cursor, len(records), more=more)
        span = (LeafIndex(0), cursor.high_water)
        return SearchReply(
            tenant=request.log,
            events=[found_event(request.log, record) for record in records],
            next=self._next(request, cursor, records[-1].index) if more else "",
            total=total,
            total_is=total_is,
            high_water=cursor.high_water,
            published=info.head_size,
            lag_ms=self._lag_ms(info, cursor.high_water),
            facets=self._facets(request, where, span),
            histogram=self._histogram(request, where, span, cursor.now_us),
        )

    # ------------------------------------------------------------ pages

    def _cursor(self, request: SearchRequest, info: LogInfo) -> Cursor:
        if not request.cursor:
            return Cursor(self._ports.clock.now_us(), info.next_index, info.next_index)
        cursor = search_cursor.read_cursor(request.cursor, request.log, request.text)
        if cursor.high_water > info.next_index:
            raise CursorError("this cursor knows more entries than the log has")
        return cursor

    @staticmethod
    def _next(request: SearchRequest, cursor: Cursor, last: LeafIndex) -> str:
        after = Cursor(cursor.now_us, cursor.high_water, last)
        return search_cursor.write_cursor(after, request.log, request.text)

    def _records(
        self, log: LogId, where: Filter | None, end: LeafIndex, limit: int
    ) -> Sequence[Record]:
        def recent(span: Span) -> Sequence[Record]:
            return self._ports.store.scan(log, where, *span, limit)

        none: Sequence[Record] = ()
        found, sealed = self._recent(log, (LeafIndex(0), end), recent, none)
        if len(found) < limit and sealed > 0:
            span = (LeafIndex(0), LeafIndex(min(sealed, end)))
            found = [*found, *self._ports.archive.scan(log, where, *span, limit - len(found))]
        return found

    def _recent(
        self, log: LogId, span: Span, read: Callable[[Span], Result], nothing: Result
    ) -> tuple[Result, LeafIndex]:
        """Read the recent part of a span; with the sealed end that it begins at."""
        start, end = span
        for _ in range(_TRIES):
            sealed = self._ports.store.log(log).sealed_end
            if sealed >= end:
                return nothing, sealed
            found = read((max(sealed, start), end))
            # Rows leave the store only after the sealed end has passed them.
            if self._ports.store.log(log).sealed_end == sealed:
                return found, sealed
        raise _moving(log)

    def _both(
        self,
        log: LogId,
        span: Span,
        read: Callable[[Searchable, Span], Result],
        nothing: Result,
    ) -> tuple[Result, Result]:
        """Read a span that begins at 0: its recent part, and its sealed one."""
        recent, sealed = self._recent(
            log, span, lambda part: read(self._ports.store, part), nothing
        )
        if sealed <= 0:
            return recent, nothing
        return recent, read(self._ports.archive, (LeafIndex(0), LeafIndex(min(sealed, span[1]))))

    # ------------------------------------------------------------ around the page

    def _total(
        self,
        request: SearchRequest,
        where: Filter | None,
        cursor: Cursor,
        shown: int,
        *,
        more: bool,
    ) -> tuple[int | None, Literal["exact", "at least", "not counted"]]:
        first = cursor.before == cursor.high_water
        if first and not more:
            return shown, "exact"
        if request.count == "none":
            return None, "not counted"
        span = (LeafIndex(0), cursor.high_water)
        most = cursor.high_water + 1 if request.count == "exact" or where is None else COUNT_MOST
        if request.count == "cheap" and not (
            where is None or is_indexed(where) or cursor.high_water <= CHEAP_ENTRIES
        ):
            return (shown + 1, "at least") if first else (None, "not counted")
        count, sealed = self._recent(
            request.log,
            span,
            lambda part: self._ports.store.count(request.log, where, *part, most),
            0,
        )
        if count < most and sealed > 0:
            old = (LeafIndex(0), LeafIndex(min(sealed, span[1])))
            count += self._ports.archive.count(request.log, where, *old, most - count)
        return count, "at least" if count >= most else "exact"

    def _facets(
        self, request: SearchRequest, where: Filter | None, span: Span
    ) -> dict[str, FacetCounts]:
        if not request.facets:
            return {}
        log, names, most = request.log, request.facets, _FACET_VALUES_READ
        none: dict[str, dict[str, int]] = {name: {} for name in names}
        recent, old = self._both(
            log, span, lambda store, part: store.facets(log, where, *part, names, most), none
        )
        return {name: _commonest(recent[name], old[name], most) for name in names}

    def _histogram(
        self, request: SearchRequest, where: Filter | None, span: Span, now_us: int
    ) -> EventHistogram | None:
        if not request.buckets:
            return None
        log = request.log
        segments = self._ports.segments.segments(log)
        oldest_us = self._ports.store.oldest_hot_us(log)
        known = [at for s in segments if s.events for at in s.occurred_us]
        known += [now_us] if oldest_us is None else [now_us, oldest_us]
        low, high = time_bounds(where, min(known), max(known) + 1)
        edges = edges_for(low, high, request.buckets)
        zero = [0] * (len(edges) - 1)
        recent, old = self._both(
            log, span, lambda store, part: store.histogram(log, where, *part, edges), zero
        )
        counts = [a + b for a, b in zip(recent, old, strict=True)]
        return EventHistogram([format_utc(edge) for edge in edges], counts)

    def _lag_ms(self, info: LogInfo, high_water: LeafIndex) -> int:
        if info.head_size >= high_water:
            return 0
        oldest = self._ports.store.record(info.log, LeafIndex(info.head_size))
        if oldest is None:  # published and sealed since `info` was read
            return 0
        return max(self._ports.clock.now_us() - oldest.recorded_us, 0) // 1000


def _check(request: SearchRequest) -> None:
    if not 1 <= request.limit <= PAGE_EVENTS_MAX:
        raise BadInputError(f"a page has 1 to {PAGE_EVENTS_MAX} events, not {request.limit}")
    if not 0 <= request.buckets <= _BUCKETS_MAX:
        raise BadInputError(f"a histogram has 0 to {_BUCKETS_MAX} buckets, not {request.buckets}")
    if len(request.facets) > FACETS_MAX:
        raise BadInputError(f"at most {FACETS_MAX} facets at once, not {len(request.facets)}")
    for name in request.facets:
        if not find_field(name).facet:
            raise BadInputError(f"values of {name} cannot be counted", where=name)


def _commonest(recent: dict[str, int], old: dict[str, int], most: int) -> FacetCounts:
    both = Counter(recent)
    both.update(old)
    ordered = sorted(both.items(), key=lambda item: (-item[1], item[0]))
    return FacetCounts(
        values=dict(ordered[:FACET_VALUES]),
        exact=len(recent) < most and len(old) < most,
        more=len(ordered) > FACET_VALUES,
    )


def _moving(log: LogId) -> UnavailableError:
    return UnavailableError("segments are sealed faster than they can be read past", where=log)
