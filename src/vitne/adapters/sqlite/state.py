"""Tenants, API keys and source keys (`vitne.ports.StateStore`)."""

import msgspec
from msgspec.structs import astuple

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import Row
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import ApiKey, Role, SourceKey, Tenant


class SqliteState:
    """Small tables that people write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_tenant(self, tenant: Tenant) -> None:
        if not self._database.change("add_tenant", *astuple(tenant)):
            raise ConflictError(f"tenant {tenant.id!r} exists")

    def tenants(self) -> list[Tenant]:
        return [Tenant(*row) for row in self._database.rows("tenants")]

    def tenant(self, tenant: LogId) -> Tenant | None:
        row = self._database.row("tenant", tenant)
        return None if row is None else Tenant(*row)

    def add_key(self, key: ApiKey) -> None:
        head, tail = (key.id, key.name, key.secret_sha256), (key.created_us, key.revoked_us)
        source = None if key.source is None else _text(key.source)
        texts = (_text(key.roles), _text(key.tenants), source, key.person)
        if not self._database.change("add_key", *head, *texts, *tail):
            raise ConflictError(f"API key {key.id!r} exists")

    def keys(self) -> list[ApiKey]:
        return [_key(row) for row in self._database.rows("keys")]

    def key(self, key_id: str) -> ApiKey | None:
        row = self._database.row("key", key_id)
        return None if row is None else _key(row)

    def revoke_key(self, key_id: str, at_us: int) -> None:
        if not self._database.change("revoke_key", at_us, key_id):
            raise NotFoundError(f"there is no API key {key_id!r}")

    def add_source_key(self, key: SourceKey) -> None:
        values = (key.public_key, key.source, key.vkey, key.added_us, key.retired_us)
        if not self._database.change("add_source_key", *values):
            raise ConflictError("a source has this key already")

    def source_keys(self) -> list[SourceKey]:
        return [SourceKey(*row) for row in self._database.rows("source_keys")]

    def retire_source_key(self, public_key: bytes, at_us: int) -> None:
        if not self._database.change("retire_source_key", at_us, public_key):
            raise NotFoundError("no source has this key")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _key(row: Row) -> ApiKey:
    id_, name, secret_sha256, roles, tenants, source, *rest = row
    return ApiKey(
        id_,
        name,
        secret_sha256,
        msgspec.json.decode(roles, type=tuple[Role, ...]),
        msgspec.json.decode(tenants, type=tuple[LogId, ...]),
        None if source is None else msgspec.json.decode(source, type=SourceRegistration),
        *rest,
    )
