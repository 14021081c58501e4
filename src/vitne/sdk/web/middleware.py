"""Binds the context of a web request: its action, its trace, and where the user sits.

    app = WsgiMiddleware(app)                   # Flask, Django, Pyramid
    app = AsgiMiddleware(app)                   # Starlette, FastAPI, Litestar

The actor is bound by the application, once it has verified who asks:
`with audit.bind(**actor_from(claims)): …`. WSGI servers read the body of an answer after the
application returned; events recorded while it streams are outside the request's context.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from vitne.sdk.events.build import EventFields, Value
from vitne.sdk.events.context import action, bind, incoming_action_id

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_MAX_USER_AGENT = 512

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Scope = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]


def request_fields(headers: Mapping[str, str], peer: str, trusted_proxies: int) -> EventFields:
    """Trace, address and user agent of a request.

    Args:
        headers: by lower-case name.
        peer: address of the connection.
        trusted_proxies: how many proxies of your own stand before the application. With n of
            them, the n-th address from the right of `X-Forwarded-For` is the user's; whatever
            stands left of it was written by the user.
    """
    fields = EventFields()
    chain = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    ip = chain[-trusted_proxies] if 0 < trusted_proxies <= len(chain) else peer
    agent = headers.get("user-agent", "")[:_MAX_USER_AGENT]
    client: dict[str, Value] = {"ip": ip, "user_agent": agent}
    fields["client"] = {name: value for name, value in client.items() if value}
    trace = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if trace:
        fields["trace_id"], fields["span_id"] = trace.groups()
    return fields


class WsgiMiddleware:
    """Binds the context around a WSGI application."""

    def __init__(self, app: WsgiApp, *, trusted_proxies: int = 0) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        fields = request_fields(headers, environ.get("REMOTE_ADDR", ""), self._trusted_proxies)
        with action(incoming_action_id(headers)), bind(**fields):
            return self._app(environ, start_response)


class AsgiMiddleware:
    """Binds the context around an ASGI application."""

    def __init__(self, app: AsgiApp, *, trusted_proxies: int = 0) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies

    async def __call__(
        self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        """Answer one request, or hold one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        peer = (scope.get("client") or ("",))[0]
        fields = request_fields(headers, peer, self._trusted_proxies)
        with action(incoming_action_id(headers)), bind(**fields):
            await self._app(scope, receive, send)
