"""Small periodic tasks, run by the spooler thread."""

import time
from collections.abc import Callable

from msgspec import Struct

_IDLE_S = 3600.0


class Task(Struct):
    """One thing to do, again and again."""

    every_s: float
    call: Callable[[], None]
    due_at: float


class Ticks:
    """The tasks of one run; each is due at once, and then every so many seconds."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Add a task, before the spooler starts."""
        self._tasks.append(Task(seconds, call, 0.0))

    def run(self) -> float:
        """Do what is due; the seconds until the next task is."""
        for task in self._tasks:
            if task.due_at <= time.monotonic():
                task.due_at = time.monotonic() + task.every_s
                task.call()
        ahead = [task.due_at - time.monotonic() for task in self._tasks]
        return max(min([*ahead, _IDLE_S]), 0.0)
