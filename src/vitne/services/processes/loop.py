"""A thread that does one thing again and again."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from vitne.errors import VitneError

_LOG: Final = logging.getLogger("vitne.loop")
_CLOSE_WAIT_S: Final = 5.0

Pause = float | Callable[[], float | None] | None
"""Seconds between two rounds, or what is asked for them after each; None: until `nudge`."""


class Loop:
    """Runs a task at once and then after every pause, until it is closed. Any thread may call.

    An error of Vitne's is logged, and the next round comes as ever. A program that ends without
    `close` ends a round where it is, as if it were killed: no task may lose anything by that.

    Args:
        name: of the thread, after `vitne-`.
        task: one round; if it may take long, it looks at `stopping`.
        pause: between two rounds.
        leave: `close` waits at most five seconds, and leaves a round that takes longer to itself:
            for tasks that wait for others far away, and of which nothing is lost.
    """

    def __init__(
        self, name: str, task: Callable[[], object], pause: Pause, *, leave: bool = False
    ) -> None:
        self._name = name
        self._task = task
        self._pause = pause
        self._wait_s = _CLOSE_WAIT_S if leave else None
        self._wake = threading.Event()  # set when a round is due before its pause is over
        self.stopping = False
        self._thread = threading.Thread(target=self._run, name=f"vitne-{name}", daemon=True)

    def start(self) -> None:
        """Begin; the first round runs at once."""
        self._thread.start()

    def nudge(self) -> None:
        """Run a round now: if one runs, another follows it."""
        self._wake.set()

    def stop(self) -> None:
        """Begin no further round; returns at once."""
        self.stopping = True
        self._wake.set()

    def close(self) -> None:
        """Stop after the round that runs, which it waits for."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(self._wait_s)

    def _run(self) -> None:
        while True:
            # Cleared before the round: a nudge that comes while it runs is not lost, and one that
            # comes before it is met by it. `close` sets `stopping` first, so the loop sees it.
            self._wake.clear()
            if self.stopping:
                return
            self._round()
            self._wake.wait(self._pause() if callable(self._pause) else self._pause)

    def _round(self) -> None:
        try:
            self._task()
        except VitneError as error:
            _LOG.warning("%s failed, and is tried again: %s: %s", self._name, error.code, error)
