"""From untrusted bytes to an event, or to every problem it has."""

from collections.abc import Callable

from msgspec import Struct

from vitne.core.event import Problem, ValidEvent
from vitne.core.source import SourceRegistration

MAX_EVENT_BYTES = 64 * 1024
MAX_QUARANTINE_BYTES = 1024 * 1024
MAX_PROBLEMS = 50


class IntakeContext(Struct, frozen=True):
    """What intake knows of a request, beside its bytes."""

    now_us: int
    registration: SourceRegistration
    fresh: Callable[[int], bytes]
    """Unpredictable bytes, for the ids of events that bring none."""
    pseudonym: Callable[[str, str], str]
    """(tenant, plaintext of a personal id) → keyed pseudonym, without the `h:` in front."""
    tenants: tuple[str, ...] = ()
    """Which tenants the key may write for; empty: any."""
    default_tenant: str = ""
    """For events that name none; empty: they must."""
    peer_ip: str = ""
    traceparent: str = ""
    """The request's W3C header; fills `correlation.trace_id` and `.span_id`."""
    idempotency_key: str = ""


class Rejected(Struct, frozen=True):
    """An event that breaks the rules, with every problem (at most 50), and what could be read."""

    problems: tuple[Problem, ...]
    id: str = ""
    """`id` as sent, if it is a UUID."""
    tenant: str = ""
    """The log that accounts for it: the named tenant if allowed, else the default one."""
    type: str = ""
    stream_name: str = ""
    stream_seq: int = 0


class Quarantined(Struct, frozen=True):
    """An event that is readable but not trusted; its bytes are kept aside."""

    reason: str
    """`clock_ahead`, `spooled_long_ago` or `large`."""
    event_id: bytes
    tenant: str
    type: str
    occurred_us: int
    stream_name: str = ""
    stream_seq: int = 0


def validate(
    item: bytes, context: IntakeContext, position: int = 0
) -> ValidEvent | Rejected | Quarantined:
    """Read, check, fill and split one event. Never raises, whatever the bytes are.

    Args:
        item: one event as JSON (see `vitne.core.body.split_body`).
        context: what is known of the request.
        position: 0-based place in the request; with an idempotency key it gives the id.
    """
    raise NotImplementedError
