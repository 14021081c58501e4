"""Waiting for durable commits: many requests wake up with one call into the event loop."""

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class Commits(Generic[T]):
    """Carries results of the writer's thread to the waiting requests.

    The writer finishes a whole group at once. Each result is put in a queue, and only the first of
    a group calls into the loop, which then takes all: one wake-up a group, not one a request.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived: deque[tuple[asyncio.Future[T], Future[T]]] = deque()
        self._called = False

    def wait(self, commit: Future[T]) -> asyncio.Future[T]:
        """A future of the loop that ends as `commit` does."""
        waiter: asyncio.Future[T] = self._loop.create_future()
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
