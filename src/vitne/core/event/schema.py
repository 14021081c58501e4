"""The event `vitne.audit/1.0` as types: names, limits and closed lists (event-schema §1).

Every member is optional here that the server can fill; what an object makes no sense without is
required. Fields stand in alphabetical order, so that writing them in order is canonical. Strings
marked as text are prose: unlike ids they are cleaned, not refused. `PERSON` and `PAYLOAD` say
which fields leave the core section.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

SCHEMA = "vitne.audit/1.0"

Category = Literal[
    "approve",
    "audit",
    "authenticate",
    "authorize",
    "configure",
    "create",
    "delete",
    "execute",
    "export",
    "impersonate",
    "import",
    "search",
    "share",
    "system",
    "update",
    "view",
]
Result = Literal["succeeded", "denied", "failed", "partial", "unknown"]
Attribution = Literal["token", "session", "ticket", "checkout", "inferred", "asserted", "none"]
Party = Literal["tenant", "vendor", "partner", "consumer"]
ActorType = Literal["user", "service", "system", "agent", "anonymous"]
Layer = Literal["ui", "bff", "gateway", "joint_service", "internal_service", "database"]
ObservedRole = Literal["primary", "backstop", "part"]
Seen = Literal["shown", "fetched"]
Level = Literal["public", "internal", "confidential", "restricted"]
Deployment = Literal["saas", "customer_hosted", "edge"]
Environment = Literal["prod", "staging", "test", "dev"]
Exposure = Literal["none", "existence", "summary", "full", "exported"]
TargetRole = Literal["subject", "object", "parent", "recipient", "related"]

_TEXT = {"text": "line"}
_LINES = {"text": "lines"}

Str32 = Annotated[str, Meta(min_length=1, max_length=32)]
Str64 = Annotated[str, Meta(min_length=1, max_length=64)]
Str128 = Annotated[str, Meta(min_length=1, max_length=128)]
Str256 = Annotated[str, Meta(min_length=1, max_length=256)]
Name = Annotated[str, Meta(max_length=200, extra=_TEXT)]
Native = Annotated[str, Meta(max_length=254, extra=_TEXT)]
Text128 = Annotated[str, Meta(max_length=128, extra=_TEXT)]
Text256 = Annotated[str, Meta(max_length=256, extra=_TEXT)]
Text500 = Annotated[str, Meta(max_length=500, extra=_TEXT)]
Text512 = Annotated[str, Meta(max_length=512, extra=_TEXT)]
Text1024 = Annotated[str, Meta(max_length=1024, extra=_TEXT)]
Value = Annotated[str, Meta(max_length=1024, extra=_LINES)]
Hex64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Pointer = Annotated[str, Meta(max_length=256, pattern=r"^(/[^/]*)*\Z")]
Code = Annotated[str, Meta(max_length=64, pattern=r"^[a-z0-9_.-]+\Z")]
Reference = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9._:/#-]+\Z")]
ExtraKey = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,48}\Z")]
Int = Annotated[int, Meta(ge=-(2**53 - 1), le=2**53 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Time = Annotated[str, Meta(max_length=40, extra={"time": True})]


class _Part(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An object of an event."""


class Auth(_Part, kw_only=True, gc=False):
    """How the actor was authenticated; references only, never the credential itself."""

    at: Time | None = None
    credential_ref: Str128 | None = None
    idp: Str256 | None = None
    method: Str64 | None = None
    mfa: bool | None = None
    session_ref: Str128 | None = None
    step_up: bool | None = None


class Actor(_Part, kw_only=True, gc=False):
    """The accountable human wherever one is known."""

    attribution: Attribution | None = None
    auth: Auth | None = None
    email: Native | None = None
    id: Str128
    issuer: Str256 | None = None
    name: Name | None = None
    native_id: Native | None = None
    party: Party | None = None
    roles: Annotated[list[Str64], Meta(min_length=1, max_length=32)] | None = None
    tenant_id: Str64 | None = None
    type: ActorType | None = None
    unit: Str128 | None = None


class Link(_Part, kw_only=True, gc=False):
    """One service or agent between the human and the data."""

    hop: Annotated[int, Meta(ge=1, le=64)] | None = None
    id: Str128
    name: Name | None = None
    native_id: Native | None = None
    type: Str64


