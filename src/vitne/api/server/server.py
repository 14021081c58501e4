"""Runs the application: socket, signals, bounds, and a stop that loses nothing.

On SIGTERM or SIGINT the server stops listening, finishes the requests in flight, and then the
caller closes the server, which writes what waits and publishes. A second signal drops the requests
in flight: none of them was answered, so their senders send them again.
"""

import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import Server

from vitne.api.server.protocol import Bounds, bounded
from vitne.errors import ConfigurationError
from vitne.settings import Settings

_LOG: Final = logging.getLogger("vitne.api")
_BACKLOG: Final = 2048
_SWITCH_S: Final = 0.0005
_YOUNG: Final = 20_000
"""New containers between two looks (700 by default)."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the address is taken, not ours, or none at all.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        hint = "name another address with --host"
        if error.errno == errno.EADDRINUSE:
            hint = "is a server running already? name another port with --port"
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}", hint=hint
        ) from error
    made.setblocking(False)
    return made


class PatientServer(Server):
    """uvicorn's server, whose second signal hurries it, and which leaves no signal behind."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell whoever waits for it."""
        await super().startup(sockets=sockets)
        for host, port, *_ in (one.getsockname() for one in sockets or ()):
            _LOG.info("listening", extra={"host": host, "port": port})
        tell_systemd("READY=1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a signal handler's arguments
        """First signal: finish what runs. Second: do not wait for it."""
        name = signal.Signals(sig).name
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        _LOG.info("stopping", extra={"signal": name, "at_once": self.force_exit})

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while serving; none is raised again afterwards: the stop is our own."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            # The server is still to be closed; a signal then must not kill it half way.
            for number in before:
                signal.signal(number, self.handle_exit)


def serve_http(
    application: Any,  # noqa: ANN401  # an ASGI application, whose scopes no two libraries type alike
    settings: Settings,
    listener: socket.socket,
    bounds: Bounds,
) -> None:
    """Serve until a signal, and tell the service manager; returns once no request is in flight.

    Args:
        application: what answers.
        settings: bounds and times.
        listener: from `listen`.
        bounds: from `bounds_of`; counts what it refuses.
    """
    config = Config(
        application,
        loop="uvloop",
        http=bounded(bounds),
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.idle_timeout_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        backlog=_BACKLOG,
    )
    with _calm_collector(), _quick_switches():
        PatientServer(config).run(sockets=[listener])
    tell_systemd("STOPPING=1")


@contextmanager
def _quick_switches() -> Iterator[None]:
    """Let waiting threads have the interpreter sooner than after the usual 5 ms.

    The writer and the publisher give it up at every call to the disk, and get it back only when
    a busy thread is made to let go.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Look for cycles rarely: requests make none, and looking costs a tenth of each.

    What is alive now stays alive, so it is not looked through again until the end.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def bounds_of(settings: Settings) -> Bounds:
    """The bounds of connections that settings ask for."""
    return Bounds(
        connections_max=settings.connections_max,
        header_bytes_max=settings.header_bytes_max,
        body_timeout_s=settings.body_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
    )


def tell_systemd(state: str) -> None:
    """Tell the service manager, if one listens (`NOTIFY_SOCKET`), e.g. `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        try:
            to.connect(address)
            to.send(state.encode("ascii"))
        except OSError as error:
            _LOG.warning("the service manager does not listen", extra={"errno": error.errno or 0})
