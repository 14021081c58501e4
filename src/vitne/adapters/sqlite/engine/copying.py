"""A copy of a whole database as of one moment, taken beside whoever writes to it."""

import os
import sqlite3
from pathlib import Path

from vitne.adapters.sqlite.engine.failures import storage_errors
from vitne.adapters.sqlite.engine.migrate import check_version
from vitne.errors import ConflictError


def copy_database(source: Path, target: Path) -> None:
    """Write a compact copy; durable when the call returns.

    It reads in one transaction, so it is consistent, holds up no writer, and leaves out pages that
    were freed: what was erased is not in it.

    Raises:
        ConflictError: the target exists.
        ConfigurationError: the source is no database of Vitne, or of another version.
        StorageError: the disk is full or failing; a part of the target may be left.
    """
    if target.exists():
        raise ConflictError("there is a database already", where=str(target))
    with storage_errors(str(source)):
        connection = sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)
        try:
            check_version(connection, str(source))
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()
        _settle(target)


def _settle(target: Path) -> None:
    for path, flags in ((target, os.O_RDONLY), (target.parent, os.O_RDONLY | os.O_DIRECTORY)):
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
