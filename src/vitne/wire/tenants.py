"""Tenants, source keys and reports of auditors, as requests and replies."""

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


class CosignaturesReply(Struct, frozen=True):
    """What was kept."""

    keys: Annotated[int, Meta(description="Keys of the index policy that the note is signed by.")]
    size: Annotated[int, Meta(description="Newest size of the index log that meets the policy.")]


class ObjectionReply(Struct, frozen=True):
    """What is held against an index log from now on."""

    auditor: Annotated[str, Meta(description="Name of the key that signed it.")]
    said: Annotated[str, Meta(description="As answers will name it.")]


class SourceKeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key; its name is the source."""

    vkey: Annotated[
        str, Meta(max_length=300, description="`crm/crm-bff+<key id>+<base64>`, Ed25519.")
    ]


class SourceKeyReply(Struct, frozen=True):
    """One registered key."""

    source: str
    vkey: str
    added_at: str
    retired_at: Annotated[str, Meta(description="RFC 3339; empty while it is in use.")]


class SourceKeysReply(Struct, frozen=True):
    """All of them, retired ones included."""

    keys: list[SourceKeyReply]
