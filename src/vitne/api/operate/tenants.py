"""`GET /v1/tenants`: the logs that a key may read, and the keys that verify them."""

from collections.abc import Callable
from typing import Annotated

from litestar import get
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server.access import Access, Head, read_head
from vitne.api.server.responses import Here, Reads
from vitne.core.values.types import LogId
from vitne.ports import StateStore
from vitne.services.access.doorkeeper import readable


class LogKeysShown(Struct, frozen=True):
    """How a log is named, and the public keys that verify what it signs."""

    origin: Annotated[str, Meta(description="Origin line of the log's checkpoints.")]
    log_key: Annotated[str, Meta(description="Verifier key (vkey) of its checkpoints.")]
    index_key: Annotated[str, Meta(description="Verifier key (vkey) of its index log.")]
    receipt_key: Annotated[str, Meta(description="Verifier key (vkey) of its receipts.")]


class TenantShown(Struct, frozen=True):
    """One tenant."""

    id: Annotated[str, Meta(description="Id, as in `tenant.id` of events.", examples=["acme"])]
    name: str
    log: LogKeysShown


class TenantsPage(Struct, frozen=True):
    """All tenants that the key may read; nothing is left out."""

    tenants: list[TenantShown]


class TenantsDoor:
    """Lists tenants."""

    def __init__(
        self, access: Access, state: StateStore, log_keys: Callable[[LogId], LogKeysShown]
    ) -> None:
        self._access = access
        self._state = state
        self._log_keys = log_keys

    def page(self, head: Head) -> TenantsPage:
        """Those that the key may read, by id."""
        key = self._access.key(head, "read")
        found = readable(key, self._state.tenants())
        return TenantsPage([TenantShown(t.id, t.name, self._log_keys(t.id)) for t in found])


def tenant_routes(door: TenantsDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """The one resource."""

    @get(
        "/v1/tenants",
        operation_id="tenants",
        summary="Tenants that the key may read",
        responses=problems(*AUTHENTICATED, "bad_input", "internal"),
        tags=["tenants"],
    )
    async def tenants(request: Here) -> TenantsPage:
        return await reads.run(door.page, read_head(request.scope["headers"]))

    return [tenants]
