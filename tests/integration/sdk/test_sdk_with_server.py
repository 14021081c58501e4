"""The SDK and the real server: every recorded event is in the log once, whoever dies meanwhile."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from vitne.sdk import Client

WAIT_S = 60.0
VITNE = [sys.executable, "-m", "vitne"]

CHILD = Path(__file__).with_name("recording_child.py")


class Server:
    """`vitne serve` on a folder of its own, to be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        words = ["init", "--folder", str(folder), "--port", str(self.port), "--tenant", "acme"]
        self.reader = str(self._run(*words, "--json")["key"])
        words = ["key", "add", "crm", "--role", "write", "--tenant", "acme"]
        words += ["--source", "crm/crm-bff", "--folder", str(folder), "--json"]
        self.writer = str(self._run(*words)["key"])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def _run(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603 - our own interpreter and verb
            [*VITNE, *words], capture_output=True, text=True, timeout=60, check=True
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

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
            self._process.wait(30)
            self._process = None

    def events(self) -> list[dict[str, Any]]:
        """Every event that applications recorded in the tenant's log, oldest first."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        headers = {"Authorization": f"Bearer {self.reader}"}
        while True:
            params = {"tenant": "acme", "q": "type:crm.*", "limit": "200", "cursor": cursor}
            given = {name: value for name, value in params.items() if value}
            page = httpx.get(f"{self.url}/v1/events", params=given, headers=headers, timeout=60)
            page.raise_for_status()
            rows += [row["event"] for row in page.json()["events"]]
            cursor = page.json()["next"]
            if not cursor:
                return rows[::-1]

    def receipt_key(self) -> str:
        """The verifier key of the tenant's receipts, as the server names it."""
        headers = {"Authorization": f"Bearer {self.reader}"}
        tenants = httpx.get(f"{self.url}/v1/tenants", headers=headers, timeout=60).json()["tenants"]
        return next(str(t["log"]["receipt_key"]) for t in tenants if t["id"] == "acme")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    yield made
    made.kill()


def make_client(server: Server, spool: Path, **options: Any) -> Client:
    chosen: dict[str, Any] = {
        "application": "crm",
        "service": "crm-bff",
        "tenant": "acme",
        "spool_dir": spool,
        "backoff_first_s": 0.02,
        "backoff_max_s": 0.1,
        "batch_max_age_s": 0.02,
        **options,
    }
    return Client(server.url, server.writer, **chosen)


def test_every_event_is_in_the_log_once_with_a_receipt_that_verifies(
    server: Server, tmp_path: Path
) -> None:
    server.start()

    with make_client(server, tmp_path / "spool", receipt_vkeys=(server.receipt_key(),)) as audit:
        ids = [
            audit.record("crm.customer.viewed", actor="u", target=f"customer/c{at}").id
            for at in range(1200)
        ]
        assert audit.flush(WAIT_S)
        stats = audit.stats()
        assert audit.receipt(ids[700]) is not None

    assert (stats.accepted, stats.retries) == (1200, 0)
    assert [event["id"] for event in server.events()] == ids


def test_what_the_sdk_sends_is_taken_without_filling_or_warning(
    server: Server, tmp_path: Path
) -> None:
    server.start()
    with make_client(server, tmp_path / "spool", strict=True, issuer="https://id.x") as audit:
        one = audit.record(
            "crm.customer.viewed",
            actor={"id": "u", "name": "Per Å.", "auth": {"method": "oidc"}},
            targets=[{"type": "customer", "id": "c", "role": "subject", "exposure": "full"}],
            durable=True,
        )

    headers = {"Authorization": f"Bearer {server.reader}"}
    shown = httpx.get(
        f"{server.url}/v1/events/{one.id}", params={"tenant": "acme"}, headers=headers, timeout=60
    ).json()["shown"]

    assert one.kept == "logged"
    assert shown["record"].get("filled", []) == []
    assert shown["record"].get("warnings", []) == []


@pytest.mark.crash
def test_a_server_killed_in_mid_flight_loses_and_doubles_nothing(
    server: Server, tmp_path: Path
) -> None:
    server.start()
    audit = make_client(server, tmp_path / "spool", batch_max_events=50)
    ids: list[str] = []

    for _ in range(4):
        for at in range(1500):
            one = audit.record("crm.customer.viewed", actor="u", target=f"customer/c{at}")
            ids.append(one.id)
        seen = audit.stats().requests
        while audit.stats().requests <= seen and not audit.stats().away:
            pass  # until a batch has just been answered: the next one is under way
        server.kill()
        ids.append(audit.record("crm.customer.viewed", actor="u", target="customer/c").id)
        server.start()

    assert audit.flush(WAIT_S)
    audit.close(WAIT_S)
    events = server.events()
    assert sorted(event["id"] for event in events) == sorted(ids)
    assert {event["stream"]["seq"] for event in events} == set(range(1, len(ids) + 1))


@pytest.mark.crash
def test_an_application_killed_while_the_server_is_away_loses_nothing_that_it_spooled(
    server: Server, tmp_path: Path
) -> None:
    program = [sys.executable, str(CHILD), server.url, server.writer, str(tmp_path / "s")]
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as application:
        assert application.stdin is not None
        assert application.stdout is not None
        assert application.stdout.readline() == "ready\n"
        ids: list[str] = []
        spooled = 0
        while spooled < 300:
            application.stdin.write("100\n")
            application.stdin.flush()
            while not (line := application.stdout.readline()).startswith("recorded"):
                ids.append(line.strip())
            spooled = int(line.split()[2])
        os.kill(application.pid, signal.SIGKILL)
    server.start()

    with make_client(server, tmp_path / "s") as audit:
        while audit.stats().adopted < spooled:
            assert audit.flush(WAIT_S)

    logged = [event["id"] for event in server.events()]
    assert logged == ids[: len(logged)]
    assert len(logged) >= spooled
