"""From `record` to the log: a bounded queue, a spool, and the two threads that empty them.

A slow server fills the disk, a slow disk fills the queue, and only a full queue loses events:
those are counted, and their numbers are a visible gap. None of it blocks `record`.
"""

import threading
import time
from collections.abc import Callable, Sequence

from msgspec import structs

from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.delivery.queue import EventQueue
from vitne.sdk.delivery.send_and_retry import Sender
from vitne.sdk.delivery.spool import Spool
from vitne.sdk.delivery.spooler import Spooler
from vitne.sdk.delivery.stats import Stats
from vitne.sdk.delivery.transport import BatchReply, HttpTransport
from vitne.sdk.options import Options

_LAST_JOIN_S = 0.5


class Pipeline:
    """The way of the events of one run. Methods may be called from any thread."""

    def __init__(
        self,
        options: Options,
        transport: HttpTransport,
        spool: Spool | None,
        *,
        on_answer: Callable[[Sequence[EventItem], BatchReply], None],
        in_order: bool = False,
    ) -> None:
        self.queue = EventQueue(options)
        self._transport = transport
        self._spool = spool
        self._sender = Sender(self.queue, transport, spool, on_answer, in_order=in_order)
        self._spooler = Spooler(self.queue, spool)
        self.every = self._spooler.every
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start both threads, if they do not run."""
        with self.queue.lock:
            if self._threads or self.queue.stopping:
                return
            self._threads = [
                threading.Thread(target=self._sender.run, name="vitne-sender", daemon=True),
                threading.Thread(target=self._spooler.run, name="vitne-spooler", daemon=True),
            ]
            for thread in self._threads:
                thread.start()

    def adopt(self, spools: Sequence[Spool]) -> None:
        """Send also what earlier runs left behind."""
        with self.queue.lock:
            self._sender.adopted.extend(spools)
            self.queue.sender_work.notify()

    def snapshot(self) -> Stats:
        """The counts as of now."""
        with self.queue.lock:
            own = [self._spool] if self._spool is not None else []
            return structs.replace(
                self.queue.stats,
                queued=len(self.queue) + len(self.queue.under_way),
                spool_bytes=sum(spool.used_bytes for spool in [*own, *self._sender.adopted]),
            )

    def flush(self, ordinal: int, timeout_s: float, *, unless_away: bool = False) -> bool:
        """Send all events up to an ordinal now; whether all were answered in time.

        Args:
            ordinal: of the last event that matters.
            timeout_s: how long to wait.
            unless_away: give up as soon as the server gives no answer.
        """
        queue = self.queue
        with queue.lock:
            queue.target = max(queue.target, ordinal)
            queue.sender_work.notify()
            queue.settled.wait_for(
                lambda: (
                    queue.mark.value >= ordinal
                    or queue.stopping
                    or (unless_away and queue.stats.away)
                ),
                timeout_s,
            )
            return queue.mark.value >= ordinal

    def stop(self, timeout_s: float) -> list[EventItem]:
        """End both threads and put on disk what waits; the events that found no room."""
        until = time.monotonic() + timeout_s
        with self.queue.lock:
            self.queue.stopping = True
            for condition in (self.queue.sender_work, self.queue.spooler_work, self.queue.settled):
                condition.notify_all()
        for thread in reversed(self._threads):
            thread.join(max(until - time.monotonic(), 0.0))
        if any(thread.is_alive() for thread in self._threads):
            self._transport.close()  # ends the request that holds the sender up
            for thread in self._threads:
                thread.join(_LAST_JOIN_S)
        self._transport.finish(until, clean=self._is_clean())
        self._transport.close()
        return self._to_disk()

    def _is_clean(self) -> bool:
        """Whether every event of this run was answered."""
        with self.queue.lock:
            left = bool(self.queue.under_way or len(self.queue) or self.queue.stats.away)
        busy = any(thread.is_alive() for thread in self._threads)
        return not left and not busy and (self._spool is None or self._spool.empty)

    def _to_disk(self) -> list[EventItem]:
        with self.queue.lock:
            left = [*self.queue.under_way, *self.queue.pop(2**62, 2**62)]
            self.queue.under_way = []
        kept = 0
        if self._spool is not None:
            kept = self._spool.append(left, sync=True)
        with self.queue.lock:
            self.queue.note_spooled(left[:kept])
            self.queue.stats.lost += len(left) - kept
        for spool in [*([self._spool] if self._spool else []), *self._sender.adopted]:
            spool.close()
        return left[kept:]
