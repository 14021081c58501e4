"""A real server process on a free port, over a fresh folder, and what tests ask of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.settings import Settings
from vitne.wiring import open_server

MINIMAL = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}, "target": "customer/cus_1"}


def vitne(*words: str, env: dict[str, str] | None = None) -> Any:
    """Run one verb with --json and return its document."""
    done = subprocess.run(  # noqa: S603  # our own program, our own words
        [sys.executable, "-m", "vitne", *words, "--json"],
        capture_output=True,
        check=False,
        env=clean(env or {}),
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def clean(more: dict[str, str]) -> dict[str, str]:
    """The environment without Vitne's own variables, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITNE_")}
    return kept | more


class Served:
    """One folder and the process that serves it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.lines: list[dict[str, Any]] = []
        made = vitne("init", "--folder", str(folder), "--tenant", "acme")
        self.key = str(made["key"])
        self.log_file = folder / "server.log"
        self._settings = {f"VITNE_{name.upper()}": str(value) for name, value in settings.items()}
        self.start()

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        words = [sys.executable, "-m", "vitne", "serve", "--folder", str(self.folder)]
        with self.log_file.open("ab") as log:
            at = log.tell()
            self.process = subprocess.Popen(  # noqa: S603  # our own program, our own words
                [*words, "--port", "0", "--json"],
                stderr=log,
                env=clean({"VITNE_PUBLISH_INTERVAL_MS": "50", **self._settings}),
            )
        while True:
            with self.log_file.open("rb") as log:
                log.seek(at)
                for line in log:
                    if b'"listening"' in line and line.endswith(b"\n"):
                        self.port = int(json.loads(line)["port"])
                        self.url = f"http://127.0.0.1:{self.port}"
                        return
            assert self.process.poll() is None, self.log_file.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """A client that shows a key; the first one's if none is named, none if it is empty."""
        shown = self.key if key is None else key
        auth = {"Authorization": f"Bearer {shown}"} if shown else {}
        return httpx.Client(base_url=self.url, headers={**auth, **headers}, timeout=30)

    def add_key(self, *words: str) -> str:
        """Make a key beside the running server."""
        return str(vitne("key", "add", "test", *words, "--folder", str(self.folder))["key"])

    def add_tenant(self, tenant: str) -> None:
        """Make a tenant beside the running server."""
        vitne("tenant", "add", tenant, "--folder", str(self.folder))

    def events(self, log: str = "acme") -> list[tuple[Record, dict[str, Any], dict[str, Any]]]:
        """Every event of a log: its record, its core section and its payload."""
        with open_server(Settings(folder=str(self.folder)), serving=False) as server:
            end = server.adapters.store.log(LogId(log)).next_index
            records = server.adapters.store.records(LogId(log), LeafIndex(0), end)
        return [
            (one, _object(one.parts.core), _object(one.parts.payload))
            for one in records
            if one.event_id
        ]


def _object(part: bytes | None) -> dict[str, Any]:
    return msgspec.json.decode(part or b"{}", type=dict[str, Any])


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that many tests share."""
    made = Served(tmp_path_factory.mktemp("api") / "data")
    yield made
    assert made.stop() == 0


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Makes servers of a test's own, with its own settings."""
    made: list[Served] = []

    def start(**settings: object) -> Served:
        made.append(Served(tmp_path / f"data{len(made)}", **settings))
        return made[-1]

    yield start
    for one in made:
        one.stop(signal.SIGKILL)


@pytest.fixture
def minimal() -> dict[str, Any]:
    """An event as curl sends it."""
    return dict(MINIMAL)


@pytest.fixture(scope="session")
def run_vitne() -> Callable[..., Any]:
    """Runs one verb of the command line."""
    return vitne
