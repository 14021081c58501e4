"""Events that can be found: hot rows and segments alike."""

from collections.abc import Sequence
from typing import Protocol

from vitne.core.filter.nodes import Filter
from vitne.core.values import LeafIndex, LogId, Record


class Searchable(Protocol):
    """Events of one log that can be found by a filter. Control entries are never found.

    Both the hot rows and the segments are searchable, and agree with
    `vitne.core.filter.matches`, the reference, on every record (property test). Ranges are log
    indices [start, end); what lies outside the part that this store holds is simply not there.
    """

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        """The newest `limit` matching records of [start, end), newest first by log order."""

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        """Number of matches, or `most` once that many were seen."""

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        """Per field its `most` commonest values with their counts (text `core.filter.fields`).

        A count is a number of events: one that has a value twice counts once. Commonest first,
        equal counts by value.

        Raises:
            FilterSyntaxError: there is no such field, or it is a number.
        """

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        """Matches per bucket of `occurred_us`; matches outside all buckets are not counted."""

    def find(self, log: LogId, event_id: bytes) -> Record | None:
        """The record of one event (16-byte id)."""

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        """The record at an index, control entries included; None if not in this store."""

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        """All records of [start, end) that this store holds, control entries included, ascending.

        Callers ask for at most a few thousand at a time.
        """
