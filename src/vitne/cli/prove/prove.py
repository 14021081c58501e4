"""`vitne prove`: the proof of one event, as a file that verifies offline."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from vitne.cli.base.client import HttpClient, Purpose, ServerOptions
from vitne.cli.base.files import write_file
from vitne.cli.base.output import Json, Output, copied, plain
from vitne.core.values import Section
from vitne.errors import BadInputError
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import tlog_proof
from vitne.evidence.record import verify as record_proof
from vitne.evidence.record.document import redact_record
from vitne.evidence.record.verify import VerifiedHead
from vitne.wire.tenants import TenantsReply


def prove(  # noqa: PLR0913  # the options of a verb
    event_id: Annotated[str, Parameter(help="The event's UUID.")],
    /,
    *,
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            help="File to write; - for standard output.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    withhold: Annotated[
        list[Section] | None, Parameter(help="Leave a section out: core, payload or person.")
    ] = None,
    tlog_proof: Annotated[
        bool, Parameter(help="Write a C2SP tlog-proof of the entry alone.")
    ] = False,
    purpose: Purpose = "",
    server: ServerOptions | None = None,
    json: Json = False,
) -> None:
    """Write the proof of one event to a file, checked before it is written.

    Anyone can verify it with `vitne verify`, without a server. With --withhold the section's hash
    takes its place and the proof still holds.
    """
    out = Output(json)
    if tlog_proof and withhold:
        raise BadInputError("a tlog-proof has no sections to withhold")
    with HttpClient(server, purpose) as client:
        form = "tlog" if tlog_proof else "record"
        data = client.data(
            f"/v1/events/{quote(event_id, safe='')}/proof", tenant=client.tenant, form=form
        )
        keys = [] if not tlog_proof else _log_keys(client)
    if withhold:
        data = redact_record(data, withhold)
    index, head = _checked(data, keys)
    file = output or Path(f"{event_id}.{'tlog-proof' if tlog_proof else 'vitne.json'}")
    if str(file) == "-":
        sys.stdout.buffer.write(data)
        return
    write_file(file, data)
    machine = {
        "file": str(file),
        "bytes": len(data),
        "origin": head.origin,
        "index": index,
        "size": head.size,
        "key": head.key,
    }
    out.result(
        machine,
        plain(f"{file}: entry {index:,} in the tree of {head.size:,} of {head.origin}"),
        copied(f"verify it anywhere with:  vitne verify {file} --trust '{head.key}'"),
    )


def _checked(data: bytes, keys: list[str]) -> tuple[int, VerifiedHead]:
    """Index and head of a proof that holds. Raises `VerificationError`."""
    if keys:
        entry = tlog_proof.verify_tlog_proof(data, policy_of_keys(keys))
        return entry.index, entry.head
    record = record_proof.verify_record(data)
    return record.index, record.head


def _log_keys(client: HttpClient) -> list[str]:
    """The keys of the logs that we may read, as the server names them."""
    page = client.get("/v1/tenants", TenantsReply)
    return [tenant.log.log_key for tenant in page.tenants]
