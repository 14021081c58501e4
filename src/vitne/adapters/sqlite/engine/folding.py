"""Folds the write-ahead log into the database beside the writer, so that few commits wait for it.

SQLite folds inside the commit that finds the log long. Of a large database that is thousands of
pages, each somewhere else: a second in which nothing is taken in, on a slow disk. A passive
checkpoint by another connection writes the same pages while the writer goes on; what it leaves is
folded by the writer as before, which also begins the log anew.

Source: SQLite, "Write-Ahead Logging", §3.1 "Checkpointing", and `PRAGMA wal_checkpoint`.
"""

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

__all__ = ["Folding"]

_LOG: Final = logging.getLogger("vitne.sqlite")
FOLD_PAGES: Final = 3_000
"""Pages of the log that are worth folding; if it were folded more often, pages that always change
would be written each time."""
_COMMIT_PAGES: Final = 8
"""What a commit of one row writes; of further ones every second is on a page of its own."""


class Folding:
    """A thread for one file. Any thread may call.

    Args:
        path: of the database.
        fold_pages: how many pages, about, wait for a folding.
    """

    def __init__(self, path: Path, fold_pages: int = FOLD_PAGES) -> None:
        self._where = f"{path.resolve().as_uri()}?mode=rw"  # one moved away is not made anew
        self._fold_pages = fold_pages
        self._pages = 0
        self._due = threading.Event()
        self._ending = False
        self.turn = threading.Lock()
        """Held while the log is folded here: of two that fold, SQLite turns one away."""
        self._thread = threading.Thread(target=self._run, name="vitne-fold", daemon=True)
        self._thread.start()

    def note(self, rows: int) -> None:
        """So many rows were changed and committed. For the thread that writes."""
        self._pages += _COMMIT_PAGES + rows // 2
        if self._pages >= self._fold_pages:
            self._pages = 0
            self._due.set()

    def close(self) -> None:
        """End the thread; waits for a folding that is under way."""
        self._ending = True
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._ending:  # set before `_due` is: it cannot be missed here
                return
            try:
                self._fold()
            except sqlite3.Error as error:
                # The writer folds too, and tells whoever commits: nothing is lost or hidden here.
                _LOG.warning("the write-ahead log was not folded: %s", error)

    def _fold(self) -> None:
        opened = sqlite3.connect(self._where, uri=True, isolation_level=None)
        with self.turn, closing(opened) as fold:
            fold.execute("PRAGMA synchronous = FULL")
            fold.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
