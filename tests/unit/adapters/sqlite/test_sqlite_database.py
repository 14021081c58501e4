"""How the SQLite file is opened, migrated, and asked."""

import re
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from vitne.adapters import sqlite as sqlite_adapter
from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.migrate import (
    APPLICATION_ID,
    check_sqlite,
    migrate_schema,
    migrations,
    split_statements,
)
from vitne.adapters.sqlite.engine.queries import QUERIES, filtered_query, query, repeated_query
from vitne.adapters.sqlite.rows import STATEMENT_ROWS, statement_sizes
from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.types import LogId, Origin
from vitne.errors import ConfigurationError, IntegrityError, StorageError

PACKAGE = Path(sqlite_adapter.__file__).parent


def _schema(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: re.sub(r"--[^\n]*|\s+", " ", sql).strip() for name, sql in rows}


def _blank() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def test_the_migrations_end_in_the_schema() -> None:
    migrated, drawn = _blank(), _blank()
    migrate_schema(migrated, "memory")
    drawn.executescript((PACKAGE / "engine" / "schema.sql").read_text("utf-8"))

    assert _schema(migrated) == _schema(drawn)
    assert migrated.execute("PRAGMA user_version").fetchone() == (len(migrations()),)
    assert migrated.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_migrations_are_numbered_without_a_hole() -> None:
    found = sorted(p.name for p in (PACKAGE / "engine" / "migrations").glob("*.sql"))

    assert [name[:4] for name in found] == [f"{n:04}" for n in range(1, len(found) + 1)]


def test_an_old_database_gets_only_what_it_lacks() -> None:
    connection = _blank()
    migrate_schema(connection, "memory", ["CREATE TABLE a (x);"])
    migrate_schema(
        connection, "memory", ["CREATE TABLE a (x);", "CREATE TABLE b (x);\nDROP TABLE a;\n"]
    )

    assert set(_schema(connection)) == {"b"}
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_failing_migration_changes_nothing() -> None:
    connection = _blank()

    with pytest.raises(sqlite3.OperationalError):
        migrate_schema(connection, "memory", ["CREATE TABLE a (x);\nCREATE TABLE a (x);\n"])

    assert _schema(connection) == {}
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)


