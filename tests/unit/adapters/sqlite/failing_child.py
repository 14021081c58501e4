"""A database on a disk that is full, limited or read-only: run by test_sqlite_failures.py."""

import json
import os
import resource
import sys
from pathlib import Path

from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Origin
from vitne.errors import StorageError

ACME = LogId("acme")
MOST = 100_000


def append(stores: SqliteStores) -> int:
    """One transaction of 40 rows; the next index."""
    with stores.records.append() as tx:
        at = tx.tail(ACME).next_index
        rows = [
            Record(LeafIndex(i), i, os.urandom(900), i.to_bytes(16, "big"), b"k" * 16)
            for i in range(at, at + 40)
        ]
        tx.insert(ACME, rows, [b"d" * 16] * 40)
    return at + 40


def limit_files(most: int) -> None:
    """No file may grow beyond so many bytes; -1 for any. The write itself fails (EFBIG)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def fill(folder: Path, *, limited: bool) -> object:
    """Append until a transaction is refused, then make room and go on."""
    ballast = folder / "ballast"
    if limited:
        limit_files(2_000_000)
    else:
        ballast.write_bytes(bytes(1_000_000))
    stores = SqliteStores(folder / "vitne.db")
    stores.records.create_log(ACME, Origin("vitne.test/log/acme"), 1)
    acknowledged, error = 0, StorageError("nothing was refused")
    try:
        while acknowledged < MOST:
            acknowledged = append(stores)
    except StorageError as caught:
        error = caught
    after_failure = stores.records.log(ACME).next_index
    if limited:
        limit_files(-1)
    else:
        ballast.unlink()
    again = append(stores)
    stores.close()
    with SqliteStores(folder / "vitne.db") as reopened:
        stored = reopened.records.records(ACME, LeafIndex(0), LeafIndex(1 << 40))
    return {
        "acknowledged": acknowledged,
        "after_failure": after_failure,
        "again": again,
        "stored": len(stored),
        "in_order": [one.index for one in stored] == list(range(len(stored))),
        "code": error.code,
        "text": str(error),
        "hint": error.hint,
    }


def refused_opening(folder: Path) -> object:
    """Text and hint of what opening it is refused with."""
    try:
        SqliteStores(folder / "vitne.db").close()
    except StorageError as error:
        return [str(error), error.hint]
    return None


if __name__ == "__main__":
    folder, how = Path(sys.argv[1]), sys.argv[2]
    print(
        json.dumps(
            refused_opening(folder) if how == "open" else fill(folder, limited=how == "limited")
        )
    )
