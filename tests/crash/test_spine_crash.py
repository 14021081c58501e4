"""A server that is killed, at random under load and at every step: nothing acknowledged is lost.

The child is a real process with a real folder, killed by SIGKILL. The parent keeps what was
acknowledged and every checkpoint that was ever to be seen, and holds the folder to both.
"""

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.note import open_checkpoint
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.ids import parse_uuid
from vitne.core.values.types import LogId, Origin
from vitne.ports import Clock, KeyVault
from vitne.services.log.published_files import Published
from vitne.services.log.staged_round import STAGING, StepHook
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import Server, folder_adapters, open_server

ROUNDS = int(os.environ.get("VITNE_CRASH_ROUNDS", "50"))
THREADS = 4
LOGS = (LogId("acme"), LogId("globex"))

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with two logs."""
    made = Settings(folder=str(tmp_path / "v"), free_bytes_min=0, publish_interval_ms=10)
    with open_server(made, create=True) as server:
        for log in LOGS:
            server.writer.create(log)
    return made


def die(_reason: object = None) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], None]) -> Any:
    """Start the work in a process of its own. The parent has no threads at that time."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    return child


def submit(server: Server, events: Sequence[dict[str, Any]]) -> Any:
    body = json.dumps(list(events)).encode()
    return server.intake.requests.submit(body, "json", sample_key(), Arrival())


