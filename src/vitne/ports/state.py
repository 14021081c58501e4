"""Tenants, API keys and source keys."""

from typing import Protocol

from msgspec import Struct

from vitne.core.values import LogId
from vitne.ports.roles import ApiKey


class Tenant(Struct, frozen=True):
    """The owner of one log."""

    id: LogId
    name: str
    created_us: int


class SourceKey(Struct, frozen=True):
    """A public key that a source signs with."""

    source: str
    """`application/service`, which is also the name that the key signs under."""
    vkey: str
    public_key: bytes
    """32 bytes, Ed25519."""
    added_us: int
    retired_us: int = 0
    """0: in use."""


class StateStore(Protocol):
    """Tenants, API keys and source keys: small, read often, written by people."""

    def add_tenant(self, tenant: Tenant) -> None:
        """Raises `ConflictError` if the id is taken."""

    def tenants(self) -> list[Tenant]:
        """All, by id."""

    def tenant(self, tenant: LogId) -> Tenant | None:
        """One, or None."""

    def add_key(self, key: ApiKey) -> None:
        """Raises `ConflictError` if the id is taken."""

    def keys(self) -> list[ApiKey]:
        """All, revoked ones included, by creation."""

    def key(self, key_id: str) -> ApiKey | None:
        """One, or None."""

    def revoke_key(self, key_id: str, at_us: int) -> None:
        """Mark as revoked. Raises `NotFoundError`; nothing happens if it is revoked already."""

    def add_source_key(self, key: SourceKey) -> None:
        """Raises `ConflictError` if a source has this public key, retired or not."""

    def source_keys(self) -> list[SourceKey]:
        """All, retired ones included, by source and time of adding."""

    def retire_source_key(self, public_key: bytes, at_us: int) -> None:
        """Mark as retired. Raises `NotFoundError`; nothing happens if it is retired already."""
