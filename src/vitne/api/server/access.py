"""Who asks, and for whom: from the head of a request to a key, an arrival and a caller."""

from collections.abc import Iterable
from typing import Annotated, Final
from urllib.parse import unquote

from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from vitne.api.server.responses import Here
from vitne.core.values import LogId
from vitne.errors import BadInputError, NotAllowedError, NotFoundError, TenantNotAllowedError
from vitne.ports import ROLES, ApiKey, Role, StateStore
from vitne.services.access import Caller, KeyAuthenticator, LoggedReads, holder, parse_purpose
from vitne.services.writer import Arrival

_BEARER: Final = "bearer "
_HEADER_MAX: Final = 200


class RequestHead(Struct):
    """The headers that Vitne reads, decoded; `""` where absent."""

    authorization: str = ""
    content_type: str = ""
    content_encoding: str = ""
    content_length: bytes | None = None
    idempotency_key: str = ""
    traceparent: str = ""
    purpose: str = ""
    accept_encoding: str = ""
    peer_ip: str = ""
    """Address of the connection."""

    @property
    def token(self) -> str:
        """The bearer token; `""` if there is none."""
        if self.authorization[: len(_BEARER)].lower() != _BEARER:
            return ""
        return self.authorization[len(_BEARER) :].strip()


_FIELDS: Final = {
    b"authorization": "authorization",
    b"content-type": "content_type",
    b"content-encoding": "content_encoding",
    b"idempotency-key": "idempotency_key",
    b"traceparent": "traceparent",
    b"audit-purpose": "purpose",
    b"accept-encoding": "accept_encoding",
}


def read_head(headers: Iterable[tuple[bytes, bytes]], peer_ip: str = "") -> RequestHead:
    """Pick the headers that matter. The last of a repeated header counts.

    Raises:
        BadInputError: an idempotency key or purpose that is too long.
    """
    head = RequestHead(peer_ip=peer_ip)
    for name, value in headers:
        field = _FIELDS.get(name)
        if field is not None:
            setattr(head, field, value.decode("latin-1"))
        elif name == b"content-length":
            head.content_length = value
    if len(head.idempotency_key) > _HEADER_MAX:
        raise BadInputError(f"expected at most {_HEADER_MAX} characters", where="Idempotency-Key")
    return head


Tenant = Annotated[
    str, QueryParameter(description="Whose log; needed by keys for several tenants.", max_length=64)
]
Purpose = Annotated[
    str,
    HeaderParameter(
        name="Audit-Purpose",
        description="Why you read: `code` or `code:reference`, percent-encoded. It is logged.",
        required=False,
        max_length=600,
    ),
]


async def _head(request: Here) -> RequestHead:
    return read_head(request.scope["headers"], request.client.host if request.client else "")


async def _reader_head(request: Here, purpose: Purpose = "") -> RequestHead:
    head = await _head(request)
    head.purpose = purpose
    return head


Head = NamedDependency[RequestHead]
"""The type of a handler's `head`, or of its `reader_head`, which may say why somebody reads."""

HEADS: Final = {"head": Provide(_head), "reader_head": Provide(_reader_head)}


class Access:
    """Lets a request in, or tells why not."""

    def __init__(
        self, authenticator: KeyAuthenticator, state: StateStore, reading: LoggedReads
    ) -> None:
        self._authenticator = authenticator
        self._state = state
        self._reading = reading

    def key(self, head: RequestHead, role: Role) -> ApiKey:
        """The key of a request.

        Raises:
            UnknownKeyError: no valid key.
            NotAllowedError: the key lacks the role.
        """
        key = self._authenticator.authenticate(head.token)
        if role not in key.roles:
            raise NotAllowedError(
                f"the API key lacks the role {role}: {ROLES[role]}",
                hint=f"vitne key add --role {role}",
            )
        return key

    def reader(self, head: RequestHead, asked: str) -> "Reader":
        """Who reads which log.

        Args:
            head: of the request.
            asked: the tenant that the request names; `""` takes the key's only one.

        Raises:
            UnknownKeyError, NotAllowedError: as `key`.
            BadInputError: the key is for several tenants and none is named, or a bad purpose.
            NotFoundError: no such tenant, or it is another's; then the operator's log tells it.
        """
        return self._who(self.key(head, "read"), head, asked)

    def keeper(self, head: RequestHead, asked: str) -> "Reader":
        """Who looks after which log: as `reader`, with the role admin."""
        return self._who(self.key(head, "admin"), head, asked)

    def _who(self, key: ApiKey, head: RequestHead, asked: str) -> "Reader":
        purpose = parse_purpose(unquote(head.purpose))
        arrival = Arrival(peer_ip=head.peer_ip, traceparent=head.traceparent)
        caller = holder(key, arrival=arrival, purpose=purpose)
        tenant = LogId(asked) if asked else _only(key)
        if key.covers(tenant) and self._state.tenant(tenant) is not None:
            return Reader(caller, tenant)
        self._reading.refused(caller, tenant, TenantNotAllowedError.code)
        raise NotFoundError("there is no such tenant for this key", hint="see GET /v1/tenants")


class Reader(Struct, frozen=True):
    """Somebody who may read a log, or look after it."""

    caller: Caller
    tenant: LogId


def _only(key: ApiKey) -> LogId:
    if len(key.tenants) != 1:
        raise BadInputError(
            "the key is for several tenants, so the request names one",
            where="tenant",
            hint="add ?tenant=…; GET /v1/tenants lists them",
        )
    return key.tenants[0]
