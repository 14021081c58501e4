"""Tenants and API keys: make, list, revoke, and find the key of a token.

Each act of an administrator is an event: about a tenant in the operator's log, about a key in the
log of every tenant that it is for (an operator's key: in the operator's). What gives access is told
before it is done, so that no key exists untold; a revocation is done first.
"""

import hashlib
import hmac
import re
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

from msgspec import Struct

from vitne.core.event.intake import SourceRegistration
from vitne.core.values import MAX_TYPE_CHARS, LogId
from vitne.errors import BadInputError, ConflictError, NotFoundError, UnknownKeyError
from vitne.ports import ApiKey, Clock, Ports, Role, StateStore, Tenant
from vitne.services.access.audit_events import OPERATOR, Caller, OwnEvents
from vitne.services.writer import Writer

_TOKEN: Final = re.compile(r"vk_([a-z2-7]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_FRESH_US: Final = 2_000_000
_CACHED_MAX: Final = 1024
_NOBODY: Final = bytes(32)


class KeyAuthenticator:
    """Tells whose token this is, at the cost of one hash.

    Keys are remembered for two seconds, so a key that another process revokes is refused soon.
    """

    def __init__(self, state: StateStore, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, tuple[ApiKey | None, int]] = {}
        self._lock = Lock()  # guards: _known

    def authenticate(self, token: str) -> ApiKey:
        """The key that this token belongs to.

        Raises:
            UnknownKeyError: missing, unknown, wrong or revoked; never says which.
        """
        match = _TOKEN.fullmatch(token)
        key = self._find(match.group(1)) if match else None
        # An unknown id costs the same comparison as a wrong secret.
        expected = key.secret_sha256 if key else _NOBODY
        same = hmac.compare_digest(digest_of_token(token), expected)
        if key is None or not same or key.revoked_us:
            raise UnknownKeyError(
                "the API key is missing, unknown, wrong or revoked",
                hint="send the header Authorization: Bearer vk_…; make a key with: vitne key add",
            )
        return key

    def _find(self, key_id: str) -> ApiKey | None:
        now_us = self._clock.now_us()
        with self._lock:
            found = self._known.get(key_id)
        # The clock may step back: an age below zero is as stale as one above the limit.
        if found is not None and 0 <= now_us - found[1] < _FRESH_US:
            return found[0]
        key = self._state.key(key_id)
        with self._lock:
            if len(self._known) >= _CACHED_MAX:
                self._known.clear()
            self._known[key_id] = (key, now_us)
        return key


def readable(key: ApiKey, tenants: Sequence[Tenant]) -> list[Tenant]:
    """Those of the tenants that the key may read."""
    if "read" not in key.roles:
        return []
    return [tenant for tenant in tenants if key.covers(tenant.id)]


def digest_of_token(token: str) -> bytes:
    """What is stored of a token: 32 bytes."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_SOURCE_PART: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_KEY_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_TYPES: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.?\*)?", re.ASCII)
_TYPES_MAX: Final = 1_000


class ApiToken:
    """An API key in clear. Shown once, to the person who made it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret text."""
        return self._text

    def __repr__(self) -> str:
        """Never the secret."""
        return "***"


class KeyRequest(Struct, frozen=True):
    """What a new API key should be."""

    name: str
    roles: tuple[Role, ...]
    tenants: tuple[LogId, ...] = ()
    """Empty: all, an operator's key."""
    source: SourceRegistration | None = None
    person: str = ""


class Onboard:
    """Makes tenants and keys."""

    def __init__(self, ports: Ports, writer: Writer, own: OwnEvents) -> None:
        self._ports = ports
        self._writer = writer
        self._own = own

    def add_tenant(self, tenant: LogId, name: str, caller: Caller) -> Tenant:
        """Make a tenant and its log.

        The log comes first: killed in between, the call can be made again.

        Raises:
            BadInputError: the id is not `[a-z0-9][a-z0-9._-]{0,63}`.
            ConflictError: the id is taken.
        """
        if not _TENANT.fullmatch(tenant):
            raise BadInputError(
                "a tenant's id is 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit",
                where=repr(tenant[:80]),
                hint="for example acme or ten_8421",
            )
        if self._ports.state.tenant(tenant) is not None:
            raise ConflictError("the tenant exists already", where=tenant, hint="vitne tenant list")
        made = Tenant(id=tenant, name=name, created_us=self._ports.clock.now_us())
        self._writer.create(tenant)
        self._own.write(OPERATOR, "audit.tenant.created", caller, target=("tenant", tenant))
        self._ports.state.add_tenant(made)
        return made

    def add_key(self, wanted: KeyRequest, caller: Caller) -> tuple[ApiKey, ApiToken]:
        """Make a key. Its secret is in the result and nowhere else.

        Raises:
            BadInputError: a name, role or source that cannot be; says which.
            NotFoundError: a tenant that does not exist.
        """
        self._check(wanted)
        key_id = b32encode(self._ports.ids.random_bytes(8)).decode("ascii").lower()[:12]
        secret = urlsafe_b64encode(self._ports.ids.random_bytes(32)).decode("ascii").rstrip("=")
        token = f"vk_{key_id}_{secret}"
        key = ApiKey(
            id=key_id,
            name=wanted.name,
            secret_sha256=digest_of_token(token),
            roles=wanted.roles,
            tenants=wanted.tenants,
            source=wanted.source,
            person=wanted.person,
            created_us=self._ports.clock.now_us(),
        )
        self._record_event("audit.key.created", key, caller, roles=list(key.roles))
        self._ports.state.add_key(key)
        return key, ApiToken(token)

    def revoke_key(self, key_id: str, caller: Caller) -> ApiKey:
        """Revoke a key; every server on the folder refuses it within two seconds.

        Raises:
            NotFoundError: no such key.
        """
        key = self._ports.state.key(key_id)
        if key is None:
            raise NotFoundError("no such key", where=key_id[:20], hint="vitne key list")
        self._ports.state.revoke_key(key_id, self._ports.clock.now_us())
        self._record_event("audit.key.revoked", key, caller)
        return self._ports.state.key(key_id) or key

    def _check(self, wanted: KeyRequest) -> None:
        if not _KEY_NAME.fullmatch(wanted.name):
            raise BadInputError("a key's name is 1 to 100 characters, none of them control")
        if not wanted.roles:
            raise BadInputError("a key needs a role", hint="write, read or admin")
        if ("write" in wanted.roles) != (wanted.source is not None):
            raise BadInputError(
                "a key with the role write names the source that sends with it; another names none",
                hint="for example --source crm/crm-bff",
            )
        for part in (wanted.source.application, wanted.source.service) if wanted.source else ():
            if not _SOURCE_PART.fullmatch(part):
                raise BadInputError(
                    "a source is application/service, each 1 to 64 of a-z 0-9 _ . -",
                    where=repr(part[:80]),
                )
        _check_types(wanted.source.types if wanted.source else ())
        if wanted.source and wanted.source.application == "vitne":
            raise BadInputError("the application `vitne` is Vitne itself", hint="name another")
        for tenant in wanted.tenants:
            if self._ports.state.tenant(tenant) is None:
                raise NotFoundError(
                    "no such tenant", where=tenant[:64], hint=f"vitne tenant add {tenant[:64]}"
                )

    def _record_event(self, kind: str, key: ApiKey, caller: Caller, **extra: Any) -> None:  # noqa: ANN401  # JSON
        for log in key.tenants or (OPERATOR,):
            more = {"extra": extra} if extra else None
            self._own.write(log, kind, caller, target=("api_key", key.id), more=more)


def _check_types(types: tuple[str, ...]) -> None:
    """Declared event types: each whole, or the beginning of some. Raises `BadInputError`."""
    for one in types:
        if not _TYPES.fullmatch(one) or len(one) > MAX_TYPE_CHARS:
            raise BadInputError(
                "a declared type is an event type, or the beginning of some and a *",
                where=repr(one[:80]),
                hint="for example crm.customer.viewed or crm.*",
            )
    if len(types) > _TYPES_MAX:
        raise BadInputError(f"a source declares at most {_TYPES_MAX} types", hint="use crm.*")
