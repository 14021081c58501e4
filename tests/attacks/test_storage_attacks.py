"""Someone changes what lies on the disk: start refuses, or fsck names the file and the index."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.errors import RollbackError
from vitne.services.check.findings import Damage
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, open_server

ACME = LogId("acme")
EVENTS = 300
VICTIM = 7
"""Index of the event that is attacked."""


def send(server: Server, first: int, last: int) -> None:
    body = json.dumps([sample_event(n) for n in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(timeout=30)


def grow(settings: Settings, first: int, last: int) -> None:
    """Serve, take these events, publish, stop."""
    with open_server(settings) as server:
        send(server, first, last)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one log of 305 published entries."""
    folder = tmp_path_factory.mktemp("attacks") / "v"
    with open_server(Settings(folder=str(folder), free_bytes_min=0), create=True) as server:
        server.writer.create(ACME)
        send(server, 1, EVENTS + 1)
    return folder


@pytest.fixture
def settings(pristine: Path, tmp_path: Path) -> Settings:
    """A copy of it, to be attacked."""
    shutil.copytree(pristine, tmp_path / "v")
    return Settings(folder=str(tmp_path / "v"), free_bytes_min=0)


@pytest.fixture
def database(settings: Settings) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(Path(settings.folder) / "vitne.db", isolation_level=None)
    yield connection
    connection.close()


def fsck(settings: Settings) -> list[Damage]:
    server = open_server(settings)
    try:
        return server.fsck.run().damages
    finally:
        server.close()


def flipped(data: bytes, at: int = -1) -> bytes:
    """The bytes with one bit of one byte changed."""
    place = at % len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_an_untouched_folder_is_clean(settings: Settings) -> None:
    assert fsck(settings) == []


@pytest.mark.parametrize(
    "column", ["core", "payload", "person", "core_record", "keyring", "entry", "event_id"]
)
def test_a_changed_byte_of_a_row_is_named(
    settings: Settings, database: sqlite3.Connection, column: str
) -> None:
    ((pos, value),) = database.execute(
        f"SELECT pos, {column} FROM record WHERE pos & 1099511627775 = ?",  # noqa: S608 - of the list above
        (VICTIM,),
    )
    changed: Any
    if isinstance(value, bytes):
        changed = flipped(value)
    else:
        changed = value.replace("usr_", "usr-") if "usr_" in value else value[:-1] + ' "x":1}'
        changed = changed if len(value) > 2 else '{"x":1}'
    database.execute(f"UPDATE record SET {column} = ? WHERE pos = ?", (changed, pos))  # noqa: S608

    damages = fsck(settings)

    assert damages
    assert {(damage.log, damage.index) for damage in damages if damage.index} >= {(ACME, VICTIM)}
    assert damages[0].where == "vitne.db"


@pytest.mark.parametrize("column", ["type", "actor", "outcome", "targets"])
def test_a_changed_column_that_hides_an_event_from_search_is_named(
    settings: Settings, database: sqlite3.Connection, column: str
) -> None:
    database.execute(
        f"UPDATE record SET {column} = 'x' WHERE pos & 1099511627775 = ?",  # noqa: S608 - of the list above
        (VICTIM,),
    )

    (damage,) = fsck(settings)

    assert (damage.where, damage.index) == ("vitne.db", VICTIM)


