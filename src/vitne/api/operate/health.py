"""Whether the process lives, whether it may be sent work, and its figures."""

from collections.abc import Callable, Mapping
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from vitne.api.openapi.problems import AUTHENTICATED, body, problems
from vitne.api.server import CONTENT_TYPE, Access, Head, HttpReply, Meters, Reads, respond

OK: Final = "ok"


Checks = Mapping[str, Callable[[], str]]
"""Conditions of being ready; `""` if one holds, else why not, without a tenant or a person."""


class Alive(Struct, frozen=True):
    """The process answers."""

    status: str


class Readiness(Struct, frozen=True):
    """Whether the server takes work, and which check fails."""

    status: str
    """`ready` or `not_ready`."""
    checks: dict[str, str]
    """Per check `ok`, or why it fails."""


def probe(checks: Checks) -> Readiness:
    """Run all checks; one that breaks has failed."""
    found: dict[str, str] = {}
    for name, check in checks.items():
        try:
            found[name] = check() or OK
        except Exception as error:  # noqa: BLE001  # a check that breaks is a check that fails
            found[name] = f"the check failed: {type(error).__name__}"
    ready = all(said == OK for said in found.values())
    return Readiness("ready" if ready else "not_ready", found)


def health_routes(
    reads: Reads, access: Access, checks: Checks, meters: Meters, metrics_public: bool
) -> list[HTTPRouteHandler]:
    """`/healthz`, `/readyz`, `/metrics`."""

    @get("/healthz", operation_id="health", summary="Is the process alive?", tags=["operations"])
    async def healthz() -> Alive:
        return Alive("alive")

    @get(
        "/readyz",
        operation_id="ready",
        summary="May it be sent work?",
        description="503 names the check that fails.",
        responses={503: body(Readiness, "application/json", "A check fails.")},
        tags=["operations"],
    )
    async def readyz() -> Response[Readiness]:
        found = await reads.run(probe, checks)
        return Response(found, status_code=200 if found.status == "ready" else 503)

    @get(
        "/metrics",
        operation_id="metrics",
        summary="Figures for Prometheus",
        responses=problems(*AUTHENTICATED),
        media_type="text/plain",
        tags=["operations"],
    )
    async def metrics(head: Head) -> Response[bytes]:
        if not metrics_public:
            access.key(head, "admin")
        text = await reads.run(meters.render)
        return respond(HttpReply(200, text, CONTENT_TYPE))

    return [healthz, readyz, metrics]
