"""From untrusted bytes to an event, or to every problem it has.

Three ways, one result. The plain way decodes straight into the types of `core.event.schema` and
holds for events that need no repair. The slow way (`core.event.check`) walks the JSON value,
cleans it, and collects every fault. The quick way (`core.event.quick`) is the plain one, bought
faster for events that are complete. Property tests hold the three together.
"""

import unicodedata

import msgspec

from vitne.core.event.check import Checked, check_form
from vitne.core.event.event import Problem, ValidEvent
from vitne.core.event.fill import fill_event
from vitne.core.event.forbidden import may_hold_forbidden
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.quick import digest_of, validate_quickly
from vitne.core.event.rules import Facts, check_rules, newer_minor
from vitne.core.event.schema import MAX_EXTRA_BYTES, Event, Target
from vitne.core.event.scrub import Scrub
from vitne.core.event.sections import encode_event, split_sections, target_lines
from vitne.core.event.trust import quarantine_reason, warning_codes
from vitne.core.values import Facets, Json, canonical, text
from vitne.errors import DecodeError

MAX_QUARANTINE_BYTES = 1024 * 1024
MAX_PROBLEMS = 50

_decode_event = msgspec.json.Decoder(Event).decode
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def validate_event(
    item: bytes, context: IntakeContext, position: int = 0
) -> ValidEvent | Rejected | Quarantined:
    """Read, check, fill and split one event. Never raises, whatever the bytes are.

    Args:
        item: one event as JSON (see `vitne.core.event.body.split_body`).
        context: what is known of the request.
        position: 0-based place in the request; with an idempotency key it gives the id.
    """
    if len(item) > MAX_QUARANTINE_BYTES:
        limit = f"at most {MAX_QUARANTINE_BYTES} bytes"
        fault = Problem("too_large", "$", limit, f"{len(item)} bytes")
        return Rejected((fault,), tenant=context.default_tenant)
    valid = validate_quickly(item, context)
    return valid if valid is not None else validate_plainly(item, context, position)


def validate_plainly(
    item: bytes, context: IntakeContext, position: int = 0
) -> ValidEvent | Rejected | Quarantined:
    """What `validate` says, without the quick way: the plain form, and its oracle in tests."""
    try:
        event = _decode_event(item)
    except _UNDECODABLE:
        return _validate_slowly(item, context, position)
    sent = encode_event(event)
    if not _needs_no_repair(item, sent):
        return _validate_slowly(item, context, position)
    if event.target is not None:
        if event.targets is not None or not _expand_target(event):
            return _validate_slowly(item, context, position)
        sent = encode_event(event)
    return _finish(event, sent, context, position, None)


def _needs_no_repair(item: bytes, sent: bytes) -> bool:
    """Whether the event is whole and clean: no name twice, nothing empty, no odd character."""
    if b"\\" in sent or b"\\" in item:
        if canonical.count_quotes(item) != canonical.count_quotes(sent):
            return False
        if b"\\" in sent.replace(b"\\\\", b"").replace(b'\\"', b""):
            return False  # a control character
    elif item.count(b'"') != sent.count(b'"'):
        return False
    if b"[]" in sent or b"{}" in sent or b"\x7f" in sent:
        return False
    if sent.isascii():
        return True
    characters = sent.decode()
    return unicodedata.is_normalized("NFC", characters) and not text.has_forbidden(characters)


def _expand_target(event: Event) -> bool:
    """Turn the short form `target` into the first of `targets`; False if it is malformed."""
    target = event.target
    if isinstance(target, str):
        kind, slash, identity = target.partition("/")
        if not (slash and 0 < len(kind) <= 64 and 0 < len(identity) <= 256):  # noqa: PLR2004  # limits of targets[].type and .id
            return False
        target = Target(type=kind, id=identity)
    if target is not None:
        event.targets = [target]
    event.target = None
    return True


def _validate_slowly(
    item: bytes, context: IntakeContext, position: int
) -> ValidEvent | Rejected | Quarantined:
    try:
        value = canonical.parse(item)
    except DecodeError as error:
        fault = Problem("bad_format", "$", "one JSON object in UTF-8", error.message)
        return Rejected((fault,), tenant=context.default_tenant)
    stated = value.get("schema") if isinstance(value, dict) else None
    checked = check_form(value, newer_minor=newer_minor(stated))
    name = canonical.repeated_name(item, value)
    if name is not None:
        checked.report("duplicate_key", name, "every name once", "a name twice")
    return _finish_checked(checked, context, position)


def _finish_checked(
    checked: Checked, context: IntakeContext, position: int
) -> ValidEvent | Rejected | Quarantined:
    try:
        event = msgspec.convert(checked.value, Event)
    except msgspec.ValidationError as error:  # pragma: no cover  # the walk knows the same rules
        checked.report("wrong_type", "$", "an event", str(error))
        event = Event()
    if event.target is not None:
        if event.targets is not None:
            checked.report("unknown_field", "$.target", "target or targets", "both")
        elif not _expand_target(event):
            form = "type/id, at most 64 and 256 characters"
            checked.report("bad_format", "$.target", form, "another form")
        event.target = None
    return _finish(event, encode_event(event), context, position, checked)


