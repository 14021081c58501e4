"""`vitne serve`: a folder over HTTP, until a signal."""

import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitne import settings as table
from vitne.api.assemble import build
from vitne.api.server import LOG, bounds_of, listen, serve_http, start_log
from vitne.cli.base.admin import refuse_empty
from vitne.settings import Settings
from vitne.wiring import open_server

_PREPARING, _READING = 2, 8
_FILES = 65_536


def serve(
    *,
    folder: Annotated[str | None, Parameter(help="Folder to serve, made by `vitne init`.")] = None,
    config: Annotated[
        Path | None, Parameter(help="Settings file, in place of the folder's.")
    ] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="TCP port; 0 takes a free one.")] = None,
    json: Annotated[
        bool, Parameter(name="--json", help="Write the program's log as JSON lines.")
    ] = False,
) -> None:
    """Serve a folder over HTTP.

    SIGTERM or Ctrl-C ends it: requests in flight are finished, what waits is written and
    published. A second signal does not wait for requests. docs/reference/settings.md lists what
    can be set.
    """
    form = "json" if json else None
    options = {"folder": folder, "host": host, "port": port, "log_format": form}
    settings = table.load(config, options=options)
    start_log(settings.log_format, settings.log_level)
    for name in table.strange_variables():
        LOG.warning("nobody reads this variable", extra={"variable": name})
    _serve(settings)


def _serve(settings: Settings) -> None:
    refuse_empty(Path(settings.folder))
    _allow_files()
    bounds = bounds_of(settings)
    listener = listen(settings.host, settings.port)
    preparing = ThreadPoolExecutor(_PREPARING, "vitne-unpack")
    reading = ThreadPoolExecutor(_READING, "vitne-read")
    with listener, open_server(settings) as server, preparing, reading:
        serve_http(build(server, bounds, preparing, reading), settings, listener, bounds)
    LOG.info("stopped", extra={"accepted": server.writer.stats.accepted})


def _allow_files() -> None:
    """Raise the soft limit of open files: a connection is one, and each mapped index."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
