"""The records of the index log of each log, and what else is kept of its sealed runs."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from vitne.core.values import LeafIndex, LogId
from vitne.ports.segments import Segment


class SealedRun(Struct, frozen=True):
    """One record of the index log, with what it was made of."""

    segment: Segment
    """`record` in it is the position."""
    record: bytes
    """The leaf's data (transparency-log §5.3)."""
    troubles: bytes
    """Encoded `CoverageCounter` of those streams that may hide an event, as of the run's end."""


class IndexLogStore(Protocol):
    """Records of index logs, in the order of their positions; they are never changed.

    The head of an index log is a cell of the `CheckpointStore`, under the id `<log>/index`.
    """

    def size(self, log: LogId) -> int:
        """Number of records. Raises `NotFoundError` for a log that was never created."""

    def append(self, log: LogId, run: SealedRun, counter: bytes) -> None:
        """Add a record at the end, durably; and with one of level 0, the counter as of its end.

        Args:
            log: whose.
            run: its segment's `record` is the number of records so far.
            counter: encoded `CoverageCounter` over all entries before the run's end; not looked at
                above level 0.

        Raises:
            ConflictError: another position, or a level-0 run that does not follow on the last one.
        """

    def records(self, log: LogId, start: int, end: int) -> list[bytes]:
        """The records at positions [start, end), ascending; those beyond the end are not there."""

    def run(self, log: LogId, position: int) -> SealedRun | None:
        """One record with what it was made of; None if there is none."""

    def runs_from(self, log: LogId, position: int) -> Sequence[SealedRun]:
        """Those from a position on, ascending."""

    def counter(self, log: LogId) -> tuple[LeafIndex, bytes]:
        """End of the last level-0 run, and the counter there; (0, `b""`) without one."""

    def told(self, log: LogId) -> int:
        """How many records the log itself tells of by a segment entry (type 8), from the first."""

    def set_told(self, log: LogId, count: int) -> None:
        """Remember that the first `count` records are told of, durably."""