def test_a_dropped_row_is_named(settings: Settings, database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM record WHERE pos & 1099511627775 = ?", (VICTIM,))

    damages = fsck(settings)

    assert [(d.where, d.index, d.what) for d in damages if d.index is not None] == [
        ("vitne.db", VICTIM, "the record is missing")
    ]


def test_two_swapped_entries_are_named(settings: Settings, database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT pos, entry FROM record WHERE pos & 1099511627775 IN (?, ?) ORDER BY pos",
        (VICTIM, VICTIM + 1),
    ).fetchall()
    for (pos, _), (_, entry) in zip(rows, reversed(rows), strict=True):
        database.execute("UPDATE record SET entry = ? WHERE pos = ?", (entry, pos))

    damages = fsck(settings)

    assert {VICTIM, VICTIM + 1} <= {damage.index for damage in damages}


def flip_file(path: Path) -> None:
    path.write_bytes(flipped(path.read_bytes(), 40))


def flip_packed(path: Path) -> None:
    path.write_bytes(gzip.compress(flipped(gzip.decompress(path.read_bytes()), 40), mtime=0))


@pytest.mark.parametrize(
    ("key", "spoil", "index"),
    [
        ("log/acme/tile/0/000", flip_file, 1),
        ("log/acme/tile/0/001.p/49", flip_file, 257),
        ("log/acme/tile/1/000.p/1", lambda path: path.write_bytes(bytes(32)), 0),
        ("log/acme/tile/entries/000.gz", flip_file, 0),
        ("log/acme/tile/entries/000.gz", flip_packed, 0),
        ("log/acme/tile/entries/001.p/49", flip_file, 256),
        ("log/acme/tile/0/000", Path.unlink, 0),
        ("log/acme/tile/entries/001.p/49", Path.unlink, 256),
    ],
)
def test_a_changed_or_missing_tile_is_named(
    settings: Settings, key: str, spoil: Callable[[Path], None], index: int
) -> None:
    spoil(Path(settings.folder) / "objects" / key)

    damages = fsck(settings)

    assert (key.removesuffix(".gz"), index) in {(d.where, d.index) for d in damages}


@pytest.mark.parametrize("at", [3, 22, 40, -20])
def test_a_changed_byte_of_the_checkpoint_is_named_and_stops_the_log(
    settings: Settings, at: int
) -> None:
    path = Path(settings.folder) / "objects/log/acme/checkpoint"
    path.write_bytes(flipped(path.read_bytes(), at))

    damages = fsck(settings)

    assert [damage.where for damage in damages] == ["log/acme/checkpoint"]
    server = open_server(settings)
    recovery = server.start()
    server.close()
    assert recovery is not None
    assert list(recovery.halted) == [ACME]


def test_a_changed_head_is_named(settings: Settings, database: sqlite3.Connection) -> None:
    database.execute("UPDATE head SET root = zeroblob(32)")

    assert any("another root" in damage.what for damage in fsck(settings))


def test_damages_beyond_a_hundred_are_counted(
    settings: Settings, database: sqlite3.Connection
) -> None:
    database.execute("UPDATE record SET person = '{}' WHERE event_id IS NOT NULL")
    server = open_server(settings)

    report = server.fsck.run()
    server.close()

    assert (len(report.damages), report.damage_count) == (100, EVENTS)


# ---------------------------------------------------------------- rollback


def refusal(settings: Settings) -> RollbackError:
    server = open_server(settings)
    try:
        with pytest.raises(RollbackError) as refused:
            server.start()
    finally:
        server.close()
    return refused.value


def copy_database(folder: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    for path in folder.glob("vitne.db*"):
        shutil.copy(path, into)


def test_an_old_database_put_back_is_refused(settings: Settings, tmp_path: Path) -> None:
    folder = Path(settings.folder)
    copy_database(folder, tmp_path / "backup")
    grow(settings, 1_000, 1_010)
    for path in folder.glob("vitne.db*"):
        path.unlink()

    copy_database(tmp_path / "backup", folder)

    refused = refusal(settings)
    assert (refused.code, refused.where) == ("rollback", "log/acme/checkpoint")
    assert "backup" in refused.hint


def test_an_old_database_changes_nothing_on_disk(settings: Settings, tmp_path: Path) -> None:
    folder = Path(settings.folder)
    copy_database(folder, tmp_path / "backup")
    grow(settings, 1_000, 1_010)
    for path in folder.glob("vitne.db*"):
        path.unlink()
    copy_database(tmp_path / "backup", folder)
    before = {
        path: path.read_bytes() for path in folder.rglob("objects/log/**/*") if path.is_file()
    }

    refusal(settings)

    assert {path: path.read_bytes() for path in before} == before


def test_a_new_database_in_the_place_of_the_old_one_is_refused(settings: Settings) -> None:
    for path in Path(settings.folder).glob("vitne.db*"):
        path.unlink()

    assert refusal(settings).where == "acme"


def test_a_log_cut_below_its_signed_size_is_refused(
    settings: Settings, database: sqlite3.Connection
) -> None:
    database.execute("UPDATE log SET next_index = 10")

    assert "305" in refusal(settings).message


def test_a_forked_head_of_the_same_size_is_not_published_further(
    settings: Settings, database: sqlite3.Connection
) -> None:
    database.execute("UPDATE head SET root = zeroblob(32)")
    server = open_server(settings)

    recovery = server.start()
    send(server, 2_000, 2_001)
    report = server.publish.rounds.run_once()
    server.close()

    assert recovery is not None
    assert "two roots" in recovery.halted[ACME]
    assert report.grown == ()
