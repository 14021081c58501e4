"""`vitne mirror`: keep a verified copy of a log on another machine."""

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from vitne.cli.base.client import OTHER_API_KEY_HELP
from vitne.cli.base.output import Json, Output, plain, run_every
from vitne.cli.base.published_files import FolderFiles, HttpFiles
from vitne.cli.base.signing_keys import read_policy
from vitne.errors import BadInputError, NotFoundError
from vitne.evidence.policy import Policy
from vitne.ports import MirrorFolder
from vitne.services.copies import MirroredLog, MirrorKeys, MirrorProgress
from vitne.wiring.mirror import open_mirror

app = App(name="mirror", help="Keep a verified copy of a log on another machine.")

LogPolicy = Annotated[
    Path | None,
    Parameter(help="C2SP policy of the log [the key that the log named at the first run]."),
]
IndexPolicy = Annotated[
    Path | None, Parameter(help="C2SP policy of the index log [the key that the log names].")
]
_LOGS = (("log", ""), ("index-log", "index/"))


@app.default
def mirror(  # noqa: PLR0913 - the options of a verb
    url: Annotated[str, Parameter(help="The log: https://…/log/<tenant>.")],
    folder: Annotated[Path, Parameter(help="Folder of the copy.")],
    /,
    *,
    policy: LogPolicy = None,
    index_policy: IndexPolicy = None,
    follow: Annotated[int, Parameter(help="Seconds between two copies; 0 copies once.")] = 0,
    api_key: Annotated[str, Parameter(help=OTHER_API_KEY_HELP)] = "",
    json: Json = False,
) -> None:
    """Copy what is new of a log and of its index log, and verify it before it is kept.

    Exit status 1 if the log contradicts what it showed before: the copy stays as it was, and both
    checkpoints are kept below .mirror/evidence. docs/howto/mirror.md says more.
    """
    out = Output(json)
    if not url.startswith(("http://", "https://")):
        raise BadInputError("expected http(s)://…/log/<tenant>", where=url)
    files = HttpFiles(url, api_key)
    given = _policy(policy), _policy(index_policy)
    with open_mirror(folder) as kept, closing(files):
        keys = MirrorKeys(kept, *given)
        run_every(out, follow, lambda: _copy(out, files, kept, FolderFiles(folder), keys))


@app.command(name="verify")
def verify_mirror(
    folder: Annotated[Path, Parameter(help="Folder of the copy.")],
    /,
    *,
    policy: LogPolicy = None,
    index_policy: IndexPolicy = None,
    json: Json = False,
) -> None:
    """Hash every entry of a copy again, up to its signed checkpoints, and compare every tile."""
    out = Output(json)
    if not folder.is_dir():
        raise NotFoundError("there is no such folder", where=str(folder))
    found: list[dict[str, Any]] = []
    with open_mirror(folder) as kept, out.progress("hashing entries") as advance:
        keys = MirrorKeys(kept, _policy(policy), _policy(index_policy))
        for role, prefix in _LOGS:
            log = MirroredLog(FolderFiles(folder), kept, prefix, _now_us)
            if log.held_note() is None:
                continue
            trusted, _ = keys.policy(role, FolderFiles(folder))
            head = log.verify(trusted, lambda _done, _all: advance(1))
            if head is not None:
                found.append({"origin": head.origin, "size": head.size, "root": head.root.hex()})
    if not found:
        raise NotFoundError("this folder holds no copy of a log", where=str(folder))
    out.result(
        {"logs": found},
        *(
            plain(f"{one['origin']}: {one['size']:,} entries, all as signed.", "bold green")
            for one in found
        ),
    )


def _copy(
    out: Output, files: HttpFiles, kept: MirrorFolder, held: FolderFiles, keys: MirrorKeys
) -> None:
    told: dict[str, Any] = {}
    with out.progress("copying entries") as advance:
        for role, prefix in _LOGS:
            log = MirroredLog(files, kept, prefix, _now_us)
            if prefix and files.get(f"{prefix}checkpoint") is None and log.held_note() is None:
                continue  # nothing is sealed yet
            # The key of the index log is believed for standing in the verified log.
            trusted, word = keys.policy(role, held if prefix else files)
            found = log.sync(trusted, lambda _done, _all: advance(1))
            if found is None:
                raise NotFoundError("the log shows no checkpoint", where=f"{prefix}checkpoint")
            if word == "named":
                keys.keep(role, trusted)
            told[role] = _told(found, word)
    out.result(told, *(plain(_line(one)) for one in told.values()))


def _told(found: MirrorProgress, word: str) -> dict[str, Any]:
    head = found.head
    return {
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "new": found.new,
        "key": head.key,
        "trust": word,
        "cosigned": [one.name for one in head.cosigned],
    }


def _line(told: dict[str, Any]) -> str:
    named = " The log itself named its key: compare it." if told["trust"] == "named" else ""
    return f"{told['origin']}: {told['size']:,} entries, {told['new']:,} new, verified.{named}"


def _policy(path: Path | None) -> Policy | None:
    return None if path is None else read_policy(path)


def _now_us() -> int:
    return time.time_ns() // 1000
