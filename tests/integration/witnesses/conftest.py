"""A server whose heads are cosigned by witnesses, honest and not, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vitne.adapters.sqlite.witness import SqliteWitness
from vitne.core.tree.note import Signer
from vitne.core.tree.signature import COSIGNATURE, MLDSA_COSIGNATURE
from vitne.core.tree.witness import Refused
from vitne.core.values.types import LogId
from vitne.services.log.keys import index_log_id
from vitne.services.trust.witness_service import WitnessService
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import FixedClock, SeededIds, sample_event, sample_key
from vitne.wiring import Server, folder_adapters

ACME = LogId("acme")


class Desk:
    """An honest witness behind a `Door`, with both kinds of keys."""

    def __init__(self, store: SqliteWitness, name: str, *, mldsa: bool = False) -> None:
        kinds = [COSIGNATURE, MLDSA_COSIGNATURE] if mldsa else [COSIGNATURE]
        self.signers = [Signer(name, name.encode().ljust(32, b"."), kind) for kind in kinds]
        self.store = store
        self.clock = FixedClock()
        self.desk: WitnessService | None = None

    def follow(self, *vkeys: str) -> None:
        """From now on."""
        self.desk = WitnessService(self.store, self.signers, vkeys, self.clock)

    def __call__(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request."""
        assert self.desk is not None
        if not body:
            shown = self.desk.newest(path.strip("/").partition("/")[0])
            return (404, b"") if shown is None else (200, shown.encode())
        found = self.desk.add(body)
        if isinstance(found, Refused):
            return found.status, found.body.encode()
        return 200, found.encode()


class Watched:
    """A server whose log `acme` is watched."""

    def __init__(
        self, folder: Path, doors: list[Any], signers: list[list[Signer]], quorum: str
    ) -> None:
        lines, names = [], []
        for number, (door, keys) in enumerate(zip(doors, signers, strict=True)):
            for key in keys:
                names.append(f"w{number}x{key.kind}")
                lines.append(f"witness {names[-1]} {key.vkey} {door.url}")
        lines += [f"group q {quorum} {' '.join(names)}", "quorum q", ""]
        self.policy = "\n".join(lines)
        policy = folder / "policy"
        policy.write_text(self.policy)
        self.settings = Settings(
            folder=str(folder / "vitne"), free_bytes_min=0, prepare_processes=0,
            seal_process=False, log_policy=str(policy), index_policy=str(policy),
            witness_interval_ms=100,
        )  # fmt: skip
        self.adapters = folder_adapters(
            self.settings, create=True, clock=FixedClock(), ids=SeededIds()
        )
        self.server = self.open()
        self.server.writer.start()
        for log in ("vitne", "acme"):
            self.server.writer.create(LogId(log))
        origin = self.server.logs.origin(ACME)
        keys_ = self.server.logs
        self.vkeys = [keys_.log_signer(origin).vkey, keys_.index_signer(origin).vkey]

    def open(self) -> Server:
        """A server over the same stores; the thread that publishes is the test's own."""
        return Server(self.adapters, self.settings)

    def send(self, first: int = 1, count: int = 3) -> None:
        """Take events."""
        for number in range(first, first + count):
            body = json.dumps([sample_event(number)]).encode()
            key = sample_key("acme")
            self.server.intake.requests.submit(body, "json", key, Arrival()).result(timeout=30)

    def publish(self) -> int:
        """Sign what may be signed; the size of the log's head."""
        report = self.server.publish.rounds.run_once()
        self.server.trust.witnesses.moved([one.log for one in report.grown])
        return self.size()

    def size(self) -> int:
        """Of the newest head."""
        head = self.adapters.heads.head(ACME)
        return head.size if head else 0

    def cosigned(self) -> int:
        """Size of the newest head that met the quorum; 0 without one."""
        note = self.server.trust.cosigned.newest(ACME)
        return int(note.split("\n")[1]) if note else 0

    def until(self, true: Callable[[], Any]) -> None:
        """Wait for what threads do; the test's own timeout ends it."""
        turn = threading.Event()
        while not true():
            turn.wait(0.01)

    def close(self) -> None:
        """Stop."""
        self.server.trust.witnesses.close()
        self.server.writer.close()

    index_tree = index_log_id(ACME)


Watch = Callable[..., Watched]


@pytest.fixture
def doors(world: ModuleType) -> Iterator[Callable[[Any], Any]]:
    """Opens servers."""
    opened: list[Any] = []

    def make(answer: Any) -> Any:
        opened.append(world.Door(answer))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Makes watched servers."""
    made: list[Watched] = []

    def start(doors: list[Any], signers: list[list[Signer]], quorum: str = "all") -> Watched:
        made.append(Watched(tmp_path_factory.mktemp("watched"), doors, signers, quorum))
        return made[-1]

    yield start
    for one in made:
        one.close()
        one.adapters.close()


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Desk]]:
    """Makes honest witnesses."""
    with ExitStack() as stack:

        def make(name: str, **more: Any) -> Desk:
            store = SqliteWitness(tmp_path_factory.mktemp("desk") / "witness.db")
            stack.callback(store.close)
            return Desk(store, name, **more)

        yield make
