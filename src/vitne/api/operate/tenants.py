"""`GET /v1/tenants`: the logs that a key may read, and the keys that verify them."""

from litestar import get
from litestar.handlers import HTTPRouteHandler

from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server import Access, Head, Reads, RequestHead
from vitne.core.values import LogId
from vitne.ports import StateStore
from vitne.services.access import readable
from vitne.services.log import Logs
from vitne.wire.tenants import LogKeysReply, TenantReply, TenantsReply


class TenantsResource:
    """Lists tenants."""

    def __init__(self, access: Access, state: StateStore, logs: Logs) -> None:
        self._access = access
        self._state = state
        self._logs = logs

    def page(self, head: RequestHead) -> TenantsReply:
        """Those that the key may read, by id."""
        key = self._access.key(head, "read")
        found = readable(key, self._state.tenants())
        return TenantsReply([TenantReply(t.id, t.name, self._keys_of(t.id)) for t in found])

    def _keys_of(self, log: LogId) -> LogKeysReply:
        logs, origin = self._logs, self._logs.origin(log)
        signers = (logs.log_signer(origin), logs.index_signer(origin), logs.receipt_signer(origin))
        return LogKeysReply(origin, *(signer.vkey for signer in signers))


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
