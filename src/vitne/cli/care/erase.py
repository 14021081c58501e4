"""`vitne erase`: sections of events go, their commitments stay."""

from typing import Annotated, Literal

from cyclopts import App, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, plain
from vitne.wire.erasure import EraseReply, EraseRequest

__all__ = ["app"]

app = App(name="erase", help="Erase a person's data, or sections of events; proofs stay.")

Section = Literal["core", "payload", "person"]
Sections = Annotated[
    list[Section] | None,
    Parameter(
        name="--section",
        help="Which goes, may be repeated; else person and payload. Who did what to whom is core.",
    ),
]
Basis = Annotated[
    str, Parameter(help="Why, as a code, e.g. gdpr-17; it stands in the log for good.")
]
Ref = Annotated[str, Parameter(help="The case; it stands in the log for good: no name.")]
DryRun = Annotated[bool, Parameter(help="Say what would go, and change nothing.")]
Mentions = Annotated[
    list[str] | None,
    Parameter(
        name="--mention",
        help="A text, e.g. a mail address: quarantined events that hold it lose their bytes.",
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
        f"{word} {sections} of {page.records:,} events of {page.tenant}.",
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
