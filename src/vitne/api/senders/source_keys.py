"""`/v1/source-keys`: the keys that sources sign with. Needs the role admin of an operator's key."""

from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server.access import Access, Head, read_head
from vitne.api.server.responses import Here, Reads, peer_of
from vitne.core.values.times import format_utc
from vitne.errors import NotAllowedError
from vitne.ports import ApiKey, SourceKey
from vitne.services.access.audit_events import AuditPurpose, holder
from vitne.services.senders.source_keys import SourceKeys
from vitne.services.writer.reply import Arrival

_CODES = (*AUTHENTICATED, "bad_input", "too_large", "unavailable", "storage", "internal")
_BODY_BYTES_MAX = 4 * 1024


class SourceKeySent(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key; its name is the source."""

    vkey: Annotated[
        str,
        Meta(max_length=300, description="`crm/crm-bff+<key id>+<base64>`, Ed25519."),
    ]


class SourceKeyShown(Struct, frozen=True):
    """One registered key."""

    source: str
    vkey: str
    added_at: str
    retired_at: Annotated[str, Meta(description="RFC 3339; empty while it is in use.")]


class SourceKeysPage(Struct, frozen=True):
    """All of them, retired ones included."""

    keys: list[SourceKeyShown]


class SourceKeysDoor:
    """Registers, retires and lists."""

    def __init__(self, keys: SourceKeys, access: Access) -> None:
        self._keys = keys
        self._access = access

    def page(self, head: Head) -> SourceKeysPage:
        """All keys, by source and time of adding."""
        self._operator(head)
        return SourceKeysPage([shown(key) for key in self._keys.all()])

    def add(self, head: Head, peer_ip: str, sent: SourceKeySent) -> SourceKeyShown:
        """Register one."""
        caller = holder(self._operator(head), arrival=Arrival(peer_ip), purpose=AuditPurpose())
        return shown(self._keys.add(sent.vkey, caller))

    def retire(self, head: Head, peer_ip: str, sent: SourceKeySent) -> SourceKeyShown:
        """Retire one; what it signed before stays proved."""
        caller = holder(self._operator(head), arrival=Arrival(peer_ip), purpose=AuditPurpose())
        return shown(self._keys.retire(sent.vkey, caller))

    def _operator(self, head: Head) -> ApiKey:
        key = self._access.key(head, "admin")
        if key.tenants:  # a source may write to many tenants
            raise NotAllowedError("source keys are the operator's: the key is for some tenants")
        return key


def shown(key: SourceKey) -> SourceKeyShown:
    """A key as it is listed."""
    retired_at = format_utc(key.retired_us) if key.retired_us else ""
    return SourceKeyShown(key.source, key.vkey, format_utc(key.added_us), retired_at)


def source_key_routes(door: SourceKeysDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """The three resources."""

    @get(
        "/v1/source-keys",
        operation_id="source_keys",
        summary="Keys that sources sign with",
        responses=problems(*AUTHENTICATED, "bad_input", "internal"),
        tags=["streams"],
    )
    async def source_keys(request: Here) -> SourceKeysPage:
        return await reads.run(door.page, read_head(request.scope["headers"]))

    @post(
        "/v1/source-keys",
        status_code=200,
        operation_id="add_source_key",
        summary="Register the key of a source",
        description="It is named in the log of each tenant before the first stream signed with it.",
        responses=problems(*_CODES, "conflict"),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["streams"],
    )
    async def add_source_key(request: Here, data: JSONBody[SourceKeySent]) -> SourceKeyShown:
        head = read_head(request.scope["headers"])
        return await reads.run(door.add, head, peer_of(request), data)

    @post(
        "/v1/source-keys/retire",
        status_code=200,
        operation_id="retire_source_key",
        summary="Retire the key of a source",
        description="Nothing that it signs is taken from then on; told in each log that names it.",
        responses=problems(*_CODES, "not_found"),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["streams"],
    )
    async def retire_source_key(request: Here, data: JSONBody[SourceKeySent]) -> SourceKeyShown:
        head = read_head(request.scope["headers"])
        return await reads.run(door.retire, head, peer_of(request), data)

    return [source_keys, add_source_key, retire_source_key]
