"""`vitne streams`: which numbers lack, who is silent, what came late."""

from typing import Annotated

from cyclopts import Parameter

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, plain, second, table
from vitne.core.values import count
from vitne.wire.streams import StreamReply, StreamsReply

_COLUMNS = (
    *("source!", "status!", "last#!", "missing#!", "void#!", "late#!"),
    *("last seen!", "signed!?", "which are missing?", "stream?"),
)
_RANGES_SHOWN = 5


def streams(
    *,
    every: Annotated[
        bool, Parameter(name="--all", help="Also those with nothing to explain.")
    ] = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """List gaps, silences and late events, per source and stream. The read is itself an event.

    A missing number was given out by its sender, and neither came nor was declared void. A silent
    stream has missed three of the heartbeats that it promised; an abandoned one is no longer
    expected to continue.
    """
    out = Output(json)
    with HttpClient(server, purpose) as client:
        page = client.get(
            "/v1/streams", StreamsReply, tenant=client.tenant, troubled=None if every else "true"
        )
    found = page.streams
    told = (
        f"{count(len(found), 'stream')}; over all streams of {page.tenant}: {page.missing} missing,"
        f" {page.voided} void, {page.late} late, {page.silent} silent,"
        f" {page.abandoned} abandoned"
    )
    calm = [] if found else [plain("Nothing to explain. --all lists every stream.")]
    out.result(page, lambda: table(told, _COLUMNS, [_row(one) for one in found]), *calm)


def _row(one: StreamReply) -> tuple[object, ...]:
    return (
        one.source,
        one.status,
        one.last,
        one.missing,
        one.voided,
        one.late,
        second(one.last_seen),
        one.mode,
        _ranges(one),
        one.name,
    )


def _ranges(one: StreamReply) -> str:
    shown = [
        f"{first}-{last}" if first != last else f"{first}"
        for first, last in one.missing_ranges[:_RANGES_SHOWN]
    ]
    more = len(one.missing_ranges) - len(shown) + one.more_ranges
    return ", ".join(shown) + (f" and {more} more ranges" if more else "")
