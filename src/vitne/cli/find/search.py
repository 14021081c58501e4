"""`vitne search`: find events, newest first."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from cyclopts import Group, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.layout import Table
from vitne.cli.base.output import Json, Output, Printed, copied, plain, table
from vitne.errors import BadInputError
from vitne.wire.search import FacetCounts, FoundEvent, Histogram, SearchReply

__all__ = ["search"]

_MORE = Group("Beside the events", sort_key=20)
_PAGE_MAX = 200
_BAR_CHARS = 40
_COLUMNS = ("occurred (UTC)!", "recorded (UTC)!", "type", "actor", "targets", "outcome", "id!")
_TABLE_CHARS = 170
"""A terminal narrower than this would break every cell."""
_HEADER = "occurred (UTC)           type  actor     [recorded: where it is a minute or more apart]"
_APART_S = 60
_TARGETS_SHOWN = 2
_TO_MINUTES, _TO_SECONDS = 16, 19


class _Beside(TypedDict, total=False):
    """What is counted beside the events."""

    facets: list[str]
    histogram: int | None
    count: Literal["cheap", "exact", "none"]


_UNCOUNTED: _Beside = {"count": "none"}


def search(  # noqa: PLR0913  # the options of a verb
    filter: Annotated[  # noqa: A002  # what people call it
        str, Parameter(help="E.g. 'actor:usr_77 type:crm.customer.* since:7d \"smith\"'.")
    ] = "",
    /,
    *,
    since: Annotated[str, Parameter(help="A day, a moment, or 7d, 24h; as since: in it.")] = "",
    until: Annotated[str, Parameter(help="The same, as until: in it.")] = "",
    limit: Annotated[int, Parameter(help="How many events at most.")] = 20,
    all: Annotated[  # noqa: A002  # what people call it
        bool, Parameter(help="All of them; with --json one event a line.")
    ] = False,
    cursor: Annotated[str, Parameter(help="Where an earlier page ended.")] = "",
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

    The time that is shown first is that of the act, by its sender's word.

    The filter language stands in docs/reference/search.md. The search is itself an event of the
    log. Tells how many there are, up to which entry was looked, and how far behind that is.
    """
    if limit < 1:
        raise BadInputError("--limit must be at least 1")
    out = Output(json)
    parts = (filter, since and f"since:{since}", until and f"until:{until}")
    with HttpClient(server, purpose) as client:
        beside: _Beside = {
            "facets": facets or [],
            "histogram": histogram or None,
            "count": "exact" if exact else "cheap",
        }
        asking = _Asking(client, " ".join(part for part in parts if part), beside)
        if all:
            _tell_all(asking, cursor, out)
        else:
            page = asking.page(cursor, limit)
            out.result(page, lambda: _lines(page, out))


class _Asking:
    """One search, page by page."""

    def __init__(self, client: HttpClient, wanted: str, beside: _Beside) -> None:
        self._client = client
        self._wanted = {"q": wanted, "tenant": client.tenant}
        self._beside = beside

    def page(self, cursor: str, limit: int) -> SearchReply:
        """So many events; of several replies, if one may not hold that many."""
        page = self.once(cursor, min(limit, _PAGE_MAX), self._beside)
        while len(page.events) < limit and page.next:
            left = min(limit - len(page.events), _PAGE_MAX)
            more = self.once(page.next, left, _UNCOUNTED)
            page = replace(page, events=[*page.events, *more.events], next=more.next)
        return page

    def once(self, cursor: str, limit: int, beside: _Beside) -> SearchReply:
        """One reply."""
        return self._client.get(
            "/v1/events", SearchReply, **self._wanted, **beside, cursor=cursor, limit=limit
        )


