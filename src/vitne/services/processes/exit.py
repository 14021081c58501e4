"""How a working process ends: at once, and without output.

Its standard error is the server's, where each line is one of JSON. At the end of an interpreter
DuckDB's binding lists what is still alive ("nanobind: leaked …"), which is most of it where the
collector was frozen, and `multiprocessing` prints tracebacks. Neither is news: what a worker holds
is for reading only, or files that nobody knows of yet, and the system takes it back.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def run_to_the_end(work: Callable[[], None]) -> NoReturn:
    """Do the work, then end this process with 0, or with 1 if it raised.

    Whoever started it sees that its pipe ends, and says so in the log.
    """
    status = 1
    try:
        work()
        status = 0
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
