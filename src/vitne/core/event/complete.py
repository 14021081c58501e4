"""Complete events as types: those of `core.event.schema`, with what a complete event has required.

The quick way of validation decodes into these, so that most of what is to be decided is decided
while decoding. What is rare, or what the server would have to fill, does not decode; such an event
takes the plain way. Only members that differ from the schema are named: those that are required,
those that are rare (`None`), and ids whose form is checked apart, in one go. No object here can be
empty.
"""

from typing import Annotated, Literal

from msgspec import Meta

from vitne.core.event.schema import (
    Actor,
    ActorType,
    Attribution,
    Auth,
    Category,
    Correlation,
    Deployment,
    Environment,
    Event,
    Exposure,
    Layer,
    Level,
    Observed,
    ObservedRole,
    Outcome,
    Party,
    Purpose,
    Result,
    Seen,
    Sensitivity,
    Source,
    Str64,
    Stream,
    Target,
    TargetRole,
    TenantRef,
)


class CompleteAuth(Auth, kw_only=True, gc=False):
    """How the actor was authenticated."""

    method: Str64


class CompleteActor(Actor, kw_only=True, gc=False):
    """Who acted."""

    attribution: Attribution
    auth: CompleteAuth | None = None
    party: Party
    type: ActorType


class CompleteCorrelation(Correlation, kw_only=True, gc=False):
    """What belongs together."""

    action_id: str
    span_id: str | None = None
    trace_id: str | None = None


class CompleteObserved(Observed, kw_only=True, gc=False):
    """Which layer reports it."""

    layer: Layer
    role: ObservedRole
    seen: Seen


class CompleteOutcome(Outcome, kw_only=True, gc=False):
    """How it ended; decisions of access rules are rare."""

    checks: None = None
    result: Result


class CompletePurpose(Purpose, kw_only=True, gc=False):
    """Why the actor did it."""

    code: Str64


class CompleteSensitivity(Sensitivity, kw_only=True, gc=False):
    """How confidential what was touched is."""

    level: Level


class CompleteSource(Source, kw_only=True, gc=False):
    """Which application reports it."""

    application: Str64
    deployment: Deployment
    environment: Environment
    service: Str64


class CompleteTarget(Target, kw_only=True, gc=False):
    """One thing that was acted on; a longer id might hide a token."""

    exposure: Exposure
    id: Str64
    role: TargetRole


class CompleteTenant(TenantRef, kw_only=True, gc=False):
    """The owner of the data acted on."""

    id: Str64


class Complete(Event, kw_only=True, gc=False):
    """A complete event."""

    actor: CompleteActor
    category: Category
    correlation: CompleteCorrelation
    id: str
    observed: CompleteObserved
    occurred_at: str
    outcome: CompleteOutcome
    purpose: CompletePurpose | None = None
    redactions: None = None
    schema: Literal["vitne.audit/1.0"]
    sensitivity: CompleteSensitivity | None = None
    source: CompleteSource
    stream: Stream
    target: None = None
    targets: Annotated[list[CompleteTarget], Meta(min_length=1, max_length=100)] | None = None  # type: ignore[assignment]  # lists are invariant, and nobody adds to this one
    targets_overflow: None = None
    tenant: CompleteTenant
    type: str
