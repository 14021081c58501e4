"""Which segments a log has, as the catalog lists them, kept until it grows."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from vitne.core.values import LeafIndex, LogId
from vitne.errors import IntegrityError
from vitne.ports import Segment, SegmentCatalog

_TRIES: Final = 4

Result = TypeVar("Result")


class Listed:
    """The catalog's segments. Any thread may ask."""

    def __init__(self, catalog: SegmentCatalog) -> None:
        self._catalog = catalog
        self._known: dict[LogId, list[Segment]] = {}

    def refresh(self, log: LogId) -> None:
        """Read the catalog again when it is next needed."""
        self._known.pop(log, None)

    def all(self, log: LogId) -> list[Segment]:
        """All segments as they are now."""
        self._known[log] = segments = self._catalog.segments(log)
        return segments

    def over_all(self, log: LogId, work: Callable[[Sequence[Segment]], Result]) -> Result:
        """The same over every segment of now."""
        segments = self.all(log)
        return self.over(log, LeafIndex(0), segments[-1].end if segments else LeafIndex(0), work)

    def over(
        self,
        log: LogId,
        start: LeafIndex,
        end: LeafIndex,
        work: Callable[[Sequence[Segment]], Result],
    ) -> Result:
        """Do some work over the segments that meet [start, end), ascending.

        Whoever merges segments deletes the files of the old ones; work that runs into that is done
        again over the new list.

        Raises:
            IntegrityError: a file is missing all the same.
        """
        missing = ""
        for _ in range(_TRIES):
            segments = self._reaching(log, end)
            try:
                return work([s for s in segments if s.start < end and s.end > start])
            except FileNotFoundError as error:
                missing = str(error)
                self.refresh(log)
        raise IntegrityError("a listed segment is missing", where=missing)

    def _reaching(self, log: LogId, end: LeafIndex) -> list[Segment]:
        """The known list, if it goes as far as is asked; else the newest."""
        known = self._known.get(log)
        if not known or known[-1].end < end:
            return self.all(log)
        return known
