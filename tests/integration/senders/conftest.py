"""A server over a folder, and senders that sign, driven by hand."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from vitne.core.values.types import LogId
from vitne.sdk import Client
from vitne.services.access.audit_events import Caller
from vitne.settings import Settings
from vitne.testing import temporary_server
from vitne.wiring import Server

ACME, GLOBEX = LogId("acme"), LogId("globex")
CALLER = Caller(id="uid:0", method="shell")


@pytest.fixture
def server(signing: ModuleType) -> Iterator[Server]:
    """A started server with the tenants acme and globex, and a key of the source crm/crm-bff."""
    with temporary_server(Settings(server_name="audit.test", free_bytes_min=0)) as made:
        for log in (ACME, GLOBEX, LogId("vitne")):
            made.writer.create(log)
        made.senders.source_keys.add(signing.source_signer().vkey, CALLER)
        yield made


@pytest.fixture(params=["body", "full"])
def mode(request: pytest.FixtureRequest) -> str:
    """Without and with lookup keys."""
    return str(request.param)


@pytest.fixture
def new_sender(signing: ModuleType) -> Any:
    """Makes senders of a server."""
    return signing.SigningSender


class Served:
    """`vitne serve` on a folder of its own, to be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "server"
        self.key_file = folder / "crm.skey"
        self.spool = folder / "spool"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        here = ["--folder", str(self.folder)]
        self.reader = run("init", *here, "--port", str(self.port), "--tenant", "acme")["key"]
        made = run("key", "source", "new", str(self.key_file), "--source", "crm/crm-bff")
        run("key", "source", "add", made["vkey"], *here)
        words = ["--role", "write", "--tenant", "acme", "--source", "crm/crm-bff"]
        self.writer = run("key", "add", "crm", *words, *here)["key"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Serve, and return when it is ready."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and verb
                [*VITNE, "serve", "--folder", str(self.folder)], stdout=log, stderr=log
            )
        for _ in range(600):
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)  # another process starts; nothing here can tell when it has
        pytest.fail("the server is not ready")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, at once or by request."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def get(self, path: str, **params: str) -> Any:
        """What a reader gets."""
        headers = {"Authorization": f"Bearer {self.reader}"}
        answer = httpx.get(f"{self.url}{path}", params=params, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def streams(self) -> list[dict[str, Any]]:
        """Signed streams, oldest first."""
        found = self.get("/v1/streams")["streams"]
        return [one for one in found if one["mode"] != "none"]

    def client(self, **options: Any) -> Client:
        """A client that signs."""
        chosen: dict[str, Any] = {
            "application": "crm",
            "service": "crm-bff",
            "tenant": "acme",
            "spool_dir": self.spool,
            "signing_key": self.key_file,
            "backoff_first_s": 0.02,
            "backoff_max_s": 0.1,
            "batch_max_age_s": 0.02,
            **options,
        }
        return Client(self.url, self.writer, **chosen)

    def application(self, *words: object) -> tuple[int, list[str]]:
        """Run an application that signs until it ends; its status, and the ids that it told."""
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, str(CHILD), *map(str, words)],
            env=os.environ
            | {
                "URL": self.url,
                "KEY": self.writer,
                "SPOOL": str(self.spool),
                "SIGNING_KEY": str(self.key_file),
            },
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.split()


CHILD = Path(__file__).with_name("signing_child.py")
VITNE = [sys.executable, "-m", "vitne"]


def run(*words: str) -> Any:
    """Run one verb with --json and return its document."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and verb
        [*VITNE, *words, "--json"], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A real server."""
    made = Served(tmp_path)
    yield made
    made.kill()


@pytest.fixture
def fsck() -> Callable[[Served], Any]:
    """Stops a server, and hashes everything again."""

    def check(served: Served) -> Any:
        served.kill(signal.SIGTERM)
        return run("fsck", "--folder", str(served.folder))["report"]["damages"]

    return check


@pytest.fixture
def run_verb() -> Callable[..., Any]:
    """Runs one verb."""
    return run
