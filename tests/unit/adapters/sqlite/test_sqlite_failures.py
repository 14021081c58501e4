"""A full, read-only, locked or damaged database: a clear error, and nothing is lost."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Origin
from vitne.errors import ConfigurationError, IntegrityError, StorageError

ACME = LogId("acme")

CHILD = Path(__file__).with_name("failing_child.py")


def _holds_what_was_acknowledged(told: dict[str, Any]) -> bool:
    return (
        told["acknowledged"] > 0
        and told["after_failure"] == told["acknowledged"]
        and told["again"] == told["stored"] == told["acknowledged"] + 40
        and told["in_order"]
    )


def test_a_full_disk_refuses_whole_transactions_until_there_is_room(on_small_disk: Any) -> None:
    """A real one of 4 MB; after the refusal some ballast is removed and intake goes on."""
    told = on_small_disk(CHILD, "full", size="4m")

    assert _holds_what_was_acknowledged(told)
    assert told["code"] == "storage"
    assert "full" in told["text"]
    assert "free some space" in told["hint"]


def test_a_limit_on_file_sizes_refuses_whole_transactions(in_child: Any) -> None:
    """The write itself fails (EFBIG) in the middle of a transaction."""
    told = in_child(CHILD, "limited")

    assert _holds_what_was_acknowledged(told)
    assert told["code"] == "storage"


def test_a_read_only_file_is_told_with_its_path(without_powers: Any, tmp_path: Path) -> None:
    SqliteStores(tmp_path / "vitne.db").close()
    (tmp_path / "vitne.db").chmod(0o400)

    text, hint = without_powers(CHILD, "open")

    assert "vitne.db" in text
    assert "this user may write" in hint


def test_a_file_that_turns_read_only_refuses_writes_and_serves_reads(tmp_path: Path) -> None:
    """As SQLite reports it: by a connection that may not write."""
    with SqliteStores(tmp_path / "vitne.db") as stores:
        stores.records.create_log(ACME, Origin("o"), 1)
        with stores.database.writing() as writer:
            writer.execute("PRAGMA query_only = ON")

        with pytest.raises(StorageError, match="cannot be written") as caught:
            stores.records.create_log(LogId("beta"), Origin("p"), 1)

        assert "read-only" in caught.value.hint
        assert [info.log for info in stores.records.logs()] == [ACME]


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened") as caught:
        SqliteStores(tmp_path / "none" / "vitne.db")

    assert "folder exists" in caught.value.hint


def test_a_store_held_by_another_process_is_told(tmp_path: Path) -> None:
    with SqliteStores(tmp_path / "vitne.db", busy_s=0.01) as stores:
        holder = sqlite3.connect(tmp_path / "vitne.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageError, match="another process"):
            stores.records.create_log(ACME, Origin("o"), 1)

        holder.execute("ROLLBACK")
        holder.close()
        stores.records.create_log(ACME, Origin("o"), 1)


def test_what_is_no_database_is_an_integrity_error(tmp_path: Path) -> None:
    (tmp_path / "vitne.db").write_bytes(b"no database at all. " * 1_000)

    with pytest.raises(IntegrityError, match="not a database") as caught:
        SqliteStores(tmp_path / "vitne.db")

    assert "backup" in caught.value.hint


def test_a_damaged_page_is_an_integrity_error(tmp_path: Path) -> None:
    path = tmp_path / "vitne.db"
    with SqliteStores(path) as stores:
        stores.records.create_log(ACME, Origin("o"), 1)
        rows = [
            Record(LeafIndex(i), i, os.urandom(900), os.urandom(16), b"k" * 16) for i in range(500)
        ]
        with stores.records.append() as tx:
            tx.insert(ACME, rows, [b"d" * 16] * 500)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 100_000)

    with SqliteStores(path) as stores, pytest.raises(IntegrityError, match="damaged"):
        stores.records.records(ACME, LeafIndex(0), LeafIndex(500))


def test_a_store_that_is_open_for_reading_refuses_every_write(tmp_path: Path) -> None:
    with SqliteStores(tmp_path / "vitne.db") as stores:
        stores.records.create_log(ACME, Origin("o"), 1)
    with SqliteStores(tmp_path / "vitne.db", read_only=True) as stores:
        assert [info.log for info in stores.records.logs()] == [ACME]

        with pytest.raises(StorageError, match="for reading only"), stores.records.append():
            pass
        with pytest.raises(StorageError, match="for reading only"):
            stores.records.forget(1, 1)


def test_nothing_is_made_by_opening_for_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no database") as caught:
        SqliteStores(tmp_path / "vitne.db", read_only=True)

    assert "vitne init" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    stores = SqliteStores(tmp_path / "vitne.db")
    stores.close()
    stores.close()

    with pytest.raises(StorageError, match="closed"):
        stores.records.logs()
    with pytest.raises(StorageError, match="closed"):
        stores.records.create_log(ACME, Origin("o"), 1)
