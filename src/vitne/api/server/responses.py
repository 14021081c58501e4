"""What the handlers of all resources share: the request, a place for slow work, the way out."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar

from litestar import Request, Response
from litestar.datastructures import State

from vitne.api.server.replies import HttpReply

Here = Request[Any, Any, State]
"""A request; Vitne uses neither Litestar's users nor its sessions."""

P = ParamSpec("P")
T = TypeVar("T")


class Reads:
    """Runs what waits for the disk in threads, a few at a time."""

    def __init__(self, workers: Executor) -> None:
        self._workers = workers

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work`, done in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, lambda: work(*args, **kwargs))


def respond(reply: HttpReply) -> Response[bytes]:
    """A reply as Litestar sends it, which adds the charset of texts by itself."""
    return Response(
        reply.body,
        status_code=reply.status,
        media_type=reply.content_type.decode("latin-1").removesuffix("; charset=utf-8"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers},
    )


def peer_of(request: Here) -> str:
    """Address of the connection; `""` if there is none."""
    return request.client.host if request.client else ""
