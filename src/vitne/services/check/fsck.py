"""Fsck: hash everything again, from the stored parts up to the signatures.

For each log in order: rows and segments → parts, keys and entry → bundles and tiles of every level
→ root → signatures; times in order; numbers of each stream; bytes kept aside. It reads only, and
runs beside a server or on a folder at rest.
"""

import time

from msgspec import Struct

from vitne.core.values.types import LogId
from vitne.services.check.findings import Damage, Findings
from vitne.services.check.log import LogCheck, Progress, Stores


class FsckReport(Struct, frozen=True):
    """What was checked, and what was found."""

    logs: int
    entries: int
    events: int
    published: int
    """Entries under a signed checkpoint; the others are not hashed into a tree yet."""
    segments: int
    damages: list[Damage]
    """The first `MOST_DAMAGES`, in the order of checking."""
    damage_count: int
    took_s: float

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.damage_count


class Fsck:
    """Checks all logs, or one."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def run(self, only: LogId | None = None, progress: Progress | None = None) -> FsckReport:
        """Check everything; what is damaged is reported, never repaired.

        Args:
            only: check this log alone.
            progress: told every few thousand entries how far a log has come.

        Raises:
            NotFoundError: there is no such log.
            StorageError: the disk cannot be read.
        """
        started = time.perf_counter()
        store = self._stores.store
        infos = [store.log(only)] if only is not None else store.logs()
        found = Findings()
        for info in infos:
            LogCheck(self._stores, info, found, progress).run()
        return FsckReport(
            logs=len(infos),
            entries=found.entries,
            events=found.events,
            published=found.published,
            segments=found.segments,
            damages=found.damages,
            damage_count=found.count,
            took_s=time.perf_counter() - started,
        )
