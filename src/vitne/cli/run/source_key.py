"""`vitne key source`: keys that sources sign with."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from vitne.cli.base.admin import ServerFolder, opened_server, shell_user
from vitne.cli.base.output import Json, Output, copied, plain, second, table
from vitne.core.values import LogId, count
from vitne.sdk.signing.keyfile import index_secret_text, make_signing_key, write_secret
from vitne.services.senders import to_source_key_reply

app = App(name="source", help="Keys that sources sign their events with.")

_COLUMNS = ("source!", "vkey!", "retired!", "added!?")

Vkey = Annotated[str, Parameter(help="The public key, as `vitne key source new` prints it.")]


@app.command(name="new")
def new_source_key(
    file: Annotated[Path, Parameter(help="Where to put the private key; there must be no file.")],
    /,
    *,
    source: Annotated[
        str, Parameter(help="Who signs with it, as application/service, e.g. crm/crm-bff.")
    ],
    json: Json = False,
) -> None:
    """Make a private key where the source runs, in a file of mode 0600. Needs no server.

    For example:
        vitne key source new crm.skey --source crm/crm-bff
    """
    out = Output(json)
    signer = make_signing_key(file, source)
    out.result(
        {"source": source, "vkey": signer.vkey, "file": str(file)},
        plain(f"Made the private key {file} of {source}; keep it there."),
        copied(f"Its public key: {signer.vkey}"),
        copied(f"Next, on the server:  vitne key source add '{signer.vkey}'"),
    )


@app.command(name="add")
def add_source_key(
    vkey: Vkey, /, *, server_folder: ServerFolder | None = None, json: Json = False
) -> None:
    """Register a source's public key. Each log names it before the first stream signed with it."""
    out = Output(json)
    with opened_server(server_folder) as server:
        key = server.senders.source_keys.add(vkey, shell_user())
    out.result(to_source_key_reply(key), plain(f"Registered the key of {key.source}."))


@app.command(name="retire")
def retire_source_key(
    vkey: Vkey, /, *, server_folder: ServerFolder | None = None, json: Json = False
) -> None:
    """Retire a key: nothing that it signs is taken from now on; what it signed stays proved."""
    out = Output(json)
    with opened_server(server_folder) as server:
        key = server.senders.source_keys.retire(vkey, shell_user())
    out.result(to_source_key_reply(key), plain(f"Retired the key of {key.source}."))


@app.command(name="list")
def list_source_keys(*, server_folder: ServerFolder | None = None, json: Json = False) -> None:
    """List all of them, retired ones included, by source."""
    out = Output(json)
    with opened_server(server_folder) as server:
        found = [to_source_key_reply(key) for key in server.senders.source_keys.all()]
    rows = [(one.source, one.vkey, second(one.retired_at), second(one.added_at)) for one in found]
    out.result({"keys": found}, table(count(len(found), "key"), _COLUMNS, rows))


@app.command(name="index-secret")
def index_secret(
    tenant: Annotated[str, Parameter(help="Id of the tenant.")],
    file: Annotated[Path, Parameter(help="Where to put it; there must be no file.")],
    /,
    *,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Write a tenant's index secret to a file of mode 0600, for a sender in mode full.

    Whoever has it can recognise any value of the tenant in the tiles. The export is an event.
    """
    out = Output(json)
    with opened_server(server_folder) as server:
        key, epoch = server.senders.source_keys.export_index_secret(LogId(tenant), shell_user())
    write_secret(file, index_secret_text(key))
    out.result(
        {"tenant": tenant, "epoch": epoch, "file": str(file)},
        plain(f"Wrote the index secret of {tenant}, epoch {epoch}, to {file}."),
    )
