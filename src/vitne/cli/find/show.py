"""`vitne show`: one event whole, checked against its proof as it comes."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from cyclopts import Parameter
from msgspec.structs import asdict

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.output import Json, Output, plain, second
from vitne.cli.base.signing_keys import Trust, trusted_keys
from vitne.core.values import count
from vitne.errors import VerificationError
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import verify as record_proof
from vitne.wire.search import EventReply, FoundEvent


def show(
    event_id: Annotated[str, Parameter(help="The event's UUID.")],
    /,
    *,
    trust: Trust = None,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Show one event whole, with what the log added.

    The proof that comes with it is verified here, on this machine. The read is itself an event of
    the log.
    """
    out = Output(json)
    with HttpClient(server, purpose) as client:
        page = client.get(
            f"/v1/events/{quote(event_id, safe='')}", EventReply, tenant=client.tenant
        )
    proof = page.proof
    checked = _check(proof, trusted_keys(trust)) if proof else f"no proof yet: {page.reason}"
    out.result(asdict(page) | {"checked": checked}, *_lines(page.shown), "", plain(checked))


def _check(proof: dict[str, Any], trusted: list[str]) -> str:
    """Verify the proof as it was sent; a sentence that says on what trust it holds.

    Raises:
        VerificationError: it does not hold.
    """
    policy = policy_of_keys(trusted) if trusted else None
    data = msgspec.json.encode(proof, order="sorted")
    try:
        head = record_proof.verify_record(data, policy).head
    except VerificationError as error:
        error.hint = "the server or the way to it is not to be trusted; keep this reply"
        raise
    trust = "your key" if policy else "the key that the server names"
    return (
        f"verified: in the tree of {count(head.size, 'entry')} of {head.origin}, signed by {trust}"
    )


def _lines(shown: FoundEvent) -> list[Any]:
    lines: list[Any] = [
        plain(f"{shown.id}   entry {shown.index:,} of the log {shown.tenant}", "bold"),
        plain(f"recorded {second(shown.recorded_at)}"),
    ]
    for title, members in (("event", shown.event), ("record", shown.record)):
        told = msgspec.json.format(msgspec.json.encode(members), indent=2).decode()
        lines += ["", plain(title, "bold"), plain(told, lines=True)]
    if shown.withheld:
        lines += ["", plain("withheld from you or erased: " + ", ".join(shown.withheld))]
    return lines
