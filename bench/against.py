"""`python -m bench.against CHECKOUT`: processor time of this checkout against an earlier one.

Both checkouts have a `.venv` of their own, and each server is a process that is started, given the
same requests, and stopped: what it and its children used comes from the kernel (`wait4`), so a
machine that is busy with other things disturbs little. The two take turns, A B A B; each figure is
the median over the pairs of the ratio between this checkout and the other. Run it with this
checkout as the other one to see how far two equal commits differ.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from bench.load import Load
from bench.measure import machine
from bench.simulated import simulated_events, slim

HERE = Path(__file__).resolve().parents[1]
PORT = 8497

_ENTRY = (
    "import sys, msgspec; from pathlib import Path; from bench import entry_cost;"
    " found = entry_cost.measure(msgspec.json.decode(Path(sys.argv[1]).read_bytes()));"
    " print(sum(value for name, value in found.items() if name.startswith('µs')))"
)
"""What an event costs before the writer: each checkout measures its own functions."""


class Side:
    """One of the two checkouts, with its folders of data."""

    def __init__(self, checkout: Path, root: Path) -> None:
        self.checkout = checkout
        self.root = root
        self.python = str(checkout / ".venv" / "bin" / "python")
        self.empty, self.filled = root / "empty", root / "filled"
        root.mkdir()
        place = ("--tenant", "bench", "--folder", str(self.empty))
        self._vitne("init", *place)
        source = ("--source", "crm/crm-bff", "--may-import")
        write = self._vitne("key", "add", "w", "--role", "write", *source, *place)
        read = self._vitne("key", "add", "r", "--role", "read", *place)
        self.write_key, self.read_key = str(write["key"]), str(read["key"])

    def _vitne(self, *words: str) -> dict[str, Any]:
        done = self.run("-m", "vitne", *words, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """This checkout's Python, in its folder."""
        done = subprocess.run(  # noqa: S603 - our own command
            [self.python, *words], capture_output=True, check=False, text=True, cwd=self.checkout
        )
        if done.returncode:
            raise SystemExit(f"bench: {words[:3]} of {self.checkout} failed:\n{done.stderr}")
        return done

    def cpu_of(self, *words: str) -> float:
        """Processor seconds of one command of the command line."""
        with subprocess.Popen(  # noqa: S603 - our own command
            [self.python, "-m", "vitne", *words],
            stdout=subprocess.DEVNULL,
            cwd=self.root,
            env={
                **os.environ,
                "VITNE_URL": f"http://127.0.0.1:{PORT}",
                "VITNE_API_KEY": self.read_key,
            },
        ) as process:
            return _ended(process)

    @contextmanager
    def served(self, template: Path, used: list[float]) -> Iterator[Path]:
        """A server over a copy of a folder; adds its processor seconds to `used` when it ends."""
        folder = self.root / "served"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        with subprocess.Popen(  # noqa: S603 - our own command
            [self.python, "-m", "vitne", "serve", "--folder", str(folder)],
            env=os.environ
            | {
                "VITNE_PORT": str(PORT),
                "VITNE_FREE_BYTES_MIN": "0",
                "VITNE_QUOTA_EVENTS_PER_S": "10000000",
                "VITNE_QUOTA_BURST_EVENTS": "10000000",
                "VITNE_SEAL_ENTRIES": "8192",
            },
            cwd=self.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            _wait_ready(process)
            yield folder
            process.send_signal(signal.SIGTERM)
            used.append(_ended(process))


def _ended(process: subprocess.Popen[bytes]) -> float:
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, 10, 11}:
        raise SystemExit(f"bench: {process.args!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def _wait_ready(process: subprocess.Popen[bytes]) -> None:
    for _ in range(1_200):
        if process.poll() is not None:
            raise SystemExit("bench: the server did not start")
        try:
            if _call("GET", "/readyz")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("bench: the server was not ready in a minute")


def _call(
    method: str,
    path: str,
    body: bytes | None = None,
    key: str = "",
    client: Any = None,  # noqa: ANN401 - a connection, or none
) -> tuple[int, bytes]:
    kept = client or http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    kept.request(method, path, body, headers)
    reply = kept.getresponse()
    return reply.status, reply.read()


class Work:
    """The same requests for both sides."""

    def __init__(self, options: argparse.Namespace, root: Path) -> None:
        self.options = options
        events = [slim(event) for event in simulated_events(5_000)]
        load = Load(events)
        self.bulk = [load.batch(500) for _ in range(options.events // 500)]
        self.singles = [load.batch(1) for _ in range(options.singles)]
        self.entries = root / "entries.json"
        self.entries.write_bytes(load.batch(20_000))
        chance = random.Random(1)  # noqa: S311 - repeatable
        actors = [event["actor"]["id"] for event in events]
        targets = [f"{t['type']}/{t['id']}" for event in events for t in event.get("targets", ())]
        self.searches = [
            text
            for _ in range(options.searches // 4)
            for text in (
                "",
                f"actor:{chance.choice(actors)}",
                f"target:{chance.choice(targets)}",
                f"outcome:denied actor:{chance.choice(actors)}",
            )
        ]
        self.questions = [
            {"ask": "did_touch", "actor": chance.choice(actors), "target": chance.choice(targets)}
            for _ in range(options.questions)
        ]

    def entry(self, side: Side) -> float:
        """µs an event; each checkout takes the time of its own functions."""
        return float(side.run("-c", _ENTRY, str(self.entries)).stdout)

    def send_bulk(self, side: Side) -> float:
        """Seconds of the server for events in requests of 500, published and sealed."""
        return self._send(side, self.bulk)

    def send_singles(self, side: Side) -> float:
        """Seconds of the server for single events on one connection."""
        return self._send(side, self.singles)

    def _send(self, side: Side, bodies: list[bytes]) -> float:
        used: list[float] = []
        with side.served(side.empty, used) as folder:
            client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
            for body in bodies:
                status, reply = _call("POST", "/v1/events", body, side.write_key, client)
                if status != http.client.OK or json.loads(reply)["rejected"]:
                    raise SystemExit(f"bench: {status} {reply[:300]!r}")
            client.close()
            time.sleep(2.0)  # the last round is published and sealed
        if bodies is self.bulk and not side.filled.exists():
            folder.rename(side.filled)
        return used[0]

    def search(self, side: Side) -> float:
        """Seconds of the server for the searches."""
        used: list[float] = []
        with side.served(side.filled, used):
            client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
            for text in self.searches:
                path = "/v1/events?" + urlencode({"q": text, "tenant": "bench"})
                status, reply = _call("GET", path, None, side.read_key, client)
                if status != http.client.OK:
                    raise SystemExit(f"bench: {status} {reply[:300]!r}")
        return used[0]

    def ask(self, side: Side) -> float:
        """Seconds of the server for the questions, bundles included."""
        used: list[float] = []
        with side.served(side.filled, used):
            client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
            for question in self.questions:
                body = msgspec.json.encode({"tenant": "bench", **question})
                status, reply = _call("POST", "/v1/answers", body, side.read_key, client)
                if status not in {http.client.OK, http.client.CREATED}:
                    raise SystemExit(f"bench: {status} {reply[:300]!r}")
        return used[0]

    def start_search(self, side: Side) -> float:
        """Seconds of the client `vitne search`."""
        return self._start(side, "search", "actor:usr_77")

    def start_ask(self, side: Side) -> float:
        """Seconds of the client `vitne ask`."""
        return self._start(side, "ask", "did", "usr_77", "touch", "customer/cus_1")

    def _start(self, side: Side, *words: str) -> float:
        used: list[float] = []
        with side.served(side.filled, used):
            side.cpu_of(*words)
            return sum(side.cpu_of(*words) for _ in range(self.options.starts))


def compare(work: Callable[[Side], float], sides: tuple[Side, Side], rounds: int) -> str:
    """One figure, pair by pair: this checkout over the other."""
    pairs = []
    for number in range(rounds):
        order = sides if number % 2 == 0 else sides[::-1]
        seconds = {side.root.name: work(side) for side in order}
        pairs.append((seconds["this"], seconds["other"]))
    ratios = sorted(this / other for this, other in pairs)
    this, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return (
        f"{statistics.median(ratios):6.3f}  ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        f"  this {this:8.3f}  other {other:8.3f}"
    )


def main() -> None:
    """Compare, and print a line for each figure."""
    options = _options()
    root = Path(tempfile.mkdtemp(prefix="vitne-against-", dir=options.folder))
    try:
        work = Work(options, root)
        sides = (Side(HERE, root / "this"), Side(options.other.resolve(), root / "other"))
        figures: Mapping[str, Callable[[Side], float]] = {
            "entry": work.entry,
            "bulk": work.send_bulk,
            "singles": work.send_singles,
            "search": work.search,
            "ask": work.ask,
            "start search": work.start_search,
            "start ask": work.start_ask,
        }
        print(
            machine(), f"{options.rounds} pairs; processor time, this / other", sep="\n", flush=True
        )
        for name, figure in figures.items():
            if name in options.only or not options.only or name == "bulk":
                print(f"{name:13}", compare(figure, sides, options.rounds), flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the other checkout, with its .venv")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--singles", type=int, default=4_000)
    parser.add_argument("--searches", type=int, default=400)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--folder", help="where to put the data")
    return parser.parse_args(sys.argv[1:])


if __name__ == "__main__":
    main()
