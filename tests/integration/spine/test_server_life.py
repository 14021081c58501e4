"""A server ends whole: whatever fails, no thread, process or lock of it goes on."""

import multiprocessing
import shutil
import threading
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vitne.adapters.sqlite.engine.database import CHECKPOINT_PAGES, PAGE_BYTES
from vitne.core.values.types import LogId, Origin
from vitne.errors import RollbackError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, folder_adapters, open_server

ACME = LogId("acme")
PARTS = ("intake.preparation", "writer", "seal.loop", "publish.loop", "adapters")
_start = threading.Thread.start


class Broken(Exception):  # noqa: N818 - not an error of the server
    """What a part fails with."""


def _settings(folder: Path) -> Settings:
    return Settings(
        folder=str(folder / "server"),
        prepare_processes=1,
        seal_entries=64,
        seal_check_ms=10,
        publish_interval_ms=10,
        free_bytes_min=0,
    )


_before: set[Any] = set()


def _all_alive() -> set[Any]:
    threads = {one for one in threading.enumerate() if one.name.startswith("vitne")}
    return threads | set(multiprocessing.active_children())


@pytest.fixture(autouse=True)
def _others() -> None:
    """What servers of other tests left behind, on purpose: they stand for killed ones."""
    _before.clear()
    _before.update(_all_alive())


def _alive() -> list[str]:
    """Threads and processes of the servers of this test."""
    return [one.name for one in _all_alive() - _before]


def _copy_database(folder: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    for path in folder.glob("vitne.db*"):
        shutil.copy(path, into)


class Sealed(threading.Event):
    """Set once a first segment was sealed: only then the index log grows."""

    def step(self, step: str) -> None:
        """As a server tells each step of publishing."""
        if step == "index_swapped":
            self.set()


def _busy(server: Server, sealed: Sealed) -> None:
    """Events through every part, so that both kinds of processes run."""
    server.writer.create(ACME)
    _submit(server)
    assert sealed.wait(60), f"nothing was sealed in a minute: {server.seal.loop.stats}"


def _submit(server: Server) -> None:
    body = msgspec.json.encode(
        [{"type": "crm.customer.viewed", "actor": {"id": f"usr_{at}"}} for at in range(300)]
    )
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(60)


def _opens_again(settings: Settings) -> bool:
    with open_server(settings) as server:  # the folder's lock is free
        return server.writer.is_alive


@pytest.mark.parametrize("thread", ["vitne-writer", "vitne-publisher", "vitne-sealer"])
def test_a_server_of_which_one_thread_cannot_start_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thread: str
) -> None:
    def start(self: threading.Thread) -> None:
        if self.name == thread:
            raise RuntimeError("can't start new thread")
        _start(self)

    settings = _settings(tmp_path)
    server = open_server(settings, create=True)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="new thread"):
            server.start()

    assert _alive() == []
    assert _opens_again(settings)


def test_a_server_that_refuses_to_begin_lets_go_of_its_folder(tmp_path: Path) -> None:
    """Its database is older than what was published; the newer one is served again."""
    settings = _settings(tmp_path)
    folder, older, newer = Path(settings.folder), tmp_path / "older", tmp_path / "newer"
    with open_server(settings, create=True) as server:
        server.writer.create(ACME)
    _copy_database(folder, older)
    with open_server(settings) as server:
        _submit(server)
    _copy_database(folder, newer)
    _copy_database(older, folder)

    with pytest.raises(RollbackError), open_server(settings):
        pass

    assert _alive() == []
    _copy_database(newer, folder)
    assert _opens_again(settings)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_fails_to_close_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    settings, sealed = _settings(tmp_path), Sealed()
    server = open_server(settings, create=True, step=sealed.step)
    server.start()
    _busy(server, sealed)
    real = attrgetter(part)(server)
    close = real.close

    def break_after() -> None:
        close()
        raise Broken(part)

    # No part of a whole server fails to close by itself, so a failure is added to the real one.
    # The set of adapters is frozen; the others are closed by what `close` looks up on them.
    monkeypatch.setitem(vars(real), "close", break_after)
    with pytest.raises(Broken, match=part):
        server.close()

    assert _alive() == []
    assert _opens_again(settings)


def test_parts_that_fail_before_they_close_hold_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread of the part itself goes on; it is the only one."""
    sealed = Sealed()
    server = open_server(_settings(tmp_path), create=True, step=sealed.step)
    server.start()
    _busy(server, sealed)
    close = server.seal.loop.close

    def fail() -> None:
        raise Broken

    # As above; the real part is closed below.
    monkeypatch.setattr(server.seal.loop, "close", fail)
    with pytest.raises(Broken):
        server.close()

    left = _alive()
    close()
    assert set(left) <= {"vitne-sealer", "vitne-seal", "vitne-seal-answers"}
    assert _alive() == []


def test_a_server_that_was_used_and_never_started_leaves_nothing(tmp_path: Path) -> None:
    """It left the processes that prepare and seal, and whoever used it never ended."""
    server = open_server(_settings(tmp_path), create=True)
    server.writer.create(ACME)
    events = [sample_event(number) for number in range(1, 101)]
    body = msgspec.json.encode(events)
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
    server.writer.write(server.writer.queue.take(1))
    server.publish.rounds.run_once()
    server.seal.segments.seal_now(ACME)
    used = {one.name for one in multiprocessing.active_children()}

    server.close()

    assert used == {"vitne-prepare-0", "vitne-seal"}
    assert _alive() == []


def test_the_write_ahead_log_is_folded_beside_the_writer(tmp_path: Path) -> None:
    """The writer itself folds a log of 4,000 pages only."""
    settings = _settings(tmp_path)
    adapters = folder_adapters(settings, create=True)
    folder = Path(settings.folder)
    for number in count():
        adapters.store.create_log(LogId(f"t{number}"), Origin(f"vitne.test/log/t{number}"), 1)
        assert (folder / "vitne.db-wal").stat().st_size < CHECKPOINT_PAGES * PAGE_BYTES
        if number > 300 and b"vitne.test/log/t300" in (folder / "vitne.db").read_bytes():
            break
    adapters.close()

    assert _alive() == []