def test_statements_are_cut_where_they_end() -> None:
    first = "-- a; comment\nCREATE TABLE a (x DEFAULT ';');\n"
    second = "INSERT INTO a\nVALUES ('b;c');\n"

    assert list(split_statements(first + second)) == [first, second]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    SqliteStores(tmp_path / "vitne.db").close()
    connection = sqlite3.connect(tmp_path / "vitne.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()

    for read_only in (False, True):
        with pytest.raises(ConfigurationError, match="version 999") as caught:
            SqliteStores(tmp_path / "vitne.db", read_only=read_only)
        assert "newer version" in caught.value.hint


def test_a_database_of_an_older_version_is_not_read_before_it_is_migrated(tmp_path: Path) -> None:
    SqliteStores(tmp_path / "vitne.db").close()
    connection = sqlite3.connect(tmp_path / "vitne.db")
    connection.execute("PRAGMA user_version = 0")
    connection.close()

    with pytest.raises(ConfigurationError, match="version 0") as caught:
        SqliteStores(tmp_path / "vitne.db", read_only=True)

    assert "start the server once" in caught.value.hint


def test_an_sqlite_that_is_too_old_is_told_before_it_fails() -> None:
    check_sqlite()

    with pytest.raises(ConfigurationError, match=r"SQLite 3\.37\.2") as caught:
        check_sqlite((3, 37, 2))

    assert "newer Python" in caught.value.hint


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "vitne.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()

    with pytest.raises(ConfigurationError, match="another program"):
        SqliteStores(tmp_path / "vitne.db")

    connection = sqlite3.connect(tmp_path / "vitne.db")
    assert set(_schema(connection)) == {"theirs"}
    connection.close()


def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    with SqliteStores(tmp_path / "vitne.db") as stores:
        stores.records.create_log(LogId("acme"), Origin("o"), 1)

        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == dict.fromkeys(["vitne.db", "vitne.db-wal", "vitne.db-shm"], 0o600)


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """The settings on which every promise of durability rests."""
    database = Database(tmp_path / "vitne.db")
    with database.writing() as writer:
        told = {
            name: writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    database.close()

    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_the_log_is_folded_into_the_database_beside_the_writer(tmp_path: Path) -> None:
    """Long before the writer folds it, and though its connection stays open."""
    path = tmp_path / "vitne.db"
    database = Database(path)
    long_logs: list[None] = []
    database.on_long_log = lambda: long_logs.append(None)
    with database.writing() as writer:
        writer.execute("CREATE TABLE of_this_test (text)")
    while not long_logs:
        with database.writing() as writer:
            rows = [("a row that was committed",)] * 100
            writer.executemany("INSERT INTO of_this_test VALUES (?)", rows)
            committed = writer.execute("SELECT count(*) FROM of_this_test").fetchone()[0]
    assert b"a row that was committed" not in path.read_bytes()

    database.fold_beside()

    assert b"a row that was committed" in path.read_bytes()
    with database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM of_this_test").fetchone()[0] == committed
    database.close()
    assert not (tmp_path / "vitne.db-wal").exists()


def test_a_log_that_cannot_be_folded_is_an_error_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "vitne.db"
    database = Database(path)
    database.close()
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(IntegrityError):
        database.fold_beside()


def test_a_database_that_was_moved_away_is_not_made_anew_by_folding(tmp_path: Path) -> None:
    database = Database(tmp_path / "vitne.db")
    database.close()
    (tmp_path / "vitne.db").unlink()

    with pytest.raises(StorageError, match="CANTOPEN"):
        database.fold_beside()

    assert list(tmp_path.iterdir()) == []


def test_others_write_while_the_log_waits_to_be_emptied(tmp_path: Path) -> None:
    """A reader held it, and for minutes nobody could write."""
    database = Database(tmp_path / "vitne.db")
    with database.writing() as writer:
        writer.execute("CREATE TABLE of_this_test (number)")
    written = 0
    with database.reading() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM of_this_test").fetchall()
        with database.writing() as writer:
            writer.execute("INSERT INTO of_this_test VALUES (0)")
        folding = threading.Thread(target=database.fold)
        folding.start()
        while written < 5:
            with database.writing() as writer:
                writer.execute("INSERT INTO of_this_test VALUES (1)")
            written += folding.is_alive()
        reader.execute("COMMIT")
    folding.join()

    assert (tmp_path / "vitne.db-wal").stat().st_size == 0
    database.close()


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_statement_is_one_that_sqlite_takes_and_the_code_uses(name: str) -> None:
    connection = _blank()
    migrate_schema(connection, "memory")
    text = query(name)
    if "/*rows*/" in text:
        text = repeated_query(name, 3)
    sql = filtered_query(name, "1") if "/*where*/" in text else text
    holes = len(set(re.findall(r"\?(\d)", sql))) or sql.count("?")

    connection.execute(f"EXPLAIN {sql}", [None] * holes)

    code = "".join(p.read_text("utf-8") for p in PACKAGE.rglob("*.py"))
    assert f'"{name}"' in code or name.startswith("facet_")


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("unpublished", "log_unpublished"),
        ("forgettable", "seen_by_age"),
        ("forget", "PRIMARY KEY (log_no=? AND event_id=?)"),
        ("forget_digest", "PRIMARY KEY (log_no=? AND event_id=?)"),
        ("kept_aside", "aside_by_digest"),
        ("seen", "PRIMARY KEY (log_no=? AND event_id=?)"),
        ("find_seen", "PRIMARY KEY (log_no=? AND event_id=?)"),
        ("entries", "PRIMARY KEY"),
        ("lowest", "PRIMARY KEY"),
        ("drop", "PRIMARY KEY"),
        ("scan", "PRIMARY KEY"),
    ],
)
def test_statements_of_every_second_go_by_an_index(name: str, index: str) -> None:
    """None of them may come to read a whole table when the store grows.

    Forgetting did: it went by the primary key, but by the log alone, and so read every id of it.
    """
    connection = _blank()
    migrate_schema(connection, "memory")
    text = query(name)
    sql = repeated_query(name, 2) if "/*rows*/" in text else filtered_query(name, "1")
    holes = len(set(re.findall(r"\?(\d)", sql))) or sql.count("?")

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * holes)]

    assert any(index in step for step in plan), plan
    tables = [step for step in plan if re.match(r"SCAN (log|record|seen|aside)\b", step)]
    assert [step for step in tables if "INDEX" not in step] == []


@pytest.mark.parametrize("total", [0, 1, 3, 64, 65, 1_000, 1_024, 2_047, 5_000])
def test_rows_are_cut_into_few_sizes_that_follow_each_other(total: int) -> None:
    cuts = list(statement_sizes(total))

    assert [at for first, last in cuts for at in range(first, last)] == list(range(total))
    assert {last - first for first, last in cuts} <= set(STATEMENT_ROWS)
