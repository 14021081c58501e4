"""Connections to one SQLite file: one that writes, under a lock, and a pool that only reads."""

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from vitne.adapters.sqlite.engine.failures import storage_errors, transaction
from vitne.adapters.sqlite.engine.migrate import check_sqlite, check_version, migrate_schema
from vitne.adapters.sqlite.engine.queries import Row, filtered_query, query
from vitne.adapters.sqlite.engine.where import add_functions
from vitne.errors import ConfigurationError, StorageError

PAGE_BYTES = 8192
"""Six rows of a usual event to a page; twice that writes more for small transactions."""

CHECKPOINT_PAGES = 4000
"""Pages (32 MB) of the write-ahead log that may wait before a commit folds them in."""

FOLD_PAGES = 3_000
"""Pages of it that are worth folding beside the writer; if that were done more often, pages that
always change would be written each time."""
_COMMIT_PAGES = 8
"""What a commit of one row writes; of further ones every second is on a page of its own."""

_FOLD_TRIES, _FOLD_TRY_MS, _FOLD_PAUSE_S = 50, 50, 0.05
_KEPT_READERS = 16
"""Idle reading connections that are kept open."""

BUSY_S = 10.0
"""Seconds that a write waits for another process; longer than any transaction of ours takes."""

_WRITER_CACHE_KIB = 16_384
_READER_CACHE_KIB = 4_096


