"""The quick way through validation, for complete and ordinary events: most of all traffic.

Everything here is also decided, in plain form, by `vitne.core.validate`; this file only decides
the common case sooner, and gives up (None) at the first thing that is uncommon: something to fill,
clean, scrub, warn of or reject. The types below are those of `vitne.core.schema`, with what a
complete event has made required and what is rare left out, so that most of the deciding happens
while decoding. Property tests hold the two ways together.
"""

import re
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from vitne.core import schema, text
from vitne.core.canonical import encode_trusted
from vitne.core.event import ValidEvent
from vitne.core.forbidden import NATIONAL_ID_DIGITS, may_hold_forbidden
from vitne.core.intake import IntakeContext
from vitne.core.record import Facets
from vitne.core.rules import is_address
from vitne.core.schema import Stream
from vitne.core.sections import EMPTY
from vitne.core.times import parse_utc
from vitne.core.trust import BACKDATED_US, CLOCK_WARNING_US
from vitne.core.verbs import category_of

MAX_QUICK_BYTES: Final = 8 * 1024
DIGEST_BYTES: Final = 16

_UUIDS = re.compile(
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n){2}"
    r"(?:[0-9a-f]{32})?\n(?:[0-9a-f]{16})?"
)
_EMPTIED_CLIENT = len('"client":{}')
_OURS = ("audit", "system")

Str64 = schema.Str64
Str128 = schema.Str128
_Roles = Annotated[list[Str64], Meta(min_length=1, max_length=32)]
_Labels = Annotated[list[Str64], Meta(min_length=1, max_length=8)]


