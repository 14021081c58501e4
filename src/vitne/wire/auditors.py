"""Replies to auditors of an index log (`/v1/logs/{tenant}/index/…`)."""

from typing import Annotated

from msgspec import Meta, Struct


class CosignaturesReply(Struct, frozen=True):
    """What was kept."""

    keys: Annotated[int, Meta(description="Keys of the index policy that the note is signed by.")]
    size: Annotated[int, Meta(description="Newest size of the index log that meets the policy.")]


class ObjectionReply(Struct, frozen=True):
    """What is held against an index log from now on."""

    auditor: Annotated[str, Meta(description="Name of the key that signed it.")]
    said: Annotated[str, Meta(description="As answers will name it.")]
