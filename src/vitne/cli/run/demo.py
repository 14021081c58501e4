"""`vitne demo`: a small vendor's 30 days in a folder, a server on it, and what to try."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import httpx
from cyclopts import Parameter

from vitne.cli.base.client import profile
from vitne.cli.base.output import Json, Output, plain
from vitne.cli.run import demo_folder
from vitne.cli.run.demo_folder import DemoNote, simulation_of
from vitne.cli.run.demo_load import go_on, load_history, wait_until_proved
from vitne.errors import BadInputError, ConfigurationError, UnavailableError
from vitne.simulator import Story

_HOST = "127.0.0.1"
_START_S, _STOP_S = 60.0, 30.0
_TAIL_CHARS = 2000
_PROOF = "proof.vitne.json"
_BUNDLE = "answer.vitne"


def demo(  # noqa: PLR0913  # the options of a verb
    *,
    folder: Annotated[Path, Parameter(help="Where the demo lives; kept for the next start.")] = (
        Path("demo-data")
    ),
    port: Annotated[int, Parameter(help="TCP port of its server.")] = 8470,
    events: Annotated[int, Parameter(help="How many the 30 days have, roughly.")] = 20_000,
    seed: Annotated[int, Parameter(help="Another seed is another history.")] = 7,
    pace: Annotated[float, Parameter(help="Events a second, live, after that.")] = 2.0,
    once: Annotated[bool, Parameter(help="Fill the folder, say what to try, and stop.")] = False,
    json: Json = False,
) -> None:
    """Fill a folder with a small vendor's 30 days, serve it, and say what to try.

    A kitchen chain, a bath retailer and the vendor of their software: 40 people, 9 sources, 3
    logs. In it somebody misuses their access, and somebody else only looks guilty. The server
    runs, with live events through the SDK, until Ctrl-C; start it again on the same folder at any
    time.
    """
    if events < 1 or pace <= 0:
        raise BadInputError("--events and --pace must be above zero")
    out = Output(json)
    stop = threading.Event()
    with _stopped_by_signals(stop):
        out.note(f"Making the folder {folder} …" if not folder.exists() else f"Using {folder} …")
        _check_port(port)
        note = demo_folder.prepare(folder, port, events, seed)
        url = f"http://{_HOST}:{port}"
        with _server(folder, port):
            _fill(note, folder, url, out)
            story = simulation_of(note).story
            key = profile({"VITNE_FOLDER": str(folder)})["key"]
            vkey = wait_until_proved(url, key, story.tenant, story.exported[-1])
            commands = _commands(story, vkey, folder)
            machine = {"url": url, "folder": str(folder), "log_key": vkey, "story": story}
            people = _lines(commands, story, url, live=not once)
            out.result(machine | {"commands": commands}, *people)
            if not once and not stop.is_set():
                count = go_on(note, folder, url, pace, stop)
                out.note(f"Stopping; {count:,} live events were recorded.")


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """A first Ctrl-C, TERM or hang-up ends the live part; before it, it ends the demo."""
    live = threading.current_thread() is threading.main_thread()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set() or number != signal.SIGINT:
            stop.set()
            raise KeyboardInterrupt
        stop.set()

    kept = {}
    if live:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            kept[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, before in kept.items():
            signal.signal(number, before)


def _check_port(port: int) -> None:
    """Refuse a port that is taken: whoever has it would answer in our server's place."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be used: {error.strerror}",
                hint="choose another: vitne demo --port 8480, or make demo PORT=8480",
            ) from error


@contextmanager
def _server(folder: Path, port: int) -> Iterator[None]:
    """`vitne serve` beside us, in a session of its own: it ends when we say so, not before."""
    log = folder / "server.log"
    words = ["serve", "--folder", str(folder), "--port", str(port)]
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and verb
            [sys.executable, "-m", "vitne", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(child, f"http://{_HOST}:{port}", log)
        yield
    finally:
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(child: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Return when the server answers that it is ready. Raises `UnavailableError`."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if child.poll() is not None:
            tail = log.read_text("utf-8", "replace")[-_TAIL_CHARS:]
            raise UnavailableError(
                f"the demo's server ended: {tail.strip()}",
                where=str(log),
                hint="is another server on this folder?",
            )
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise UnavailableError("the demo's server is not ready within a minute", where=str(log))


def _fill(note: DemoNote, folder: Path, url: str, out: Output) -> None:
    """Send the history, unless a start before this one did."""
    if note.loaded:
        return
    simulation = simulation_of(note)
    with out.progress("30 days", note.events) as advance:
        started = time.monotonic()
        found = load_history(url, note.history_keys, simulation.events(note.end_us), advance)
    took_s = time.monotonic() - started
    demo_folder.finish(folder, note)
    out.note(f"{found:,} events of 30 days are in the logs, {found / took_s:,.0f} a second.")


def _commands(story: Story, vkey: str, folder: Path) -> dict[str, str]:
    """What to try, ready to be pasted into a shell in this directory."""
    program = _program()
    reader = f"VITNE_FOLDER={shlex.quote(str(folder))} {program}"
    proof = shlex.quote(str(folder / _PROOF))
    bundle = shlex.quote(str(folder / _BUNDLE))
    unexplained = f"target:{story.target} role:primary -purpose:*"
    explained = f"target:{story.target} role:primary reference:{story.case}"
    why = "--purpose investigation:DEMO-1"
    return {
        "search": f"{reader} search {shlex.quote(unexplained)} --facets actor --facets site {why}",
        "ask": f"{reader} ask did {story.culprit} touch {story.target} --bundle {bundle} {why}",
        "prove": f"{reader} prove {story.exported[-1]} --output {proof} {why}",
        "verify": f"{program} verify {proof} --trust {shlex.quote(vkey)}",
        "clear": f"{reader} search {shlex.quote(explained)} --facets actor {why}",
    }


def _program() -> str:
    """How this program is called from here: by name if the shell finds it, else by path."""
    beside = Path(sys.executable).parent / "vitne"
    if not beside.is_file():
        return f"{shlex.quote(sys.executable)} -m vitne"
    found = shutil.which("vitne")
    if found is not None and Path(found).samefile(beside):
        return "vitne"
    near = os.path.relpath(beside)
    return shlex.quote(near if len(near) < len(str(beside)) else str(beside))


def _lines(commands: dict[str, str], story: Story, url: str, *, live: bool) -> Iterator[Any]:
    yield ""
    yield plain("The customer " + story.target + " says that somebody is watching.", "bold")
    if live:
        yield plain(f"The server is at {url}. In another terminal, in this directory:")
    for title, name in (
        ("1. Who opened the card, or tried to, without a reason - and from where?", "search"),
        ("2. Ask about the one who did: a verdict, with all the evidence in one file.", "ask"),
        ("3. Get the proof of the worst of it: the address was printed.", "prove"),
        ("4. Verify it, offline: this needs no server, and no trust in one.", "verify"),
    ):
        yield ""
        yield plain(title, "bold")
        yield plain(f"   {commands[name]}")
    yield ""
    yield plain("And who opened it most often, but for a case?", "bold")
    yield plain(f"   {commands['clear']}")
    yield ""
    if live:
        yield plain("The simulated people continue to work; Ctrl-C stops everything.")
