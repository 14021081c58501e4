"""A server that is killed at every step of sealing and merging: the next start finishes it."""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry.control import SegmentEntry
from vitne.core.entry.entry import decode_entry
from vitne.core.index.index_record import parse_record
from vitne.core.values.types import LeafIndex, LogId
from vitne.services.log.keys import index_log_id
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, folder_adapters, open_server

ACME = LogId("acme")
FULL = 16

pytestmark = [pytest.mark.crash]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with one log, published and not sealed."""
    made = Settings(
        folder=str(tmp_path / "v"), free_bytes_min=0, seal_entries=FULL, seal_process=False
    )
    with open_server(made, create=True, serving=False) as server:
        server.writer.create(ACME)
        send(server, 1, 40)
        publish(server)
    return made


def send(server: Server, first: int, last: int) -> None:
    body = json.dumps([sample_event(n) for n in range(first, last)]).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(timeout=30)


def publish(server: Server) -> None:
    while server.publish.rounds.run_once().more:
        pass


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A port that kills the process before or after its n-th call of one method."""

    def __init__(self, port: Any, method: str, *, before: bool, call: int = 1) -> None:
        self._port = port
        self._method = method
        self._before = before
        self._left = call

    def __getattr__(self, name: str) -> Any:
        """The port's own, but for the deadly method."""
        found = getattr(self._port, name)
        if name != self._method:
            return found

        def deadly(*args: Any) -> Any:
            self._left -= 1
            if self._before and not self._left:
                die()
            done = found(*args)
            if not self._left:
                die()
            return done

        return deadly


def killed(settings: Settings, work: Callable[[], None]) -> None:
    """Do the work in a process of its own, which must not come to its end."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL, settings.folder


def check(settings: Settings, sealed_end: int) -> None:
    """After a start: all is sealed, listed once, told of once, and hashes to what is signed."""
    with open_server(settings) as server:
        turn, left = threading.Event(), 2_000
        while server.adapters.store.log(ACME).sealed_end < sealed_end and left:
            server.seal.loop.nudge()
            turn.wait(0.02)
            left -= 1
        publish(server)
    with open_server(settings, serving=False) as server:
        assert server.fsck.run().clean
        records = [
            parse_record(data) for data in server.adapters.index_log.records(ACME, 0, 1 << 20)
        ]
        level_0 = [(one.start, one.end) for one in records if one.level == 0]
        ends = [end for _, end in level_0]
        assert [start for start, _ in level_0] == [0, *ends[:-1]]
        assert len({(one.level, one.start, one.end) for one in records}) == len(records)
        assert ends[-1] >= sealed_end
        end = server.adapters.store.log(ACME).head_size
        told = [
            entry.record
            for entry in map(
                decode_entry, server.publish.files(ACME).entries(LeafIndex(0), LeafIndex(end))
            )
            if isinstance(entry, SegmentEntry)
        ]
        assert told == list(range(len(records)))
        head = server.adapters.heads.head(index_log_id(ACME))
        assert head is not None
        assert head.size == len(records)
        assert server.publish.files(index_log_id(ACME)).checkpoint() == head.note
        segments = server.adapters.segments.segments(ACME)
        kept = {key for one in segments for key in (one.key, one.index_key)}
        assert set(server.adapters.objects.keys("segments/")) == kept


@pytest.mark.parametrize("step", ["listed", "index_staged", "index_swapped", "applied", "shown"])
def test_killed_while_the_index_log_is_published_it_is_finished(
    settings: Settings, step: str
) -> None:
    def work() -> None:
        seen: list[str] = []

        def at(name: str) -> None:
            seen.append(name)
            if name == step and "listed" in seen:
                die()

        server = open_server(settings, step=at)
        server.seal.segments.run_once()

    killed(settings, work)

    check(settings, 2 * FULL)


@pytest.mark.parametrize(
    ("port", "method", "before"),
    [
        ("archive", "write", False),
        ("index_log", "append", True),
        ("index_log", "set_told", True),
        ("index_log", "set_told", False),
        ("segments", "add", True),
        ("segments", "add", False),
        ("store", "drop", True),
        ("store", "drop", False),
    ],
)
@pytest.mark.parametrize("call", [1, 2])
def test_killed_between_two_steps_the_range_is_sealed_once(
    settings: Settings, port: str, method: str, before: bool, call: int
) -> None:
    def work() -> None:
        whole = folder_adapters(settings)
        twin = Deadly(getattr(whole, port), method, before=before, call=call)
        Server(replace(whole, **{port: twin}), settings).seal.segments.run_once()

    killed(settings, work)

    check(settings, 2 * FULL)


@pytest.mark.parametrize(
    ("port", "method", "before"),
    [
        ("index_log", "append", False),
        ("segments", "merge", True),
        ("segments", "merge", False),
        ("archive", "remove", True),
        ("archive", "remove", False),
    ],
)
def test_killed_while_segments_are_put_together_nothing_is_lost(
    settings: Settings, port: str, method: str, before: bool
) -> None:
    """With room for 128 entries in a segment, two sealed small ones become one of level 1."""
    small = Settings(
        folder=settings.folder, free_bytes_min=0, seal_entries=128, seal_process=False, seal_age_s=1
    )
    with open_server(small, serving=False) as server:
        server.seal.segments.seal_now(ACME)
        send(server, 40, 100)
        publish(server)

    def work() -> None:
        whole = folder_adapters(small)
        call = 2 if method == "append" else 1
        twin = Deadly(getattr(whole, port), method, before=before, call=call)
        server = Server(replace(whole, **{port: twin}), small)
        server.seal.segments.seal_now(ACME)
        server.seal.segments.merge(ACME)

    killed(small, work)

    check(small, 40)
    with open_server(small, serving=False) as server:
        assert max(one.level for one in server.adapters.segments.segments(ACME)) >= 1