def serve_under_load(settings: Settings, round_: int, acknowledged: int) -> None:
    """Several senders; whatever is acknowledged is written to the pipe `acknowledged`."""
    server = open_server(settings)
    server.start()

    def send(thread: int) -> None:
        sent = 0
        while True:
            log, stream = LOGS[thread % 2], f"{round_}/{thread}"
            numbers = range(sent + 1, sent + 1 + 1 + sent % 7)
            events = [sample_event(n, tenant=log, stream=stream) for n in numbers]
            reply = submit(server, events).result(timeout=30)
            told = [[log, result.id, result.index] for result in reply.results]
            os.write(acknowledged, json.dumps(told).encode() + b"\n")
            sent += len(events)

    senders = [threading.Thread(target=send, args=(n,)) for n in range(THREADS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


class Witness:
    """What somebody outside has seen: acknowledgements and checkpoints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.events: dict[tuple[str, str], int] = {}
        self.notes: dict[LogId, set[str]] = {log: set() for log in LOGS}

    def look(self) -> None:
        """Read the checkpoints as they are now."""
        for log in LOGS:
            self.notes[log].add((self._folder / f"objects/log/{log}/checkpoint").read_text())

    def hear(self, lines: bytes) -> int:
        """Take acknowledgements; one that was cut off was not heard. How many events."""
        told = [one for line in lines.split(b"\n")[:-1] for one in json.loads(line)]
        self.events.update(((log, event_id), index) for log, event_id, index in told)
        return len(told)

    def check_events(self, server: Server) -> None:
        """Every acknowledged event is there, once, where it was said to be."""
        with server.adapters.store.append() as transaction:
            for (log, event_id), index in self.events.items():
                id_ = parse_uuid(event_id)
                assert transaction.seen(LogId(log), [id_])[id_].index == index

    def check_heads(self, server: Server) -> None:
        """The tree is consistent with every checkpoint ever seen."""
        for log, notes in self.notes.items():
            published = Published(server.adapters.objects, log)
            verifier = server.logs.log_signer(server.logs.origin(log)).verifier
            newest, _ = open_checkpoint(published.checkpoint() or "", verifier)
            reader = TileReader(published.get, newest.size, keep=4096)
            for note in notes:
                head, _ = open_checkpoint(note, verifier)
                assert head.root == reader.root(head.size)


def read_all(pipe: int) -> bytes:
    found = b""
    while piece := os.read(pipe, 1 << 16):
        found += piece
    return found


def run_and_kill(settings: Settings, round_: int, witness: Witness, after_s: float) -> int:
    """Serve, be killed, tell what was acknowledged."""
    readable, writable = os.pipe()
    os.set_blocking(readable, True)
    child = in_child(lambda: serve_under_load(settings, round_, writable))
    os.close(writable)
    heard = os.read(readable, 1 << 16)  # it is under load now
    end = time.monotonic() + after_s
    while time.monotonic() < end:
        witness.look()
        heard += os.read(readable, 1 << 16)
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    heard += read_all(readable)
    os.close(readable)
    assert child.exitcode == -signal.SIGKILL
    return witness.hear(heard)


def test_killed_at_random_under_load_nothing_acknowledged_is_lost(settings: Settings) -> None:
    witness = Witness(Path(settings.folder))
    chance = random.Random(20261124)  # noqa: S311 - moments, no secrets

    for round_ in range(ROUNDS):
        assert run_and_kill(settings, round_, witness, chance.uniform(0.0, 0.15))
        with open_server(settings) as server:
            witness.check_events(server)
            witness.check_heads(server)
        witness.look()

    with open_server(settings) as server:
        witness.check_heads(server)
        report = server.fsck.run()
    assert report.damages == []
    assert report.published == report.entries
    assert sum(len(notes) for notes in witness.notes.values()) > ROUNDS
    # Once each: no two at one place, and no more in the logs than ids.
    places = {(log, index) for (log, _), index in witness.events.items()}
    assert len(places) == len(witness.events)
    assert report.events >= len(witness.events) >= ROUNDS


# ---------------------------------------------------------------- at every step


def send_and_publish(settings: Settings, step: StepHook) -> None:
    """One request, and the round that publishes it."""
    server = open_server(settings, step=step)
    server.publish.recovery.run()
    future = submit(server, [sample_event(1)])
    server.writer.write(server.writer.queue.take(1))
    assert future.result(timeout=0).accepted == 1
    server.publish.rounds.run_once()


def killed_at(name: str) -> StepHook:
    def step(done: str) -> None:
        if done == name:
            die()

    return step


def check_mended(settings: Settings) -> None:
    """After one start and one round everything is published, nothing is left staged."""
    with open_server(settings) as server:
        assert server.publish.rounds.run_once().halted == {}
    with open_server(settings) as server:
        report = server.fsck.run()
        assert (report.damages, report.published, report.events) == ([], report.entries, 1)
        assert list(server.adapters.objects.keys(STAGING)) == []


@pytest.mark.parametrize("name", ["staged", "swapped", "applied", "shown", "deleted"])
def test_killed_at_a_step_of_publishing_the_next_start_mends_it(
    settings: Settings, name: str
) -> None:
    child = in_child(lambda: send_and_publish(settings, killed_at(name)))
    child.join(60)

    assert child.exitcode == -signal.SIGKILL
    check_mended(settings)


@pytest.mark.parametrize("name", ["applied", "shown"])
def test_killed_while_it_mends_the_start_after_it_mends_it(settings: Settings, name: str) -> None:
    first = in_child(lambda: send_and_publish(settings, killed_at("swapped")))
    first.join(60)

    second = in_child(lambda: send_and_publish(settings, killed_at(name)))
    second.join(60)

    assert (first.exitcode, second.exitcode) == (-signal.SIGKILL, -signal.SIGKILL)
    check_mended(settings)


class KillingVault:
    """Keys as they are, until a receipt is to be signed."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault
        self.index_secret = vault.index_secret
        self.create_index_secret = vault.create_index_secret

    def seed(self, origin: Origin, role: Any) -> bytes:
        """Dies for a receipt's key."""
        if role == "receipt":
            die()
        return self._vault.seed(origin, role)


class KillingClock:
    """Right, until it is asked the second time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked = 0

    def now_us(self) -> int:
        """Dies the second time: the first is asked to prepare, the second in the transaction."""
        self._asked += 1
        if self._asked > 1:
            die()
        return self._clock.now_us()


@pytest.mark.parametrize(
    ("broken", "status", "entries"),
    [
        pytest.param("clock", "accepted", 4, id="inside the transaction"),
        pytest.param("vault", "duplicate", 6, id="after the commit, before the reply"),
    ],
)
def test_killed_around_the_commit_a_retry_stores_the_event_once(
    settings: Settings, broken: str, status: str, entries: int
) -> None:
    def work() -> None:
        whole = folder_adapters(settings)
        twin = KillingVault(whole.vault) if broken == "vault" else KillingClock(whole.clock)
        server = Server(replace(whole, **{broken: twin}), settings)
        submit(server, [sample_event(1)])
        server.writer.write(server.writer.queue.take(1))

    child = in_child(work)
    child.join(60)
    assert child.exitcode == -signal.SIGKILL

    with open_server(settings) as server:
        left = server.adapters.store.log(LOGS[0]).next_index
        retried = submit(server, [sample_event(1)]).result(timeout=30)

    assert left == entries
    assert [result.status for result in retried.results] == [status]
    check_mended(settings)


def test_only_one_process_serves_a_folder(settings: Settings) -> None:
    def second() -> None:
        try:
            open_server(settings)
        except Exception as error:  # noqa: BLE001 - its class is what is asked for
            os._exit(7 if error.__class__.__name__ == "ConfigurationError" else 1)
        os._exit(0)

    server = open_server(settings)
    try:
        child = in_child(second)
        child.join(60)
    finally:
        server.close()

    assert child.exitcode == 7
    open_server(settings).close()
