"""`vitne anchor`: time stamps of checkpoints by outside authorities (RFC 3161)."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from vitne.cli.base.admin import ServerFolder, opened_server
from vitne.cli.base.app import REFUSED
from vitne.cli.base.files import read_file
from vitne.cli.base.output import Json, Output, plain, second, table
from vitne.core.values import LogId, count, format_utc
from vitne.errors import NotFoundError, VitneError
from vitne.ports import Stamped
from vitne.services.trust import KeptStamp
from vitne.wiring import Server, stamp_reader

app = App(name="anchor", help="Have checkpoints time-stamped by outside authorities (RFC 3161).")

_BYTES_MAX = 16 << 20

Tenant = Annotated[str, Parameter(help="Whose log.")]
Certificates = Annotated[
    Path, Parameter(help="PEM file: the authority's root, and what leads to it.")
]
Signer = Annotated[
    str, Parameter(help="Subject that the signing certificate must have, as `CN=…,O=…`.")
]


@app.command(name="now")
def stamp_now(
    tenant: Tenant, /, *, server_folder: ServerFolder | None = None, json: Json = False
) -> None:
    """Have the newest checkpoint of a log stamped, whatever the age of its last stamp."""
    out = Output(json)
    with opened_server(server_folder) as server:
        done = server.trust.stamps.stamp_now(_log(server, tenant))
        rows = [_row(one, server.trust.stamps.tell(one)) for one in done.stamps]
    lines = [plain(f"No stamp: {why} [{name}]", "bold red") for name, why in done.failed.items()]
    out.result({"stamps": rows, "failed": done.failed}, _listed(rows), *lines)


@app.command(name="list")
def list_stamps(
    tenant: Tenant, /, *, server_folder: ServerFolder | None = None, json: Json = False
) -> None:
    """List the stamps of a log as they are; nothing is verified."""
    out = Output(json)
    with opened_server(server_folder) as server:
        found = server.trust.stamps.stamps(_log(server, tenant))
        rows = [_row(one, server.trust.stamps.tell(one)) for one in found]
    out.result({"stamps": rows}, _listed(rows))


@app.command(name="verify")
def verify_stamps(
    tenant: Tenant,
    /,
    *,
    certificates: Certificates,
    signer: Signer = "",
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> int:
    """Verify every stamp of a log; exit status 1 if one does not hold."""
    out = Output(json)
    trusted = read_file(certificates, _BYTES_MAX)
    with opened_server(server_folder) as server:
        found = server.trust.stamps.stamps(_log(server, tenant))
        rows = [_verified(server, one, trusted, signer) for one in found]
    bad = sum(1 for row in rows if row["error"])
    end = (
        plain(f"{bad} of {count(len(rows), 'stamp')} not valid.", "bold red")
        if bad
        else plain(f"{count(len(rows), 'stamp')} verified.", "bold green")
    )
    out.result({"stamps": rows, "bad": bad}, _listed(rows), end)
    return REFUSED if bad else 0


@app.command(name="check")
def check_stamp(
    token: Annotated[Path, Parameter(help="The time stamp, a .tsr file.")],
    checkpoint: Annotated[Path, Parameter(help="The signed note that was stamped.")],
    /,
    *,
    certificates: Certificates,
    signer: Signer = "",
    json: Json = False,
) -> None:
    """Check one stamp against a checkpoint, with files alone."""
    out = Output(json)
    stamp, note, trusted = (
        read_file(path, _BYTES_MAX) for path in (token, checkpoint, certificates)
    )
    found = stamp_reader().check(stamp, note, trusted, signer)
    out.result(
        _told(found),
        plain(f"The checkpoint existed at {second(format_utc(found.at_us))}.", "bold green"),
        plain(f"Stamped by {found.signer or 'the given certificate'}; serial {found.serial}."),
    )


def _log(server: Server, tenant: str) -> LogId:
    log = LogId(tenant)
    if not server.logs.exists(log):
        raise NotFoundError("there is no such tenant", where=tenant, hint="vitne tenant list")
    return log


def _told(found: Stamped) -> dict[str, Any]:
    return {
        "stamped_at": format_utc(found.at_us),
        "accuracy_us": found.accuracy_us,
        "signer": found.signer,
        "serial": str(found.serial),
    }


def _row(stamp: KeptStamp, found: Stamped) -> dict[str, Any]:
    return {"size": stamp.size, "key": stamp.key, "error": "", **_told(found)}


def _verified(server: Server, stamp: KeptStamp, trusted: bytes, signer: str) -> dict[str, Any]:
    try:
        return _row(stamp, server.trust.stamps.check(stamp, trusted, signer))
    except VitneError as error:
        return {"size": stamp.size, "key": stamp.key, "error": f"{error.code}: {error.message}"}


def _listed(rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - what `Output.result` takes
    columns = ("tree size#", "stamped at!", "by", "object")
    cells = [
        (
            row["size"],
            second(row["stamped_at"]) if "stamped_at" in row else row["error"],
            row.get("signer", ""),
            row["key"],
        )
        for row in rows
    ]
    return table(count(len(rows), "stamp"), columns, cells)
