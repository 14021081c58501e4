"""Opens one SQLite file and hands out the ports that it serves."""

from pathlib import Path
from typing import Self

from vitne.adapters.sqlite.catalog import SqliteCatalog
from vitne.adapters.sqlite.checkpoints import SqliteCheckpoints
from vitne.adapters.sqlite.engine.database import BUSY_S, Database
from vitne.adapters.sqlite.erasure import SqliteErasure
from vitne.adapters.sqlite.index_log import SqliteIndexLog
from vitne.adapters.sqlite.records import SqliteRecords
from vitne.adapters.sqlite.state import SqliteState


class SqliteStores:
    """Records, checkpoints, segments and state over one file; a context manager that closes it.

    Args:
        path: of the file, made or migrated if need be.
        read_only: for sealing and fsck; the file is neither made nor migrated.
        busy_s: seconds that a write waits for another process (the command line beside a server).

    Raises:
        StorageError: it cannot be opened, or be written.
        ConfigurationError: it is absent (read-only), another program's, or of a newer version.
        IntegrityError: it is damaged.
    """

    def __init__(self, path: Path, *, read_only: bool = False, busy_s: float = BUSY_S) -> None:
        self.database = database = Database(path, read_only=read_only, busy_s=busy_s)
        self.records = SqliteRecords(database)
        self.checkpoints = SqliteCheckpoints(database)
        self.segments = SqliteCatalog(database)
        self.index_log = SqliteIndexLog(database)
        self.state = SqliteState(database)
        self.erasure = SqliteErasure(database)

    def close(self) -> None:
        """Close after the running transaction; every later call raises `StorageError`."""
        self.database.close()

    def __enter__(self) -> Self:
        """The stores themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
