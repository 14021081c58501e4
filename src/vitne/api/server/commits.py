"""Waiting for durable commits: many requests wake up with one call into the event loop."""

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Final, Generic, TypeVar

from vitne.errors import UnavailableError

T = TypeVar("T")

_LOOK_EVERY_S: Final = 1.0


class Commits(Generic[T]):
    """Carries results of the writer's thread to the waiting requests, and ends waits in time.

    The writer finishes a whole group at once. Each result is put in a queue, and only the first of
    a group calls into the loop, which then takes all: one wake-up a group, not one a request. The
    waits are all of one length, so they run out in the order they began: one timer for all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._arrived: deque[tuple[asyncio.Future[T], Future[T]]] = deque()
        self._waiting: deque[tuple[float, asyncio.Future[T]]] = deque()
        self._called = False
        self._looking = False

    def wait(self, commit: Future[T]) -> asyncio.Future[T]:
        """A future of the loop that ends as `commit` does, or in `UnavailableError`."""
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((self._loop.time() + self._timeout_s, waiter))
        if not self._looking:
            self._look_later()
        commit.add_done_callback(partial(self._done, waiter))
        return waiter

    def _done(self, waiter: asyncio.Future[T], commit: Future[T]) -> None:
        """In the writer's thread."""
        self._arrived.append((waiter, commit))
        # Seen as called too late only costs a second, empty delivery; `_deliver` clears the mark
        # before it looks into the queue, so nothing is ever left behind.
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                # The loop is closed: the server was told to stop at once, nobody waits any more.
                self._arrived.clear()

    def _deliver(self) -> None:
        """In the loop."""
        self._called = False
        while self._arrived:
            waiter, commit = self._arrived.popleft()
            if waiter.done():
                continue  # the client left, or the wait was given up
            if commit.cancelled():
                waiter.cancel()
            elif (error := commit.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(commit.result())

    def _look_later(self) -> None:
        self._looking = True
        self._loop.call_later(min(_LOOK_EVERY_S, self._timeout_s), self._look)

    def _look(self) -> None:
        """End the waits that ran out, and forget those that ended."""
        self._looking = False
        now_s = self._loop.time()
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= now_s):
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(
                    UnavailableError(
                        "the commit takes too long; whether it will be stored is not known",
                        hint="send the same events again: their ids make it safe",
                        retry_after_s=5,
                    )
                )
        if self._waiting:
            self._look_later()