def _finish(
    event: Event, sent: bytes, context: IntakeContext, position: int, checked: Checked | None
) -> ValidEvent | Rejected | Quarantined:
    """What both ways have in common, once there is an event of the right types."""
    facts, problems = check_rules(event, context, len(sent) > MAX_EXTRA_BYTES)
    if checked is not None and checked.problems:
        problems = checked.problems + _without_echoes(problems, checked.problems)
    if problems:
        return _reject(event, facts, problems, context)
    reason = quarantine_reason(event, facts, len(sent), context)
    scrubbed = _scrub(event, sent, facts.tenant, context)
    if scrubbed:
        sent = encode_event(event)
    facts.warnings = warning_codes(event, facts, context, scrubbed, checked)
    fill_event(event, context, facts, position)
    if reason:
        return _quarantine(event, facts, reason)
    unknown = checked.unknown if checked is not None else {}
    if facts.filled:
        facts.digest = digest_of(*split_sections(_decode_event(sent), unknown))
    return _split(event, facts, context.registration, unknown)


def _without_echoes(problems: list[Problem], faults: list[Problem]) -> list[Problem]:
    """Broken rules, less those that only follow from a fault of form in the same place."""
    places = [fault.path for fault in faults]

    def echoes(problem: Problem) -> bool:
        path = problem.path
        if path.endswith(".target") and any(p.startswith("$.target") for p in places):
            return True
        return any(path.startswith(p) or p.startswith(path) for p in places)

    return [problem for problem in problems if not echoes(problem)]


def _reject(
    event: Event, facts: Facts, problems: list[Problem], context: IntakeContext
) -> Rejected:
    wrong = {problem.path for problem in problems}
    stream = event.stream
    return Rejected(
        tuple(problems[:MAX_PROBLEMS]),
        id=event.id if event.id is not None and "$.id" not in wrong else "",
        tenant=context.default_tenant if "$.tenant.id" in wrong else facts.tenant,
        type=event.type if event.type is not None and "$.type" not in wrong else "",
        stream_name=stream.id if stream is not None else "",
        stream_seq=stream.seq if stream is not None else 0,
    )


def _scrub(event: Event, sent: bytes, tenant: str, context: IntakeContext) -> set[str]:
    """Take out what may not stand in the event; the warnings, empty if there was nothing."""
    scrub = Scrub(event, lambda plain: context.pseudonym(tenant, plain))
    scrub.personal_ids()
    if event.extra is not None or event.changes is not None or event.query is not None:
        scrub.named_secrets()
    if may_hold_forbidden(sent):
        scrub.values()
    return scrub.warnings


def _quarantine(event: Event, facts: Facts, reason: str) -> Quarantined:
    return Quarantined(
        reason,
        event_id=bytes.fromhex((event.id or "").replace("-", "")),
        tenant=facts.tenant,
        type=event.type or "",
        occurred_us=facts.occurred_us,
        stream_name=event.stream.id if event.stream is not None else "",
        stream_seq=event.stream.seq if event.stream is not None else 0,
    )


def _split(
    event: Event, facts: Facts, registration: SourceRegistration, unknown: dict[str, Json]
) -> ValidEvent:
    actor, outcome, correlation, stream = (
        event.actor,
        event.outcome,
        event.correlation,
        event.stream,
    )
    if actor is None or outcome is None or correlation is None or event.id is None:
        raise AssertionError  # pragma: no cover  # the rules and `fill` have seen to it
    event_type = event.type or ""
    targets = tuple(dict.fromkeys([(t.type, t.id) for t in event.targets or ()]))
    lines = target_lines(targets)
    facets = Facets(facts.occurred_us, event_type, actor.id, outcome.result or "", lines)
    core, payload, person = split_sections(event, unknown)
    return ValidEvent(
        event_id=bytes.fromhex(event.id.replace("-", "")),
        tenant=facts.tenant,
        type=event_type,
        category=facts.category,
        occurred_us=facts.occurred_us,
        actor=(actor.issuer or "", actor.id),
        targets=targets,
        overflow_type=event.targets_overflow.type if event.targets_overflow is not None else "",
        action_id=correlation.action_id or "",
        source_id=registration.source_id,
        stream_name=stream.id if stream is not None else "",
        stream_seq=stream.seq if stream is not None else 0,
        core=core,
        payload=payload,
        person=person,
        digest=facts.digest or digest_of(core, payload, person),
        facets=facets,
        filled=facts.filled,
        warnings=facts.warnings,
        attribution=actor.attribution or "",
        party=actor.party or "",
        imported=registration.may_import,
    )
