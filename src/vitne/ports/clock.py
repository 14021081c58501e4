"""The time of day, and chance."""

from typing import Protocol


class Clock(Protocol):
    """The time of day."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; may step back when the machine's clock does."""


class IdSource(Protocol):
    """Where fresh unpredictable bytes come from."""

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes from the operating system's generator."""
