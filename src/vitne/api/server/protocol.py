"""HTTP connections with bounds: how many, how large a head, how slow a client.

uvicorn bounds none of these with httptools, so its protocol is extended here: a connection too
many is answered and closed, a head or body that dribbles in is cut off, and so is a client that
does not read its reply. Whatever is refused before the application runs is a problem+json too.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from vitne.api.server.problems import bare_problem

_FACTOR: Final = 2
_LINGER_S: Final = 1.0


@dataclass(kw_only=True)
class Bounds:
    """Bounds of every connection of a server; counts what they refused."""

    connections_max: int
    header_bytes_max: int
    body_timeout_s: float
    idle_timeout_s: float
    refused_connections: int = 0
    slow_clients: int = 0
    open_connections: int = 0


class OneWrite:
    """A transport that sends the head of a reply in one piece with its body.

    uvicorn writes them one after the other, and each is a system call: a third of what a small
    reply costs. The head waits here for the next write, or for `flush` where there is no body.
    """

    __slots__ = ("_head", "_to", "abort", "get_extra_info", "is_closing", "write_eof")

    def __init__(self, to: asyncio.Transport) -> None:
        self._to = to
        self._head = b""
        self.abort = to.abort
        self.get_extra_info = to.get_extra_info
        self.is_closing = to.is_closing
        self.write_eof = to.write_eof

    def write(self, data: bytes) -> None:
        """Send, or keep back if it is the head of a reply."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(_CONTINUE):
            self._head = data
            return
        self._to.write(data)

    def flush(self) -> None:
        """Send what is kept back."""
        if self._head:
            data, self._head = self._head, b""
            self._to.write(data)

    def close(self) -> None:
        """Send what is kept back, and close."""
        self.flush()
        self._to.close()

    def pause_reading(self) -> None:
        """As the transport does."""
        self._to.pause_reading()

    def resume_reading(self) -> None:
        """As the transport does."""
        self._to.resume_reading()


_CONTINUE: Final = b"HTTP/1.1 100 "


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    bounds: Bounds

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._in_head = False
        self._deaf = False
        self._slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take a connection, or answer that there are too many."""
        self._one_write = OneWrite(transport)
        super().connection_made(cast("asyncio.Transport", self._one_write))
        self.bounds.open_connections += 1
        if len(self.connections) > self.bounds.connections_max:
            self.bounds.refused_connections += 1
            self._refuse("overloaded", "too many connections are open")
        else:
            self._expect(self.bounds.idle_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.bounds.open_connections -= 1
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count the bytes of a head while it comes."""
        if self._deaf or self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > self.bounds.header_bytes_max:
                self._refuse("head_too_large", f"at most {self.bounds.header_bytes_max} bytes")

    def on_response_complete(self) -> None:
        """A reply is whole, even one without a body."""
        self._one_write.flush()
        super().on_response_complete()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's: True keeps it open
        """The client sends no more: a request that is whole still gets its reply."""
        if not self._owes_a_reply() or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """A request begins: its head must be whole in time."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._expect(self.bounds.body_timeout_s)

    def on_headers_complete(self) -> None:
        """The head is whole; it is too large if its fields are, however they arrived."""
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.bounds.header_bytes_max:
            self._refuse("head_too_large", f"at most {self.bounds.header_bytes_max} bytes")
            return
        # The application gives a slow body up first, and says so; this ends what goes on.
        self._expect(self.bounds.body_timeout_s * _FACTOR)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole: nothing more is expected of the client."""
        self._expect(None)
        if self.cycle is not None:
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """More of a body; none is taken behind a refused head."""
        if self.cycle is not None:
            super().on_body(body)

    def pause_writing(self) -> None:
        """The client does not read: for so long and no longer."""
        super().pause_writing()
        self._expect(self.bounds.body_timeout_s * _FACTOR)

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self._expect(None)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets a problem+json, unless a request before it waits for its reply."""
        if self._owes_a_reply():
            # Its reply must not be taken for this one: it goes out, and then the connection ends.
            self._deaf = True
            self.cycle.keep_alive = False
            return
        self._refuse("bad_input", msg)

    def _owes_a_reply(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _expect(self, seconds: float | None) -> None:
        """Start the clock for what the client must do next; None stops it."""
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        if seconds is not None:
            self._slow = self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._slow = None
        self.bounds.slow_clients += 1
        # A reply may be under way, or waits for a body that never comes: nothing can be said.
        self.transport.abort()

    def _refuse(self, code: str, detail: str) -> None:
        """Answer without the application, and close once the client has had time to read it."""
        self._expect(None)
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        reply = bare_problem(code, detail=detail)
        head = [
            STATUS_LINE[reply.status],
            b"content-type: " + reply.content_type + b"\r\n",
            b"content-length: %d\r\n" % len(reply.body),
            b"connection: close\r\n",
        ]
        if code == "overloaded":
            head.append(b"retry-after: 1\r\n")
        self.transport.write(b"".join(head) + b"\r\n" + reply.body)
        self._one_write.flush()
        # Closing at once, with bytes unread, would reset the connection and lose the reply.
        self.transport.write_eof()
        self.loop.call_later(_LINGER_S, self._let_go)

    def _let_go(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def bounded(bounds: Bounds) -> type[BoundedProtocol]:
    """The protocol class of one server."""
    return type("BoundedProtocol", (BoundedProtocol,), {"bounds": bounds})
