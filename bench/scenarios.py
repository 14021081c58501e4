"""What is measured, one function each; every one returns figures by name."""

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx

from bench.drive import Driven, bulk, singles
from bench.load import Load
from bench.measure import cpu_s, disk_bytes, percentile
from bench.server import TENANT, Server

Figures = dict[str, float]
YEAR_US = 365 * 86_400 * 1_000_000
BATCH = 500
SEGMENT = 65_536


class Watch:
    """Samples a server's memory while something runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._done = threading.Event()
        self.peak_mb = 0.0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(0.25):
            self.peak_mb = max(self.peak_mb, self._server.memory_mb())


def year_of_batches(load: Load, total: int, end_us: int, whole: int, done: int) -> Iterator[bytes]:
    """Batches whose claimed times run evenly through the year before `end_us`.

    `done` of the `whole` are in the log already; `total` come now.
    """
    step_us = YEAR_US // whole
    for start in range(done, done + total, BATCH):
        count = min(BATCH, done + total - start)
        yield load.batch(count, at_us=end_us - YEAR_US + start * step_us, step_us=step_us)


def bulk_intake(server: Server, bodies: list[bytes], connections: int = 4) -> Figures:
    """Bulk requests: durable, with receipts; and until all of it is published."""
    before, cpu = server.published(), cpu_s(server.process.pid)
    with Watch(server) as watch:
        done = bulk(server, bodies, connections)
        behind_s = server.wait_published(before + done.events)
    _must_be_whole(done)
    return {
        "events": done.events,
        "events/s acknowledged": done.rate,
        "events/s published": done.events / (done.seconds + behind_s),
        "bytes an event sent": done.bytes_sent / done.events,
        "request p50 ms": percentile(done.latencies_s, 0.5) * 1000,
        "request p99 ms": percentile(done.latencies_s, 0.99) * 1000,
        "server µs CPU an event": (cpu_s(server.process.pid) - cpu) / done.events * 1e6,
        "peak memory MiB": watch.peak_mb,
    }


def single_intake(server: Server, load: Load, total: int, connections: int = 32) -> Figures:
    """One event a request, each durable before its reply."""
    bodies = [load.batch(1)[1:-1] for _ in range(total)]
    done = singles(server, bodies, connections)
    _must_be_whole(done)
    return {
        "events": done.events,
        "events/s": done.rate,
        "p50 ms": percentile(done.latencies_s, 0.5) * 1000,
        "p95 ms": percentile(done.latencies_s, 0.95) * 1000,
        "p99 ms": percentile(done.latencies_s, 0.99) * 1000,
    }


def _must_be_whole(done: Driven) -> None:
    if done.not_accepted:
        raise SystemExit(f"bench: {done.not_accepted} events were not accepted")


def floor(folder: Path, rows: int = 100_000, per_commit: int = 2_000) -> Figures:
    """A bare `executemany` of the same rows into the same table, as fast as SQLite takes them."""
    source = sqlite3.connect(f"file:{folder / 'vitne.db'}?mode=ro", uri=True)
    table, columns = _hot_table(source)
    schema = [
        row[0]
        for row in source.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        )
    ]
    found = source.execute(f"SELECT * FROM {table} LIMIT ?", (rows,)).fetchall()  # noqa: S608 - a name from the schema
    page = source.execute("PRAGMA page_size").fetchone()[0]
    source.close()
    target = folder.parent / "floor.db"
    for path in folder.parent.glob("floor.db*"):
        path.unlink()
    out = sqlite3.connect(target, isolation_level=None)
    out.execute(f"PRAGMA page_size={page}")
    out.execute("PRAGMA journal_mode=WAL")
    out.execute("PRAGMA synchronous=FULL")
    for statement in schema:
        out.execute(statement)
    insert = f"INSERT INTO {table} VALUES ({','.join('?' * columns)})"  # noqa: S608 - a name from the schema
    started = time.perf_counter()
    for start in range(0, len(found), per_commit):
        out.execute("BEGIN IMMEDIATE")
        out.executemany(insert, found[start : start + per_commit])
        out.execute("COMMIT")
    seconds = time.perf_counter() - started
    out.close()
    for path in folder.parent.glob("floor.db*"):
        path.unlink()
    return {"rows": len(found), "rows/s": len(found) / seconds}


def _hot_table(source: sqlite3.Connection) -> tuple[str, int]:
    """The table with the entries, and its number of columns."""
    for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        called = name
        columns = [
            row[0] for row in source.execute("SELECT name FROM pragma_table_info(?)", (called,))
        ]
        if "entry" in columns:
            return called, len(columns)
    raise SystemExit("bench: no table with entries")


Query = Callable[[random.Random], str]


def search(server: Server, queries: dict[str, Query], rounds: int, seed: int = 1) -> Figures:
    """First pages over HTTP: p50 and p95 of each kind of query, in ms, and the mean of hits."""
    figures: Figures = {}
    headers = {"Authorization": f"Bearer {server.read_key}", "Audit-Purpose": "benchmark"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120) as client:
        for name, query in queries.items():
            chance = random.Random(seed)  # noqa: S311 - a repeatable choice
            took: list[float] = []
            hits = 0
            for _ in range(rounds):
                parameters: dict[str, Any] = {"q": query(chance), "tenant": TENANT, "limit": 50}
                started = time.perf_counter()
                reply = client.get("/v1/events", params=parameters)
                took.append((time.perf_counter() - started) * 1000)
                if reply.status_code != httpx.codes.OK:
                    raise SystemExit(f"bench: {parameters['q']}: {reply.text}")
                hits += len(reply.json()["events"])
            figures[f"{name} p50 ms"] = percentile(took, 0.5)
            figures[f"{name} p95 ms"] = percentile(took, 0.95)
            figures[f"{name} mean rows"] = hits / rounds
    return figures


def disk(folder: Path, events: int) -> Figures:
    """Bytes an event on disk, by kind."""
    kinds = disk_bytes(folder)
    figures = {f"{kind} B an event": size / events for kind, size in sorted(kinds.items())}
    kept = sum(size for kind, size in kinds.items() if kind != "database")
    figures["all but the database, B an event"] = kept / events
    return figures


def fsck(folder: Path, events: int) -> Figures:
    """Hashing everything again, offline."""
    started = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "vitne", "fsck", "--folder", str(folder), "--json"],
        capture_output=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"bench: fsck found damage:\n{done.stdout.decode()}")
    return {"seconds": seconds, "s a million events": seconds / events * 1e6}


def remove(folder: Path) -> None:
    """Take a bench folder away."""
    shutil.rmtree(folder, ignore_errors=True)


def settle(server: Server, timeout_s: float = 900) -> Figures:
    """Wait until all full segments are sealed; how long that took after the last event."""
    started = time.perf_counter()
    while server.metric("vitne_entries") - server.metric("vitne_sealed_entries") >= 2 * SEGMENT:
        if time.perf_counter() - started > timeout_s:
            raise SystemExit(f"bench: segments were not sealed in {timeout_s} s")
        time.sleep(0.1)
    return {"s": time.perf_counter() - started}
