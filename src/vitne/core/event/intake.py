"""What validation is given beside the bytes, and what it answers when an event does not pass."""

from collections.abc import Callable

from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.event.source import SourceRegistration


class IntakeContext(Struct, frozen=True):
    """What intake knows of a request, beside its bytes."""

    now_us: int
    registration: SourceRegistration
    fresh: Callable[[int], bytes]
    """Unpredictable bytes, for the ids of events that bring none."""
    pseudonym: Callable[[str, str], str]
    """(tenant, plaintext of a personal id) → keyed pseudonym, at most 126 characters, without
    the `h:` that goes in front."""
    tenants: tuple[str, ...] = ()
    """Which tenants the key may write for; empty: any."""
    default_tenant: str = ""
    """For events that name none; empty: they must."""
    peer_ip: str = ""
    """Address of the connection; fills `client.ip` if the source faces the user."""
    traceparent: str = ""
    """The request's W3C header; fills `correlation.trace_id` and `.span_id` of minimal events."""
    idempotency_key: str = ""


class Rejected(Struct, frozen=True):
    """An event that breaks the rules, with every problem (at most 50), and what could be read."""

    problems: tuple[Problem, ...]
    id: str = ""
    """`id` as sent, if it is a UUID."""
    tenant: str = ""
    """The log that accounts for it: the named tenant if allowed, else the default one."""
    type: str = ""
    """As sent, if it is an event type."""
    stream_name: str = ""
    stream_seq: int = 0


class Quarantined(Struct, frozen=True):
    """An event that is valid but not trusted; its bytes are kept aside."""

    reason: str
    """`clock_ahead`, `spooled_long_ago` or `large`."""
    event_id: bytes
    tenant: str
    type: str
    occurred_us: int
    """The sender's claim, or the time of receipt."""
    stream_name: str = ""
    stream_seq: int = 0
