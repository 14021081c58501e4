"""The reply to events that were sent (`POST /v1/events`, event-schema §3.2)."""

from typing import Literal

from msgspec import Struct

from vitne.core.event.event import Problem

Status = Literal["accepted", "duplicate", "dropped", "quarantined", "rejected"]


class EventResult(Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of one event; one per event, in the order sent."""

    status: Status
    id: str = ""
    """The event's id, filled in if the sender gave none; `""` if it could not be read."""
    log: str = ""
    index: int | None = None
    """Of its entry, for accepted and duplicate; of the void entry, for quarantined."""
    receipt: int | None = None
    """Position in `IntakeReply.receipts`."""
    reason: str = ""
    """Why it was dropped or quarantined: a stable code."""
    warnings: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Every fault of a rejected event."""


class IntakeReply(Struct, frozen=True):
    """The reply to one request. By the time it exists, everything it says is durable."""

    accepted: int
    duplicate: int
    dropped: int
    quarantined: int
    rejected: int
    receipts: list[str]
    """Signed notes: one per log touched and, for duplicates, per run of indices."""
    results: list[EventResult]
