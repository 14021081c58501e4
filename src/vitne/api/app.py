"""The application: events straight on ASGI, everything else through Litestar, errors as problems.

Whatever happens, a reply is JSON or a problem+json; the reason of a status 500 goes to the log
under a request id, and only the id to the client.
"""

import difflib
import json
import logging
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, cast

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.types import HTTPScope, Message, Receive, Send

from vitne.api.intake.events import PATH, ROUTE, EventsResource
from vitne.api.openapi.document import request_schemas
from vitne.api.server import (
    HEADS,
    ClientGoneError,
    Header,
    Here,
    HttpReply,
    Meters,
    always,
    bare_problem,
    kind_of,
    problem,
    respond,
    send_reply,
)
from vitne.errors import BadInputError, VitneError

_NAME_CHARS_MAX: Final = 40
_FREE_TAG: Final = "operations"
"""Load balancers and scrapers put parameters of their own on these."""


_ALIKE: Final = 0.75
"""How alike two names are, from 0 to 1, for one to be suggested for the other."""


class KnownParameters:
    """A guard of all resources; knows what each takes from the OpenAPI document."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, ...]] = {}

    def learn(self, document: Mapping[str, Any]) -> None:
        """Take the names from the document, by operation."""
        for path in document["paths"].values():
            for operation in path.values():
                if _FREE_TAG not in operation.get("tags", ()):
                    told = operation.get("parameters", ())
                    names = tuple(one["name"] for one in told if one["in"] == "query")
                    self._of[operation["operationId"]] = names

    def __call__(
        self, connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler
    ) -> None:
        """Refuse a request.

        Raises:
            BadInputError: it has a parameter that its resource does not take.
        """
        if connection.scope["query_string"]:
            known = self._of.get(getattr(handler, "operation_id", "") or "")
            if known is not None:
                refuse_unknown(connection.query_params.keys(), known)


def refuse_unknown(given: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise `BadInputError` for the first name that is not known, with the nearest that is."""
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        hint = f"it takes: {', '.join(known)}" if known else "it takes none"
        raise BadInputError(
            "the resource takes no such query parameter",
            where=name[:_NAME_CHARS_MAX],
            hint=f"did you mean `{near[0]}`?" if near else hint,
        )


_LOG: Final = logging.getLogger("vitne.api")
_DOCUMENT: Final = "/schema/openapi.json"
_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Application:
    """ASGI: `http` only; the life of the server is the business of `server`."""

    def __init__(
        self,
        routes: Sequence[HTTPRouteHandler],
        openapi: OpenAPIConfig,
        events: EventsResource,
        meters: Meters,
    ) -> None:
        self._events = events
        self._meters = meters
        parameters = KnownParameters()
        self._rest = Litestar(
            guards=[parameters],
            dependencies=HEADS,
            route_handlers=list(routes),
            openapi_config=openapi,
            exception_handlers={Exception: _answer_error},
            logging_config=None,
        )
        made = self._rest.openapi_schema.to_schema()
        parameters.learn(made)
        made["components"]["schemas"].update(request_schemas())
        self.document = json.dumps(made, indent=1, sort_keys=True).encode("utf-8")

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request. The server sends no other kinds of scope."""
        started_s = perf_counter()
        if scope["path"] == PATH and scope["method"] == "POST":
            await self._take(scope, receive, send)
        elif scope["path"].startswith("/schema"):
            await self._tell_schema(scope, send)
        else:
            await self._rest(scope, receive, self._counting(scope, send, started_s))

    async def _take(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._events.take(scope, receive)
        except ClientGoneError:
            self._meters.replies[ROUTE, 499] += 1
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets a problem
            reply = explain(error)
            _tell(ROUTE, reply.status, error)
        self._meters.replies[ROUTE, reply.status] += 1
        await send_reply(reply, send)

    async def _tell_schema(self, scope: HTTPScope, send: Send) -> None:
        if scope["path"] == _DOCUMENT and scope["method"] == "GET":
            kind = b"application/vnd.oai.openapi+json;version=3.1"
            caching: Header = (b"cache-control", b"public, max-age=300")
            reply = HttpReply(200, self.document, kind, (caching,))
        else:
            reply = bare_problem("not_found", hint=f"the document is GET {_DOCUMENT}")
        await send_reply(reply, send)

    def _counting(self, scope: HTTPScope, send: Send, started_s: float) -> Send:
        """A `send` that counts the reply and adds what every reply says."""

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                template = cast("dict[str, Any]", scope).get("path_template")
                route = f"{scope['method']} {template}" if template else "other"
                self._meters.replies[route, message["status"]] += 1
                message["headers"] = always(message["headers"])
                _LOG.debug(
                    "answered",
                    extra={
                        "route": route,
                        "status": message["status"],
                        "took_ms": round((perf_counter() - started_s) * 1e3, 1),
                    },
                )
            await send(message)

        return counted


def explain(error: Exception) -> HttpReply:
    """Any error as a problem; the unexpected gets a request id and keeps its text to itself."""
    if isinstance(error, HTTPException):
        return _from_litestar(error)
    if isinstance(error, VitneError) and kind_of(error)[1].status < _SERVER_FAULT:
        return problem(error)
    request_id = secrets.token_hex(8)
    _LOG.error("a request failed", exc_info=error, extra={"request_id": request_id})
    if isinstance(error, VitneError):
        return problem(error, request_id=request_id)
    return bare_problem("internal", request_id=request_id, hint="the request id is in the log")


_SERVER_FAULT: Final = 500


def _from_litestar(error: HTTPException) -> HttpReply:
    """A fault that Litestar found in the request's address, method or parameters."""
    code = _CODES.get(error.status_code)
    if code is None:
        code = "bad_input" if error.status_code < _SERVER_FAULT else "internal"
    told = error.extra if isinstance(error.extra, list) else []
    detail = "; ".join(f"{one.get('key')}: {one.get('message')}" for one in told)
    return bare_problem(code, detail=detail)


def _answer_error(request: Here, error: Exception) -> Any:  # noqa: ANN401  # Litestar's handler
    reply = explain(error)
    if isinstance(error, MethodNotAllowedException):
        allowed = ", ".join(_methods(request)).encode("ascii")
        reply = HttpReply(reply.status, reply.body, reply.content_type, ((b"allow", allowed),))
    template = request.scope.get("path_template") or "other"
    _tell(f"{request.method} {template}", reply.status, error)
    return respond(reply)


def _methods(request: Here) -> list[str]:
    """The methods that the resource takes, by its template (RFC 9110 §15.5.6)."""
    found = set()
    for route in request.app.routes:
        template = re.sub(r"\{[^}]*\}", "[^/]+", route.path_format.replace("/{path}", "/.+"))
        if re.fullmatch(template, request.scope["path"]):
            found |= {str(method) for method in route.methods if method != "OPTIONS"}
    return sorted(found)


def _tell(route: str, status: int, error: Exception) -> None:
    """Log a refusal: who was turned away at info, overload at warning, the rest at debug."""
    level = logging.DEBUG
    if status in {401, 403, 429}:
        level = logging.INFO
    elif status > _SERVER_FAULT:
        level = logging.WARNING
    code = getattr(error, "code", type(error).__name__)
    _LOG.log(level, "refused", extra={"route": route, "status": status, "code": str(code)})
