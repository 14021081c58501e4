"""A real `vitne serve` on a folder of its own, as an operator would start it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from msgspec import Struct

from bench.measure import rss_mb

TENANT = "bench"
_START_S = 60


class Server(Struct):
    """A running server, and the keys to it."""

    folder: Path
    url: str
    port: int
    write_key: str
    read_key: str
    process: subprocess.Popen[bytes]

    def wait_published(self, size: int, timeout_s: float = 600) -> float:
        """Seconds until the log's checkpoint has reached `size`."""
        started = time.perf_counter()
        while self.published() < size:
            if time.perf_counter() - started > timeout_s:
                raise SystemExit(f"bench: {size} entries were not published in {timeout_s} s")
            time.sleep(0.02)
        return time.perf_counter() - started

    def published(self) -> int:
        """Size of the newest checkpoint."""
        reply = httpx.get(
            f"{self.url}/log/{TENANT}/checkpoint",
            headers={"Authorization": f"Bearer {self.read_key}"},
        )
        return int(reply.text.split("\n")[1]) if reply.status_code == httpx.codes.OK else 0

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels; 0 if it is not there."""
        text = httpx.get(f"{self.url}/metrics").text
        lines = [line for line in text.split("\n") if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def memory_mb(self) -> float:
        """Resident memory of the server and its worker, in MiB."""
        return rss_mb(self.process.pid)


def vitne(*words: str) -> dict[str, object]:
    """Run one command with `--json`; what it printed."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "vitne", *words, "--json"], capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"bench: vitne {words[0]} failed:\n{done.stderr.decode()}")
    found: dict[str, object] = json.loads(done.stdout)
    return found


def prepare(folder: Path) -> tuple[str, str]:
    """Make the folder, a tenant and two keys; the write key and the read key."""
    shutil.rmtree(folder, ignore_errors=True)
    place = ("--folder", str(folder))
    vitne("init", "--tenant", TENANT, *place)
    source = ("--source", "crm/crm-bff", "--may-import")
    write = vitne("key", "add", "w", "--role", "write", "--tenant", TENANT, *source, *place)
    read = vitne("key", "add", "r", "--role", "read", "--tenant", TENANT, *place)
    return str(write["key"]), str(read["key"])


@contextmanager
def serving(folder: Path, keys: tuple[str, str], port: int = 8499) -> Iterator[Server]:
    """A server on the folder; stopped as an operator would stop it."""
    environment = {
        **os.environ,
        "VITNE_PORT": str(port),
        "VITNE_FREE_BYTES_MIN": "0",
        "VITNE_QUOTA_EVENTS_PER_S": "10000000",
        "VITNE_QUOTA_BURST_EVENTS": "10000000",
    }
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "vitne", "serve", "--folder", str(folder)],
            env=environment,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(url, process)
        yield Server(folder, url, port, *keys, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_START_S * 20):
        if process.poll() is not None:
            raise SystemExit("bench: the server did not start; see its log")
        try:
            if httpx.get(f"{url}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("bench: the server was not ready in a minute")
