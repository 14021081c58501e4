"""`vitne hold`: what is neither erased nor expires, however old it gets."""

from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, copied, plain, second, table
from vitne.core.values import count
from vitne.wire.erasure import HoldReply, HoldRequest, HoldsReply

app = App(name="hold", help="Legal holds: what matches is neither erased nor expires.")

_COLUMNS = ("id!", "reason", "ref", "set!", "released!", "what?")


@app.command(name="set")
def set_hold(  # noqa: PLR0913 - what one can say on the command line
    where: Annotated[
        str, Parameter(name="FILTER", help="Filter that finds the events, recorded now or later.")
    ] = "",
    /,
    *,
    reason: Annotated[str, Parameter(help="Reason, as a code. Recorded permanently.")],
    ref: Annotated[
        str,
        Parameter(help="Case. Recorded permanently, so use a case number, not a person's name."),
    ] = "",
    everything: Annotated[bool, Parameter(help="Hold all of the log.")] = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Hold what a filter finds. The filter is kept beside the log, never in it.

    For example:
        vitne hold set target:customer/cus_5 --reason litigation --ref CASE-1
    """
    with HttpClient(server, purpose) as client:
        request = HoldRequest(
            where=where, reason=reason, ref=ref, everything=everything, tenant=client.tenant
        )
        page = client.post("/v1/holds", request, HoldReply)
    Output(json).result(
        page,
        plain(f"Set {page.id} on {page.where or 'all'} of {page.tenant}."),
        copied(f"To end it:  vitne hold release {page.id}"),
    )


@app.command(name="release")
def release_hold(
    hold_id: Annotated[str, Parameter(help="Id of the hold.")],
    /,
    *,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """End a hold. What it kept may be erased and expires again."""
    with HttpClient(server, purpose) as client:
        path = f"/v1/holds/{quote(hold_id, safe='')}/release?tenant={quote(client.tenant)}"
        page = client.post(path, None, HoldReply)
    Output(json).result(page, plain(f"{page.id} ended at {second(page.released_at)}."))


@app.command(name="list")
def list_holds(
    *, purpose: Purpose = "", server: ServerOptions | None = None, json: Json = False
) -> None:
    """List all holds of a log, released ones too, oldest first. The look is itself an event."""
    with HttpClient(server, purpose) as client:
        page = client.get("/v1/holds", HoldsReply, tenant=client.tenant)
    rows = [
        (
            one.id,
            one.reason,
            one.ref,
            second(one.set_at),
            second(one.released_at),
            one.where or "all of the log",
        )
        for one in page.holds
    ]
    Output(json).result(page, table(count(len(rows), "hold"), _COLUMNS, rows))
