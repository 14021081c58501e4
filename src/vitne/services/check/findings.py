"""What fsck finds."""

from msgspec import Struct

from vitne.core.values.types import LogId

MOST_DAMAGES = 100
"""Listed one by one; further ones are counted."""


class Damage(Struct, frozen=True):
    """One thing that is not as it was written."""

    log: LogId
    where: str
    """The file: an object key, or the name of the database."""
    index: int | None
    """Of the entry it is about; None if it is about the whole log."""
    what: str


class Findings:
    """What is found over all logs."""

    def __init__(self) -> None:
        self.entries = self.events = self.published = self.segments = self.count = 0
        self.damages: list[Damage] = []

    def add(self, log: LogId, where: str, index: int | None, what: str) -> None:
        """One more damage; listed if there is room, counted in any case."""
        self.count += 1
        if len(self.damages) < MOST_DAMAGES:
            self.damages.append(Damage(log, where, index, what))