class Change(_Part, kw_only=True, gc=False):
    """One field before and after; its form says how much is told."""

    after: Value | Int | bool | None = None
    before: Value | Int | bool | None = None
    form: Literal["plain", "masked", "hmac", "omitted"] | None = None
    op: Str32
    path: Pointer
    target: Annotated[int, Meta(ge=0, le=99)] | None = None


class Client(_Part, kw_only=True, gc=False):
    """Where the actor sat."""

    app_version: Str64 | None = None
    country: Text128 | None = None
    device_id: Text128 | None = None
    ip: Annotated[str, Meta(max_length=45, extra={"ip": True})] | None = None
    ip_chain: (
        Annotated[
            list[Annotated[str, Meta(max_length=45, extra={"ip": True})]],
            Meta(min_length=1, max_length=5),
        ]
        | None
    ) = None
    site: Str64 | None = None
    user_agent: Text512 | None = None


class ClockState(_Part, kw_only=True, gc=False):
    """How far the sender's clock can be trusted."""

    offset_ms: Int | None = None
    sync: Literal["ntp", "device", "server", "unknown"]


class Piece(_Part, kw_only=True, gc=False):
    """Which part of an action this is."""

    k: Annotated[int, Meta(ge=1, le=128)]
    key: Str64 | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None


class Correlation(_Part, kw_only=True, gc=False):
    """What belongs together."""

    action_id: str | None = None
    batch_id: Str128 | None = None
    causation_id: Str128 | None = None
    part: Piece | None = None
    request_id: Str128 | None = None
    span_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")] | None = None
    trace_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")] | None = None


class Observed(_Part, kw_only=True, gc=False):
    """Which layer tells it, and whether it was displayed."""

    layer: Layer | None = None
    operation: Str256 | None = None
    role: ObservedRole | None = None
    seen: Seen | None = None
    surface: Str128 | None = None


class OnBehalfOf(_Part, kw_only=True, gc=False):
    """Whose rights were used."""

    approved_by: Str128 | None = None
    expires_at: Time | None = None
    grant_ref: Str128 | None = None
    id: Str128
    mode: Literal["impersonation", "delegation", "consent"]
    name: Name | None = None
    native_id: Native | None = None
    tenant_id: Str64 | None = None
    type: Str64


class Check(_Part, kw_only=True, gc=False):
    """One decision of an access rule."""

    granted: bool
    permission: Str128
    policy: Str128 | None = None
    policy_version: Str64 | None = None
    target: Annotated[int, Meta(ge=0, le=99)] | None = None


class Outcome(_Part, kw_only=True, gc=False):
    """How it ended."""

    checks: Annotated[list[Check], Meta(min_length=1, max_length=8)] | None = None
    code: Code | None = None
    reason: Text512 | None = None
    result: Result | None = None


class Purpose(_Part, kw_only=True, gc=False):
    """Why the actor did it."""

    basis: Str64 | None = None
    code: Str64 | None = None
    declared_by: Literal["user", "system"] | None = None
    justification: Text500 | None = None
    reference: Reference | None = None


class Criterion(_Part, kw_only=True, gc=False):
    """One condition of a search."""

    field: Str128
    form: Literal["plain", "masked", "hmac", "omitted"] | None = None
    op: Str32
    value: Text256 | Int | bool | None = None


class Shown(_Part, kw_only=True, gc=False):
    """The ids that a page of a result displayed."""

    digest: Hex64 | None = None
    ids: Annotated[list[Str256], Meta(min_length=1, max_length=200)] | None = None
    total: Count | None = None
    type: Str64


class Query(_Part, kw_only=True, gc=False):
    """What was searched for."""

    criteria: Annotated[list[Criterion], Meta(min_length=1, max_length=32)] | None = None
    kind: Literal["search", "filter", "list", "report"]
    page: Count | None = None
    page_size: Count | None = None
    result_count: Count | None = None
    shown: Shown | None = None
    text: Text512 | None = None


class Repeat(_Part, kw_only=True, gc=False):
    """Closes a folded series."""

    count: Annotated[int, Meta(ge=2, le=2**53 - 1)]
    last_at: Time


