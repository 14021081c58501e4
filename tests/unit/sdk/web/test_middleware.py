"""A request's action, trace and address are bound around the application."""

import asyncio
from typing import Any

import pytest

from vitne.sdk.events.context import bound_fields
from vitne.sdk.web.middleware import AsgiMiddleware, WsgiMiddleware, request_fields

ACTION = "01981f3e-7c19-7000-8000-000000000001"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
EXPECTED = {
    "action_id": ACTION,
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "span_id": "b7ad6b7169203331",
    "client": {"ip": "192.0.2.7", "user_agent": "Browser"},
}


def test_a_wsgi_request_is_bound() -> None:
    seen: list[Any] = []

    def app(_environ: Any, _start: Any) -> list[bytes]:
        seen.append(dict(bound_fields()))
        return [b"body"]

    environ = {
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_USER_AGENT": "Browser",
        "HTTP_TRACEPARENT": TRACE,
        "HTTP_AUDIT_ACTION_ID": ACTION,
    }

    assert WsgiMiddleware(app)(environ, lambda *_: None) == [b"body"]
    assert seen == [EXPECTED]
    assert bound_fields() == {}


def test_an_asgi_request_is_bound() -> None:
    seen: list[Any] = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(dict(bound_fields()))

    scope = {
        "type": "http",
        "client": ("192.0.2.7", 5000),
        "headers": [
            (b"User-Agent", b"Browser"),
            (b"traceparent", TRACE.encode()),
            (b"audit-action-id", ACTION.encode()),
        ],
    }

    asyncio.run(AsgiMiddleware(app)(scope, lambda: None, lambda _: None))

    assert seen == [EXPECTED]


def test_a_start_of_an_asgi_server_passes_through() -> None:
    seen: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append((scope["type"], dict(bound_fields())))

    asyncio.run(AsgiMiddleware(app)({"type": "lifespan"}, lambda: None, lambda _: None))

    assert seen == [("lifespan", {})]


@pytest.mark.parametrize(
    ("proxies", "ip"), [(0, "192.0.2.7"), (1, "3.3.3.3"), (2, "2.2.2.2"), (9, "192.0.2.7")]
)
def test_only_proxies_of_ones_own_are_believed(proxies: int, ip: str) -> None:
    headers = {"x-forwarded-for": "1.1.1.1, 2.2.2.2, 3.3.3.3"}

    assert request_fields(headers, "192.0.2.7", proxies)["client"] == {"ip": ip}


def test_a_request_without_an_action_gets_a_new_one() -> None:
    seen: list[Any] = []

    def app(_environ: Any, _start: Any) -> list[bytes]:
        seen.append(bound_fields()["action_id"])
        return []

    for _ in range(2):
        WsgiMiddleware(app)({}, lambda *_: None)

    assert len(set(seen)) == 2
