"""What the threads of a pipeline share: the queue in memory, the counts, and one lock over both.

Nothing here touches a disk or a network, so the lock is only ever held for microseconds.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from vitne.sdk.delivery.event_item import EventItem, KeptState
from vitne.sdk.delivery.stats import Stats, Watermark
from vitne.sdk.options import Options


class EventQueue:
    """The events in memory, oldest first. Hold `lock` to call any method."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.Lock()  # guards: all below, and the numbers of the run's streams
        self.sender_work = threading.Condition(self.lock)
        """Wakes the sender."""
        self.spooler_work = threading.Condition(self.lock)
        """Wakes the spooler."""
        self.settled = threading.Condition(self.lock)
        """Wakes the threads that wait in `flush`."""
        self.stats = Stats()
        self.mark = Watermark()
        self.stopping = False
        self.moving = False
        """The spooler carries events to the spool: the sender must not overtake them."""
        self.carrying = False
        """The sender carries events to the spool, or sends them from memory: the spooler must not
        put later ones before them."""
        self.sender_sleeps = False
        self.spooler_sleeps = False
        self.under_way: list[EventItem] = []
        """Events that the sender took from the queue and is sending."""
        self.target = 0
        """Ordinal up to which somebody flushes."""
        self._parked: dict[int, EventItem] = {}
        self._queue: deque[EventItem] = deque()
        self._bytes = 0
        self._urgent = 0
        self._oldest_at = 0.0

    def __len__(self) -> int:
        """Events in the queue; those under way are in `under_way`."""
        return len(self._queue)

    def put(self, item: EventItem) -> bool:
        """Take an event at the end, or refuse it because the queue is full."""
        options, queue, size = self.options, self._queue, len(item.body)
        if len(queue) >= options.queue_max_events or self._bytes + size > options.queue_max_bytes:
            return False
        first = not queue
        if first:
            self._oldest_at = time.monotonic()
        queue.append(item)
        self._bytes += size
        self._urgent += item.waiter is not None
        # Waking a thread costs more than all the rest, so only one that sleeps is woken, once.
        if self.sender_sleeps and (first or self.is_due()):
            self.sender_sleeps = False
            self.sender_work.notify()
        if self.spooler_sleeps and (
            self._urgent > 0 or (first and self.stats.away) or self.is_filling()
        ):
            self.spooler_sleeps = False
            self.spooler_work.notify()
        return True

    def put_back(self, items: Sequence[EventItem]) -> None:
        """Return events that could not be spooled to the front, past the bound if need be."""
        self._queue.extendleft(reversed(items))
        self._bytes += sum(len(item.body) for item in items)
        self._urgent += sum(item.waiter is not None for item in items)

    def pop(self, most: int, most_bytes: int) -> list[EventItem]:
        """The oldest events, at least one if there is one."""
        items: list[EventItem] = []
        taken = 0
        while self._queue and len(items) < most:
            size = len(self._queue[0].body) + 1
            if items and taken + size > most_bytes:
                break
            item = self._queue.popleft()
            self._urgent -= item.waiter is not None
            self._bytes -= size - 1
            taken += size
            items.append(item)
        self._oldest_at = time.monotonic()
        return items

    def park(self, items: Iterable[EventItem]) -> None:
        """Keep those for whom somebody waits while their bytes are on disk."""
        for item in items:
            if item.waiter is not None and not item.waiter.done():
                self._parked[item.ordinal] = item

    def unpark(self, items: Iterable[EventItem]) -> None:
        """Give events that were read from disk those back who wait for them."""
        for item in items:
            parked = self._parked.get(item.ordinal)
            if parked is not None:
                item.waiter, item.due_at = parked.waiter, parked.due_at

    def release_parked(self) -> None:
        """Return `spooled` to callers that have waited long enough for the server's answer."""
        now = time.monotonic()
        for ordinal, item in list(self._parked.items()):
            if item.waiter is None or item.waiter.done():
                del self._parked[ordinal]
            elif item.due_at <= now or self.stats.away:
                del self._parked[ordinal]
                resolve_waiters([item], "spooled")

    def is_due(self) -> bool:
        """A batch is full, or somebody waits for an answer."""
        options = self.options
        return (
            self._urgent > 0
            or len(self._queue) >= options.batch_max_events
            or self._bytes >= options.batch_max_bytes
            or self.target > self.mark.value
        )

    def age_left_s(self) -> float:
        """Seconds until the oldest event has waited for company long enough."""
        return self._oldest_at + self.options.batch_max_age_s - time.monotonic()

    def is_filling(self) -> bool:
        """Half of the room is used."""
        options = self.options
        return (
            len(self._queue) * 2 >= options.queue_max_events
            or self._bytes * 2 >= options.queue_max_bytes
        )

    def overdue_at(self) -> float | None:
        """Monotonic time at which the first durable event has waited long enough; None: none."""
        if not self._urgent and not self.under_way and not self._parked:
            return None
        due = [item.due_at for item in self._waiters()]
        return min(due) if due else None

    def _waiters(self) -> Iterable[EventItem]:
        for items in (self.under_way, self._queue if self._urgent else (), self._parked.values()):
            for item in items:
                if item.waiter is not None and not item.waiter.done():
                    yield item

    def note_spooled(self, items: Sequence[EventItem]) -> None:
        """Count events as on disk, and release the callers that wait for them."""
        self.stats.spooled += len(items)
        resolve_waiters(items, "spooled")

    def settle(self, ordinals: Iterable[int]) -> None:
        """Note events as answered or lost, and wake the threads that wait for them."""
        self.mark.settle(ordinals)
        self.settled.notify_all()


def resolve_waiters(items: Iterable[EventItem], kept: KeptState) -> None:
    """Release the callers that wait for these events: they are durable. Hold the lock."""
    for item in items:
        if item.waiter is not None and not item.waiter.done():
            item.waiter.set_result(kept)
