"""Events that a search found, and one event with its proof (`GET /v1/events…`)."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

_ID: Final = "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"


class FoundEvent(Struct, frozen=True, kw_only=True):
    """One event as the log keeps it."""

    tenant: str
    index: Annotated[int, Meta(description="Position of its entry in the log, from 0.")]
    id: Annotated[str, Meta(description="The event's UUID.", examples=[_ID])]
    recorded_at: Annotated[str, Meta(description="When the log took it, RFC 3339.")]
    event: Annotated[dict[str, Any], Meta(description="The event, filled (event-schema §2).")]
    record: Annotated[dict[str, Any], Meta(description="What the log added at intake.")]
    withheld: Annotated[list[str], Meta(description="Sections that are erased or withheld.")] = []


class EventReply(Struct, frozen=True, kw_only=True):
    """One event with its proof."""

    shown: FoundEvent
    proof: Annotated[
        dict[str, Any] | None,
        Meta(description="`vitne-record/v1`, to verify offline; null if not published yet."),
    ]
    reason: Annotated[str, Meta(description="Why there is no proof: `not_published`, or empty.")]


class EventHistogram(Struct, frozen=True):
    """Events over claimed time: bar i covers [edges[i], edges[i+1])."""

    edges: Annotated[list[str], Meta(description="RFC 3339, ascending; one more than bars.")]
    counts: list[int]


class FacetCounts(Struct, frozen=True):
    """The commonest values of one field."""

    values: Annotated[dict[str, int], Meta(description="Events by value, the commonest first.")]
    exact: Annotated[bool, Meta(description="All values were counted; else they are lower bounds.")]
    more: Annotated[bool, Meta(description="There are other values than these.")]


class SearchReply(Struct, frozen=True, kw_only=True):
    """One page of a search. Nothing is left out in silence: it says how much there is."""

    tenant: str
    events: list[FoundEvent]
    next: Annotated[str, Meta(description="Cursor of the next page; empty if there is none.")]
    total: Annotated[int | None, Meta(description="Matching events; null if not counted.")]
    total_is: Literal["exact", "at least", "not counted"]
    high_water: Annotated[
        int, Meta(description="Entries below this index were searched; the same on every page.")
    ]
    published: Annotated[int, Meta(description="Entries that a signed checkpoint covers.")]
    lag_ms: Annotated[int, Meta(description="Age of the oldest entry that none covers; 0: none.")]
    facets: dict[str, FacetCounts]
    histogram: EventHistogram | None
