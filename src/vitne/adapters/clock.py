"""The system's clock and its generator of random bytes."""

import os
import threading
import time


class SystemClock:
    """`vitne.ports.Clock` of this machine."""

    def now_us(self) -> int:
        """Microseconds since 1970, by the machine's clock."""
        return time.time_ns() // 1000


class SystemIds:
    """`vitne.ports.IdSource` of the operating system.

    Small requests are cut from a stock that each thread draws at once: a call into the system
    gives up the interpreter's lock, and under load waits milliseconds to have it back. A stock
    never crosses a fork, and no byte of it is given out twice.
    """

    def __init__(self) -> None:
        self._stocks = threading.local()

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
        if count > _STOCK_BYTES:
            return os.urandom(count)
        stock: bytes = getattr(self._stocks, "data", b"")
        at: int = getattr(self._stocks, "at", 0)
        if at + count > len(stock) or getattr(self._stocks, "process", 0) != os.getpid():
            stock, at = os.urandom(_STOCK_BYTES), 0
            self._stocks.data = stock
            self._stocks.process = os.getpid()
        self._stocks.at = at + count
        return stock[at : at + count]


_STOCK_BYTES = 8192
