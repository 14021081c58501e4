"""An event after validation: everything intake needs, in the form the log keeps."""

from msgspec import Struct

from vitne.core.record import Facets


class Problem(Struct, frozen=True, omit_defaults=True):
    """One fault of an event (event-schema §3.2).

    `path` is a JSON path inside the event (`$.targets[0].id`). `got` states type and length; it
    repeats a value only for closed lists and numbers, never what may be personal data.
    """

    code: str
    path: str
    expected: str = ""
    got: str = ""


class ValidEvent(Struct, frozen=True):
    """An event that passed: normalised, filled, and split into canonical sections.

    `core`, `payload` and `person` are JCS bytes of the event parts (transparency-log §3.3).
    """

    event_id: bytes
    """16 bytes of the UUID."""
    tenant: str
    type: str
    category: str
    occurred_us: int
    actor: tuple[str, str]
    """(issuer, id), as in index key kind 1."""
    targets: tuple[tuple[str, str], ...]
    """Distinct (type, id), in the event's order, as in index key kind 2."""
    overflow_type: str
    """Type of `targets_overflow`; `""` if there is none."""
    action_id: str
    """`correlation.action_id`, as in index key kind 6."""
    source_id: str
    """`application/service`."""
    stream_name: str
    """The sender's `stream.id`; `""`: the server keeps the stream."""
    stream_seq: int
    """The sender's number; 0: the server numbers."""
    core: bytes
    payload: bytes
    person: bytes
    digest: bytes
    """First 16 bytes of SHA-256 over the event as the sender sent it, canonical, before filling:
    equal for a retry, different for another event under the same id."""
    facets: Facets
    filled: tuple[str, ...] = ()
    """JSON paths that the server filled, ascending."""
    warnings: tuple[str, ...] = ()
    """Stable codes, ascending: `clock_ahead`, `newer_minor`, `text_cleaned`, …"""
