"""`vitne init`: a folder for a server, with its keys, its operator's log and a first API key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from vitne.cli.base.admin import ServerFolder, settings_of, shell_user
from vitne.cli.base.files import write_private
from vitne.cli.base.output import Json, Output, copied, plain
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.errors import ConflictError, StorageError
from vitne.services.access import OPERATOR, KeyRequest
from vitne.settings import FILE_NAME, Settings
from vitne.wiring import Server, open_server, refuse_lost_keys

PROFILE = "client.toml"


def init(
    *,
    tenant: Annotated[
        str, Parameter(help="Id of a first tenant to make, e.g. acme; the key is then for it only.")
    ] = "",
    name: Annotated[str, Parameter(help="The tenant's name, for people.")] = "",
    server_name: Annotated[
        str | None,
        Parameter(
            help="Name of this server in all that its logs sign, e.g. audit.example.com; it can"
            " never change. Else vitne.local."
        ),
    ] = None,
    port: Annotated[int | None, Parameter(help="TCP port to serve on; else 8470.")] = None,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Make a folder for a server: its secret keys, a log of its own, and a first API key.

    The folder is ./vitne-data, or the one named with --folder. The API key may send, read and
    administer. It is printed once, and kept in client.toml in the folder, which only you may read:
    `vitne send`, `search` and `show` find server and key there.

    Each tenant (customer) has a log of its own; `vitne tenant add` makes more of them.
    """
    out = Output(json)
    settings = settings_of(server_folder, server_name=server_name, port=port)
    folder = Path(settings.folder)
    refuse_lost_keys(folder)
    if (folder / PROFILE).exists():
        raise ConflictError(
            "this folder is initialised already", where=str(folder), hint="serve it: vitne serve"
        )
    _make_folder(folder)
    _write_settings(folder, settings)
    with open_server(settings, create=True) as server:
        key_id, token = _fill(server, tenant, name)
        origins = [str(server.logs.origin(info.id)) for info in server.adapters.state.tenants()]
    url = f"http://{settings.host}:{settings.port}"
    profile = {"url": url, "key": token} | ({"tenant": tenant} if tenant else {})
    write_private(folder / PROFILE, _as_toml(profile))
    machine = {
        "folder": str(folder),
        "url": url,
        "key_id": key_id,
        "key": token,
        "tenant": tenant,
        "origins": origins,
        "profile": str(folder / PROFILE),
    }
    options = f" --folder {folder}" if str(folder) != "vitne-data" else ""
    out.result(
        machine,
        plain(f"Made {folder} with the logs {', '.join(origins)}."),
        copied(f"API key, shown this once: {token}"),
        plain(f"It is also in {folder / PROFILE}, which only you may read."),
        copied(f"Next:  vitne serve{options}"),
    )


def _fill(server: Server, tenant: str, name: str) -> tuple[str, str]:
    """The operator's log, the first tenant's, and the first key; the key's id and token."""
    caller = shell_user()
    for log, called in ((OPERATOR, "Operator"), (LogId(tenant), name or tenant)):
        if log and server.adapters.state.tenant(log) is None:
            server.onboard.add_tenant(log, called, caller)
    request = KeyRequest(
        name="init",
        roles=("write", "read", "admin"),
        tenants=(LogId(tenant),) if tenant else (),
        source=SourceRegistration(application="cli", service="vitne", may_import=True),
        person=caller.id,
    )
    key, token = server.onboard.add_key(request, caller)
    return key.id, token.reveal()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the folder cannot be made: {error.strerror}",
            where=str(folder),
            hint="name another with --folder",
        ) from error


def _write_settings(folder: Path, settings: Settings) -> None:
    """The folder's own settings file, with what must stay; nothing happens if there is one."""
    path = folder / FILE_NAME
    if path.exists():
        return
    kept = {"server_name": settings.server_name, "host": settings.host, "port": settings.port}
    head = "# Settings of this server; docs/reference/settings.md lists them all.\n"
    write_private(path, head + _as_toml(kept))


def _as_toml(values: Mapping[str, object]) -> str:
    """Flat TOML; a JSON string without its escapes beyond TOML's is a TOML string."""
    return "".join(
        f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in values.items()
    )
