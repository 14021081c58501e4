"""Appends without end, and says what is durable: run by test_store_crash.py, which kills it.

Each transaction writes the same number of rows to two logs, a stream state and a counter, so a
half-stored one would show. A line is printed only after its transaction is committed.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex, LogId, Origin, TreeSize
from vitne.ports import Head, StreamState, Swap

LOGS = (LogId("acme"), LogId("beta"))


def record(log: str, index: int) -> Record:
    """What stands at an index: told by log and index alone."""
    seed = hashlib.sha256(f"{log}/{index}".encode()).digest()
    return Record(
        index=LeafIndex(index),
        recorded_us=index + 1,
        entry=seed * (1 + index % 9),
        event_id=seed[:16],
        keyring=seed[16:],
        parts=Parts(core=b'{"id":"%s"}' % seed.hex().encode(), payload=b"x" * (index % 4_000)),
        facets=Facets(occurred_us=index),
    )


def append(stores: SqliteStores, count: int) -> int:
    """One transaction over both logs; their next index."""
    with stores.records.append() as tx:
        first = tx.tail(LOGS[0]).next_index
        for log in LOGS:
            rows = [record(log, index) for index in range(first, first + count)]
            tx.insert(log, rows, [row.keyring for row in rows])
            tx.save_streams(log, [StreamState(b"s" * 16, "a/b", "s", "server", first + count)])
            tx.add_counts(log, {("a/b", "t", "rejected"): count})
    return first + count


def publish(stores: SqliteStores, size: int) -> None:
    """Swap both heads in one transaction."""
    new = Head(TreeSize(size), Hash(size.to_bytes(32, "big")), f"note {size}")
    stores.checkpoints.swap([Swap(log, stores.checkpoints.head(log), new) for log in LOGS])


def batch(number: int) -> dict[str, bytes]:
    """The objects of one batch: told by its number alone."""
    return {
        f"log/{number % 5}/{number}/{name}": f"{number}/{name}".encode() * 500 for name in range(4)
    }


def append_for_ever(folder: Path) -> Iterator[str]:
    """Lines that tell what is durable."""
    stores = SqliteStores(folder / "vitne.db")
    for log in LOGS:
        stores.records.create_log(log, Origin(f"vitne.test/log/{log}"), 1)
    count = 1
    while True:
        size = append(stores, count)
        yield f"appended {size}"
        if count % 3 == 0:
            publish(stores, size)
            yield f"published {size}"
        count = count * 7 % 193


def put_for_ever(folder: Path) -> Iterator[str]:
    """Lines that tell which batch is durable."""
    objects = FolderObjects(folder / "objects")
    number = sum(1 for _ in objects.keys("")) // 4
    while True:
        objects.put(batch(number))
        objects.replace({"checkpoint": f"{number}\n".encode() * 1_000})
        yield f"put {number}"
        number += 1


if __name__ == "__main__":
    work = {"append": append_for_ever, "put": put_for_ever}[sys.argv[1]]
    for line in work(Path(sys.argv[2])):
        print(line, flush=True)  # the pipe to the test
