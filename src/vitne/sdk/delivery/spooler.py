"""The keeper thread: carries what waits in memory to the disk before it can be lost.

It moves the queue to the spool when the server is away, when half of the queue is used, or when
an event that must be durable has waited long enough; so a slow server fills the disk, not the
memory, and `record` never touches either.
"""

import logging
import time
from collections.abc import Callable

from msgspec import structs

from vitne.sdk.delivery.items import Item, mark_spooled
from vitne.sdk.delivery.queue import Waiting, resolve
from vitne.sdk.delivery.spool import Spool

_log = logging.getLogger("vitne.sdk")

_MOVE_EVENTS = 2000
_MOVE_BYTES = 4 * 1024 * 1024
_FULL_WAIT_S = 1.0
_MAX_WAIT_S = 60.0


class Keeper:
    """One loop over one queue and one spool."""

    def __init__(self, waiting: Waiting, spool: Spool | None, on_tick: Callable[[], float]) -> None:
        """Args: `on_tick` does what is due and returns the seconds until it wants to again."""
        self._waiting = waiting
        self._spool = spool
        self._on_tick = on_tick
        self._full_until = 0.0

    def run(self) -> None:
        """Guard until the pipeline stops."""
        tick_at = time.monotonic()
        while True:
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + self._tick()
            with self._waiting.lock:
                if self._waiting.stopping:
                    return
                self._waiting.release_parked()
                move, copy = self._plan()
                if not move and not copy:
                    self._wait(tick_at)
            if copy:
                self._copy(copy)
            if move:
                self._move(move)

    def _tick(self) -> float:
        try:
            return self._on_tick()
        except Exception:  # noqa: BLE001 - the keeper must outlive any of its tasks
            _log.exception("a periodic task failed; it will be tried again")
            return _MAX_WAIT_S

    def _plan(self) -> tuple[list[Item], list[Item]]:
        """Events to take from the queue, and events under way to copy. Hold the lock."""
        waiting, now = self._waiting, time.monotonic()
        if self._spool is None or now < self._full_until or waiting.carrying:
            return [], []
        overdue = waiting.overdue_at()
        late = overdue is not None and (overdue <= now or waiting.stats.away)
        copy = [i for i in waiting.hand if i.waiter is not None and not i.waiter.done()]
        # Without a server, events still wait for company: the disk likes batches, too.
        away = waiting.stats.away and waiting.age_left_s() <= 0
        if len(waiting) and (late or away or waiting.is_filling()):
            waiting.moving = True
            return waiting.pop(_MOVE_EVENTS, _MOVE_BYTES), copy if late else []
        return [], copy if late else []

    def _wait(self, tick_at: float) -> None:
        waiting = self._waiting
        now = time.monotonic()
        times = [tick_at, self._full_until, waiting.overdue_at() if self._spool else None]
        if self._spool is not None and waiting.stats.away and len(waiting):
            times.append(now + waiting.age_left_s())
        ahead = [at - now for at in times if at is not None and at > now]
        waiting.keeper_sleeps = now >= self._full_until
        waiting.guard.wait(min([*ahead, _MAX_WAIT_S]))
        waiting.keeper_sleeps = False

    def _copy(self, items: list[Item]) -> None:
        """Spool events whose request takes too long; the log will tell the copy as a duplicate."""
        assert self._spool is not None  # noqa: S101 - `_plan` returns nothing without a spool
        kept = self._spool.append(items, sync=True)
        with self._waiting.lock:
            self._waiting.stats.spooled += kept
            resolve(items[:kept], "spooled")
        self._note_full(kept < len(items))

    def _move(self, items: list[Item]) -> None:
        assert self._spool is not None  # noqa: S101 - `_plan` returns nothing without a spool
        marked = [structs.replace(item, body=mark_spooled(item.body)) for item in items]
        sync = any(item.waiter is not None for item in items)
        kept = self._spool.append(marked, sync=sync)
        with self._waiting.lock:
            self._waiting.stats.spooled += kept
            resolve(items[:kept], "spooled")
            self._waiting.put_back(items[kept:])
            self._waiting.moving = False
            self._waiting.work.notify()
        self._note_full(kept < len(items))

    def _note_full(self, full: bool) -> None:
        """Pause, and say so; outside the lock, since a log handler may record events itself."""
        if full:
            self._full_until = time.monotonic() + _FULL_WAIT_S
            _log.error(
                "the spool %s is full or cannot be written", self._spool and self._spool.folder
            )
