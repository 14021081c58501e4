"""What the verbs of an administrator share: the folder they open, and who they are."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from vitne import settings as table
from vitne.errors import ConfigurationError
from vitne.services.access import OPERATOR, Caller
from vitne.settings import Settings
from vitne.wiring import Server, open_server, refuse_backup

_WHERE = Group("Folder", sort_key=90)


@Parameter(name="*", group=_WHERE)
@dataclass(frozen=True)
class ServerFolder:
    """Which server's folder, on this machine."""

    folder: Annotated[str, Parameter(help="Folder of the server [./vitne-data].")] = ""
    config: Annotated[str, Parameter(help="Settings file [vitne.toml in the folder].")] = ""


def settings_of(server_folder: ServerFolder | None, **options: str | int | None) -> Settings:
    """The settings of a folder. Raises `ConfigurationError`."""
    server_folder = server_folder or ServerFolder()
    config = Path(server_folder.config) if server_folder.config else None
    return table.load(config, options={"folder": server_folder.folder or None, **options})


def shell_user() -> Caller:
    """Who calls: the operating system's user, by number; the login name is personal."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = ""
    return Caller(id=f"uid:{number}", name=name, tenant=OPERATOR, method="shell")


def refuse_empty(folder: Path) -> None:
    """Raise `ConfigurationError` for a folder in which no server was ever made."""
    if not (folder / "keys" / "master.key").exists() and not (folder / "vitne.db").exists():
        raise ConfigurationError(
            f"There is no Vitne server in {folder} yet.",
            hint="make one with `vitne init --tenant NAME`, or name another folder with --folder",
        )


@contextmanager
def opened_server(server_folder: ServerFolder | None) -> Iterator[Server]:
    """A folder opened for one command, beside a server that may be serving it.

    Raises:
        ConfigurationError: there is no such folder, or no Vitne in it.
    """
    settings = settings_of(server_folder)
    refuse_empty(Path(settings.folder))
    refuse_backup(Path(settings.folder))
    with open_server(settings, serving=False) as server:
        yield server
