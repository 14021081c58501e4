"""The keyword arguments of `record` and `bind`: an event's fields, as a developer writes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

Plain = str | int | bool | None
"""A scalar of an event; there are no floats (amounts are decimal strings)."""

Value = Plain | Sequence["Value"] | Mapping[str, "Value"]

Object = Mapping[str, Value]
"""An object of an event, with the member names of the event schema."""


class EventFields(TypedDict, total=False):
    """What an event may say beside its type. Everything is optional but, somewhere, an actor.

    Short forms: an actor is its id; a target is `"type/id"`; an outcome is its result, or
    `"denied:not_owner"` with its code; a purpose is its code.
    """

    id: str
    """A UUIDv7 of your own, if the event was minted elsewhere (an outbox)."""
    actor: str | Object
    target: str | Object
    """The only target."""
    targets: Sequence[str | Object]
    outcome: str | Object
    tenant: str | Object
    category: str
    changes: Sequence[Object]
    query: Object
    purpose: str | Object
    on_behalf_of: Object
    chain: Sequence[str | Object]
    client: Object
    extra: Object
    summary: str
    sensitivity: str | Object
    severity: Literal["info", "notice", "warning", "critical"]
    phase: Literal["intent", "final"]
    occurred_at: datetime | str
    ended_at: datetime | str
    observed: Object
    source: Object
    """`component` and other members beside what the client was made with."""
    clock: Object
    repeat: Object
    correlation: Object
    action_id: str
    trace_id: str
    span_id: str
    request_id: str
    causation_id: str
    targets_overflow: Object
