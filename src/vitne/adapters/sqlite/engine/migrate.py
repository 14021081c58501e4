"""Brings a database to the newest version: numbered files, forward only, one transaction each."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

from vitne.adapters.sqlite.engine.failures import transaction
from vitne.errors import ConfigurationError

APPLICATION_ID = 0x5669746E
"""`Vitn`, in the file's header: another program's database is never taken for ours."""


OLDEST_SQLITE = (3, 38, 0)
"""The first with both STRICT tables and JSON built in (February 2022)."""


def check_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Refuse an SQLite library that is too old, before it fails on some statement.

    Raises:
        ConfigurationError: naming the version that is needed.
    """
    if version < OLDEST_SQLITE:
        raise ConfigurationError(
            f"Python brings SQLite {'.'.join(map(str, version))}, "
            f"this program needs {'.'.join(map(str, OLDEST_SQLITE))}",
            hint="use a newer Python, or one that is linked with a newer SQLite",
        )


def migrations() -> list[str]:
    """The text of every migration, oldest first; version n is reached by the first n."""
    folder = files(__package__).joinpath("migrations")
    found = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".sql")), key=lambda i: i.name
    )
    return [item.read_text("utf-8") for item in found]


def split_statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one (`executescript` would commit in between)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def migrate_schema(
    connection: sqlite3.Connection, where: str, versions: list[str] | None = None
) -> None:
    """Run the migrations that the file lacks.

    Raises:
        ConfigurationError: the file is another program's, or of a newer version.
    """
    scripts = migrations() if versions is None else versions
    while _version(connection, where, len(scripts)) < len(scripts):
        with transaction(connection):
            # Another process may have been faster: look again, now that no other can write.
            version = _version(connection, where, len(scripts))
            if version < len(scripts):
                for statement in split_statements(scripts[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def check_version(connection: sqlite3.Connection, where: str) -> None:
    """Refuse a file that is not at the newest version; readers cannot migrate it.

    Raises:
        ConfigurationError: it is older, newer, or another program's.
    """
    newest = len(migrations())
    version = _version(connection, where, newest)
    if version < newest:
        raise ConfigurationError(
            f"the database is of version {version}, this program needs {newest}",
            where=where,
            hint="start the server once, it brings the database to the newest version",
        )


def _version(connection: sqlite3.Connection, where: str, newest: int) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (version or tables):
        raise ConfigurationError("the file is another program's database", where=where)
    if version > newest:
        raise ConfigurationError(
            f"the database is of version {version}, this program knows {newest}",
            where=where,
            hint="use the newer version of Vitne that wrote it last",
        )
    return int(version)
