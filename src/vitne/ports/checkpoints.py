"""The latest signed checkpoint of each log."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from vitne.core.values import Hash, LogId, TreeSize


class Head(Struct, frozen=True):
    """The latest signed checkpoint of a log."""

    size: TreeSize
    root: Hash
    note: str
    """The signed note, verbatim."""


class Swap(Struct, frozen=True):
    """Replace a log's head: `old` must be the stored one (None: the log never published)."""

    log: LogId
    old: Head | None
    new: Head


class CheckpointStore(Protocol):
    """The one mutable cell of each tree: its latest signed checkpoint.

    A tree is a log (`acme`), or the index log of one (`acme/index`).

    Serialisable, and read-after-write consistent across processes and restarts. A write is
    durable when the call returns.
    """

    def head(self, log: LogId) -> Head | None:
        """Latest checkpoint; None for a log that never published."""

    def swap(self, swaps: Sequence[Swap]) -> None:
        """Swap all, or change nothing.

        Raises:
            CheckpointConflictError: a stored head is not the `old` of its swap.
        """
