"""From `record` to the log: a bounded queue, a spool, and the two threads that empty them.

A slow server fills the disk, a slow disk fills the queue, and only a full queue loses events:
those are counted, and their numbers are a visible gap. None of it blocks `record`.
"""

import threading
import time
from collections.abc import Callable, Sequence

from msgspec import structs

from vitne.sdk.delivery.items import Item
from vitne.sdk.delivery.queue import Waiting, resolve
from vitne.sdk.delivery.reply import Reply
from vitne.sdk.delivery.sender import Sender
from vitne.sdk.delivery.spool import Spool
from vitne.sdk.delivery.spooler import Keeper
from vitne.sdk.delivery.tally import Stats
from vitne.sdk.delivery.transport import Transport
from vitne.sdk.options import Options

_LAST_JOIN_S = 0.5


class Pipeline:
    """The way of the events of one run. Methods may be called from any thread."""

    def __init__(
        self,
        options: Options,
        transport: Transport,
        spool: Spool | None,
        *,
        on_answer: Callable[[Sequence[Item], Reply], None],
        on_tick: Callable[[], float],
        in_order: bool = False,
    ) -> None:
        self.waiting = Waiting(options)
        self._transport = transport
        self._spool = spool
        self._sender = Sender(self.waiting, transport, spool, on_answer, in_order=in_order)
        self._keeper = Keeper(self.waiting, spool, on_tick)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start both threads, if they do not run."""
        with self.waiting.lock:
            if self._threads or self.waiting.stopping:
                return
            self._threads = [
                threading.Thread(target=self._sender.run, name="vitne-sender", daemon=True),
                threading.Thread(target=self._keeper.run, name="vitne-keeper", daemon=True),
            ]
            for thread in self._threads:
                thread.start()

    def adopt(self, spools: Sequence[Spool]) -> None:
        """Send also what earlier runs left behind."""
        with self.waiting.lock:
            self._sender.adopted.extend(spools)
            self.waiting.work.notify()

    def snapshot(self) -> Stats:
        """The counts as of now."""
        with self.waiting.lock:
            own = [self._spool] if self._spool is not None else []
            return structs.replace(
                self.waiting.stats,
                queued=len(self.waiting) + len(self.waiting.hand),
                spool_bytes=sum(spool.used_bytes for spool in [*own, *self._sender.adopted]),
            )

    def flush(self, ordinal: int, timeout_s: float, *, unless_away: bool = False) -> bool:
        """Send all events up to an ordinal now; whether all were answered in time.

        Args:
            ordinal: of the last event that matters.
            timeout_s: how long to wait.
            unless_away: give up as soon as the server gives no answer.
        """
        waiting = self.waiting
        with waiting.lock:
            waiting.target = max(waiting.target, ordinal)
            waiting.work.notify()
            waiting.settled.wait_for(
                lambda: (
                    waiting.mark.value >= ordinal
                    or waiting.stopping
                    or (unless_away and waiting.stats.away)
                ),
                timeout_s,
            )
            return waiting.mark.value >= ordinal

    def stop(self, timeout_s: float) -> list[Item]:
        """End both threads and put on disk what waits; the events that found no room."""
        until = time.monotonic() + timeout_s
        with self.waiting.lock:
            self.waiting.stopping = True
            for condition in (self.waiting.work, self.waiting.guard, self.waiting.settled):
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
        with self.waiting.lock:
            left = bool(self.waiting.hand or len(self.waiting) or self.waiting.stats.away)
        busy = any(thread.is_alive() for thread in self._threads)
        return not left and not busy and (self._spool is None or self._spool.empty)

    def _to_disk(self) -> list[Item]:
        with self.waiting.lock:
            left = [*self.waiting.hand, *self.waiting.pop(2**62, 2**62)]
            self.waiting.hand = []
        kept = 0
        if self._spool is not None:
            kept = self._spool.append(left, sync=True)
        with self.waiting.lock:
            self.waiting.stats.spooled += kept
            self.waiting.stats.lost += len(left) - kept
            resolve(left[:kept], "spooled")
        for spool in [*([self._spool] if self._spool else []), *self._sender.adopted]:
            spool.close()
        return left[kept:]
