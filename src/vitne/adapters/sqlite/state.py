"""Tenants, API keys and source keys (`vitne.ports.StateStore`)."""

import msgspec

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import query
from vitne.adapters.sqlite.rows import Row
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import ApiKey, Role, SourceKey, Tenant


class SqliteState:
    """Small tables that people write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_tenant(self, tenant: Tenant) -> None:
        values = (tenant.id, tenant.name, tenant.created_us)
        with self._database.writing() as connection:
            if connection.execute(query("add_tenant"), values).rowcount != 1:
                raise ConflictError(f"tenant {tenant.id!r} exists")

    def tenants(self) -> list[Tenant]:
        with self._database.reading() as connection:
            return [_tenant(row) for row in connection.execute(query("tenants"))]

    def tenant(self, tenant: LogId) -> Tenant | None:
        with self._database.reading() as connection:
            row = connection.execute(query("tenant"), (tenant,)).fetchone()
        return None if row is None else _tenant(row)

    def add_key(self, key: ApiKey) -> None:
        with self._database.writing() as connection:
            if connection.execute(query("add_key"), _key_row(key)).rowcount != 1:
                raise ConflictError(f"API key {key.id!r} exists")

    def keys(self) -> list[ApiKey]:
        with self._database.reading() as connection:
            return [_key(row) for row in connection.execute(query("keys"))]

    def key(self, key_id: str) -> ApiKey | None:
        with self._database.reading() as connection:
            row = connection.execute(query("key"), (key_id,)).fetchone()
        return None if row is None else _key(row)

    def revoke_key(self, key_id: str, at_us: int) -> None:
        with self._database.writing() as connection:
            if connection.execute(query("revoke_key"), (at_us, key_id)).rowcount != 1:
                raise NotFoundError(f"there is no API key {key_id!r}")

    def add_source_key(self, key: SourceKey) -> None:
        values = (key.public_key, key.source, key.vkey, key.added_us, key.retired_us)
        with self._database.writing() as connection:
            if connection.execute(query("add_source_key"), values).rowcount != 1:
                raise ConflictError("a source has this key already")

    def source_keys(self) -> list[SourceKey]:
        with self._database.reading() as connection:
            return [SourceKey(*row) for row in connection.execute(query("source_keys"))]

    def retire_source_key(self, public_key: bytes, at_us: int) -> None:
        with self._database.writing() as connection:
            if connection.execute(query("retire_source_key"), (at_us, public_key)).rowcount != 1:
                raise NotFoundError("no source has this key")


def _tenant(row: Row) -> Tenant:
    return Tenant(id=LogId(row[0]), name=row[1], created_us=row[2])


def _key_row(key: ApiKey) -> Row:
    return (
        key.id,
        key.name,
        key.secret_sha256,
        msgspec.json.encode(key.roles).decode(),
        msgspec.json.encode(key.tenants).decode(),
        None if key.source is None else msgspec.json.encode(key.source).decode(),
        key.person,
        key.created_us,
        key.revoked_us,
    )


def _key(row: Row) -> ApiKey:
    id_, name, secret_sha256, roles, tenants, source, person, created_us, revoked_us = row
    return ApiKey(
        id=id_,
        name=name,
        secret_sha256=secret_sha256,
        roles=msgspec.json.decode(roles, type=tuple[Role, ...]),
        tenants=msgspec.json.decode(tenants, type=tuple[LogId, ...]),
        source=None if source is None else msgspec.json.decode(source, type=SourceRegistration),
        person=person,
        created_us=created_us,
        revoked_us=revoked_us,
    )
