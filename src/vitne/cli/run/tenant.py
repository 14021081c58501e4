"""`vitne tenant`: add and list tenants."""

from typing import Annotated

from cyclopts import App, Parameter

from vitne.cli.base.admin import ServerFolder, opened_server, shell_user
from vitne.cli.base.output import Json, Output, copied, plain, second, table
from vitne.core.values import LogId, count, format_utc

app = App(name="tenant", help="Add and list tenants; each has its own log.")


@app.command(name="add")
def add_tenant(
    tenant: Annotated[str, Parameter(help="Id: a-z 0-9 . _ -, up to 64; it never changes.")],
    /,
    *,
    name: Annotated[str, Parameter(help="Its name, for people.")] = "",
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Make a tenant and its log. A running server takes it at once."""
    out = Output(json)
    with opened_server(server_folder) as server:
        made = server.onboard.add_tenant(LogId(tenant), name or tenant, shell_user())
        origin = str(server.logs.origin(made.id))
    out.result(
        {"id": made.id, "name": made.name, "origin": origin},
        plain(f"Made the tenant {made.id} with the log {origin}."),
        copied(f"Next:  vitne key add NAME --tenant {made.id} --role write --source APP/SERVICE"),
    )


@app.command(name="list")
def list_tenants(*, server_folder: ServerFolder | None = None, json: Json = False) -> None:
    """List all tenants, by id."""
    out = Output(json)
    with opened_server(server_folder) as server:
        found = [
            {
                "id": one.id,
                "name": one.name,
                "created_at": format_utc(one.created_us),
                "entries": server.adapters.store.log(one.id).next_index,
                "origin": str(server.logs.origin(one.id)),
            }
            for one in server.adapters.state.tenants()
        ]
    columns = ["id!", "name", "entries#", "created!?", "origin!?"]
    rows = [
        (one["id"], one["name"], one["entries"], second(str(one["created_at"])), one["origin"])
        for one in found
    ]
    out.result({"tenants": found}, table(count(len(found), "tenant"), columns, rows))
