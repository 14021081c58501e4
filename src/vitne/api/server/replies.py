"""A reply, and how it leaves through ASGI."""

from collections.abc import Iterable
from typing import Final

import msgspec
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
