"""What is erased, held or expired (`/v1/erasures`, `/v1/holds`, `/v1/retention`)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

_Basis = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9_.-]{1,64}$",
        description="Why, as a code. Recorded permanently, so it must not name a person.",
        examples=["gdpr-17"],
    ),
]

_Case = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:/#-]{0,128}$",
        description="The case. Recorded permanently, so it must not name a person.",
        examples=["REQ-12"],
    ),
]

_TenantId = Annotated[
    str, Meta(max_length=64, description="Whose log; needed by keys for several tenants.")
]

_Filter = Annotated[str, Meta(max_length=4_096, description="Filter, in the search language.")]


class EraseRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be erased: of the events that are named, or that the filter finds."""

    sections: Annotated[
        list[Literal["core", "payload", "person"]],
        Meta(min_length=1, max_length=3, description="Which sections of each record go."),
    ]
    basis: _Basis
    ref: Annotated[_Case, Meta(min_length=1)]
    tenant: _TenantId = ""
    events: Annotated[
        list[Annotated[str, Meta(max_length=36)]],
        Meta(max_length=5_000, description="UUIDs of events; then `where` is not looked at."),
    ] = []
    where: _Filter = ""
    mentions: Annotated[
        list[Annotated[str, Meta(min_length=4, max_length=512)]],
        Meta(
            max_length=64, description="Quarantined bytes that hold one of these texts go as well."
        ),
    ] = []
    dry_run: Annotated[bool, Meta(description="Say what would go, and change nothing.")] = False


class EraseReply(Struct, frozen=True, kw_only=True):
    """What went, or would go."""

    tenant: str
    dry_run: bool
    records: Annotated[int, Meta(description="Records of which a section goes.")]
    first: Annotated[list[int], Meta(description="Positions of the first 1,000 of them.")]
    already: Annotated[int, Meta(description="Records found of which these sections are gone.")]
    segments: Annotated[int, Meta(description="Sealed segments that are written anew.")]
    quarantined: Annotated[int, Meta(description="Quarantined events whose bytes go.")]
    holds: Annotated[list[str], Meta(description="Ids of legal holds in the way.")]
    entries: Annotated[list[int], Meta(description="Positions of the erase entries.")]


class HoldRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be held, from now on, however old it gets."""

    reason: _Basis
    ref: _Case = ""
    tenant: _TenantId = ""
    where: _Filter = ""
    everything: Annotated[
        bool, Meta(description="Hold all of the log; else `where` says what.")
    ] = False


class HoldReply(Struct, frozen=True, kw_only=True):
    """A legal hold."""

    id: str
    tenant: str
    where: Annotated[str, Meta(description="Its filter; empty: all of the log.")]
    reason: str
    ref: str
    set_at: Annotated[str, Meta(description="RFC 3339.")]
    released_at: Annotated[str, Meta(description="RFC 3339; empty while it holds.")]


class HoldsReply(Struct, frozen=True):
    """All holds of a log, released ones too, oldest first."""

    holds: list[HoldReply]


class RetentionRequest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which classes expire, each after how many days."""

    rules: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=512,
            description="Classes with a comma between; `=days` keeps one for longer than its"
            " floor.",
            examples=["access-24m, security-13m=500"],
        ),
    ]
    tenant: _TenantId = ""
    dry_run: Annotated[bool, Meta(description="Say what would go, and change nothing.")] = False


class ExpiryReply(Struct, frozen=True, kw_only=True):
    """What expired of one class, or would."""

    retention_class: str
    days: int
    records: Annotated[int, Meta(description="Records that go, with all their sections.")]
    held: Annotated[int, Meta(description="Records that a legal hold keeps.")]
    below: Annotated[int, Meta(description="They are all below this position.")]


class RetentionReply(Struct, frozen=True, kw_only=True):
    """What expired, or would, by class; a class of which nothing goes is left out."""

    tenant: str
    dry_run: bool
    classes: list[ExpiryReply]
