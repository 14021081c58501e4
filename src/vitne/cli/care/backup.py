"""`vitne backup`: copy a folder as of one moment."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vitne.cli.base.admin import ServerFolder, settings_of
from vitne.cli.base.output import Json, Output, copied, plain
from vitne.core.values import format_utc
from vitne.wiring import make_backup


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
            f"Check it{'' if made.keys else ', with keys/ copied into it'}:"
            f"  vitne fsck --folder {target}"
        ),
    )
