"""Starts one working process, asks it once, lets it go, and prints what it said: a program.

worker_child.py prepare|seal whole|no_disk|broken FOLDER
"""

import json
import multiprocessing
import sys
from functools import partial
from typing import Any

import msgspec

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import StorageError
from vitne.services.intake.workers import open_request_preparer
from vitne.services.processes.worker import EncodedError, run_worker
from vitne.services.seal.worker import SealJob, open_sealer
from vitne.settings import Settings
from vitne.wiring import open_preparer, open_sealing


def no_disk(_settings: Settings) -> Any:
    raise StorageError("no disk")


def broken(_settings: Settings) -> Any:
    raise RuntimeError("a fault of ours")


def main(kind: str, how: str, folder: str) -> None:
    own = {"prepare": open_preparer, "seal": open_sealing}[kind]
    opening = {"whole": own, "no_disk": no_disk, "broken": broken}[how]
    answering: Any = {"prepare": open_request_preparer, "seal": open_sealer}[kind]
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(
        target=run_worker,
        args=(theirs, partial(answering, partial(opening, Settings(folder=folder)))),
        daemon=True,
    )
    process.start()
    theirs.close()
    try:
        said = pipe.recv_bytes().decode()
        if kind == "seal":
            job = SealJob("seal", LogId("acme"), LeafIndex(0), LeafIndex(9))
            pipe.send_bytes(msgspec.msgpack.encode(job))
            reply = pipe.recv_bytes()
            said = str(msgspec.msgpack.decode(reply[1:], type=EncodedError).error())
    except EOFError:
        said = ""
    pipe.close()
    process.join()
    sys.stdout.write(json.dumps([said, process.exitcode]))


if __name__ == "__main__":
    main(*sys.argv[1:])
