"""The sender thread: sends one batch at a time, oldest first, until the server has answered it."""

import logging
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct, structs

from vitne.core.event.event import Problem
from vitne.errors import EventRefusedError
from vitne.sdk.delivery.event_item import EventItem, mark_spooled
from vitne.sdk.delivery.queue import EventQueue, resolve_waiters
from vitne.sdk.delivery.spool import Spool
from vitne.sdk.delivery.transport import (
    BatchReply,
    BatchUnreadable,
    HttpTransport,
    NoAnswer,
    PartlyRefused,
    SendOutcome,
)
from vitne.sdk.options import Options
from vitne.wire.events import EventResult

_log = logging.getLogger("vitne.sdk")

# Spreads the retries of many processes over time (full jitter); nothing secret depends on it.
_jitter = random.Random()  # noqa: S311 - see above
os.register_at_fork(after_in_child=_jitter.seed)  # else all forked workers would wait alike


class CurrentBatch(Struct):
    """The batch being sent, and the spool it was read from (None: from the queue)."""

    items: list[EventItem]
    origin: Spool | None


class Sender:
    """One loop that empties the spools and the queue of a pipeline."""

    def __init__(
        self,
        queue: EventQueue,
        transport: HttpTransport,
        spool: Spool | None,
        on_answer: Callable[[Sequence[EventItem], BatchReply], None],
        *,
        in_order: bool = False,
    ) -> None:
        """Args: `on_answer` keeps receipts; called outside the lock, before waiters are.

        With `in_order` no event may overtake another: all go through the spool if there is one.
        """
        self._in_order = in_order
        self.adopted: deque[Spool] = deque()
        """Spools of earlier runs. Append only under the lock."""
        self._queue = queue
        self._transport = transport
        self._spool = spool
        self._on_answer = on_answer
        self._failures = 0
        self._earlier_runs_turn = True

    def run(self) -> None:
        """Send until the pipeline stops."""
        while True:
            with self._queue.lock:
                source = self._wait_for_source()
                if self._queue.stopping:
                    return
                batch = self._take_from_queue() if source == "queue" else None
            if source == "due":
                self._transport.run_due()
            elif isinstance(source, Spool):
                batch = self._take_from_spool(source)
            elif batch is not None and self._in_order:
                batch = self._carry(batch)
            if batch is not None:
                self._deliver(batch)

    def _wait_for_source(self) -> Spool | Literal["queue", "due", "stop"]:
        """Wait for events: the spool to read them from, or what to do. Hold the lock."""
        queue = self._queue
        while not queue.stopping:
            if self._transport.due_in_s() <= 0:
                return "due"
            # Earlier runs get every second turn, so a large spool does not hold up new events.
            self._earlier_runs_turn = not self._earlier_runs_turn
            own = self._spool if self._spool is not None and not self._spool.empty else None
            due = len(queue) > 0 and (queue.is_due() or queue.age_left_s() <= 0)
            own_due = own is not None or (due and not queue.moving)
            if self.adopted and (self._earlier_runs_turn or not own_due):
                return self.adopted[0]
            if own_due:
                return own or "queue"
            waits = len(queue) > 0 and not queue.moving
            queue.sender_sleeps = True
            wait_s = self._transport.due_in_s()
            if waits:
                wait_s = min(wait_s, max(queue.age_left_s(), 0.0))
            queue.sender_work.wait(wait_s if wait_s < math.inf else None)
            queue.sender_sleeps = False
        return "stop"

    def _take_from_queue(self) -> CurrentBatch:
        options = self._queue.options
        items = self._queue.pop(options.batch_max_events, options.batch_max_bytes)
        self._queue.under_way = items
        self._queue.carrying = self._in_order
        return CurrentBatch(items, None)

    def _carry(self, batch: CurrentBatch) -> CurrentBatch | None:
        """Put a batch from the queue on disk before it is sent; what to send from memory, if any.

        So events are sent in the order of their numbers, whatever happens to a request.
        """
        queue, spool, items = self._queue, self._spool, batch.items
        if spool is None:
            return batch
        if queue.stats.away:
            items = [structs.replace(item, body=mark_spooled(item.body)) for item in items]
        kept = spool.append(items)
        with queue.lock:
            queue.stats.spooled += kept
            queue.park(items[:kept])
            if not kept and spool.empty:
                return batch  # the disk takes nothing, and nothing is before these
            queue.put_back(items[kept:])
            queue.under_way = []
            queue.carrying = False
        return None

    def _take_from_spool(self, spool: Spool) -> CurrentBatch | None:
        options = self._queue.options
        before = spool.damaged
        items = spool.peek(options.batch_max_events, options.batch_max_bytes)
        with self._queue.lock:
            self._queue.stats.damaged += spool.damaged - before
            if spool is self._spool:
                self._queue.unpark(items)
            else:
                for item in items:
                    item.ordinal = 0
                if not items:
                    self.adopted.popleft()
        if spool is not self._spool and not items:
            spool.close()
        return CurrentBatch(items, spool) if items else None

    def _deliver(self, batch: CurrentBatch) -> None:
        """Send a batch until it is answered, or safe on disk while the server is away."""
        try:
            self._deliver_pieces(batch, self._transport.split(batch.items))
        finally:
            self._queue.carrying = False

    def _deliver_pieces(self, batch: CurrentBatch, pieces: list[list[EventItem]]) -> None:
        while pieces:
            outcome = self._post(pieces[0])
            if batch.origin is not None and len(pieces) == 1 and _is_whole(pieces[0], outcome):
                batch.origin.done()
            with self._queue.lock:
                self._queue.stats.requests += 1
                if self._queue.stopping and not isinstance(outcome, BatchReply | PartlyRefused):
                    return
                pieces = self._after(pieces, outcome, batch)
                if batch.origin is None:
                    self._queue.under_way = [item for piece in pieces for item in piece]
            if isinstance(outcome, NoAnswer):
                if batch.origin is None and not self._in_order:
                    pieces = self._to_spool(pieces)
                if not self._back_off(outcome) or batch.origin is not None:
                    return  # a spool shows the batch again: `done` was not called

    def _post(self, items: list[EventItem]) -> SendOutcome:
        """Send one piece, and keep what was answered."""
        outcome = self._transport.post(items)
        if isinstance(outcome, BatchUnreadable) and len(items) == 1:
            outcome = _rejecting(items[0], outcome)
        if isinstance(outcome, PartlyRefused):
            self._on_answer(*_faulty(items, outcome))
        if isinstance(outcome, BatchReply):
            self._on_answer(items, outcome)
        return outcome

    def _after(
        self, pieces: list[list[EventItem]], outcome: SendOutcome, batch: CurrentBatch
    ) -> list[list[EventItem]]:
        """What is left to send after an outcome. Hold the lock."""
        first, rest = pieces[0], pieces[1:]
        if isinstance(outcome, NoAnswer):
            return pieces
        self._queue.stats.away = False
        self._failures = 0
        if isinstance(outcome, BatchUnreadable):
            half = len(first) // 2
            return [first[:half], first[half:], *rest]
        if isinstance(outcome, PartlyRefused):
            items, reply = _faulty(first, outcome)
            self._settle(items, reply.results, batch)
            left = [item for at, item in enumerate(first) if at not in outcome.faults]
            return [*self._transport.split(left), *rest]
        self._settle(first, outcome.results, batch)
        return rest

    def _settle(
        self, items: Sequence[EventItem], results: Sequence[EventResult], batch: CurrentBatch
    ) -> None:
        """Count the answers and release the callers that wait. Hold the lock."""
        stats = self._queue.stats
        for item, result in zip(items, results, strict=True):
            setattr(stats, result.status, getattr(stats, result.status) + 1)
            if result.status in ("accepted", "duplicate"):
                resolve_waiters([item], "logged")
            elif item.waiter is not None and not item.waiter.done():
                item.waiter.set_exception(_refusal(result))
        if batch.origin is not None and batch.origin is not self._spool:
            stats.adopted += len(items)
        self._queue.settle(item.ordinal for item in items)

    def _to_spool(self, pieces: list[list[EventItem]]) -> list[list[EventItem]]:
        """Put a batch that was not answered on disk, its bytes unchanged; what found no room."""
        items = [item for piece in pieces for item in piece]
        kept = 0
        if self._spool is not None:
            kept = self._spool.append(items)
        with self._queue.lock:
            self._queue.note_spooled(items[:kept])
            self._queue.under_way = items[kept:]
        return [items[kept:]] if kept < len(items) else []

    def _back_off(self, outcome: NoAnswer) -> bool:
        """Wait before the next attempt; False when the pipeline stops meanwhile."""
        queue = self._queue
        options = queue.options
        if not queue.stats.away or outcome.reason != queue.stats.last_error:
            level = logging.ERROR if outcome.faulty else logging.WARNING
            _log.log(level, "events wait, the server gave no answer: %s", outcome.reason)
        with queue.lock:
            queue.stats.retries += 1
            queue.stats.away = True
            queue.stats.last_error = outcome.reason
            queue.spooler_work.notify()
            queue.settled.notify_all()
            wait_s = wait_before_retry_s(options, self._failures, outcome.retry_after_s)
            self._failures += 1
            until = time.monotonic() + wait_s
            while not queue.stopping and (left_s := until - time.monotonic()) > 0:
                queue.sender_work.wait(left_s)
            return not queue.stopping


