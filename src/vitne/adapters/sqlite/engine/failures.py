"""What SQLite and the operating system report, as errors of Vitne that say what to do next.

And `transaction`, which undoes what failed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vitne.errors import IntegrityError, StorageError

_PRIMARY = 0xFF
"""An extended result code of SQLite carries its primary code in the low byte."""

_NO_CODE = sqlite3.SQLITE_INTERNAL
"""Errors that Python's module makes itself carry no code."""

_STORAGE = {
    sqlite3.SQLITE_FULL: (
        "the disk is full, nothing was stored",
        "free some space; what was acknowledged is safe, and senders will retry",
    ),
    sqlite3.SQLITE_READONLY: (
        "the database cannot be written",
        "check the owner and mode of the folder, and that its file system is not read-only",
    ),
    sqlite3.SQLITE_PERM: ("the database may not be accessed", "check owner and mode of the folder"),
    sqlite3.SQLITE_CANTOPEN: (
        "the database cannot be opened",
        "check that the folder exists and that this user may read and write it",
    ),
    sqlite3.SQLITE_BUSY: (
        "another process holds the database",
        "end whatever else has it open for writing, then try again",
    ),
    sqlite3.SQLITE_LOCKED: ("a table is in use", "try again"),
    sqlite3.SQLITE_IOERR: (
        "reading or writing the database failed",
        "look into the system log for errors of the disk, and run `vitne fsck`",
    ),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "try again with smaller batches"),
}

_BROKEN = {
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
}


_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE}
"""Codes of a wrong statement: a mistake in this package, which no retry mends."""


def failure(error: sqlite3.Error, where: str) -> Exception:
    """The error of Vitne for an error of SQLite, itself if it tells of a mistake in a statement.

    `where` is the path of the file.
    """
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    code: int = getattr(error, "sqlite_errorcode", _NO_CODE) & _PRIMARY
    if code in _MISTAKES or isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return error
    if code in _BROKEN:
        return IntegrityError(
            f"{_BROKEN[code]} ({name})",
            where=where,
            hint="stop the server, keep a copy of the file, and restore the last good backup",
        )
    message, hint = _STORAGE.get(code, (f"the database failed: {error}", ""))
    return StorageError(f"{message} ({name})", where=where, hint=hint)


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Raise `failure` for whatever SQLite raises inside."""
    try:
        yield
    except sqlite3.Error as error:
        known = failure(error, where)
        if known is error:
            raise
        raise known from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what was written inside, or undo it on an error; another writer is waited for."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk makes SQLite roll back by itself; what else fails is undone here.
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