class _Part(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An object of a complete event."""


class _Auth(_Part, kw_only=True, gc=False):
    credential_ref: Str128 | None = None
    idp: schema.Str256 | None = None
    method: Str64  # required here and not in the schema, so that no object can be empty
    mfa: bool | None = None
    session_ref: Str128 | None = None
    step_up: bool | None = None


class _Actor(_Part, kw_only=True, gc=False):
    attribution: Literal["token", "session", "ticket", "checkout", "inferred", "asserted", "none"]
    auth: _Auth | None = None
    email: schema.Native | None = None
    id: Str128
    issuer: schema.Str256 | None = None
    name: schema.Name | None = None
    party: Literal["tenant", "vendor", "partner", "consumer"]
    roles: _Roles | None = None
    tenant_id: Str64 | None = None
    type: Literal["user", "service", "system", "agent", "anonymous"]
    unit: Str128 | None = None


class _Client(_Part, kw_only=True, gc=False):
    app_version: Str64 | None = None
    ip: str | None = None
    site: Str64 | None = None
    user_agent: schema.Text512 | None = None


class _Correlation(_Part, kw_only=True, gc=False):
    action_id: str
    batch_id: Str128 | None = None
    causation_id: Str128 | None = None
    request_id: Str128 | None = None
    span_id: str | None = None
    trace_id: str | None = None


class _Observed(_Part, kw_only=True, gc=False):
    layer: Literal["ui", "bff", "gateway", "joint_service", "internal_service", "database"]
    operation: schema.Str256 | None = None
    role: Literal["primary", "backstop", "part"]
    seen: Literal["shown", "fetched"]
    surface: Str128 | None = None


class _Outcome(_Part, kw_only=True, gc=False):
    code: schema.Code | None = None
    result: schema.Result


class _Purpose(_Part, kw_only=True, gc=False):
    code: Str64
    declared_by: Literal["user", "system"] | None = None
    reference: schema.Reference | None = None


class _Source(_Part, kw_only=True, gc=False):
    application: Str64
    component: Str128 | None = None
    deployment: Literal["saas", "customer_hosted", "edge"]
    environment: Literal["prod", "staging", "test", "dev"]
    instance: Str128 | None = None
    region: Str64 | None = None
    service: Str64
    version: Str64 | None = None


class _Target(_Part, kw_only=True, gc=False):
    exposure: Literal["none", "existence", "summary", "full", "exported"]
    id: Str64
    labels: _Labels | None = None
    name: schema.Name | None = None
    role: Literal["subject", "object", "parent", "recipient", "related"]
    type: Str64


class _Tenant(_Part, kw_only=True, gc=False):
    id: Str64


class Complete(_Part, kw_only=True, gc=False):
    """A complete and ordinary event."""

    actor: _Actor
    category: schema.Category
    client: _Client | None = None
    correlation: _Correlation
    id: str
    observed: _Observed
    occurred_at: str
    outcome: _Outcome
    purpose: _Purpose | None = None
    schema: Literal["vitne.audit/1.0"]
    severity: Literal["info", "notice", "warning", "critical"] | None = None
    source: _Source
    stream: Stream
    targets: Annotated[list[_Target], Meta(min_length=1, max_length=100)] | None = None
    tenant: _Tenant
    type: str


_decode = msgspec.json.Decoder(Complete).decode
_encode = msgspec.json.Encoder().encode


def quick(item: bytes, context: IntakeContext) -> ValidEvent | None:
    """The valid event, if it is complete and ordinary; None says nothing about it.

    Args:
        item: the event as it arrived.
        context: what is known of the request.
    """
    try:
        event = _decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not (_is_granted(event, context) and _is_clean(item)):
        return None
    occurred_us = parse_utc(event.occurred_at)
    if occurred_us is None:
        return None
    actor, correlation = event.actor, event.correlation
    ids = (
        f"{event.id}\n{correlation.action_id}\n{correlation.trace_id or ''}\n"
        f"{correlation.span_id or ''}"
    )
    if (
        not -BACKDATED_US <= occurred_us - context.now_us <= CLOCK_WARNING_US
        or _UUIDS.fullmatch(ids) is None
    ):
        return None
    targets, lines = _targets(event.targets)
    sections = _split(event, item)
    if sections is None or _may_hold(event, lines, sections[1]):
        return None
    core, person = sections
    return ValidEvent(
        event_id=bytes.fromhex(event.id.replace("-", "")),
        tenant=event.tenant.id,
        type=event.type,
        category=event.category,
        occurred_us=occurred_us,
        actor=(actor.issuer or "", actor.id),
        targets=targets,
        overflow_type="",
        action_id=correlation.action_id,
        source_id=context.registration.source_id,
        stream_name=event.stream.id,
        stream_seq=event.stream.seq,
        core=core,
        payload=EMPTY,
        person=person,
        digest=digest_of(core, EMPTY, person),
        facets=Facets(occurred_us, event.type, actor.id, event.outcome.result, lines),
        attribution=actor.attribution,
        party=actor.party,
        imported=context.registration.may_import,
    )


def digest_of(core: bytes, payload: bytes, person: bytes) -> bytes:
    """16 bytes over an event as it was sent: its canonical sections before filling."""
    return sha256(b"\n".join((core, payload, person))).digest()[:DIGEST_BYTES]


def _is_granted(event: Complete, context: IntakeContext) -> bool:
    """Whether nothing of what the sender claims needs a second look."""
    registration, source, tenant = context.registration, event.source, event.tenant.id
    category = category_of(event.type)
    address = event.client.ip if event.client is not None else None
    return (
        source.application == registration.application
        and source.service == registration.service
        and (tenant == context.default_tenant or tenant in context.tenants)
        and category is not None
        and category not in _OURS
        and event.category not in _OURS
        and registration.may_assert
        and (event.actor.issuer is not None or not registration.issuer)
        and (event.outcome.result != "denied" or event.severity is not None)
        and (is_address(address) if address is not None else not registration.faces_user)
    )


def _is_clean(item: bytes) -> bool:
    """Whether the text holds no escapes, no odd characters, and is not long."""
    if b"\\" in item or len(item) > MAX_QUICK_BYTES:
        return False
    if item.isascii():
        return b"\x7f" not in item
    return text.is_clean(item.decode(), multiline=True)  # line breaks are layout: strings have none


def _targets(targets: list[_Target] | None) -> tuple[tuple[tuple[str, str], ...], str]:
    """Distinct (type, id), and their form in `Facets`."""
    if targets is None:
        return (), ""
    if len(targets) == 1:
        target = targets[0]
        return ((target.type, target.id),), f"\n{target.type}/{target.id}\n"
    found = tuple(dict.fromkeys([(target.type, target.id) for target in targets]))
    return found, "\n" + "".join([f"{kind}/{identity}\n" for kind, identity in found])


def _may_hold(event: Complete, lines: str, person: bytes) -> bool:
    """Whether an id may be personal, or anything a card number or a token."""
    actor = event.actor
    suspects = lines + actor.id
    if "@" in suspects or (len(actor.id) == NATIONAL_ID_DIGITS and actor.id.isdecimal()):
        return True
    for target in event.targets or ():
        if len(target.id) == NATIONAL_ID_DIGITS and target.id.isdecimal():
            return True
    if actor.auth is not None:
        suspects = f"{suspects}\n{actor.auth.session_ref}\n{actor.auth.credential_ref}"
    return may_hold_forbidden(suspects.encode() + person)


def _split(event: Complete, item: bytes) -> tuple[bytes, bytes] | None:
    """Canonical (core, person); None if a name came twice or something was empty.

    Compact JSON is as long as its canonical form, whatever the order. What goes to the person
    section is as long there, plus the pointer to its parent. So if the lengths agree, no name
    came twice, nothing was null, and there was no white space; else the quotes are counted.
    """
    person: dict[str, str] = {}
    parents = 0  # length of the pointers to the parents of what was moved
    actor, client = event.actor, event.client
    if actor.name is not None:
        person["/actor/name"] = actor.name
        actor.name = None
        parents = 7
    if actor.email is not None:
        person["/actor/email"] = actor.email
        actor.email = None
        parents += 7
    if client is not None:
        parents += _take_client(event, client, person)
    if event.targets is not None:
        for at, target in enumerate(event.targets):
            if target.name is not None:
                pointer = f"/targets/{at}/name"
                person[pointer] = target.name
                target.name = None
                parents += len(pointer) - 4
    core = _encode(event)
    emptied = client is not None and event.client is None
    if not person:
        return (core, EMPTY) if _is_whole(item, core, b"", 0, emptied=emptied) else None
    part = encode_trusted(person)
    return (core, part) if _is_whole(item, core, part, parents, emptied=emptied) else None


def _take_client(event: Complete, client: _Client, person: dict[str, str]) -> int:
    parents = 0
    if client.ip is not None:
        person["/client/ip"] = client.ip
        client.ip = None
        parents = 8
    if client.user_agent is not None:
        person["/client/user_agent"] = client.user_agent
        client.user_agent = None
        parents += 8
    if client.site is None and client.app_version is None:
        event.client = None
    return parents


def _is_whole(item: bytes, core: bytes, person: bytes, parents: int, *, emptied: bool) -> bool:
    moved = len(person) - 1 - parents if person else 0
    if len(core) + moved + (_EMPTIED_CLIENT if emptied else 0) == len(item):
        return True
    return item.count(b'"') == core.count(b'"') + person.count(b'"') + (2 if emptied else 0)
