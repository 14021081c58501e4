"""`vitne erase`, `hold`, `retain`: what is erased, what must stay, and what expires.

Sections of events go and their commitments stay; what a legal hold covers is neither erased nor
expires, however old it gets.
"""

from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, copied, plain, second, table
from vitne.core.values import Section, count
from vitne.wire.erasure import (
    EraseReply,
    EraseRequest,
    HoldReply,
    HoldRequest,
    HoldsReply,
    RetentionReply,
    RetentionRequest,
)

erase_app = App(name="erase", help="Erase a person's data, or sections of events; proofs stay.")
hold_app = App(name="hold", help="Legal holds: what matches is neither erased nor expires.")
retain_app = App(name="retain", help="Let records of some retention classes expire; proofs stay.")
_HOLD_COLUMNS = ("id!", "reason", "ref", "set!", "released!", "what?")
_EXPIRY_COLUMNS = ("class!", "days#!", "records#!", "held#!", "below entry#!")

Sections = Annotated[
    list[Section] | None,
    Parameter(
        name="--section",
        help="Section to erase [person and payload]; may be repeated. Who did what to whom"
        " is core.",
    ),
]
Basis = Annotated[str, Parameter(help="Reason, as a code, e.g. gdpr-17. Recorded permanently.")]
Ref = Annotated[
    str, Parameter(help="Case. Recorded permanently, so use a case number, not a person's name.")
]
DryRun = Annotated[bool, Parameter(help="Only report what would be erased.")]
Mentions = Annotated[
    list[str] | None,
    Parameter(
        name="--mention",
        help="Text such as a mail address; quarantined events that contain it are erased whole.",
    ),
]
Rules = Annotated[
    str,
    Parameter(
        help="Classes with a comma between; =DAYS keeps one for longer, e.g. access-24m=800."
    ),
]


@erase_app.command(name="person")
def erase_person(  # noqa: PLR0913 - what one can say on the command line
    where: Annotated[str, Parameter(name="FILTER", help="Filter that finds the events.")],
    /,
    *,
    basis: Basis,
    ref: Ref,
    section: Sections = None,
    mention: Mentions = None,
    dry_run: DryRun = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Erase sections of all events that a filter finds, wherever they lie.

    For example:
        vitne erase person target:customer/cus_5 --basis gdpr-17 --ref REQ-12 --dry-run
    """
    request = EraseRequest(
        sections=section or ["person", "payload"],
        basis=basis,
        ref=ref,
        where=where,
        mentions=mention or [],
        dry_run=dry_run,
    )
    _erase(request, purpose, server, Output(json))


@erase_app.command(name="event")
def erase_events(  # noqa: PLR0913 - what one can say on the command line
    event_id: Annotated[list[str], Parameter(help="UUIDs of events.")],
    /,
    *,
    basis: Basis,
    ref: Ref,
    section: Sections = None,
    dry_run: DryRun = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Erase sections of the events that are named."""
    request = EraseRequest(
        sections=section or ["person", "payload"],
        basis=basis,
        ref=ref,
        events=event_id,
        dry_run=dry_run,
    )
    _erase(request, purpose, server, Output(json))


def _erase(request: EraseRequest, purpose: str, server: ServerOptions | None, out: Output) -> None:
    with HttpClient(server, purpose, timeout_s=None) as client:
        request = replace(request, tenant=client.tenant)
        page = client.post("/v1/erasures", request, EraseReply)
    out.result(page, *map(plain, _erased(page, request)))


def _erased(page: EraseReply, request: EraseRequest) -> list[str]:
    word = "Would erase" if page.dry_run else "Erased"
    sections = ", ".join(request.sections)
    told = [
        f"{word} {sections} of {count(page.records, 'event')} of {page.tenant}.",
        f"Quarantined events whose bytes go: {page.quarantined:,}.",
        f"Segments written anew: {page.segments:,}.",
    ]
    if page.already:
        told.append(f"{page.already:,} more were erased before.")
    if page.holds:
        told.append(f"Legal holds are in the way: {', '.join(page.holds)}.")
    if page.entries:
        told.append(f"The log says so in entry {', '.join(map(str, page.entries))}.")
    if not page.dry_run:
        told.append("Backups that were made before still have it.")
    return told


# ---------------------------------------------------------------- holds


@hold_app.command(name="set")
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


@hold_app.command(name="release")
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


@hold_app.command(name="list")
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
    Output(json).result(page, table(count(len(rows), "hold"), _HOLD_COLUMNS, rows))


# ---------------------------------------------------------------- expiry


@retain_app.command(name="plan")
def plan_expiry(
    *, rules: Rules, purpose: Purpose = "", server: ServerOptions | None = None, json: Json = False
) -> None:
    """Report what would expire now, and change nothing."""
    _expire(rules, purpose, server, Output(json), dry_run=True)


@retain_app.command(name="run")
def run_expiry(
    *, rules: Rules, purpose: Purpose = "", server: ServerOptions | None = None, json: Json = False
) -> None:
    """Delete what has run out, in whole sealed segments. Legal holds keep what they cover.

    A server does this every day in every log, if the setting `retention` is given.
    """
    _expire(rules, purpose, server, Output(json), dry_run=False)


def _expire(
    rules: str, purpose: str, server: ServerOptions | None, out: Output, *, dry_run: bool
) -> None:
    with HttpClient(server, purpose, timeout_s=None) as client:
        request = RetentionRequest(rules=rules, dry_run=dry_run, tenant=client.tenant)
        page = client.post("/v1/retention", request, RetentionReply)
    rows = [
        (one.retention_class, one.days, one.records, one.held, one.below) for one in page.classes
    ]
    if not rows:
        out.result(page, plain(f"Nothing of {page.tenant} has run out."))
        return
    word = "would expire" if dry_run else "expired"
    out.result(page, table(f"What {word} of {page.tenant}", _EXPIRY_COLUMNS, rows))
