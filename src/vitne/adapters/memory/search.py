"""Finding events in a list of records (`vitne.ports.Searchable`), by the words of the port."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from vitne.core.filter.fields import SearchedRecord, text_field
from vitne.core.filter.matches import filter_predicate
from vitne.core.filter.nodes import Filter
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId


class MemorySearch(ABC):
    """All of `Searchable`, given the records of a log."""

    @abstractmethod
    def _all(self, log: LogId) -> Sequence[Record]:
        """Every record of the log that this store holds, ascending."""

    def _matches(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex
    ) -> list[Record]:
        return list(filter(filter_predicate(where), self.records(log, start, end)))

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        return self._matches(log, where, start, end)[::-1][: max(limit, 0)]

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        return min(len(self._matches(log, where, start, end)), max(most, 0))

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        readings = [SearchedRecord(record) for record in self._matches(log, where, start, end)]
        found: dict[str, dict[str, int]] = {}
        for name in fields:
            field = text_field(name)
            counts = Counter(value for r in readings for value in set(r.values(field)))
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            found[name] = dict(ranked[: max(most, 0)])
        return found

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        times = [r.facets.occurred_us for r in self._matches(log, where, start, end)]
        return [sum(low <= t < high for t in times) for low, high in pairwise(edges_us)]

    def find(self, log: LogId, event_id: bytes) -> Record | None:
        if not event_id:
            return None
        return next((r for r in self._all(log) if r.event_id == event_id), None)

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        return next((r for r in self._all(log) if r.index == index), None)

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        return [r for r in self._all(log) if start <= r.index < end]
