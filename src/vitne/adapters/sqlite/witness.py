"""What a witness remembers, in an SQLite file of its own (`vitne.ports.WitnessStore`)."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

from vitne.adapters.sqlite.engine.database import BUSY_S
from vitne.adapters.sqlite.engine.failures import storage_errors, transaction
from vitne.adapters.sqlite.engine.migrate import check_sqlite
from vitne.core.tree.witness import CosignedHead, Fork
from vitne.core.values import Hash, Origin
from vitne.errors import ConfigurationError
from vitne.ports import KeptFork

_APPLICATION_ID: Final = 0x56697477
"""`Vitw`, in the file's header: no other file is taken for ours, nor ours for a log's."""

_MOST_CERTAIN, _MOST_OTHERS = 100, 10

_SEEN = "SELECT size, root, note, time_s FROM seen WHERE origin = ?"
_PUT = "INSERT OR REPLACE INTO seen (origin, size, root, note, time_s) VALUES (?, ?, ?, ?, ?)"
_KEEP = (
    "INSERT OR IGNORE INTO fork (origin, at_s, kept, other, old_size, proof, certain)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
# The oldest of those that are certain, the newest of the others.
_BOUND_CERTAIN = (
    "DELETE FROM fork WHERE no IN (SELECT no FROM fork WHERE origin = ? AND certain = 1"
    " ORDER BY no LIMIT -1 OFFSET ?)"
)
_BOUND_OTHERS = (
    "DELETE FROM fork WHERE no IN (SELECT no FROM fork WHERE origin = ? AND certain = 0"
    " ORDER BY no DESC LIMIT -1 OFFSET ?)"
)
_FORKS = "SELECT origin, at_s, kept, other, old_size, proof, certain FROM fork ORDER BY origin, no"


class SqliteWitness:
    """One file, one connection; whoever calls takes turns.

    Args:
        path: of the file, made with mode 0600 if it is not there.

    Raises:
        StorageError: it cannot be opened or written.
        ConfigurationError: it is another program's, or a log's.
    """

    def __init__(self, path: Path) -> None:
        check_sqlite()
        self._where = where = str(path)
        self._connection_lock = threading.Lock()  # guards: _connection
        with storage_errors(where):
            with suppress(FileExistsError, FileNotFoundError, PermissionError):
                path.touch(mode=0o600, exist_ok=False)
            connection = sqlite3.connect(
                path, BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection, where)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    @contextmanager
    def writing(self) -> Iterator["SqliteWitness._Transaction"]:
        with self._connection_lock, storage_errors(self._where), transaction(self._connection):
            yield self._Transaction(self._connection)

    def seen(self, origin: Origin) -> CosignedHead | None:
        with self._connection_lock, storage_errors(self._where):
            return _seen(self._connection, origin)

    def forks(self) -> list[KeptFork]:
        with self._connection_lock, storage_errors(self._where):
            rows = self._connection.execute(_FORKS).fetchall()
        return [
            KeptFork(
                Origin(origin),
                at_s,
                Fork(kept, other, old, tuple(proof.split("\n")) if proof else (), bool(certain)),
            )
            for origin, at_s, kept, other, old, proof, certain in rows
        ]

    def close(self) -> None:
        """Close after the running transaction."""
        with self._connection_lock, storage_errors(self._where):
            self._connection.close()

    class _Transaction:
        """See `WitnessTransaction`."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def seen(self, origin: Origin) -> CosignedHead | None:
            return _seen(self._connection, origin)

        def put(self, origin: Origin, seen: CosignedHead) -> None:
            row = (origin, seen.size, seen.root, seen.note, seen.time_s)
            self._connection.execute(_PUT, row)

        def keep(self, fork: KeptFork) -> None:
            told = fork.fork
            proof = "\n".join(told.proof)
            row = (fork.origin, fork.at_s, told.kept, told.other, told.old_size, proof)
            self._connection.execute(_KEEP, (*row, told.certain))
            self._connection.execute(_BOUND_CERTAIN, (fork.origin, _MOST_CERTAIN))
            self._connection.execute(_BOUND_OTHERS, (fork.origin, _MOST_OTHERS))


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _APPLICATION_ID and (application or tables):
        raise ConfigurationError(
            "the file is another program's database",
            where=where,
            hint="a witness needs a file of its own; name another one",
        )
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.executescript(files(__package__).joinpath("witness.sql").read_text("utf-8"))


def _seen(connection: sqlite3.Connection, origin: Origin) -> CosignedHead | None:
    row = connection.execute(_SEEN, (origin,)).fetchone()
    return CosignedHead(row[0], Hash(row[1]), row[2], row[3]) if row else None
