"""A server over a folder with the tenants `acme` and `globex`."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.ports import ApiKey
from vitne.services.seal.worker import Sealed, SealJob, SealRunner
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import FixedClock, SeededIds, sample_key
from vitne.wire.events import IntakeReply
from vitne.wiring import Adapters, Server, folder_adapters

ACME = LogId("acme")


class Jobs(SealRunner):
    """What runs sealing jobs, and calls `before` with each."""

    def __init__(self) -> None:
        self.before: Callable[[SealJob], object] = lambda _job: None

    def around(self, runner: SealRunner) -> SealRunner:
        """This, around what would run them."""
        self._runner = runner
        return self

    def run(self, job: SealJob) -> Sealed:
        """See the protocol."""
        self.before(job)
        return self._runner.run(job)

    def rest(self) -> None:
        """See the protocol."""
        self._runner.rest()

    def close(self) -> None:
        """See the protocol."""
        self._runner.close()


class Spine:
    """A server that is driven by hand: the writer writes when told, so tests see every step."""

    def __init__(self, adapters: Adapters, settings: Settings) -> None:
        self.adapters = adapters
        self.clock = adapters.clock
        self.jobs = Jobs()
        self.server = Server(adapters, settings, around_jobs=self.jobs.around)
        self.server.writer.create(ACME)
        self.server.writer.create(LogId("globex"))

    def put(
        self,
        events: Sequence[dict[str, Any]] | bytes,
        *,
        key: ApiKey | None = None,
        form: Any = "json",
        arrival: Arrival = Arrival(),  # noqa: B008 - frozen
    ) -> "Future[IntakeReply]":
        """Hand a request to the writer, which does not look at it yet."""
        body = events if isinstance(events, bytes) else json.dumps(list(events)).encode()
        return self.server.intake.requests.submit(body, form, key or sample_key("acme"), arrival)

    def write(self) -> None:
        """The writer takes everything that waits, in one transaction."""
        queue = self.server.writer.queue
        if queue.events:
            self.server.writer.write(queue.take(1_000_000))

    def send(self, events: Sequence[dict[str, Any]] | bytes, **how: Any) -> IntakeReply:
        """One request, written at once."""
        future = self.put(events, **how)
        self.write()
        return future.result(timeout=0)

    def publish(self) -> None:
        """Rounds until nothing is left."""
        while self.server.publish.rounds.run_once().more:
            pass

    def entries(self, log: LogId = ACME) -> list[bytes]:
        """Every entry of a log."""
        store = self.adapters.store
        return store.entries(log, 0, store.log(log).next_index)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(folder=str(tmp_path / "vitne"), free_bytes_min=0)


@pytest.fixture
def spine(settings: Settings) -> Iterator[Spine]:
    adapters = folder_adapters(settings, create=True, clock=FixedClock(), ids=SeededIds())
    made = Spine(adapters, settings)
    yield made
    made.server.close()
