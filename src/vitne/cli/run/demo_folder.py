"""The demo's folder: a server's folder with tenants, keys per source, and a note of how far it is.

`demo.json` keeps the seed, the days and the keys, so that the demo can be started again on the
same folder. It holds keys: only its owner may read it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from vitne.cli.base.admin import ServerFolder, opened_server, shell_user
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.errors import ConfigurationError
from vitne.ports import Role
from vitne.services.access import KeyRequest
from vitne.simulator import Simulation, source_registrations
from vitne.wiring import Server

DAYS = 30
_NOTE = "demo.json"
_DAY_US = 86_400_000_000
_EVENTS_AT_ONE = 20_000
_BUSY, _BUSIEST = 25.0, 50.0


class DemoNote(Struct):
    """What a second start must know of the first."""

    seed: int
    events: int
    """How many the history should have, roughly."""
    start_us: int
    end_us: int
    """The moment at which the history ends: that of the first start."""
    history_keys: dict[str, str] = {}
    """Source → key that may send old events; revoked and gone once all are in."""
    live_keys: dict[str, str] = {}
    loaded: bool = False


def simulation_of(note: DemoNote) -> Simulation:
    """The simulation whose history fills the folder.

    More events are first more per person and shift, then more people.
    """
    busy = min(_BUSY * note.events / _EVENTS_AT_ONE, _BUSIEST)
    scale = note.events / (_EVENTS_AT_ONE * busy / _BUSY)
    return Simulation(note.seed, note.start_us, DAYS + 1, scale, events_per_shift=busy)


def prepare(folder: Path, port: int, events: int, seed: int) -> DemoNote:
    """The folder's note; on the first start the folder is made, with tenants and keys.

    Raises:
        ConfigurationError: the folder holds something else than a demo.
    """
    path = folder / _NOTE
    if path.is_file():
        try:
            return msgspec.json.decode(path.read_bytes(), type=DemoNote)
        except msgspec.DecodeError as error:
            raise _no_demo(folder, f"its {_NOTE} does not read") from error
    if folder.is_dir() and any(folder.iterdir()):
        raise _no_demo(folder, "it is not empty")
    now_us = time.time_ns() // 1000
    note = DemoNote(seed, events, now_us - DAYS * _DAY_US, now_us)
    world = simulation_of(note).world
    first = world.tenants[0]
    _init(folder, port, first.id, first.name)
    with opened_server(ServerFolder(folder=str(folder))) as server:
        for tenant in world.tenants[1:]:
            server.onboard.add_tenant(LogId(tenant.id), tenant.name, shell_user())
        tenants = tuple(LogId(tenant.id) for tenant in world.tenants)
        for application, service, layer in source_registrations():
            live = SourceRegistration(application, service, layer)
            past = SourceRegistration(application, service, layer, may_import=True)
            note.live_keys[live.source_id] = _key(server, "live", live, tenants)
            note.history_keys[past.source_id] = _key(server, "history", past, tenants)
    keep(folder, note)
    return note


def finish(folder: Path, note: DemoNote) -> None:
    """Note that the history is in, and revoke the keys that could send it."""
    with opened_server(ServerFolder(folder=str(folder))) as server:
        for token in note.history_keys.values():
            server.onboard.revoke_key(token.split("_")[1], shell_user())
    note.history_keys = {}
    note.loaded = True
    keep(folder, note)


def keep(folder: Path, note: DemoNote) -> None:
    """Write the note durably, readable by its owner only."""
    path = folder / _NOTE
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _init(folder: Path, port: int, tenant: str, name: str) -> None:
    """`vitne init`, so that the demo's folder is made like any other."""
    words = ["init", "--folder", str(folder), "--port", str(port), "--server-name", "demo.vitne"]
    words += ["--tenant", tenant, "--name", name, "--json"]
    done = subprocess.run(  # noqa: S603  # our own interpreter and verb
        [sys.executable, "-m", "vitne", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigurationError(f"the folder cannot be made: {done.stderr.strip()}")


def _key(server: Server, use: str, source: SourceRegistration, tenants: tuple[LogId, ...]) -> str:
    roles: tuple[Role, ...] = ("write",)
    name = f"{source.source_id} {use}"
    request = KeyRequest(name=name, roles=roles, tenants=tenants, source=source)
    return server.onboard.add_key(request, shell_user())[1].reveal()


def _no_demo(folder: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"this folder is no demo: {why}", where=str(folder), hint="name another with --folder"
    )
