"""Tenants, and the public keys of their logs (`GET /v1/tenants`)."""

from typing import Annotated

from msgspec import Meta, Struct


class LogKeysReply(Struct, frozen=True):
    """How a log is named, and the public keys that verify what it signs."""

    origin: Annotated[str, Meta(description="Origin line of the log's checkpoints.")]
    log_key: Annotated[str, Meta(description="Verifier key (vkey) of its checkpoints.")]
    index_key: Annotated[str, Meta(description="Verifier key (vkey) of its index log.")]
    receipt_key: Annotated[str, Meta(description="Verifier key (vkey) of its receipts.")]


class TenantReply(Struct, frozen=True):
    """One tenant."""

    id: Annotated[str, Meta(description="Id, as in `tenant.id` of events.", examples=["acme"])]
    name: str
    log: LogKeysReply


class TenantsReply(Struct, frozen=True):
    """All tenants that the key may read; nothing is left out."""

    tenants: list[TenantReply]
