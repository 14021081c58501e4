"""Real processes of witnesses and of a server, as attacks and integration tests start them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx

from vitne.core.tree.note import Signer
from vitne.core.tree.signature import COSIGNATURE

EVENT = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}, "target": "customer/cus_1"}


def clean(**more: str) -> dict[str, str]:
    """The environment without Vitne's own variables, and with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VITNE_")}
    return kept | more


def vitne(*words: str, status: int = 0, **env: str) -> Any:
    """Run one verb with --json and return its last document."""
    done = subprocess.run(  # noqa: S603  # our own program, our own words
        [sys.executable, "-m", "vitne", *words, "--json"],
        capture_output=True,
        check=False,
        env=clean(**env),
        timeout=120,
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr.decode())
    lines = done.stdout.decode().splitlines()
    return json.loads(lines[-1]) if lines else None


Answer = Callable[[str, bytes], tuple[int, bytes]]
"""(path, body) → status and body."""


class Door:
    """An HTTP server of a test, which answers whatever the test says."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        """Requests about the log `acme`."""
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if b"/log/acme\n" in body:
                    door.asked.append(body)
                self._reply(*door.answer(self.path, body))

            def do_GET(self) -> None:
                self._reply(*door.answer(self.path, b""))

            def _reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if status in {301, 307, 308}:
                    self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Process:
    """One server process that tells the port it listens on."""

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self.url = ""

    def run(self, *words: str, **env: str) -> Self:
        """Start it, and wait until it listens."""
        with self.log_file.open("ab") as log:
            at = log.tell()
            self.process = subprocess.Popen(  # noqa: S603  # our own program, our own words
                [sys.executable, "-m", "vitne", *words, "--json"], stderr=log, env=clean(**env)
            )
        while True:
            with self.log_file.open("rb") as log:
                log.seek(at)
                for line in log:
                    if b'"listening"' in line and line.endswith(b"\n"):
                        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
                        return self
            assert self.process.poll() is None, self.log_file.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=60)


class WitnessProcess(Process):
    """A witness in a folder of its own."""

    def __init__(self, folder: Path, name: str = "w1.example/vitne") -> None:
        folder.mkdir()
        super().__init__(folder / "server.log")
        self.folder = folder
        self.name = name
        self.vkey = str(vitne("witness", "key", name, "--out", str(folder / "key"))["vkey"])
        self.port = "0"

    def follow(self, *vkeys: str) -> Self:
        """Start, or start again on the same port, as a witness of these logs."""
        logs = [word for vkey in vkeys for word in ("--trust", vkey)]
        where = ("--database", str(self.folder / "witness.db"), "--port", self.port)
        self.run("witness", "serve", "--signing-key", str(self.folder / "key"), *where, *logs)
        self.port = self.url.rpartition(":")[2]
        return self

    def post(self, body: bytes) -> httpx.Response:
        """Send an add-checkpoint request."""
        return httpx.post(f"{self.url}/add-checkpoint", content=body, timeout=30)


class ServerProcess(Process):
    """A server with the tenant acme, whose heads witnesses cosign."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder.parent / f"{folder.name}.log")
        self.folder = folder
        self.key = str(vitne("init", "--folder", str(folder), "--tenant", "acme")["key"])
        self.settings: dict[str, str] = {}

    def start(self, **settings: object) -> Self:
        """Serve, with these settings; those of the last time if none are given."""
        self.settings = {
            f"VITNE_{name.upper()}": str(value) for name, value in settings.items()
        } or self.settings
        self.run(
            "serve",
            *("--folder", str(self.folder), "--port", "0"),
            VITNE_PUBLISH_INTERVAL_MS="50",
            VITNE_WITNESS_INTERVAL_MS="100",
            VITNE_FREE_BYTES_MIN="0",
            **self.settings,
        )
        return self

    def client(self) -> httpx.Client:
        """A client with the first key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def send(self, count: int = 1) -> int:
        """Send events; the size that the log has with them."""
        body = json.dumps([EVENT] * count).encode()
        with self.client() as client:
            reply = client.post(
                "/v1/events", content=body, headers={"content-type": "application/json"}
            )
        assert reply.status_code in {200, 201}, reply.text
        return max(int(one["index"]) for one in reply.json()["results"]) + 1

    def keys(self) -> dict[str, str]:
        """The public keys of the log of acme."""
        with self.client() as client:
            tenants = client.get("/v1/tenants").json()["tenants"]
        found: dict[str, str] = next(one["log"] for one in tenants if one["id"] == "acme")
        return found

    def checkpoint(self, name: str = "checkpoint.cosigned", tenant: str = "acme") -> str:
        """A checkpoint of the log; empty as long as there is none."""
        with self.client() as client:
            reply = client.get(f"/log/{tenant}/{name}")
        return reply.text if reply.status_code == 200 else ""

    def await_size(self, name: str, size: int) -> str:
        """The checkpoint of that name, once it has at least this size."""
        while not (note := self.checkpoint(name)) or int(note.split("\n")[1]) < size:
            assert self.process.poll() is None, self.log_file.read_text()
        return note


def signer(name: str, seed: int = 1, kind: int = COSIGNATURE) -> Signer:
    """A key of a test."""
    return Signer(name, bytes([seed]) * 32, kind)
