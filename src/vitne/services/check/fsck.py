"""Fsck: hash everything again, from the stored parts up to the signatures.

For each log in order: rows and segments → parts, keys and entry → bundles and tiles of every level
→ root → signatures; times in order; numbers of each stream; bytes kept aside. It reads only, and
runs beside a server or on a folder at rest.
"""

import time

from vitne.core.values import LogId
from vitne.services.check.findings import FsckReport, Stores
from vitne.services.check.log import LogCheck, Progress


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
        store = self._stores.ports.store
        infos = [store.log(only)] if only is not None else store.logs()
        report = FsckReport(len(infos))
        for info in infos:
            LogCheck(self._stores, info, report, progress).run()
        report.took_s = time.perf_counter() - started
        return report
