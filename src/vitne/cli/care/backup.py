"""`vitne backup`, `vitne restore`: copy a folder as of one moment, and serve such a copy.

A backup is compared with what was published since it was made before it may be served.
"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitne.cli.base.admin import ServerFolder, settings_of, shell_user
from vitne.cli.base.files import read_text
from vitne.cli.base.output import Json, Output, copied, plain, table
from vitne.core.tree.note import MAX_NOTE_BYTES
from vitne.core.values import format_utc
from vitne.errors import BadInputError, ConfigurationError
from vitne.services.access import OPERATOR
from vitne.settings import Settings
from vitne.wiring import Compared, accept_backup, compare_backup, make_backup, open_server

_NAMES = ("checkpoint.cosigned", "checkpoint")


def backup(
    target: Annotated[Path, Parameter(help="An empty folder, or one to be made.")],
    /,
    *,
    keys: Annotated[
        bool,
        Parameter(
            help="Copy the secret keys too. Keep such a backup where few people can reach it."
        ),
    ] = False,
    server_folder: ServerFolder | None = None,
    json: Json = False,
) -> None:
    """Copy everything as of one moment, while the server continues to serve.

    Every tree of the copy is hashed and compared with its signed root. Erased data is not in it.
    Without --keys the copy contains no secret keys: whoever reads it cannot sign for your logs, and
    a server cannot continue from it alone. Back up the folder `keys` once, elsewhere, and again
    after each new tenant.
    """
    out = Output(json)
    made = make_backup(settings_of(server_folder), target, with_keys=keys)
    trees = {
        log: {"origin": origin, "size": size, "root": root.hex()}
        for log, (origin, size, root) in made.manifest.trees.items()
    }
    machine = {
        "folder": str(target),
        "made_at": format_utc(made.manifest.made_us),
        "keys": keys,
        "objects": made.objects,
        "bytes": made.bytes,
        "trees": trees,
    }
    out.result(
        machine,
        plain(
            f"Copied {len(trees)} trees and {made.objects:,} objects"
            f" ({made.bytes:,} bytes) to {target}."
        ),
        plain(
            "The secret keys are in it."
            if keys
            else "The secret keys are NOT in it: keep a copy of keys/ elsewhere."
        ),
        copied(
            f"Check it{'' if keys else ', with keys/ copied into it'}:"
            f"  vitne fsck --folder {target}"
        ),
    )


def restore(
    folder: Annotated[Path, Parameter(help="The backup, with its keys, where it shall be served.")],
    /,
    *,
    seen: Annotated[
        list[Path] | None,
        Parameter(
            help="A checkpoint that was published: a file, or a folder of which every checkpoint"
            " is taken (a mirror, a copy of the lost disk). May be repeated."
        ),
    ] = None,
    nothing_newer: Annotated[
        bool,
        Parameter(
            help="Continue although no checkpoint is given for some logs. You state that the server"
            " never published a later size."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Compare a backup with checkpoints published since; if none is newer, it may be served.

    A log must not continue from a backup that is older than a checkpoint anybody has: that would
    sign a second history. Bring the newest checkpoints from a mirror, from a witness's monitoring
    page, or from the lost machine's objects/log folder. The restoring is recorded as an event.
    """
    out = Output(json)
    settings = settings_of(ServerFolder(folder=str(folder)))
    compared = compare_backup(settings, [note for path in seen or () for note in _notes(path)])
    if compared.unseen and not nothing_newer:
        raise ConfigurationError(
            "no checkpoint was brought of " + ", ".join(compared.unseen),
            where=str(folder),
            hint="bring them with --seen; or state with --nothing-newer that none of a later size"
            " ever left the server",
        )
    accept_backup(settings)
    _tell(settings, compared)
    rows = sorted(compared.newest.items())
    out.result(
        {"folder": str(folder), "newest": compared.newest, "unseen": compared.unseen},
        table("Compared with", ("tree", "newest size seen#"), rows),
        copied(f"Next:  vitne serve --folder {folder}", "bold green"),
    )


def _notes(path: Path) -> list[tuple[str, str]]:
    """Where each checkpoint is from, and its text."""
    if path.is_dir():
        files = sorted(file for name in _NAMES for file in path.rglob(name) if file.is_file())
        if not files:
            raise BadInputError("there is no checkpoint in this folder", where=str(path))
    else:
        files = [path]
    return [(str(file), read_text(file, MAX_NOTE_BYTES)) for file in files]


def _tell(settings: Settings, compared: Compared) -> None:
    """In the operator's log: who allowed it to be served, and what it was compared with."""
    with open_server(settings, serving=False) as server:
        if not server.logs.exists(OPERATOR):
            return
        server.intake.own_events.write(
            OPERATOR,
            "audit.backup.restored",
            shell_user(),
            target=("folder", "backup"),
            more={"extra": {"unseen": len(compared.unseen), "seen": len(compared.newest)}},
        )
