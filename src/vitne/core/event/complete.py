"""Complete events as types: those of `core.event.schema`, with what a complete event has required.

The quick way of validation decodes into these, so that most of what is to be decided is decided
while decoding. What is rare, or what the server would have to fill, does not decode; such an event
takes the plain way. No object here can be empty.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from vitne.core.event.schema import (
    Category,
    Change,
    Client,
    ClockState,
    Code,
    Extra,
    Link,
    Name,
    Native,
    OnBehalfOf,
    Piece,
    Query,
    Reference,
    Repeat,
    Result,
    Str64,
    Str128,
    Str256,
    Stream,
    Text500,
    Text512,
    Time,
)


class _Part(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An object of a complete event."""


class CompleteAuth(_Part, kw_only=True, gc=False):
    """How the actor was authenticated."""

    at: Time | None = None
    credential_ref: Str128 | None = None
    idp: Str256 | None = None
    method: Str64
    mfa: bool | None = None
    session_ref: Str128 | None = None
    step_up: bool | None = None


class CompleteActor(_Part, kw_only=True, gc=False):
    """Who acted."""

    attribution: Literal["token", "session", "ticket", "checkout", "inferred", "asserted", "none"]
    auth: CompleteAuth | None = None
    email: Native | None = None
    id: Str128
    issuer: Str256 | None = None
    name: Name | None = None
    native_id: Native | None = None
    party: Literal["tenant", "vendor", "partner", "consumer"]
    roles: Annotated[list[Str64], Meta(min_length=1, max_length=32)] | None = None
    tenant_id: Str64 | None = None
    type: Literal["user", "service", "system", "agent", "anonymous"]
    unit: Str128 | None = None


class CompleteCorrelation(_Part, kw_only=True, gc=False):
    """What belongs together; the forms of ids are checked apart, in one go."""

    action_id: str
    batch_id: Str128 | None = None
    causation_id: Str128 | None = None
    part: Piece | None = None
    request_id: Str128 | None = None
    span_id: str | None = None
    trace_id: str | None = None


class CompleteObserved(_Part, kw_only=True, gc=False):
    """Which layer tells it."""

    layer: Literal["ui", "bff", "gateway", "joint_service", "internal_service", "database"]
    operation: Str256 | None = None
    role: Literal["primary", "backstop", "part"]
    seen: Literal["shown", "fetched"]
    surface: Str128 | None = None


class CompleteOutcome(_Part, kw_only=True, gc=False):
    """How it ended; decisions of access rules are rare."""

    code: Code | None = None
    reason: Text512 | None = None
    result: Result


class CompletePurpose(_Part, kw_only=True, gc=False):
    """Why the actor did it."""

    basis: Str64 | None = None
    code: Str64
    declared_by: Literal["user", "system"] | None = None
    justification: Text500 | None = None
    reference: Reference | None = None


class CompleteSensitivity(_Part, kw_only=True, gc=False):
    """How confidential what was touched is."""

    labels: Annotated[list[Str64], Meta(min_length=1, max_length=16)] | None = None
    level: Literal["public", "internal", "confidential", "restricted"]
    regimes: Annotated[list[Str64], Meta(min_length=1, max_length=8)] | None = None


class CompleteSource(_Part, kw_only=True, gc=False):
    """Which application tells it."""

    application: Str64
    component: Str128 | None = None
    deployment: Literal["saas", "customer_hosted", "edge"]
    environment: Literal["prod", "staging", "test", "dev"]
    instance: Str128 | None = None
    region: Str64 | None = None
    service: Str64
    version: Str64 | None = None


class CompleteTarget(_Part, kw_only=True, gc=False):
    """One thing that was acted on; a longer id might hide a token."""

    exposure: Literal["none", "existence", "summary", "full", "exported"]
    id: Str64
    labels: Annotated[list[Str64], Meta(min_length=1, max_length=8)] | None = None
    name: Name | None = None
    native_id: Native | None = None
    outcome: Literal["succeeded", "denied", "failed", "unknown"] | None = None
    role: Literal["subject", "object", "parent", "recipient", "related"]
    tenant_id: Str64 | None = None
    type: Str64
    version: Str64 | None = None


class CompleteTenant(_Part, kw_only=True, gc=False):
    """The owner of the data acted on."""

    id: Str64
    name: Name | None = None


class Complete(_Part, kw_only=True, gc=False):
    """A complete event."""

    actor: CompleteActor
    category: Category
    chain: Annotated[list[Link], Meta(min_length=1, max_length=8)] | None = None
    changes: Annotated[list[Change], Meta(min_length=1, max_length=100)] | None = None
    client: Client | None = None
    clock: ClockState | None = None
    correlation: CompleteCorrelation
    ended_at: Time | None = None
    extra: Extra | None = None
    id: str
    observed: CompleteObserved
    occurred_at: str
    on_behalf_of: OnBehalfOf | None = None
    outcome: CompleteOutcome
    phase: Literal["intent", "final"] | None = None
    purpose: CompletePurpose | None = None
    query: Query | None = None
    repeat: Repeat | None = None
    schema: Literal["vitne.audit/1.0"]
    sensitivity: CompleteSensitivity | None = None
    severity: Literal["info", "notice", "warning", "critical"] | None = None
    source: CompleteSource
    stream: Stream
    summary: Text500 | None = None
    targets: Annotated[list[CompleteTarget], Meta(min_length=1, max_length=100)] | None = None
    tenant: CompleteTenant
    type: str