class Sensitivity(_Part, kw_only=True, gc=False):
    """How confidential what was touched is."""

    labels: Annotated[list[Str64], Meta(min_length=1, max_length=16)] | None = None
    level: Level | None = None
    regimes: Annotated[list[Str64], Meta(min_length=1, max_length=8)] | None = None


class Source(_Part, kw_only=True, gc=False):
    """Which application tells it."""

    application: Str64 | None = None
    component: Str128 | None = None
    deployment: Deployment | None = None
    environment: Environment | None = None
    instance: Str128 | None = None
    region: Str64 | None = None
    service: Str64 | None = None
    version: Str64 | None = None


class Stream(_Part, kw_only=True, gc=False):
    """The event's place in its sender's stream."""

    end: bool | None = None
    id: Str128
    sdk: Annotated[str, Meta(max_length=64)] | None = None
    seq: Positive
    spooled: bool | None = None


class Target(_Part, kw_only=True, gc=False):
    """One thing that was acted on."""

    exposure: Exposure | None = None
    id: Str256
    labels: Annotated[list[Str64], Meta(min_length=1, max_length=8)] | None = None
    name: Name | None = None
    native_id: Native | None = None
    outcome: Literal["succeeded", "denied", "failed", "unknown"] | None = None
    role: TargetRole | None = None
    tenant_id: Str64 | None = None
    type: Str64
    version: Str64 | None = None


class Overflow(_Part, kw_only=True, gc=False):
    """What stands for targets beyond 10,000."""

    digest: Hex64
    ref: Str256 | None = None
    total: Positive
    type: Str64


class TenantRef(_Part, kw_only=True, gc=False):
    """The owner of the data acted on."""

    id: Str64 | None = None
    name: Name | None = None


Scalar = Text1024 | Int | bool
Extra = Annotated[
    dict[
        ExtraKey, Text1024 | Int | bool | Annotated[list[Scalar], Meta(min_length=1, max_length=20)]
    ],
    Meta(min_length=1, max_length=32),
]


class Event(_Part, kw_only=True, gc=False):
    """One event, before the server has filled what is missing."""

    actor: Actor | None = None
    category: Category | None = None
    chain: Annotated[list[Link], Meta(min_length=1, max_length=8)] | None = None
    changes: Annotated[list[Change], Meta(min_length=1, max_length=100)] | None = None
    client: Client | None = None
    clock: ClockState | None = None
    correlation: Correlation | None = None
    ended_at: Time | None = None
    extra: Extra | None = None
    id: str | None = None
    observed: Observed | None = None
    occurred_at: str | None = None
    on_behalf_of: OnBehalfOf | None = None
    outcome: Outcome | None = None
    phase: Literal["intent", "final"] | None = None
    purpose: Purpose | None = None
    query: Query | None = None
    redactions: Annotated[list[Pointer], Meta(min_length=1, max_length=50)] | None = None
    repeat: Repeat | None = None
    schema: str | None = None
    sensitivity: Sensitivity | None = None
    severity: Literal["info", "notice", "warning", "critical"] | None = None
    source: Source | None = None
    stream: Stream | None = None
    summary: Text500 | None = None
    target: str | Target | None = None
    """Short for `targets[0]`, as `type/id` or an object; never stored."""
    targets: Annotated[list[Target], Meta(min_length=1, max_length=100)] | None = None
    targets_overflow: Overflow | None = None
    tenant: TenantRef | None = None
    type: str | None = None


PERSON = (
    "/actor/email",
    "/actor/name",
    "/actor/native_id",
    "/chain/*/name",
    "/chain/*/native_id",
    "/client/country",
    "/client/device_id",
    "/client/ip",
    "/client/ip_chain",
    "/client/user_agent",
    "/on_behalf_of/name",
    "/on_behalf_of/native_id",
    "/targets/*/name",
    "/targets/*/native_id",
    "/tenant/name",
)
"""JSON Pointers of the person section; `*` stands for an index."""

PAYLOAD = (
    "/changes",
    "/extra",
    "/outcome/reason",
    "/purpose/justification",
    "/query",
    "/summary",
)
"""JSON Pointers of the payload section. Everything else is core."""

MAX_CHANGES_BYTES = 16 * 1024
MAX_EXTRA_BYTES = 8 * 1024
