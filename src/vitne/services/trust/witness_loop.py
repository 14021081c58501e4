"""The thread that asks one witness about many trees, each no oftener than it should be."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Literal

from vitne.core.values import LogId
from vitne.errors import UnavailableError, VitneError
from vitne.services.processes import Loop

_LOG: Final = logging.getLogger("vitne.witness")

Outcome = Literal["done", "again", "refused"]
"""`done`: it has cosigned the newest head that it should. `again`: ask once more, soon.
`refused`: it will not; ask again much later."""

_FIRST_BACKOFF_S: Final = 1.0
_MOST_BACKOFF_S: Final = 300.0
_REFUSED_S: Final = 60.0


class Asker:
    """Asks one witness. `want` may be called by any thread.

    A witness that does not answer is left alone for longer and longer, and holds nobody else up.

    Args:
        name: of the witness, for the program log.
        ask: asks about one tree; may take long.
        interval_s: between two questions about one tree.
    """

    def __init__(self, name: str, ask: Callable[[LogId], Outcome], interval_s: float) -> None:
        self.name = name
        self._ask = ask
        self._interval_s = interval_s
        self._lock = threading.Lock()  # guards: _due, _queue, _asked
        self._due: dict[LogId, float] = {}
        self._queue: list[tuple[float, LogId]] = []
        self._asked: dict[LogId, float] = {}
        self._backoff_s = 0.0
        self._silent_until_s = 0.0
        self.failures = 0
        """Questions that got no good answer."""
        self._said: dict[str, str] = {}
        self._loop = Loop(f"witness-{name}", self._run, self._pause_s, leave=True)

    def start(self) -> None:
        """Begin; waits for trees to ask about."""
        self._loop.start()

    def close(self) -> None:
        """Stop after the question that runs; waits for it, but not for ever."""
        self._loop.close()

    def want(self, tree: LogId, after_s: float = 0.0) -> None:
        """Ask about a tree, `after_s` from now or as soon as its interval is over."""
        with self._lock:
            now_s = time.monotonic()
            due_s = max(now_s + after_s, self._asked.get(tree, now_s) + self._interval_s)
            if tree not in self._asked:
                due_s = now_s + after_s
            if due_s < self._due.get(tree, due_s + 1):
                self._due[tree] = due_s
                heapq.heappush(self._queue, (due_s, tree))
                self._loop.nudge()

    def _run(self) -> None:
        with self._lock:
            if self._wait_s() != 0.0:
                return
            _, tree = heapq.heappop(self._queue)
            del self._due[tree]
            self._asked[tree] = time.monotonic()
        self._one(tree)

    def _pause_s(self) -> float | None:
        with self._lock:
            return self._wait_s()

    def _wait_s(self) -> float | None:
        """Until the next tree's time has come; None: there is none. The lock is held."""
        while self._queue and self._due.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)  # a later wish came before it
        if not self._queue:
            return None
        return max(0.0, max(self._silent_until_s, self._queue[0][0]) - time.monotonic())

    def _one(self, tree: LogId) -> None:
        try:
            outcome = self._ask(tree)
        except UnavailableError as error:
            self._failed(tree, error)
            return
        except VitneError as error:
            # What the witness says does not read, or what we would send it does not hold.
            self._told(tree, error)
            self.want(tree, _REFUSED_S)
            return
        self._backoff_s = 0.0
        self._said.pop("", None)
        self._said.pop(tree, None)
        if outcome != "done":
            self.want(tree, _REFUSED_S if outcome == "refused" else self._interval_s)

    def _failed(self, tree: LogId, error: VitneError) -> None:
        self._told("", error)
        self.want(tree)
        self._backoff_s = min(_MOST_BACKOFF_S, max(_FIRST_BACKOFF_S, self._backoff_s * 2))
        self._silent_until_s = time.monotonic() + self._backoff_s

    def _told(self, about: str, error: VitneError) -> None:
        """Count it, and say it once as long as it stays the same."""
        said = f"{error.code}: {error}"
        if said != self._said.get(about):
            _LOG.warning("no cosignature of %s by %s: %s", about or "any log", self.name, said)
        self.failures += 1
        self._said[about] = said
