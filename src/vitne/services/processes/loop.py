"""A thread that does one thing again and again, for work that may wait on others for seconds."""

import logging
import threading
from collections.abc import Callable

from vitne.errors import VitneError

_LOG = logging.getLogger("vitne.repeating")


class Repeating:
    """Runs something at once and then every `interval_s`, until it is closed.

    An error of Vitne's is logged, and the next round comes as ever.
    """

    def __init__(self, name: str, interval_s: float, run: Callable[[], object]) -> None:
        self._name = name
        self._interval_s = interval_s
        self._run_once = run
        self._wake = threading.Event()
        self._stopping = False
        # Nothing is lost when the process ends while it waits for somebody far away.
        self._thread = threading.Thread(target=self._run, name=f"vitne-{name}", daemon=True)

    def start(self) -> None:
        """Begin; the first round runs at once."""
        self._thread.start()

    def nudge(self) -> None:
        """Go now rather than at the next interval."""
        self._wake.set()

    def close(self, wait_s: float = 5.0) -> None:
        """Stop after the round that runs; waits for it, but not for ever."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._run_once()
            except VitneError as error:
                _LOG.warning("%s was left undone: %s: %s", self._name, error.code, error)
            self._wake.wait(self._interval_s)
            self._wake.clear()
