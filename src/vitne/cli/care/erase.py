"""`vitne erase`: sections of events go, their commitments stay."""

from typing import Annotated, Literal

from cyclopts import App, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, plain
from vitne.core.values import count
from vitne.wire.erasure import EraseReply, EraseRequest

app = App(name="erase", help="Erase a person's data, or sections of events; proofs stay.")

Section = Literal["core", "payload", "person"]
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


@app.command(name="person")
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
    _ask(request, purpose, server, Output(json))


@app.command(name="event")
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
    _ask(request, purpose, server, Output(json))


def _ask(request: EraseRequest, purpose: str, server: ServerOptions | None, out: Output) -> None:
    with HttpClient(server, purpose, timeout_s=None) as client:
        request = replace(request, tenant=client.tenant)
        page = client.post("/v1/erasures", request, EraseReply)
    out.result(page, *map(plain, _lines(page, request)))


def _lines(page: EraseReply, request: EraseRequest) -> list[str]:
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
