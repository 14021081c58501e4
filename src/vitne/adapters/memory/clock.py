"""Time and randomness under a test's control (`vitne.ports.Clock`, `vitne.ports.IdSource`)."""

import threading
from hashlib import shake_256

TEST_START_US = 1_790_000_000_000_000
"""2026-09-21T13:33:20Z."""


class FixedClock:
    """Stands still until it is set or moved; may go back, as real clocks do."""

    def __init__(self, now_us: int = TEST_START_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def set(self, now_us: int) -> None:
        """Set the time."""
        self._now_us = now_us

    def advance(self, by_us: int) -> int:
        """Move on (or back, if negative); the new time."""
        self._now_us += by_us
        return self._now_us


class SeededIds:
    """The same bytes in the same order for the same seed."""

    def __init__(self, seed: str = "vitne") -> None:
        self._seed = seed
        self._drawn = 0
        self._lock = threading.Lock()  # guards: _drawn

    def random_bytes(self, count: int) -> bytes:
        """See the port; foreseeable, so never for production."""
        with self._lock:
            self._drawn += 1
            return shake_256(f"{self._seed}/{self._drawn}".encode()).digest(count)
