"""The suite that every adapter passes whole: what is opened, and records to put in.

A new adapter joins by one line in `STORES`, `OBJECTS` or `VAULTS`. Nothing in the suite knows
which one it is testing.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import pytest

from vitne.adapters.archive.archive import ParquetArchive
from vitne.adapters.clock import SystemIds
from vitne.adapters.keys.vault import FolderVault
from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.entry.control import ConfigEntry
from vitne.core.entry.entry import EventEntry, encode_entry
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex, LogId, Origin
from vitne.ports import (
    Archive,
    CheckpointStore,
    IndexLogStore,
    KeyVault,
    ObjectStore,
    RecordStore,
    Searchable,
    Seen,
    Segment,
    SegmentCatalog,
    StateStore,
)

ACME, BETA = LogId("acme"), LogId("beta")


class Stores(Protocol):
    """The ports of one store."""

    records: RecordStore
    checkpoints: CheckpointStore
    segments: SegmentCatalog
    index_log: IndexLogStore
    state: StateStore

    def close(self) -> None:
        """Let go of the store."""


Opener = Callable[[], Stores]
"""Opens the same store once more: after a close, or beside one that is open (as another process
would)."""


def _sqlite(folder: Path) -> Opener:
    return lambda: SqliteStores(folder / "vitne.db")


STORES: dict[str, Callable[[Path], Opener]] = {"sqlite": _sqlite}
OBJECTS: dict[str, Callable[[Path], Callable[[], ObjectStore]]] = {
    "folder": lambda folder: lambda: FolderObjects(folder / "objects"),
}
VAULTS: dict[str, Callable[[Path], Callable[[], KeyVault]]] = {
    "folder": lambda folder: lambda: FolderVault(folder / "keys", SystemIds(), create=True),
}


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the one store of this test."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def stores(opener: Opener) -> Iterator[Stores]:
    """An open store with two empty logs, acme and beta."""
    opened = opener()
    opened.records.create_log(ACME, Origin("vitne.test/log/acme"), 5)
    opened.records.create_log(BETA, Origin("vitne.test/log/beta"), 6)
    yield opened
    opened.close()


@pytest.fixture
def records(stores: Stores) -> RecordStore:
    """The record store of `stores`."""
    return stores.records


@pytest.fixture
def other(opener: Opener, stores: Stores) -> Iterator[Stores]:
    """The same store as `stores`, opened a second time, as another process would."""
    assert stores.records.logs()
    opened = opener()
    yield opened
    opened.close()


@pytest.fixture(params=OBJECTS)
def open_objects(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], ObjectStore]:
    """Opens the one object store of this test."""
    return OBJECTS[request.param](tmp_path)


@pytest.fixture
def objects(open_objects: Callable[[], ObjectStore]) -> ObjectStore:
    """An empty object store."""
    return open_objects()


@pytest.fixture(params=VAULTS)
def open_vault(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeyVault]:
    """Opens the one vault of this test."""
    return VAULTS[request.param](tmp_path)


@pytest.fixture
def vault(open_vault: Callable[[], KeyVault]) -> KeyVault:
    """A vault without index secrets."""
    return open_vault()


# ---------------------------------------------------------------- searchables

Filler = Callable[[list[Record]], Searchable]
"""Puts records into the log acme of a new store, and gives what finds them."""


def _hot(opener: Opener) -> Iterator[Filler]:
    stores = opener()

    def fill(records: list[Record]) -> Searchable:
        stores.records.create_log(ACME, Origin("vitne.test/log/acme"), 5)
        Make.insert(stores.records, ACME, records)
        return stores.records

    yield fill
    stores.close()


class Sealing(NamedTuple):
    """An archive, its catalog, and the entries that count as published."""

    archive: Archive
    catalog: SegmentCatalog
    published: list[bytes]

    def seal(self, records: list[Record]) -> Segment:
        """Publish records, write them as one segment, and list it."""
        self.published[records[0].index :] = [record.entry for record in records]
        segment = self.archive.write(ACME, records)
        self.catalog.add(ACME, segment)
        self.archive.refresh(ACME)
        return segment


def _parquet_archive(folder: Path) -> Iterator[Sealing]:
    """Parquet files in a folder; the entries come from the published bundles, here from a list."""
    published, root = list[bytes](), folder / "objects"
    with SqliteStores(folder / "vitne.db") as stores:
        stores.records.create_log(ACME, Origin("vitne.test/log/acme"), 5)
        catalog, objects = stores.segments, FolderObjects(root)
        archive = ParquetArchive(
            root, objects, catalog, lambda _log, low, high: published[low:high]
        )
        yield Sealing(archive, catalog, published)
        archive.close()
        objects.close()


ARCHIVES: dict[str, Callable[[Path], Iterator[Sealing]]] = {"parquet archive": _parquet_archive}


@pytest.fixture(params=ARCHIVES)
def sealing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sealing]:
    """An archive without segments."""
    yield from ARCHIVES[request.param](tmp_path)


def _sealed(sealings: Iterator[Sealing]) -> Iterator[Filler]:
    """In two segments, so that a range may span both."""
    for sealing in sealings:

        def fill(records: list[Record], sealing: Sealing = sealing) -> Searchable:
            sealing.published.extend(record.entry for record in records)
            middle = len(records) // 2
            for part in (records[:middle], records[middle:]):
                if part:
                    sealing.catalog.add(ACME, sealing.archive.write(ACME, part))
            sealing.archive.refresh(ACME)
            return sealing.archive

        yield fill


SEARCHABLES: dict[str, Callable[[Path], Iterator[Filler]]] = {
    **{name: lambda folder, make=make: _hot(make(folder)) for name, make in STORES.items()},
    **{name: lambda folder, make=make: _sealed(make(folder)) for name, make in ARCHIVES.items()},
}


@pytest.fixture(params=SEARCHABLES)
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Filler]:
    """Fills a hot store, or an archive."""
    yield from SEARCHABLES[request.param](tmp_path)


# ---------------------------------------------------------------- records


def event_id(number: int, version: int = 7, id_ms: int = 0) -> bytes:
    """A UUID of that version, of that time if it is one that bears a time."""
    return id_ms.to_bytes(6, "big") + bytes([version << 4, 0, 0x80]) + number.to_bytes(7, "big")


def event(
    index: int, *, version: int = 7, id_ms: int = 0, at_us: int | None = None, **core: Any
) -> Record:
    """A record of an event, its facets derived from `core` as intake does."""
    shown = dict.fromkeys(f"{t['type']}/{t['id']}\n" for t in core.get("targets", ()))
    targets = "".join(shown)
    core.setdefault("type", "crm.customer.viewed")
    core.setdefault("actor", {"id": f"usr_{index % 3}"})
    occurred_us = index * 10 if at_us is None else at_us
    entry = EventEntry(
        recorded_us=1_000_000 + index,
        occurred_us=occurred_us,
        stream_id=b"s" * 16,
        stream_seq=index + 1,
        key_epoch=1,
        keys=(b"\x05" + index.to_bytes(16, "big"),),
        body_root=Hash(index.to_bytes(32, "big")),
    )
    return Record(
        index=LeafIndex(index),
        recorded_us=1_000_000 + index,
        entry=encode_entry(entry),
        event_id=event_id(index + 1, version, id_ms),
        keyring=index.to_bytes(16, "big"),
        parts=Parts(core=msgspec.json.encode(core), core_record=b'{"status":"accepted"}'),
        facets=Facets(
            occurred_us=occurred_us,
            type=core["type"],
            actor=core["actor"]["id"],
            outcome=core.get("outcome", {}).get("result", ""),
            targets=f"\n{targets}" if targets else "",
        ),
    )


def control(index: int) -> Record:
    """A record of a control entry."""
    at_us = 1_000_000 + index
    entry = ConfigEntry(recorded_us=at_us, what="reason", value={"index": index})
    return Record(LeafIndex(index), at_us, encode_entry(entry))


def digest_of(record: Record) -> bytes:
    """Some 16 bytes for an event, none for a control entry."""
    return record.keyring[::-1] if record.event_id else b""


class Make:
    """What tests build records with, and put them in by."""

    event = staticmethod(event)
    control = staticmethod(control)
    event_id = staticmethod(event_id)
    digest_of = staticmethod(digest_of)

    @staticmethod
    def events(first: int, count: int) -> list[Record]:
        """Plain events at consecutive indices."""
        return [event(index) for index in range(first, first + count)]

    @staticmethod
    def seen(store: RecordStore, log: LogId, event_id: bytes) -> Seen | None:
        """What a log remembers of an event id."""
        with store.append() as transaction:
            return transaction.seen(log, [event_id]).get(event_id)

    @staticmethod
    def insert(store: RecordStore, log: LogId, records: list[Record]) -> None:
        """Append records in one transaction."""
        with store.append() as transaction:
            transaction.insert(log, records, [digest_of(record) for record in records])


@pytest.fixture
def make() -> type[Make]:
    """Builders of records."""
    return Make


@pytest.fixture
def threads() -> Callable[..., None]:
    """Runs functions at the same time, and raises what one of them raised."""

    def run(*functions: Callable[[], None]) -> None:
        with ThreadPoolExecutor(len(functions)) as pool:
            for done in [pool.submit(function) for function in functions]:
                done.result()

    return run
