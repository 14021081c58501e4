"""The spooler thread: carries what waits in memory to the disk before it can be lost.

It moves the queue to the spool when the server is away, when half of the queue is used, or when
an event that must be durable has waited long enough; so a slow server fills the disk, not the
memory, and `record` never touches either.
"""

import logging
import math
import time
from collections.abc import Callable

from msgspec import Struct, structs

from vitne.sdk.delivery.event_item import EventItem, mark_spooled
from vitne.sdk.delivery.queue import EventQueue
from vitne.sdk.delivery.spool import Spool

_log = logging.getLogger("vitne.sdk")

_MOVE_EVENTS = 2000
_MOVE_BYTES = 4 * 1024 * 1024
_FULL_WAIT_S = 1.0
_MAX_WAIT_S = 60.0


class Task(Struct):
    """One thing to do, again and again."""

    every_s: float
    call: Callable[[], None]
    due_at: float = 0.0


class Spooler:
    """One loop over one queue and one spool."""

    def __init__(self, queue: EventQueue, spool: Spool | None) -> None:
        self._queue = queue
        self._spool = spool
        self._tasks: list[Task] = []
        self._full_until = 0.0

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Add a task, before the thread starts: due at once, and then every so many seconds."""
        self._tasks.append(Task(seconds, call))

    def run(self) -> None:
        """Guard until the pipeline stops."""
        while True:
            tick_at = self._run_due()
            with self._queue.lock:
                if self._queue.stopping:
                    return
                self._queue.release_parked()
                move, copy = self._plan()
                if not move and not copy:
                    self._wait(tick_at)
            if copy:
                self._copy(copy)
            if move:
                self._move(move)

    def _run_due(self) -> float:
        """Do what is due; the monotonic time at which the next task is."""
        for task in self._tasks:
            if task.due_at <= time.monotonic():
                task.due_at = time.monotonic() + task.every_s
                try:
                    task.call()
                except Exception:  # noqa: BLE001 - the spooler must outlive any of its tasks
                    _log.exception("a periodic task failed; it will be tried again")
        return min((task.due_at for task in self._tasks), default=math.inf)

    def _plan(self) -> tuple[list[EventItem], list[EventItem]]:
        """Events to take from the queue, and events under way to copy. Hold the lock."""
        queue, now = self._queue, time.monotonic()
        if self._spool is None or now < self._full_until or queue.carrying:
            return [], []
        overdue = queue.overdue_at()
        late = overdue is not None and (overdue <= now or queue.stats.away)
        copy = [i for i in queue.under_way if i.waiter is not None and not i.waiter.done()]
        # Without a server, events still wait for company: the disk likes batches, too.
        away = queue.stats.away and queue.age_left_s() <= 0
        if len(queue) and (late or away or queue.is_filling()):
            queue.moving = True
            return queue.pop(_MOVE_EVENTS, _MOVE_BYTES), copy if late else []
        return [], copy if late else []

    def _wait(self, tick_at: float) -> None:
        queue = self._queue
        now = time.monotonic()
        times = [tick_at, self._full_until, queue.overdue_at() if self._spool else None]
        if self._spool is not None and queue.stats.away and len(queue):
            times.append(now + queue.age_left_s())
        ahead = [at - now for at in times if at is not None and at > now]
        queue.spooler_sleeps = now >= self._full_until
        queue.spooler_work.wait(min([*ahead, _MAX_WAIT_S]))
        queue.spooler_sleeps = False

    def _copy(self, items: list[EventItem]) -> None:
        """Spool events whose request takes too long; the log reports the copy as a duplicate."""
        assert self._spool is not None  # noqa: S101 - `_plan` returns nothing without a spool
        kept = self._spool.append(items)
        with self._queue.lock:
            self._queue.note_spooled(items[:kept])
        self._note_full(kept < len(items))

    def _move(self, items: list[EventItem]) -> None:
        assert self._spool is not None  # noqa: S101 - `_plan` returns nothing without a spool
        marked = [structs.replace(item, body=mark_spooled(item.body)) for item in items]
        kept = self._spool.append(marked)
        with self._queue.lock:
            self._queue.note_spooled(items[:kept])
            self._queue.put_back(items[kept:])
            self._queue.moving = False
            self._queue.sender_work.notify()
        self._note_full(kept < len(items))

    def _note_full(self, full: bool) -> None:
        """Pause, and say so; outside the lock, since a log handler may record events itself."""
        if full:
            self._full_until = time.monotonic() + _FULL_WAIT_S
            _log.error(
                "the spool %s is full or cannot be written", self._spool and self._spool.folder
            )
