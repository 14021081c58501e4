"""What the server fills into an unsigned event, and the list of what it filled (event-schema §2).

A catalog will be asked first once there is one; until then what it would say is left to the
defaults below, and nothing is filled that the event reads the same without (internal, info).
"""

import re

from vitne.core.event.intake import IntakeContext
from vitne.core.event.rules import Facts
from vitne.core.event.schema import (
    SCHEMA,
    Actor,
    Client,
    ClockState,
    Correlation,
    Event,
    Observed,
    Outcome,
    Source,
    Target,
    TenantRef,
)
from vitne.core.values import RANDOM_BYTES, format_utc, ids, uuid7, uuid_text

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)
_NO_TRACE = ("0" * 32, "0" * 16)


def fill_event(event: Event, context: IntakeContext, facts: Facts, position: int) -> None:
    """Complete an event that has passed the rules.

    Args:
        event: changed in place.
        context: what is known of the request.
        facts: what the rules read out of it; `occurred_us` is completed, and `filled` is set
            to the JSON paths that were filled, ascending.
        position: 0-based place in the request.
    """
    filled: list[str] = []
    if event.actor is not None:
        _fill_actor(event.actor, context, filled)
    if event.category is None:
        event.category = facts.category  # type: ignore[assignment]  # the verb table's categories
        filled.append("$.category")
    if event.client is None or event.client.ip is None:
        _fill_address(event, context, filled)
    if event.clock is None and event.occurred_at is None:
        event.clock = ClockState(sync="server")
        filled.append("$.clock")
    if event.id is None:
        _fill_id(event, context, position, filled)
    if event.correlation is None or event.correlation.action_id is None:
        _fill_correlation(event, context, filled)
    if event.occurred_at is None:
        facts.occurred_us = context.now_us
        event.occurred_at = format_utc(context.now_us)
        filled.append("$.occurred_at")
    _fill_observed(event, context, filled)
    _fill_rest(event, context, facts, filled)
    if filled:
        filled.sort()
        facts.filled = tuple(filled)


def _fill_actor(actor: Actor, context: IntakeContext, filled: list[str]) -> None:
    if actor.attribution is None:
        actor.attribution = "asserted"
        filled.append("$.actor.attribution")
    if actor.issuer is None and context.registration.issuer:
        actor.issuer = context.registration.issuer
        filled.append("$.actor.issuer")
    if actor.party is None:
        actor.party = context.registration.party  # type: ignore[assignment]  # checked on onboarding
        filled.append("$.actor.party")
    if actor.type is None:
        actor.type = "user"
        filled.append("$.actor.type")


def _fill_address(event: Event, context: IntakeContext, filled: list[str]) -> None:
    if context.registration.faces_user and context.peer_ip:
        if event.client is None:
            event.client = Client()
        event.client.ip = context.peer_ip
        filled.append("$.client.ip")


def _fill_id(event: Event, context: IntakeContext, position: int, filled: list[str]) -> None:
    if context.idempotency_key:
        source_id = context.registration.source_id
        made = ids.uuid8_for_key(source_id, context.idempotency_key, position)
    else:
        made = uuid7(context.now_us, context.fresh(RANDOM_BYTES))
    event.id = uuid_text(made)
    filled.append("$.id")


def _fill_correlation(event: Event, context: IntakeContext, filled: list[str]) -> None:
    # A trace header belongs to the request. It is the action's only where the event came alone,
    # without any correlation of its own.
    trace = _TRACEPARENT.fullmatch(context.traceparent) if event.correlation is None else None
    if event.correlation is None:
        event.correlation = Correlation()
    event.correlation.action_id = event.id
    filled.append("$.correlation.action_id")
    if trace is not None and trace[1] != _NO_TRACE[0] and trace[2] != _NO_TRACE[1]:
        event.correlation.trace_id, event.correlation.span_id = trace[1], trace[2]
        filled += ("$.correlation.trace_id", "$.correlation.span_id")


def _fill_observed(event: Event, context: IntakeContext, filled: list[str]) -> None:
    observed = event.observed
    if observed is None:
        observed = event.observed = Observed()
    if observed.layer is None:
        observed.layer = context.registration.layer  # type: ignore[assignment]  # checked on onboarding
        filled.append("$.observed.layer")
    if observed.role is None:
        observed.role = "primary"
        filled.append("$.observed.role")
    if observed.seen is None:
        observed.seen = "shown" if observed.role == "primary" else "fetched"
        filled.append("$.observed.seen")


def _fill_rest(event: Event, context: IntakeContext, facts: Facts, filled: list[str]) -> None:
    if event.outcome is None:
        event.outcome = Outcome()
    if event.outcome.result is None:
        event.outcome.result = "succeeded"
        filled.append("$.outcome.result")
    if event.schema is None:
        event.schema = SCHEMA
        filled.append("$.schema")
    if event.severity is None and event.outcome.result == "denied":
        event.severity = "warning"
        filled.append("$.severity")
    _fill_source(event, context, filled)
    if event.stream is None:
        filled.append("$.stream")
    if event.targets is not None:
        _fill_targets(event.targets, filled)
    if event.tenant is None:
        event.tenant = TenantRef()
    if event.tenant.id is None:
        event.tenant.id = facts.tenant
        filled.append("$.tenant.id")


def _fill_source(event: Event, context: IntakeContext, filled: list[str]) -> None:
    source = event.source
    if source is None:
        source = event.source = Source()
    registration = context.registration
    if source.application is None:
        source.application = registration.application
        filled.append("$.source.application")
    if source.deployment is None:
        source.deployment = registration.deployment  # type: ignore[assignment]  # checked on onboarding
        filled.append("$.source.deployment")
    if source.environment is None:
        source.environment = registration.environment  # type: ignore[assignment]  # checked on onboarding
        filled.append("$.source.environment")
    if source.service is None:
        source.service = registration.service
        filled.append("$.source.service")


def _fill_targets(targets: list[Target], filled: list[str]) -> None:
    for at, target in enumerate(targets):
        if target.role is None:
            target.role = "object"
            filled.append(f"$.targets[{at}].role")
        if target.exposure is None:
            target.exposure = "full"
            filled.append(f"$.targets[{at}].exposure")