def _tell_all(asking: _Asking, cursor: str, out: Output) -> None:
    """Every event, as it comes."""
    found = 0
    with out.progress("finding") as advance:
        while True:
            page = asking.once(cursor, _PAGE_MAX, _UNCOUNTED)
            found += len(page.events)
            advance(len(page.events))
            for row in page.events if out.as_json else ():
                out.document(row)
            if not out.as_json:
                out.result(None, *_events(page.events, out))
            cursor = page.next
            if not cursor:
                break
    out.note(f"{found:,} events; {_reach(page)}")


def _lines(page: SearchReply, out: Output) -> list[Printed]:
    lines = _events(page.events, out)
    for name, found in page.facets.items():
        rows = [(value, f"{number:,}") for value, number in found.values.items()]
        lines.append(table(f"{name}{_how_exact(found)}", ("value", "events#"), rows))
    if page.histogram is not None:
        lines.append(_bars(page.histogram))
    lines.append(plain(f"{_total(page)}; {_reach(page)}"))
    if page.next:
        lines.append(copied(f"more with:  --cursor {page.next}"))
    return lines


def _how_exact(found: FacetCounts) -> str:
    """What a count of values leaves open."""
    more = ", the commonest" if found.more else ""
    return more if found.exact else f"{more}, at least"


def _events(rows: list[FoundEvent], out: Output) -> list[Printed]:
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
        lines.append(plain(f"{occurred:23}  {kind}  {actor}"))
        late = f"recorded {recorded}  " if _is_apart(row) else ""
        lines.append(plain(f"    {event_id}  {late}{outcome}  {targets}", "dim"))
    return [*lines, ""]


def _is_apart(row: FoundEvent) -> bool:
    """Whether the log took the event at another time than that of the act, by its sender's word."""
    occurred = str(row.event.get("occurred_at", ""))
    try:
        apart = datetime.fromisoformat(row.recorded_at) - datetime.fromisoformat(occurred)
    except ValueError:
        return True  # that part of the event is erased
    return abs(apart.total_seconds()) >= _APART_S


def _cells(row: FoundEvent) -> tuple[str, ...]:
    event = row.event
    actor, outcome = _dict(event.get("actor")), _dict(event.get("outcome"))
    targets = [_dict(one) for one in event.get("targets") or ()]
    named = [f"{one.get('type')}/{one.get('id')}" for one in targets[:_TARGETS_SHOWN]]
    more = len(targets) - len(named)
    return (
        _moment(event.get("occurred_at", "")),
        _moment(row.recorded_at),
        str(event.get("type", "")),
        " ".join(str(actor[name]) for name in ("id", "name") if name in actor),
        ", ".join(named) + (f" and {more} more" if more else ""),
        str(outcome.get("result", "")),
        row.id,
    )


def _moment(value: object) -> str:
    """To the millisecond."""
    return str(value)[:23].removesuffix("Z").replace("T", " ")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _total(page: SearchReply) -> str:
    shown = len(page.events)
    match page.total_is:
        case "exact":
            return f"{shown:,} of {page.total:,} events"
        case "at least":
            return f"{shown:,} of at least {page.total:,} events"
        case _:
            return f"{shown:,} events, the others were not counted"


def _reach(page: SearchReply) -> str:
    """Up to where was looked, and how far publishing is behind that."""
    signed = "all signed" if not page.lag_ms else f"signed up to {page.lag_ms:,} ms ago"
    return f"looked through all {page.high_water:,} entries, {signed}"


def _bars(histogram: Histogram) -> Table:
    counts, edges = histogram.counts, histogram.edges
    most = max([*counts, 1])
    # To the minute, if that tells the bars apart; they begin at whole seconds.
    chars = (
        _TO_MINUTES if len({edge[:_TO_MINUTES] for edge in edges}) == len(edges) else _TO_SECONDS
    )
    rows = [
        (
            edge[:chars].replace("T", " "),
            f"{count:,}",
            "█" * (count * _BAR_CHARS // most),
        )
        for edge, count in zip(edges, counts, strict=False)
    ]
    return table("over time, by when it occurred", ("from (UTC)!", "events#", ""), rows)
