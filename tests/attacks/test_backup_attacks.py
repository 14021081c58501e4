"""An old backup comes back: it is recognised before anything is signed from it."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from vitne.cli.base.app import run
from vitne.core.values.types import LogId
from vitne.errors import ConfigurationError, IntegrityError, RollbackError, VerificationError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, compare_backup, make_backup, open_server

ACME = LogId("acme")
NOISE = b"Ola Nordmann's secret"


def _settings(folder: Path) -> Settings:
    return Settings(folder=str(folder), free_bytes_min=0, seal_entries=256, seal_check_ms=20)


def _send(server: Server, first: int, last: int) -> None:
    body = json.dumps([sample_event(n) for n in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(timeout=30)


def _grow(folder: Path, first: int, last: int) -> None:
    """Serve, take these events, publish, stop."""
    with open_server(_settings(folder), create=True) as server:
        server.writer.create(ACME)
        _send(server, first, last)


def _checkpoint(folder: Path) -> tuple[str, str]:
    path = folder / "objects" / "log" / "acme" / "checkpoint"
    return str(path), path.read_text()


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A folder with one log that is partly sealed."""
    folder = tmp_path / "live"
    _grow(folder, 1, 601)
    return folder


@pytest.fixture
def backup(live: Path, tmp_path: Path) -> Path:
    """A backup of it, with keys."""
    make_backup(_settings(live), tmp_path / "backup", with_keys=True)
    return tmp_path / "backup"


def test_a_backup_is_clean_and_goes_on_where_nothing_newer_was_published(
    live: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fsck", "--folder", str(backup)]) == 0
    seen = str(live / "objects" / "log")
    assert run(["restore", str(backup), "--seen", seen, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["newest"] == {"acme": int(_checkpoint(live)[1].split("\n")[1])}

    _grow(backup, 601, 700)

    assert run(["fsck", "--folder", str(backup)]) == 0


def test_a_backup_is_neither_served_nor_changed_before_it_was_compared(
    backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match="is a backup of"):
        open_server(_settings(backup))

    assert run(["tenant", "add", "other", "--folder", str(backup)]) == 7
    assert "vitne restore" in capsys.readouterr().err


def test_a_backup_below_a_published_size_cannot_go_on(live: Path, backup: Path) -> None:
    _grow(live, 601, 650)

    with pytest.raises(RollbackError, match="was published"):
        compare_backup(_settings(backup), [_checkpoint(live)])
    assert run(["restore", str(backup), "--seen", _checkpoint(live)[0]]) == 1
    with pytest.raises(ConfigurationError, match="is a backup of"):
        open_server(_settings(backup))


def test_a_backup_that_went_on_elsewhere_is_a_second_history(
    live: Path, backup: Path, tmp_path: Path
) -> None:
    """Both signed the same size with another root: each is evidence against the other."""
    other = tmp_path / "other"
    shutil.copytree(backup, other)
    (other / "backup.json").unlink()
    _grow(other, 2001, 2050)
    _grow(live, 601, 650)
    make_backup(_settings(live), tmp_path / "late", with_keys=True)

    with pytest.raises(IntegrityError, match="two histories"):
        compare_backup(_settings(tmp_path / "late"), [_checkpoint(other)])


def test_a_checkpoint_that_the_log_never_signed_tells_nothing(live: Path, backup: Path) -> None:
    where, note = _checkpoint(live)
    forged = note.replace("\n605\n", "\n9999\n")
    assert forged != note

    with pytest.raises(VerificationError):
        compare_backup(_settings(backup), [(where, forged)])


def test_without_a_checkpoint_somebody_must_state_that_there_is_none(
    backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["restore", str(backup)]) == 7
    assert "no checkpoint was brought of acme" in capsys.readouterr().err

    assert run(["restore", str(backup), "--nothing-newer"]) == 0
    _grow(backup, 601, 610)


def test_a_backup_taken_under_load_is_whole(live: Path, tmp_path: Path) -> None:
    """Events come, are published and sealed while it is copied; the copy is of one moment."""
    stop = threading.Event()

    def load(server: Server) -> None:
        number = 10_000
        while not stop.is_set():
            _send(server, number, number + 50)
            number += 50

    with open_server(_settings(live)) as server:
        thread = threading.Thread(target=load, args=(server,))
        thread.start()
        made = [make_backup(_settings(live), tmp_path / f"b{n}", with_keys=True) for n in range(3)]
        stop.set()
        thread.join()

    sizes = [one.manifest.trees[ACME][1] for one in made]
    assert sizes == sorted(sizes)
    for n in range(3):
        assert run(["fsck", "--folder", str(tmp_path / f"b{n}")]) == 0
        path, note = _checkpoint(tmp_path / f"b{n}")
        assert int(note.split("\n")[1]) == sizes[n]
        assert not path.endswith("-wal")


def test_freed_pages_are_not_in_a_backup(tmp_path: Path) -> None:
    """What was deleted from the database is not in its copy, whatever the file still holds."""
    import sqlite3  # noqa: PLC0415 - to leave something behind in a free page

    live = tmp_path / "live"
    _grow(live, 1, 5)
    connection = sqlite3.connect(live / "vitne.db")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE scratch (x BLOB)")
    connection.execute("INSERT INTO scratch VALUES (?)", (NOISE * 2000,))
    connection.commit()
    connection.execute("DROP TABLE scratch")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert NOISE in (live / "vitne.db").read_bytes()

    make_backup(_settings(live), tmp_path / "backup", with_keys=False)

    assert NOISE not in (tmp_path / "backup" / "vitne.db").read_bytes()
    assert not (tmp_path / "backup" / "keys").exists()


def test_a_folder_that_holds_something_is_not_overwritten(
    live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")

    assert run(["backup", str(tmp_path / "full"), "--folder", str(live)]) == 5
    assert "empty folder" in capsys.readouterr().err
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_damaged_manifest_is_told(backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifests: list[Any] = [b"", b"{}", b"[" * 100_000, b'{"format":"vitne-backup/v2"}']
    for manifest in manifests:
        (backup / "backup.json").write_bytes(manifest)
        assert run(["restore", str(backup), "--nothing-newer"]) == 1
        assert "manifest" in capsys.readouterr().err
