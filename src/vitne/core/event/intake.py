"""What validation is given beside the bytes, and what it answers when an event does not pass."""

from collections.abc import Callable
from functools import lru_cache

from msgspec import Struct

from vitne.core.event.event import Problem


class SourceRegistration(Struct, frozen=True):
    """What an API key says about the application that sends with it (event-schema §2).

    These values fill what a minimal event leaves out, and bound what a complete one may claim.
    """

    application: str
    service: str
    layer: str = "bff"
    environment: str = "prod"
    deployment: str = "saas"
    issuer: str = ""
    """Filled into `actor.issuer` when the sender names none."""
    party: str = "tenant"
    may_assert: bool = True
    """May state who acted on its own word (attribution `asserted`)."""
    may_import: bool = False
    """May send old events (no quarantine for age), with their original kept in `raw`."""
    faces_user: bool = False
    """The connection's address is the user's: it fills `client.ip`."""
    types: tuple[str, ...] = ()
    """Event types that the source declares, each whole or up to a `*` at its end; empty: it
    declares none, and nothing is said about those it sends."""

    @property
    def source_id(self) -> str:
        """`application/service`, as it stands in records and stream registrations."""
        return f"{self.application}/{self.service}"

    def declares(self, event_type: str) -> bool:
        """Whether the type is declared, or need not be: statistics of a stream are Vitne's own."""
        return not self.types or _is_declared(self.types, event_type)


@lru_cache(4096)
def _is_declared(types: tuple[str, ...], event_type: str) -> bool:
    if event_type.startswith(_OWN_TYPES):
        return True
    return any(
        event_type.startswith(one[:-1]) if one.endswith("*") else event_type == one for one in types
    )


_OWN_TYPES = ("audit.", "system.")


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
