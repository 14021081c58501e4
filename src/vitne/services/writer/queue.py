"""The bounded queue in which prepared requests wait for the writer."""

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar

from vitne.errors import OverloadedError, UnavailableError

MAX_RETRY_AFTER_S = 30


class Sized(Protocol):
    """What waits: it knows its weight."""

    @property
    def events(self) -> int:
        """Number of events; at least 1 counts."""

    @property
    def weight_bytes(self) -> int:
        """Bytes of the request as it arrived."""


T = TypeVar("T", bound=Sized)


class RequestQueue(Generic[T]):
    """First in, first out, bounded by events and by bytes; refuses instead of growing.

    Any thread may `put`; one thread takes. An empty queue takes any request, however large, so
    that a bound that is smaller than one request never locks it out.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._waiting: deque[T] = deque()
        self._events = 0
        self._bytes = 0
        self._closed = False
        self._rate_per_s = 1000.0
        self._changed = threading.Condition(threading.Lock())  # guards: all of the queue

    @property
    def events(self) -> int:
        """Events that wait now."""
        return self._events

    @property
    def weight_bytes(self) -> int:
        """Bytes that wait now."""
        return self._bytes

    def check(self, weight_bytes: int) -> None:
        """Refuse early, before work is spent on a request that has no room.

        Raises:
            OverloadedError: as `put` would.
            UnavailableError: the queue is closed.
        """
        with self._changed:
            self._check(1, weight_bytes)

    def put(self, item: T) -> None:
        """Let one request wait.

        Raises:
            OverloadedError: it does not fit; nothing of it waits. Says when to try again.
            UnavailableError: the queue is closed: the server is going down.
        """
        with self._changed:
            self._check(item.events, item.weight_bytes)
            self._waiting.append(item)
            self._events += item.events
            self._bytes += item.weight_bytes
            if len(self._waiting) == 1:
                self._changed.notify()

    def _check(self, events: int, weight_bytes: int) -> None:
        if self._closed:
            raise UnavailableError("the server is shutting down", hint="send the request again")
        if not self._waiting:
            return
        if self._events + events > self._max_events or self._bytes + weight_bytes > self._max_bytes:
            seconds = min(MAX_RETRY_AFTER_S, 1 + int(self._events / self._rate_per_s))
            raise OverloadedError(
                f"{self._events} events are waiting to be written; there is room for"
                f" {self._max_events}",
                hint=f"send the request again after {seconds} s; nothing of it was stored",
                retry_after_s=seconds,
            )

    def take(self, most_events: int) -> list[T]:
        """Wait for requests and take up to `most_events` of them, at least one request.

        Returns:
            The oldest requests in order; empty once the queue is closed and empty.
        """
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            taken: list[T] = []
            events = 0
            while self._waiting and (not taken or events + self._waiting[0].events <= most_events):
                item = self._waiting.popleft()
                taken.append(item)
                events += item.events
                self._events -= item.events
                self._bytes -= item.weight_bytes
            return taken

    def note_rate(self, events_per_s: float) -> None:
        """Tell how fast the writer is, for the advice to those it refuses."""
        self._rate_per_s = max(1.0, events_per_s)

    def close(self) -> None:
        """Take no more; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
