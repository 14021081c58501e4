"""Starts one working process, asks it once, lets it go, and prints what it said: a program.

worker_child.py prepare|seal whole|no_disk|broken FOLDER
"""

import json
import multiprocessing
import sys
from functools import partial
from typing import Any

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import StorageError
from vitne.services.intake import workers as prepare_process
from vitne.services.seal import worker as seal_worker
from vitne.services.seal.worker import SealJob
from vitne.settings import Settings
from vitne.wiring import open_preparer, open_sealing


def no_disk(_settings: Settings) -> Any:
    raise StorageError("no disk")


def broken(_settings: Settings) -> Any:
    raise RuntimeError("a fault of ours")


def main(kind: str, how: str, folder: str) -> None:
    own = {"prepare": open_preparer, "seal": open_sealing}[kind]
    opening = {"whole": own, "no_disk": no_disk, "broken": broken}[how]
    target: Any = {"prepare": prepare_process.work, "seal": seal_worker.work}[kind]
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(
        target=target, args=(theirs, partial(opening, Settings(folder=folder))), daemon=True
    )
    process.start()
    theirs.close()
    try:
        if kind == "seal":
            pipe.send(SealJob("seal", LogId("acme"), LeafIndex(0), LeafIndex(9)))
            said = str(pipe.recv())
        else:
            said = pipe.recv_bytes().decode()
    except EOFError:
        said = ""
    pipe.close()
    process.join()
    sys.stdout.write(json.dumps([said, process.exitcode]))


if __name__ == "__main__":
    main(*sys.argv[1:])
