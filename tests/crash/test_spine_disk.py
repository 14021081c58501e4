"""A disk that is full, read-only or short of room: a clear error, nothing acknowledged is lost."""

import json
import multiprocessing
import os
import resource
import shutil
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from vitne.core.values.types import LogId
from vitne.errors import StorageError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wire.events import IntakeReply
from vitne.wiring import Server, open_server

ACME = LogId("acme")
NOBODY = 65_534

pytestmark = pytest.mark.crash


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can reach, too: root may write where it must not."""
    place = Path(tempfile.mkdtemp(prefix="vitne-disk-"))
    place.chmod(0o755)
    yield place / "v"
    shutil.rmtree(place)


@pytest.fixture
def settings(folder: Path) -> Settings:
    made = Settings(folder=str(folder), free_bytes_min=0)
    with open_server(made, create=True) as server:
        server.writer.create(ACME)
    return made


def send(server: Server, number: int) -> IntakeReply:
    """One event, waited for."""
    events = [sample_event(number) | {"outcome": {"result": "succeeded", "reason": "x" * 500}}]
    body = json.dumps(events).encode()
    future = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
    if future.running() and not server.writer.is_alive:
        server.writer.write(server.writer.queue.take(1))
    return future.result(timeout=30)


def in_child(work: Callable[[], None]) -> None:
    """Run in a process of its own, which changes what it may do; its failure is ours."""

    def run() -> None:
        try:
            work()
        except BaseException:  # noqa: BLE001 - told, and then the parent fails
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(120)
    assert child.exitcode == 0


def limit_files(most_bytes: int) -> None:
    """No file may grow beyond this: writing fails as on a full disk."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))


def send_until_full(server: Server, first: int) -> tuple[int, StorageError]:
    """Send until the disk is full: the number that was refused, and how."""
    for number in range(first, first + 10_000):
        try:
            send(server, number)
        except StorageError as error:
            return number, error
    raise AssertionError("the disk never filled up")


def test_on_a_full_disk_intake_refuses_and_takes_up_again(settings: Settings) -> None:
    def work() -> None:
        server = open_server(settings)
        server.writer.start()
        send(server, 1)
        limit_files(256 * 1024)

        refused, error = send_until_full(server, 2)
        limit_files(resource.RLIM_INFINITY)
        again = send(server, refused)

        assert error.code == "storage"
        assert [result.status for result in again.results] == ["accepted"]
        assert server.writer.stats.failures == 1
        server.close()

    in_child(work)

    with open_server(settings) as server:
        send(server, 20_000)
    check_whole(settings)


def test_on_a_full_disk_a_round_fails_and_is_finished_later(settings: Settings) -> None:
    def work() -> None:
        server = open_server(settings)
        server.writer.start()
        for number in range(1, 40):
            send(server, number)
        limit_files(1024)
        with pytest.raises(StorageError):
            server.publish.rounds.run_once()
        limit_files(resource.RLIM_INFINITY)
        assert [grown.head.size for grown in server.publish.rounds.run_once().grown] == [44]
        server.close()

    in_child(work)

    check_whole(settings)


def test_a_disk_that_fails_after_the_swap_is_made_up_for_by_the_next_round(
    settings: Settings,
) -> None:
    failed: list[str] = []

    def fail(step: str) -> None:
        if step == "swapped" and not failed:
            failed.append(step)
            limit_files(16)

    def work() -> None:
        server = open_server(settings, step=fail)
        server.writer.start()
        send(server, 1)
        with pytest.raises(StorageError):
            server.publish.rounds.run_once()
        limit_files(resource.RLIM_INFINITY)
        send(server, 2)
        assert [grown.head.size for grown in server.publish.rounds.run_once().grown] == [7]
        assert server.publish.rounds.halted == {}
        server.close()

    in_child(work)

    check_whole(settings)


def check_whole(settings: Settings) -> None:
    with open_server(settings):
        pass
    server = open_server(settings)
    report = server.fsck.run()
    server.close()
    assert (report.damages, report.published) == ([], report.entries)


def as_nobody(settings: Settings, spoil: Path, work: Callable[[], None]) -> None:
    """Run without the right to write below `spoil`."""
    if os.geteuid() == 0:
        here = Path(__file__).resolve()
        if not all(folder.stat().st_mode & stat.S_IXOTH for folder in here.parents):
            pytest.skip("the checkout lies where no other user may read, as below /root")
        for path in [Path(settings.folder), *Path(settings.folder).rglob("*")]:
            os.chown(path, NOBODY, NOBODY)

    def run() -> None:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()

    spoiled = [spoil, *spoil.rglob("*")]
    for path in spoiled:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        in_child(run)
    finally:
        for path in spoiled:
            path.chmod(path.stat().st_mode | 0o200)


def test_a_read_only_folder_is_refused_at_start(settings: Settings) -> None:
    def work() -> None:
        with pytest.raises(StorageError) as refused:
            open_server(settings).start()
        assert settings.folder in str(refused.value)

    as_nobody(settings, Path(settings.folder), work)

    check_whole(settings)


def test_when_tiles_cannot_be_written_intake_goes_on_and_the_publisher_says_so(
    settings: Settings,
) -> None:
    def work() -> None:
        server = open_server(settings)
        server.writer.start()
        assert send(server, 1).accepted == 1
        with pytest.raises(StorageError):
            server.publish.rounds.run_once()
        assert send(server, 2).accepted == 1
        server.writer.close()
        os._exit(0)

    with open_server(settings) as server:
        send(server, 100)
    as_nobody(settings, Path(settings.folder) / "objects", work)

    check_whole(settings)


def test_short_of_the_reserve_for_publishing_intake_refuses_and_publishing_goes_on(
    settings: Settings,
) -> None:
    with closing(open_server(settings)) as server:
        send(server, 1)
    more_than_there_is = replace(settings, free_bytes_min=1 << 60)

    with closing(open_server(more_than_there_is)) as server:
        with pytest.raises(StorageError) as refused:
            send(server, 2)
        published = server.publish.rounds.run_once()

    assert refused.value.retry_after_s > 1
    assert [grown.head.size for grown in published.grown] == [6]
    with closing(open_server(settings)) as server:
        assert send(server, 2).accepted == 1
