"""`vitne retain`: records whose class has run out expire."""

from typing import Annotated

from cyclopts import App, Parameter

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, plain, table
from vitne.wire.erasure import RetentionReply, RetentionRequest

app = App(name="retain", help="Let records of some retention classes expire; proofs stay.")

_COLUMNS = ("class!", "days#!", "records#!", "held#!", "below entry#!")

Rules = Annotated[
    str,
    Parameter(
        help="Classes with a comma between; =DAYS keeps one for longer, e.g. access-24m=800."
    ),
]


@app.command(name="plan")
def plan_expiry(
    *, rules: Rules, purpose: Purpose = "", server: ServerOptions | None = None, json: Json = False
) -> None:
    """Report what would expire now, and change nothing."""
    _ask(rules, purpose, server, Output(json), dry_run=True)


@app.command(name="run")
def run_expiry(
    *, rules: Rules, purpose: Purpose = "", server: ServerOptions | None = None, json: Json = False
) -> None:
    """Delete what has run out, in whole sealed segments. Legal holds keep what they cover.

    A server does this every day in every log, if the setting `retention` is given.
    """
    _ask(rules, purpose, server, Output(json), dry_run=False)


def _ask(
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
    out.result(page, table(f"What {word} of {page.tenant}", _COLUMNS, rows))
