"""The system's clock and its generator of random bytes."""

import os
import time


class SystemClock:
    """`vitne.ports.Clock` of this machine."""

    def now_us(self) -> int:
        """Microseconds since 1970, by the machine's clock."""
        return time.time_ns() // 1000


class SystemIds:
    """`vitne.ports.IdSource` of the operating system."""

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
        return os.urandom(count)
