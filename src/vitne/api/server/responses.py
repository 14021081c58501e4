"""What the handlers of all resources share: the request, a thread for slow work, the way out."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import Send
from msgspec import Struct

JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"

Header = tuple[bytes, bytes]


class HttpReply(Struct, frozen=True):
    """What goes back to the client."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()


# What every reply says: no script, no frame, no guessing of types. A page says its own policy.
_ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_UNCACHED: Final[Header] = (b"cache-control", b"no-store")


def document(value: object, status: int = 200) -> HttpReply:
    """A JSON reply."""
    return HttpReply(status, msgspec.json.encode(value))


def always(headers: Iterable[Header]) -> list[Header]:
    """Headers with what every reply says; one without a caching header is never cached."""
    made = list(headers)
    named = {name for name, _ in made}
    made += [header for header in (*_ALWAYS, _UNCACHED) if header[0] not in named]
    return made


async def send_reply(reply: HttpReply, send: Send) -> None:
    """Send a reply whole."""
    length = (b"content-length", b"%d" % len(reply.body))
    if reply.headers or reply.content_type is not JSON:
        headers = always(((b"content-type", reply.content_type), length, *reply.headers))
    else:
        headers = [length, _PLAIN]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


_PLAIN: Final[Header] = (b"content-type", JSON)
"""Of the reply to an intake request, which comes by the million and which nobody may cache."""


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
