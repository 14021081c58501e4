"""What fsck finds, and where everything lies that it looks at."""

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from vitne.core.entry.keys import KeyCache
from vitne.core.values import LogId
from vitne.ports import Ports
from vitne.services.log import Logs

MOST_DAMAGES = 100
"""Listed one by one; further ones are counted."""

Tell = Callable[[str, int | None, str], None]
"""(file, index of the entry it is about, what is wrong)."""


@dataclass(frozen=True)
class Stores:
    """Where everything lies that is checked."""

    ports: Ports
    logs: Logs
    database: str
    """What to call the file of the hot rows."""
    cache: KeyCache = field(default_factory=KeyCache)


class Damage(Struct, frozen=True):
    """One thing that is not as it was written."""

    log: LogId
    where: str
    """The file: an object key, or the name of the database."""
    index: int | None
    """Of the entry it is about; None if it is about the whole log."""
    what: str


class FsckReport(Struct):
    """What was checked, and what was found."""

    logs: int
    entries: int = 0
    events: int = 0
    published: int = 0
    """Entries under a signed checkpoint; the others are not hashed into a tree yet."""
    segments: int = 0
    damages: list[Damage] = []
    """The first `MOST_DAMAGES`, in the order of checking."""
    damage_count: int = 0
    took_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.damage_count

    def add(self, log: LogId, where: str, index: int | None, what: str) -> None:
        """One more damage; listed if there is room, counted in any case."""
        self.damage_count += 1
        if len(self.damages) < MOST_DAMAGES:
            self.damages.append(Damage(log, where, index, what))
