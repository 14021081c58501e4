"""`GET /v1/tenants`: the logs that a key may read, and the keys that verify them."""

from collections.abc import Callable

from litestar import get
from litestar.handlers import HTTPRouteHandler

from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server import Access, Head, Reads, RequestHead
from vitne.core.values import LogId
from vitne.ports import StateStore
from vitne.services.access import readable
from vitne.wire.tenants import LogKeysReply, TenantReply, TenantsReply


class TenantsResource:
    """Lists tenants."""

    def __init__(
        self, access: Access, state: StateStore, log_keys: Callable[[LogId], LogKeysReply]
    ) -> None:
        self._access = access
        self._state = state
        self._log_keys = log_keys

    def page(self, head: RequestHead) -> TenantsReply:
        """Those that the key may read, by id."""
        key = self._access.key(head, "read")
        found = readable(key, self._state.tenants())
        return TenantsReply([TenantReply(t.id, t.name, self._log_keys(t.id)) for t in found])


def tenant_routes(resource: TenantsResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The one resource."""

    @get(
        "/v1/tenants",
        operation_id="tenants",
        summary="Tenants that the key may read",
        responses=problems(*AUTHENTICATED, "bad_input", "internal"),
        tags=["tenants"],
    )
    async def tenants(head: Head) -> TenantsReply:
        return await reads.run(resource.page, head)

    return [tenants]
