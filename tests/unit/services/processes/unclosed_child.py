"""Opens a server with a process beside it, and ends without closing either: a program.

unclosed_child.py FOLDER
"""

import sys
from functools import partial

from vitne.services.intake.workers import open_request_preparer
from vitne.services.processes.worker import WorkerEndedError, WorkerProcess
from vitne.settings import Settings
from vitne.wiring import open_preparer, open_server


def main(folder: str) -> None:
    settings = Settings(folder=folder, free_bytes_min=0)
    open_server(settings, create=True)
    opening = partial(open_request_preparer, partial(open_preparer, settings))
    worker = WorkerProcess("vitne-prepare", opening)
    try:
        worker.ask(b"x", only_if_ready=True)
    except WorkerEndedError:
        print(worker.pid)


if __name__ == "__main__":
    main(sys.argv[1])
