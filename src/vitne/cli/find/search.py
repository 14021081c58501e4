"""`vitne search`: find events, newest first."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from cyclopts import Group, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.layout import Table
from vitne.cli.base.output import Json, Output, Printed, copied, members, plain, second, table
from vitne.core.values import count
from vitne.errors import BadInputError
from vitne.wire.search import EventHistogram, FacetCounts, FoundEvent, SearchReply

_MORE = Group("Beside the events", sort_key=20)
_PAGE_MAX = 200
_BAR_CHARS = 40
_COLUMNS = ("occurred!", "recorded!", "type", "actor", "targets", "outcome", "id!")
_TABLE_CHARS = 170
"""A terminal narrower than this would break every cell."""
_HEADER = "occurred              type  actor     [recorded: where it is a minute or more apart]"
_APART_S = 60
_TARGETS_SHOWN = 2


_Ask = Callable[..., SearchReply]
"""One reply; takes the parameters of the resource that differ from reply to reply."""


def search(  # noqa: PLR0913  # the options of a verb
    filter: Annotated[  # noqa: A002  # what people call it
        str, Parameter(help="Filter, e.g. 'actor:usr_77 -type:audit.* since:7d \"smith\"'.")
    ] = "",
    /,
    *,
    since: Annotated[
        str, Parameter(help="First moment: a day, a time or an age such as 7d [the beginning].")
    ] = "",
    until: Annotated[
        str, Parameter(help="First moment after the period: a day, a time or an age [now].")
    ] = "",
    limit: Annotated[int, Parameter(help="Most events to show.")] = 20,
    all: Annotated[  # noqa: A002  # what people call it
        bool, Parameter(help="Show all events; with --json one event a line.")
    ] = False,
    cursor: Annotated[str, Parameter(help="Position where an earlier page ended.")] = "",
    facets: Annotated[
        list[str] | None,
        Parameter(group=_MORE, help="A field to count, e.g. type; may be repeated."),
    ] = None,
    histogram: Annotated[int, Parameter(group=_MORE, help="Bars over time, at most so many.")] = 0,
    exact: Annotated[
        bool, Parameter(group=_MORE, help="Count all, even where it takes long.")
    ] = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Find events of a log, newest first by log order: as they were recorded.

    The first time is when it happened, as the sender states it. docs/reference/search.md describes
    the filter language. The search is itself recorded in the log. The last line says how many
    events match, how many entries were searched, and since when entries wait for a signature.
    """
    if limit < 1:
        raise BadInputError("--limit must be at least 1")
    out = Output(json)
    parts = (filter, since and f"since:{since}", until and f"until:{until}")
    wanted = " ".join(part for part in parts if part)
    with HttpClient(server, purpose) as client:
        ask = partial(client.get, "/v1/events", SearchReply, q=wanted, tenant=client.tenant)
        if all:
            _tell_all(ask, cursor, out)
            return
        counted = partial(
            ask,
            facets=facets or [],
            histogram=histogram or None,
            count="exact" if exact else "cheap",
        )
        page = counted(cursor=cursor, limit=min(limit, _PAGE_MAX))
        while len(page.events) < limit and page.next:
            left = min(limit - len(page.events), _PAGE_MAX)
            more = ask(cursor=page.next, limit=left, count="none")
            page = replace(page, events=[*page.events, *more.events], next=more.next)
    out.result(page, lambda: _lines(page, out))


def _tell_all(ask: _Ask, cursor: str, out: Output) -> None:
    """Every event, as it comes."""
    found = 0
    with out.progress("finding") as advance:
        while True:
            page = ask(cursor=cursor, limit=_PAGE_MAX, count="none")
            found += len(page.events)
            advance(len(page.events))
            for row in page.events if out.as_json else ():
                out.document(row)
            if not out.as_json:
                out.result(None, *event_lines(page.events, out))
            cursor = page.next
            if not cursor:
                break
    out.note(f"{count(found, 'event')}; {_reach(page)}")


def _lines(page: SearchReply, out: Output) -> list[Printed]:
    lines = event_lines(page.events, out)
    for name, found in page.facets.items():
        rows = [(value, f"{number:,}") for value, number in found.values.items()]
        lines.append(table(f"{name}{_how_exact(found)}", ("value", "events#"), rows))
    if page.histogram is not None:
        lines.append(histogram_table(page.histogram))
    lines.append(plain(f"{_total(page)}; {_reach(page)}"))
    if page.next:
        lines.append(copied(f"more with:  --cursor {page.next}"))
    return lines


def _how_exact(found: FacetCounts) -> str:
    """What a count of values leaves open."""
    more = ", the commonest" if found.more else ""
    return more if found.exact else f"{more}, at least"


def event_lines(rows: list[FoundEvent], out: Output) -> list[Printed]:
    """A table where there is room for one, else two lines an event."""
    if not rows:
        return []
    cells = [_cells(row) for row in rows]
    if out.width >= _TABLE_CHARS:
        return [table("", _COLUMNS, cells)]
    lines: list[Printed] = [plain(_HEADER, "bold")]
    for row, (occurred, recorded, kind, actor, targets, outcome, event_id) in zip(
        rows, cells, strict=True
    ):
        lines.append(plain(f"{occurred:20}  {kind}  {actor}"))
        late = f"recorded {recorded}  " if _is_apart(row) else ""
        lines.append(plain(f"    {event_id}  {late}{outcome}  {targets}", "dim"))
    return [*lines, ""]


def _is_apart(row: FoundEvent) -> bool:
    """Whether the log recorded the event at another time than its sender states."""
    occurred = str(row.event.get("occurred_at", ""))
    try:
        apart = datetime.fromisoformat(row.recorded_at) - datetime.fromisoformat(occurred)
    except ValueError:
        return True  # that part of the event is erased
    return abs(apart.total_seconds()) >= _APART_S


def _cells(row: FoundEvent) -> tuple[str, ...]:
    event = row.event
    actor, outcome = members(event.get("actor")), members(event.get("outcome"))
    targets = [members(one) for one in event.get("targets") or ()]
    named = [f"{one.get('type')}/{one.get('id')}" for one in targets[:_TARGETS_SHOWN]]
    more = len(targets) - len(named)
    return (
        second(str(event.get("occurred_at", ""))),
        second(row.recorded_at),
        str(event.get("type", "")),
        " ".join(str(actor[name]) for name in ("id", "name") if name in actor),
        ", ".join(named) + (f" and {more} more" if more else ""),
        str(outcome.get("result", "")),
        row.id,
    )


def _total(page: SearchReply) -> str:
    shown = len(page.events)
    match page.total_is:
        case "exact":
            return f"{shown:,} of {count(page.total or 0, 'event')}"
        case "at least":
            return f"{shown:,} of at least {count(page.total or 0, 'event')}"
        case _:
            return f"{count(shown, 'event')}, the others were not counted"


def _reach(page: SearchReply) -> str:
    """Up to where was looked, and how far publishing is behind that."""
    signed = "all signed" if not page.lag_ms else f"signed up to {page.lag_ms:,} ms ago"
    return f"searched all {count(page.high_water, 'entry')}, {signed}"


def histogram_table(histogram: EventHistogram) -> Table:
    """A row for each bar."""
    counts, edges = histogram.counts, histogram.edges
    most = max([*counts, 1])
    rows = [
        (
            second(edge),
            f"{count:,}",
            "█" * (count * _BAR_CHARS // most),
        )
        for edge, count in zip(edges, counts, strict=False)
    ]
    return table("over time, by when it occurred", ("from!", "events#", ""), rows)
