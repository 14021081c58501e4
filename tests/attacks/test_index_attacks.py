"""Someone changes the index of a log, or its operator lies in it: fsck names file and entry."""

import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from vitne.cli.base.app import run
from vitne.core.index.gap import gap_leaves, run_root
from vitne.core.index.index_record import parse_record
from vitne.core.values.types import LogId
from vitne.errors import IntegrityError, RollbackError
from vitne.services.check.findings import Damage, Stores
from vitne.services.check.fsck import Fsck
from vitne.services.log.keys import index_log_id
from vitne.services.seal.worker import Sealed
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, folder_adapters, open_server

ACME = LogId("acme")
FULL = 64


def _send(server: Server, first: int, last: int) -> None:
    body = json.dumps([sample_event(n) for n in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(timeout=30)
    while server.publish.rounds.run_once().more:
        pass


def _settings(folder: Path) -> Settings:
    return Settings(folder=str(folder), free_bytes_min=0, seal_entries=FULL, seal_process=False)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one log of three sealed segments and some hot rows."""
    folder = tmp_path_factory.mktemp("index") / "v"
    with open_server(_settings(folder), create=True, serving=False) as server:
        server.writer.create(ACME)
        _send(server, 1, 200)
        server.seal.segments.run_once()
        while server.publish.rounds.run_once().more:
            pass
        assert server.fsck.run().clean
    return folder


@pytest.fixture
def settings(pristine: Path, tmp_path: Path) -> Settings:
    """A copy of it, to be attacked."""
    shutil.copytree(pristine, tmp_path / "v")
    return _settings(tmp_path / "v")


def damages(settings: Settings) -> list[Damage]:
    with open_server(settings, serving=False) as server:
        return server.fsck.run().damages


def _objects(settings: Settings) -> Path:
    return Path(settings.folder) / "objects"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


class _Growing:
    """The records of index logs; the server seals and publishes while they are read."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._own = server.adapters.index_log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def records(self, log: LogId, start: int, end: int) -> list[bytes]:
        found = self._own.records(log, start, end)
        assert self._server.seal.segments.seal_now(log) is not None
        return found


def test_an_index_head_that_is_published_meanwhile_is_no_damage(settings: Settings) -> None:
    with open_server(settings, serving=False) as server:
        ports = dataclasses.replace(server.adapters, index_log=_Growing(server))
        before = server.adapters.heads.head(index_log_id(ACME))

        report = Fsck(Stores(ports, server.logs, "vitne.db")).run(ACME)

        assert server.adapters.heads.head(index_log_id(ACME)) != before
    assert report.damages == []


@pytest.mark.parametrize("spoil", [flip, Path.unlink])
@pytest.mark.parametrize(
    ("file", "where", "index"),
    [
        ("segments/acme/64-128.idx", "segments/acme/64-128.idx", 64),
        ("segments/acme/64-128.parquet", "segments/acme/64-128.parquet", 64),
        ("log/acme/index/tile/0/000.p/3", "log/acme/index/tile/0/000.p/3", 0),
        ("log/acme/index/tile/entries/000.p/3", "log/acme/index/tile/entries/000.p/3", 0),
        ("log/acme/index/checkpoint", "log/acme/index/checkpoint", None),
    ],
)
def test_a_changed_or_missing_file_of_the_index_is_named(
    settings: Settings, spoil: Callable[[Path], None], file: str, where: str, index: int | None
) -> None:
    spoil(_objects(settings) / file)

    named = [found.index for found in damages(settings) if found.where == where]

    assert named
    assert index is None or index in named or where.startswith("log/")


@pytest.mark.parametrize("at", range(0, 2000, 97))
def test_no_changed_byte_of_an_index_file_changes_an_answer(settings: Settings, at: int) -> None:
    """It is told as damage when it is opened, never used."""
    path = _objects(settings) / "segments/acme/0-64.idx"
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x10
    path.write_bytes(bytes(data))

    with open_server(settings, serving=False) as server:
        segment = server.adapters.segments.segments(ACME)[0]
        with pytest.raises(IntegrityError):
            server.adapters.archive.gaps(ACME, segment, [b"\x01" + bytes(16)])


def test_a_damaged_index_file_is_made_anew(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _objects(settings) / "segments/acme/64-128.idx"
    genuine = path.read_bytes()
    flip(path)

    assert run(["fsck", "--folder", settings.folder, "--rebuild"]) == 0
    assert "segments/acme/64-128.idx" in capsys.readouterr().out

    assert path.read_bytes() == genuine
    assert damages(settings) == []


def test_a_record_changed_in_the_database_is_named(settings: Settings) -> None:
    database = sqlite3.connect(Path(settings.folder) / "vitne.db")
    (data,) = database.execute("SELECT record FROM index_record WHERE position = 1").fetchone()
    database.execute(
        "UPDATE index_record SET record = ? WHERE position = 1",
        (data.replace(b"\n0 64 128\n", b"\n0 64 127\n"),),
    )
    database.commit()
    database.close()

    assert any("index log" in found.what or "tile" in found.what for found in damages(settings))
    assert any(found.index == 64 for found in damages(settings))


class Lying:
    """The operator's own sealing, which leaves one posting out of what it signs."""

    def __init__(self, hide: Callable[[list[bytes], int], list[bytes]]) -> None:
        self._hide = hide
        self.entries: list[bytes] = []

    def around(self, runner: Any) -> Any:
        """This, around the operator's own."""
        self._runner = runner
        return self

    def run(self, job: Any) -> Sealed:
        """The genuine files, and a record that hides something."""
        sealed: Sealed = self._runner.run(job)
        leaves = self._hide(self.entries[job.start : job.end], job.start)
        record = replace(
            parse_record(sealed.run.record), gap_count=len(leaves), run_root=run_root(leaves)
        )
        segment = replace(sealed.run.segment, gap_count=record.gap_count, run_root=record.run_root)
        return replace(sealed, run=replace(sealed.run, segment=segment, record=record.encode()))

    def __getattr__(self, name: str) -> Any:
        """The runner's own."""
        return getattr(self._runner, name)


def _omit_posting(entries: list[bytes], start: int) -> list[bytes]:
    """The last event lies outside its actor's list: its first key is another's."""
    at = max(n for n, entry in enumerate(entries) if entry[4] == 1)
    changed = entries[at][:51] + bytes(16) + entries[at][67:]
    return gap_leaves(start, [*entries[:at], changed, *entries[at + 1 :]])


def _skip_key(entries: list[bytes], start: int) -> list[bytes]:
    """One gap leaf is gone, and the one before it reaches over."""
    leaves = gap_leaves(start, entries)
    joined = leaves[5][:25] + leaves[6][25:42] + leaves[5][42:]
    return [*leaves[:5], joined, *leaves[7:]]


@pytest.mark.parametrize("hide", [_omit_posting, _skip_key])
def test_a_run_that_hides_an_entry_is_named(
    settings: Settings, hide: Callable[[list[bytes], int], list[bytes]]
) -> None:
    """Signed and published by the operator all the same: the entries contradict it."""
    lying = Lying(hide)
    adapters = folder_adapters(settings, serving=False)
    with Server(adapters, settings, serving=False, around_jobs=lying.around) as server:
        _send(server, 300, 380)
        lying.entries = server.publish.files(ACME).entries(
            0, server.adapters.store.log(ACME).head_size
        )  # type: ignore[arg-type]  # indices
        server.seal.segments.seal_now(ACME)
        while server.publish.rounds.run_once().more:
            pass

    found = [one for one in damages(settings) if "run_root" in one.what]

    assert [(one.index, "record 3" in one.what) for one in found] == [(192, True)]


def test_an_index_log_that_went_back_is_refused(settings: Settings) -> None:
    """The database knows fewer records than were signed and published."""
    database = sqlite3.connect(Path(settings.folder) / "vitne.db")
    database.execute("DELETE FROM index_record WHERE position = 2")
    database.commit()
    database.close()

    with pytest.raises(RollbackError, match="acme/index"), open_server(settings):
        pass


def test_an_index_head_below_the_published_one_is_refused(
    pristine: Path, settings: Settings
) -> None:
    old = sqlite3.connect(pristine / "vitne.db")
    (note,) = old.execute("SELECT note FROM index_head").fetchone()
    old.close()
    database = sqlite3.connect(Path(settings.folder) / "vitne.db")
    database.execute("UPDATE index_head SET size = 2, note = ?", (note.replace("\n3\n", "\n2\n"),))
    database.commit()
    database.close()

    with pytest.raises(RollbackError, match="index"), open_server(settings):
        pass


def test_a_merged_record_moved_before_what_it_covers_is_named(tmp_path: Path) -> None:
    """Fsck passed over it: it compared a merged record only with what stood before it."""
    settings = Settings(folder=str(tmp_path / "v"), free_bytes_min=0, seal_process=False)
    with open_server(settings, create=True, serving=False) as server:
        server.writer.create(ACME)
        for first, last in ((1, 5), (5, 17)):
            _send(server, first, last)
            server.seal.segments.seal_now(ACME)
        server.seal.segments.merge(ACME)
        while server.publish.rounds.run_once().more:
            pass
        server.seal.segments.settle(ACME)
        assert server.fsck.run().clean
    base = sqlite3.connect(Path(settings.folder) / "vitne.db")
    with base:
        rows = base.execute("SELECT * FROM index_record ORDER BY position").fetchall()
        assert len(rows) == 3
        base.execute("DELETE FROM index_record")
        moved = [(rows[0][0], at, *row[2:]) for at, row in enumerate([rows[-1], *rows[:-1]])]
        base.executemany("INSERT INTO index_record VALUES (?, ?, ?, ?, ?)", moved)
    base.close()

    said = [damage.what for damage in damages(settings)]

    assert "record 0 comes before what it covers" in said
