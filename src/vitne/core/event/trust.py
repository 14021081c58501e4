"""How far a valid event is trusted: quarantined, taken with warnings, or taken as it is."""

from collections.abc import Collection

from vitne.core.event.check import Checked
from vitne.core.event.intake import IntakeContext
from vitne.core.event.rules import Facts
from vitne.core.event.schema import Event

MAX_EVENT_BYTES = 64 * 1024
"""Canonical size beyond which an event is kept aside."""

_MINUTE_US = 60_000_000
_DAY_US = 24 * 60 * _MINUTE_US
CLOCK_WARNING_US = 5 * _MINUTE_US
CLOCK_LIMIT_US = _DAY_US
SPOOL_LIMIT_US = 30 * _DAY_US
UNDECLARED = "undeclared_type"
"""Warning of an event whose type its source does not declare; its record says so, too."""
BACKDATED_US = _DAY_US
"""An event this old that nobody says was spooled or imported is flagged."""


def quarantine_reason(event: Event, facts: Facts, size_bytes: int, context: IntakeContext) -> str:
    """Why the event is to be quarantined; `""` if it is not.

    Args:
        event: an event that passed the rules.
        facts: what was read out of it.
        size_bytes: its canonical size as sent.
        context: what is known of the request.
    """
    if size_bytes > MAX_EVENT_BYTES:
        return "large"
    ahead_us = facts.occurred_us - context.now_us
    if ahead_us > CLOCK_LIMIT_US:
        return "clock_ahead"
    if ahead_us >= -SPOOL_LIMIT_US or not facts.occurred_us:
        return ""
    spooled = event.stream is not None and event.stream.spooled
    return "spooled_long_ago" if spooled and not context.registration.may_import else ""


def warning_codes(
    event: Event,
    facts: Facts,
    context: IntakeContext,
    scrubbed: Collection[str],
    checked: Checked | None,
) -> tuple[str, ...]:
    """Stable codes of what a reader of the record should know, ascending."""
    ahead_us = facts.occurred_us - context.now_us
    timely = -BACKDATED_US <= ahead_us <= CLOCK_WARNING_US
    declared = context.registration.declares(event.type or "")
    if not scrubbed and checked is None and declared and (timely or not facts.occurred_us):
        return ()
    found = set(scrubbed)
    if not declared:
        found.add(UNDECLARED)
    if checked is not None and checked.cleaned:
        found.add("text_cleaned")
    if checked is not None and checked.newer_minor:
        found.add("newer_minor")
    if ahead_us > CLOCK_WARNING_US:
        found.add("clock_ahead")
    spooled = event.stream is not None and event.stream.spooled
    backdated = facts.occurred_us and ahead_us < -BACKDATED_US
    if backdated and not spooled and not context.registration.may_import:
        found.add("backdated")
    return tuple(sorted(found))
