"""`/v1/source-keys`: the keys that sources sign with. Needs the role admin of an operator's key."""

from functools import partial

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server import Access, Head, Reads, RequestHead
from vitne.errors import NotAllowedError
from vitne.services.access import AuditPurpose, Caller, holder
from vitne.services.senders import SourceKeys, to_source_key_reply
from vitne.services.writer import Arrival
from vitne.wire.tenants import SourceKeyReply, SourceKeyRequest, SourceKeysReply

_CODES = (*AUTHENTICATED, "bad_input", "too_large", "unavailable", "storage", "internal")
_post = partial(post, status_code=200, request_max_body_size=4 * 1024, tags=["streams"])


class SourceKeysResource:
    """Registers, retires and lists."""

    def __init__(self, keys: SourceKeys, access: Access) -> None:
        self._keys = keys
        self._access = access

    def page(self, head: RequestHead) -> SourceKeysReply:
        """All keys, by source and time of adding."""
        self._operator(head)
        return SourceKeysReply([to_source_key_reply(key) for key in self._keys.all()])

    def add(self, head: RequestHead, sent: SourceKeyRequest) -> SourceKeyReply:
        """Register one."""
        return to_source_key_reply(self._keys.add(sent.vkey, self._operator(head)))

    def retire(self, head: RequestHead, sent: SourceKeyRequest) -> SourceKeyReply:
        """Retire one; what it signed before stays proved."""
        return to_source_key_reply(self._keys.retire(sent.vkey, self._operator(head)))

    def _operator(self, head: RequestHead) -> Caller:
        key = self._access.key(head, "admin")
        if key.tenants:  # a source may write to many tenants
            raise NotAllowedError("source keys are the operator's: the key is for some tenants")
        return holder(key, arrival=Arrival(head.peer_ip), purpose=AuditPurpose())


def source_key_routes(resource: SourceKeysResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The three resources."""

    @get(
        "/v1/source-keys",
        operation_id="source_keys",
        summary="Keys that sources sign with",
        responses=problems(*AUTHENTICATED, "bad_input", "internal"),
        tags=["streams"],
    )
    async def source_keys(head: Head) -> SourceKeysReply:
        return await reads.run(resource.page, head)

    @_post(
        "/v1/source-keys",
        operation_id="add_source_key",
        summary="Register the key of a source",
        description="It is named in the log of each tenant before the first stream signed with it.",
        responses=problems(*_CODES, "conflict"),
    )
    async def add_source_key(head: Head, data: JSONBody[SourceKeyRequest]) -> SourceKeyReply:
        return await reads.run(resource.add, head, data)

    @_post(
        "/v1/source-keys/retire",
        operation_id="retire_source_key",
        summary="Retire the key of a source",
        description="Nothing that it signs is accepted any more; logs that name it record this.",
        responses=problems(*_CODES, "not_found"),
    )
    async def retire_source_key(head: Head, data: JSONBody[SourceKeyRequest]) -> SourceKeyReply:
        return await reads.run(resource.retire, head, data)

    return [source_keys, add_source_key, retire_source_key]
