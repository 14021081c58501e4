"""What is erased, what a legal hold keeps, and the deleting itself."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from vitne.core.values import LeafIndex, LogId, Record, Section


class Hold(Struct, frozen=True):
    """A legal hold: what matches it is neither erased nor pruned. It beats expiry."""

    id: str
    log: LogId
    where: str
    """Filter (search language) of the events that are held; `""`: all of the log."""
    reason: str
    reference: str
    set_us: int
    released_us: int = 0
    """0: it holds."""


class ErasureStore(Protocol):
    """Erasures by record, legal holds, and what deleting needs of the hot store."""

    def note(
        self,
        log: LogId,
        entry: LeafIndex,
        items: Sequence[tuple[LeafIndex, Section]],
        *,
        pruned: bool = False,
    ) -> None:
        """Remember, durably, that these sections go; of several entries the first counts.

        Args:
            log: whose.
            entry: that says so.
            items: which.
            pruned: it is a prune entry, under a retention rule; else an erase entry.
        """

    def pending(self, log: LogId) -> list[tuple[LeafIndex, Section]]:
        """What is noted and not settled, by index."""

    def settle(self, log: LogId, items: Sequence[tuple[LeafIndex, Section]]) -> None:
        """Remember, durably, that these are deleted everywhere."""

    def reopen(self) -> None:
        """Take nothing as settled, of any log: files may have come back from a backup."""

    def erased(self, log: LogId, index: LeafIndex) -> dict[Section, LeafIndex]:
        """Section → the erase entry that names it, for one record; pruned ones are not there."""

    def overwrite(self, log: LogId, records: Sequence[Record]) -> None:
        """Put these in the place of hot rows of the same indices, durably, all or none.

        Rows that are not hot any more are passed over. What is remembered of the events to tell a
        retry from a conflict is forgotten, their ids are not.
        """

    def clear_asides(self, log: LogId, indices: Sequence[LeafIndex]) -> None:
        """Delete the bytes of quarantined events; that they came stays."""

    def scrub(self) -> None:
        """See that nothing deleted is left in the store's files."""

    def holds(self, log: LogId) -> list[Hold]:
        """All holds of a log, released ones too, oldest first."""

    def add_hold(self, hold: Hold) -> None:
        """Raises `ConflictError` if the id is taken."""

    def release_hold(self, log: LogId, hold_id: str, at_us: int) -> None:
        """End a hold; nothing happens if it has ended. Raises `NotFoundError`."""