def _faulty(
    items: Sequence[EventItem], outcome: PartlyRefused
) -> tuple[list[EventItem], BatchReply]:
    """The events at fault, and a reply with the result of each."""
    faults = sorted(outcome.faults.items())
    return [items[at] for at, _ in faults], BatchReply(tuple(result for _, result in faults))


def _is_whole(items: Sequence[EventItem], outcome: SendOutcome) -> bool:
    """Whether nothing of them is left to send."""
    if isinstance(outcome, PartlyRefused):
        return len(outcome.faults) == len(items)
    return isinstance(outcome, BatchReply)


def wait_before_retry_s(options: Options, failures: int, retry_after_s: float) -> float:
    """Seconds to wait after a failure that followed `failures` others in a row.

    Full jitter: a random share of a bound that doubles, on top of what the server asked for.
    """
    bound_s = min(options.backoff_first_s * 2.0 ** min(failures, 30), options.backoff_max_s)
    return retry_after_s + _jitter.uniform(0.0, bound_s)


def _rejecting(item: EventItem, outcome: BatchUnreadable) -> BatchReply:
    """The result of a single event that the server cannot read."""
    problem = Problem("unreadable", "$", "an event that the server can read", outcome.reason)
    result = EventResult("rejected", id=item.event_id, problems=(problem,))
    return BatchReply((result,))


def _refusal(result: EventResult) -> EventRefusedError:
    faults = [f"{p.path}: {p.code}" for p in result.problems] or [result.reason]
    return EventRefusedError(
        f"the log did not take the event ({result.status}: {'; '.join(faults)})",
        status=result.status,
        problems=tuple(
            f"{p.path} {p.code} expected {p.expected}, got {p.got}" for p in result.problems
        ),
    )
