"""Keys that sources sign with (`/v1/source-keys`)."""

from typing import Annotated

from msgspec import Meta, Struct


class SourceKeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A public key; its name is the source."""

    vkey: Annotated[
        str,
        Meta(max_length=300, description="`crm/crm-bff+<key id>+<base64>`, Ed25519."),
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