class Database:
    """One file, opened for writing or for reading only. Any thread may call.

    Readers never wait for the writer, nor it for them. Writers take turns in the order in which
    they came: a long series of short writes (dropping, forgetting) cannot starve another one.

    Args:
        path: of the file; when writing, it is made (mode 0600) or brought to the newest version.
        read_only: neither.
        busy_s: how long a write waits for another process to end its own.

    Raises:
        StorageError: it cannot be opened.
        ConfigurationError: it is no database of Vitne, or made by a newer version.
    """

    def __init__(self, path: Path, *, read_only: bool = False, busy_s: float = BUSY_S) -> None:
        check_sqlite()
        self.path = path
        self.where = str(path)
        self._read_only = read_only
        self._busy_s = busy_s
        self._idle: deque[sqlite3.Connection] = deque()
        self._queue_lock = threading.Lock()  # guards: who may take the next lock
        self._writer_lock = threading.Lock()  # guards: _writer, _owner, _unfolded_pages
        self._fold_lock = threading.Lock()  # guards: folding; of two, SQLite turns one away
        self._owner = 0
        self._unfolded_pages = 0
        self.on_long_log: Callable[[], object] = lambda: None
        """Called when it is time to `fold_beside`, by the thread that writes; returns at once."""
        self._closed = False
        self._writer: sqlite3.Connection | None = None
        with storage_errors(self.where):
            if read_only:
                self._open_reading()
            else:
                self._open_writing()

    def _open_reading(self) -> None:
        if not self.path.exists():
            raise ConfigurationError(
                "there is no database", where=self.where, hint="run `vitne init` first"
            )
        with self.reading() as connection:
            check_version(connection, self.where)

    def _open_writing(self) -> None:
        _touch(self.path)
        writer = sqlite3.connect(
            self.path, self._busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in (
                f"page_size = {PAGE_BYTES}",
                "journal_mode = WAL",
                "synchronous = FULL",
                "foreign_keys = ON",
                "secure_delete = ON",  # what leaves the store must not linger in free pages
                "temp_store = MEMORY",
                f"cache_size = -{_WRITER_CACHE_KIB}",
                f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
                f"journal_size_limit = {4 * CHECKPOINT_PAGES * PAGE_BYTES}",
            ):
                writer.execute(f"PRAGMA {pragma}")
            migrate_schema(writer, self.where)
        except BaseException:
            writer.close()
            raise
        self._writer = writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that only reads, for as long as the block runs."""
        with storage_errors(self.where):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give(connection)

    def rows(self, name: str, *values: object, where: str = "1") -> list[Row]:
        """All rows of a named query; `where` is the condition of a compiled filter."""
        with self.reading() as connection:
            return connection.execute(filtered_query(name, where), values).fetchall()

    def row(self, name: str, *values: object) -> Row | None:
        """The first row of a named query."""
        return next(iter(self.rows(name, *values)), None)

    def change(self, name: str, *values: object) -> int:
        """Run one named statement, durably; how many rows it changed."""
        with self.writing() as connection:
            return connection.execute(query(name), values).rowcount

    def change_all(self, name: str, rows: Iterable[Row]) -> None:
        """Run one named statement with the values of each row: all of them, or none."""
        with self.writing() as connection:
            connection.executemany(query(name), rows)

    def _take(self) -> sqlite3.Connection:
        if self._closed:
            raise StorageError("the store is closed", where=self.where)
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect_reader()

    def _connect_reader(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode=ro",
            self._busy_s,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        add_functions(connection)
        return connection

    def _give(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._idle) >= _KEPT_READERS:
            connection.close()
        else:
            self._idle.append(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A durable transaction: committed on a clean exit, undone on an error.

        Raises:
            StorageError: it could not be stored; nothing of it is.
            RuntimeError: this thread is inside another transaction, so it would wait for ever.
        """
        with self._my_turn() as writer, storage_errors(self.where):
            before = writer.total_changes
            with transaction(writer):
                yield writer
            self._count_pages(writer.total_changes - before)

    def _count_pages(self, rows: int) -> None:
        # An estimate: Python's sqlite3 does not report how many pages were written.
        self._unfolded_pages += _COMMIT_PAGES + rows // 2
        if self._unfolded_pages >= FOLD_PAGES:
            self._unfolded_pages = 0
            self.on_long_log()

    def fold_beside(self) -> None:
        """Fold what can be folded of the write-ahead log while others write.

        SQLite folds inside the commit that finds the log long. Of a large database that is
        thousands of pages, each somewhere else: a second in which nothing is taken in, on a slow
        disk. A passive checkpoint by another connection writes the same pages beside the writer;
        what it leaves is folded by the writer, which also begins the log anew.

        Source: SQLite, "Write-Ahead Logging", §3.1 "Checkpointing", and `PRAGMA wal_checkpoint`.

        Raises:
            StorageError: it failed. The writer folds too, so nothing is lost.
        """
        where = f"{self.path.resolve().as_uri()}?mode=rw"  # one moved away is not made anew
        with (
            self._fold_lock,
            storage_errors(self.where),
            closing(sqlite3.connect(where, uri=True, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def fold(self) -> None:
        """Fold the write-ahead log into the file and empty it, once nobody reads from it.

        Raises:
            StorageError: a reader held it for too long; what was deleted is in it still.
        """
        for _ in range(_FOLD_TRIES):
            with self._my_turn() as writer, self._fold_lock, storage_errors(self.where):
                writer.execute(f"PRAGMA busy_timeout = {_FOLD_TRY_MS}")
                try:
                    busy, _, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    writer.execute(f"PRAGMA busy_timeout = {round(self._busy_s * 1000)}")
            if not busy:
                return
            time.sleep(_FOLD_PAUSE_S)  # SQLite itself does not wait for one that folds
        raise StorageError(
            "the write-ahead log is being read, so it cannot be emptied",
            where=self.where,
            hint="try again when no long search runs",
        )

    @contextmanager
    def _my_turn(self) -> Iterator[sqlite3.Connection]:
        if self._owner == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction")
        # Whoever waits for the lock holds the turn, so one that has just let go cannot overtake.
        with self._queue_lock:
            self._writer_lock.acquire()
        try:
            if self._read_only or self._writer is None:
                raise StorageError(
                    "the store is closed" if self._closed else "the store is open for reading only",
                    where=self.where,
                )
            self._owner = threading.get_ident()
            yield self._writer
        finally:
            self._owner = 0
            self._writer_lock.release()

    def close(self) -> None:
        """Wait for the running transaction, then close; the last to close folds in the WAL."""
        with self._queue_lock, self._writer_lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            if self._writer is not None:
                with storage_errors(self.where):
                    self._writer.close()
                self._writer = None


def _touch(path: Path) -> None:
    """Make the file with mode 0600 if it is not there; SQLite gives its side files the same."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(
            f"the database cannot be opened: {error.strerror}",
            where=str(path),
            hint="check that the folder exists and that this user may write it",
        ) from error
