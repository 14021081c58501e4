"""The rules of an event beyond its form: ids, times, and what its sender may claim.

They look at an event of the right types; each broken rule is a problem of its own.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.event.forbidden import has_token
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.schema import (
    MAX_CHANGES_BYTES,
    MAX_EXTRA_BYTES,
    SCHEMA,
    Client,
    Event,
    Outcome,
)
from vitne.core.event.sections import encode_event
from vitne.core.values import (
    MAX_TIME_US,
    MAX_TYPE_CHARS,
    category_of,
    is_reserved,
    parse_utc,
    personal_cache,
)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NEWER_MINOR = re.compile(r"vitne\.audit/1\.[1-9][0-9]{0,3}")

_AN_ID = "a UUID of version 7 or 8, lower case"
_A_TIME = "UTC time with milliseconds, like 2026-11-24T09:15:02.113Z"
_SERVER = "vitne"


class Facts(Struct):
    """What is found out about an event on its way, the rules first."""

    tenant: str = ""
    category: str = ""
    occurred_us: int = 0
    """0: the event does not say, and `fill` has not yet."""
    digest: bytes = b""
    filled: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


Report = Callable[[str, str, str, str], None]


def newer_minor(schema: object) -> bool:
    """Whether an event says that it is of a later minor version than this one."""
    return isinstance(schema, str) and _NEWER_MINOR.fullmatch(schema) is not None


def check_rules(event: Event, context: IntakeContext, big: bool) -> tuple[Facts, list[Problem]]:
    """Check one event of the right types.

    Args:
        event: as sent, nothing filled.
        context: what is known of the request: what its sender may claim.
        big: the event is long enough for its parts to pass their own bounds.
    """
    problems: list[Problem] = []
    facts = Facts()

    def report(code: str, path: str, expected: str, got: str) -> None:
        problems.append(Problem(code, path, expected, got))

    if event.schema != SCHEMA and event.schema is not None and not newer_minor(event.schema):
        report("not_in_list", "$.schema", SCHEMA, _shown(event.schema))
    _check_identity(event, context, facts, report)
    _check_source(event, context.registration, report)
    _check_actor(event, context.registration, report)
    if event.outcome is not None:
        _check_outcome(event, event.outcome, report)
    if event.correlation is not None and event.correlation.action_id is not None:
        _check_uuid(event.correlation.action_id, "$.correlation.action_id", report)
    if event.client is not None:
        _check_client(event.client, report)
    _check_times(event, report)
    if event.changes is not None or event.extra is not None:
        _check_payload(event, big, report)
    return facts, problems


def _check_identity(event: Event, context: IntakeContext, facts: Facts, report: Report) -> None:
    if event.id is not None:
        _check_uuid(event.id, "$.id", report)
    if event.type is None:
        report("missing", "$.type", "an event type like crm.customer.viewed", "nothing")
    else:
        _check_type(event, event.type, context.registration, facts, report)
    if event.occurred_at is not None:
        moment = parse_utc(event.occurred_at)
        if moment is None:
            report("bad_format", "$.occurred_at", _A_TIME, _length(event.occurred_at))
        elif not 0 < moment <= MAX_TIME_US:
            report("out_of_range", "$.occurred_at", "a time from 1970 to 2255", "another time")
        else:
            facts.occurred_us = moment
    named = event.tenant.id if event.tenant is not None else None
    facts.tenant = named or context.default_tenant
    if not facts.tenant:
        report("missing", "$.tenant.id", "the tenant; this key is for several", "nothing")
    elif named is not None and named != context.default_tenant:
        _check_tenant(named, context.tenants, report)


def _check_type(
    event: Event, event_type: str, registration: SourceRegistration, facts: Facts, report: Report
) -> None:
    category = category_of(event_type)
    if category is None:
        code = "too_long" if len(event_type) > MAX_TYPE_CHARS else "bad_format"
        form = f"application.entity.verb, at most {MAX_TYPE_CHARS} characters"
        report(code, "$.type", form, _length(event_type))
        return
    facts.category = event.category or category
    if is_reserved(event_type) and registration.application != _SERVER:
        report("source_mismatch", "$.type", "a type not reserved for Vitne", "a reserved one")
    if facts.category != category and (
        category in ("audit", "system") or facts.category in ("audit", "system")
    ):
        report("category_mismatch", "$.category", category, facts.category)


def _check_tenant(tenant: str, allowed: tuple[str, ...], report: Report) -> None:
    if not is_tenant(tenant):
        form = "lower-case letters, digits, . _ and -, at most 64 characters"
        report("bad_format", "$.tenant.id", form, _length(tenant))
    elif allowed and tenant not in allowed:
        report("tenant_not_allowed", "$.tenant.id", "a tenant of this API key", "another tenant")


def _check_source(event: Event, registration: SourceRegistration, report: Report) -> None:
    source = event.source
    if source is None or registration.may_import:
        return
    if source.application is not None and source.application != registration.application:
        expected = registration.application
        report("source_mismatch", "$.source.application", expected, "another application")
    if source.service is not None and source.service != registration.service:
        report("source_mismatch", "$.source.service", registration.service, "another service")


def _check_actor(event: Event, registration: SourceRegistration, report: Report) -> None:
    actor = event.actor
    if actor is None:
        report("missing", "$.actor.id", "who acted", "nothing")
        return
    if not registration.may_assert and actor.attribution in (None, "asserted"):
        got = "asserted" if actor.attribution else "nothing, which means asserted"
        path = "$.actor.attribution"
        report("attribution_not_granted", path, "how the source knows who acted", got)
    if has_token(actor.id):
        report("forbidden_content", "$.actor.id", "an opaque id", "a token")
    for at, target in enumerate(event.targets or ()):
        if len(target.id) > 16 and has_token(target.id):  # noqa: PLR2004  # no token is shorter
            report("forbidden_content", f"$.targets[{at}].id", "an opaque id", "a token")


def _check_outcome(event: Event, outcome: Outcome, report: Report) -> None:
    if outcome.code is not None and outcome.result is None:
        report("missing", "$.outcome.result", "a result beside the code", "nothing")
    for at, check in enumerate(outcome.checks or ()):
        _check_target_number(event, check.target, f"$.outcome.checks[{at}].target", report)


def _check_client(client: Client, report: Report) -> None:
    if client.ip is not None and not is_address(client.ip):
        report("bad_format", "$.client.ip", "an IP address", _length(client.ip))
    for at, address in enumerate(client.ip_chain or ()):
        if not is_address(address):
            report("bad_format", f"$.client.ip_chain[{at}]", "an IP address", _length(address))


def _check_times(event: Event, report: Report) -> None:
    if event.ended_at is not None:
        _check_time(event.ended_at, "$.ended_at", report)
    if event.repeat is not None:
        _check_time(event.repeat.last_at, "$.repeat.last_at", report)
    if event.actor is not None and event.actor.auth is not None and event.actor.auth.at is not None:
        _check_time(event.actor.auth.at, "$.actor.auth.at", report)
    other = event.on_behalf_of
    if other is not None and other.expires_at is not None:
        _check_time(other.expires_at, "$.on_behalf_of.expires_at", report)


def _check_payload(event: Event, big: bool, report: Report) -> None:
    for at, change in enumerate(event.changes or ()):
        _check_target_number(event, change.target, f"$.changes[{at}].target", report)
    if not big:
        return
    for name, part, most in (
        ("changes", event.changes, MAX_CHANGES_BYTES),
        ("extra", event.extra, MAX_EXTRA_BYTES),
    ):
        size = len(encode_event(part)) if part is not None else 0
        if size > most:
            report("too_large", f"$.{name}", f"at most {most} bytes", f"{size} bytes")


def _check_target_number(event: Event, number: int | None, path: str, report: Report) -> None:
    count = len(event.targets or ())
    if number is not None and number >= count:
        report("out_of_range", path, f"a position in {count} targets", str(number))


def _check_uuid(value: str, path: str, report: Report) -> None:
    if not _UUID.fullmatch(value):
        report("bad_format", path, _AN_ID, _length(value))


def _check_time(value: str, path: str, report: Report) -> None:
    if parse_utc(value) is None:
        report("bad_format", path, _A_TIME, _length(value))


@lru_cache(maxsize=4096)
def is_tenant(tenant: str) -> bool:
    """Whether text has the form of a tenant's id."""
    return _TENANT.fullmatch(tenant) is not None


@personal_cache(4096)
def is_address(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _length(value: str) -> str:
    return f"string of {len(value)} characters"


def _shown(value: str) -> str:
    return value if len(value) <= 64 and value.isprintable() else _length(value)  # noqa: PLR2004  # as long as a name gets
