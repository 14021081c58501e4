"""The sender thread: one batch at a time, oldest first, again and again until it is answered."""

import logging
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, structs

from vitne.errors import EventRefusedError
from vitne.sdk.delivery.items import Item, mark_spooled
from vitne.sdk.delivery.queue import Waiting, resolve
from vitne.sdk.delivery.reply import ProblemLine, Reply, Result
from vitne.sdk.delivery.spool import Spool
from vitne.sdk.delivery.transport import Answered, Away, Outcome, Partly, Transport, Unreadable
from vitne.sdk.options import Options

_log = logging.getLogger("vitne.sdk")

# Spreads the retries of many processes over time (full jitter); nothing secret depends on it.
_jitter = random.Random()  # noqa: S311 - see above
os.register_at_fork(after_in_child=_jitter.seed)  # else all forked workers would wait alike


class _Tend:
    """Stands for what is due by itself."""


_TEND: Final = _Tend()


class Hand(Struct):
    """The batch being sent, and the spool it was read from (None: from the queue)."""

    items: list[Item]
    origin: Spool | None


class Sender:
    """One loop that empties the spools and the queue of a pipeline."""

    def __init__(
        self,
        waiting: Waiting,
        transport: Transport,
        spool: Spool | None,
        on_answer: Callable[[Sequence[Item], Reply], None],
        *,
        in_order: bool = False,
    ) -> None:
        """Args: `on_answer` keeps receipts; called outside the lock, before anybody is told.

        With `in_order` no event may overtake another: all go through the spool if there is one.
        """
        self._in_order = in_order
        self.adopted: deque[Spool] = deque()
        """Spools of earlier runs. Append only under the lock."""
        self._waiting = waiting
        self._transport = transport
        self._spool = spool
        self._on_answer = on_answer
        self._failures = 0
        self._earlier_runs_turn = True

    def run(self) -> None:
        """Send until the pipeline stops."""
        while True:
            with self._waiting.lock:
                source = self._wait_for_source()
                if self._waiting.stopping:
                    return
                hand = self._take_from_queue() if source is None else None
            if source is _TEND:
                self._transport.tend()
                continue
            if isinstance(source, Spool):
                hand = self._take_from_spool(source)
            elif hand is not None and self._in_order:
                hand = self._carry(hand)
            if hand is not None:
                self._deliver(hand)

    def _wait_for_source(self) -> "Spool | _Tend | None":
        """Wait for events; the spool to read from, or None for the queue. Hold the lock."""
        waiting = self._waiting
        while not waiting.stopping:
            if self._transport.tend_in_s() <= 0:
                return _TEND
            # Earlier runs get every second turn, so a large spool does not hold up new events.
            self._earlier_runs_turn = not self._earlier_runs_turn
            own = self._spool if self._spool is not None and not self._spool.empty else None
            due = len(waiting) > 0 and (waiting.is_due() or waiting.age_left_s() <= 0)
            own_due = own is not None or (due and not waiting.moving)
            if self.adopted and (self._earlier_runs_turn or not own_due):
                return self.adopted[0]
            if own_due:
                return own
            waits = len(waiting) > 0 and not waiting.moving
            waiting.sender_sleeps = True
            wait_s = self._transport.tend_in_s()
            if waits:
                wait_s = min(wait_s, max(waiting.age_left_s(), 0.0))
            waiting.work.wait(wait_s if wait_s < math.inf else None)
            waiting.sender_sleeps = False
        return None

    def _take_from_queue(self) -> Hand:
        options = self._waiting.options
        items = self._waiting.pop(options.batch_max_events, options.batch_max_bytes)
        self._waiting.hand = items
        self._waiting.carrying = self._in_order
        return Hand(items, None)

    def _carry(self, hand: Hand) -> Hand | None:
        """Put a batch from the queue on disk before it is sent; what to send from memory, if any.

        So events are sent in the order of their numbers, whatever happens to a request.
        """
        waiting, spool, items = self._waiting, self._spool, hand.items
        if spool is None:
            return hand
        if waiting.stats.away:
            items = [structs.replace(item, body=mark_spooled(item.body)) for item in items]
        kept = spool.append(items, sync=any(item.waiter is not None for item in items))
        with waiting.lock:
            waiting.stats.spooled += kept
            waiting.park(items[:kept])
            if not kept and spool.empty:
                return hand  # the disk takes nothing, and nothing is before these
            waiting.put_back(items[kept:])
            waiting.hand = []
            waiting.carrying = False
        return None

    def _take_from_spool(self, spool: Spool) -> Hand | None:
        options = self._waiting.options
        before = spool.damaged
        items = spool.peek(options.batch_max_events, options.batch_max_bytes)
        with self._waiting.lock:
            self._waiting.stats.damaged += spool.damaged - before
            if spool is self._spool:
                self._waiting.unpark(items)
            else:
                for item in items:
                    item.ordinal = 0
                if not items:
                    self.adopted.popleft()
        if spool is not self._spool and not items:
            spool.close()
        return Hand(items, spool) if items else None

    def _deliver(self, hand: Hand) -> None:
        """Send a batch until it is answered, or safe on disk while the server is away."""
        try:
            self._deliver_pieces(hand, self._transport.split(hand.items))
        finally:
            self._waiting.carrying = False

    def _deliver_pieces(self, hand: Hand, pieces: list[list[Item]]) -> None:
        while pieces:
            outcome = self._post(pieces[0])
            if hand.origin is not None and len(pieces) == 1 and _is_whole(pieces[0], outcome):
                hand.origin.done()
            with self._waiting.lock:
                self._waiting.stats.requests += 1
                if self._waiting.stopping and not isinstance(outcome, Answered | Partly):
                    return
                pieces = self._after(pieces, outcome, hand)
                if hand.origin is None:
                    self._waiting.hand = [item for piece in pieces for item in piece]
            if isinstance(outcome, Away):
                if hand.origin is None and not self._in_order:
                    pieces = self._to_spool(pieces)
                if not self._back_off(outcome) or hand.origin is not None:
                    return  # a spool shows the batch again: `done` was not called

    def _post(self, items: list[Item]) -> Outcome:
        """Send one piece, and keep what was answered."""
        outcome = self._transport.post(items)
        if isinstance(outcome, Unreadable) and len(items) == 1:
            outcome = _rejecting(items[0], outcome)
        if isinstance(outcome, Partly):
            self._on_answer(*_faulty(items, outcome))
        if isinstance(outcome, Answered):
            self._on_answer(items, outcome.reply)
        return outcome

    def _after(self, pieces: list[list[Item]], outcome: Outcome, hand: Hand) -> list[list[Item]]:
        """What is left to send after an outcome. Hold the lock."""
        first, rest = pieces[0], pieces[1:]
        if isinstance(outcome, Away):
            return pieces
        self._waiting.stats.away = False
        self._failures = 0
        if isinstance(outcome, Unreadable):
            half = len(first) // 2
            return [first[:half], first[half:], *rest]
        if isinstance(outcome, Partly):
            items, reply = _faulty(first, outcome)
            self._settle(items, reply.results, hand)
            left = [item for at, item in enumerate(first) if at not in outcome.faults]
            return [*self._transport.split(left), *rest]
        self._settle(first, outcome.reply.results, hand)
        return rest

    def _settle(self, items: Sequence[Item], results: Sequence[Result], hand: Hand) -> None:
        """Count the answers and tell who waits. Hold the lock."""
        stats = self._waiting.stats
        for item, result in zip(items, results, strict=True):
            setattr(stats, result.status, getattr(stats, result.status) + 1)
            if result.status in ("accepted", "duplicate"):
                resolve([item], "logged")
            elif item.waiter is not None and not item.waiter.done():
                item.waiter.set_exception(_refusal(result))
        if hand.origin is not None and hand.origin is not self._spool:
            stats.adopted += len(items)
        self._waiting.settle(item.ordinal for item in items)

    def _to_spool(self, pieces: list[list[Item]]) -> list[list[Item]]:
        """Put a batch that was not answered on disk, its bytes unchanged; what found no room."""
        items = [item for piece in pieces for item in piece]
        kept = 0
        if self._spool is not None:
            # A durable event's caller is told that it is on disk, so it has to be.
            kept = self._spool.append(items, sync=any(item.waiter is not None for item in items))
        with self._waiting.lock:
            self._waiting.stats.spooled += kept
            resolve(items[:kept], "spooled")
            self._waiting.hand = items[kept:]
        return [items[kept:]] if kept < len(items) else []

    def _back_off(self, outcome: Away) -> bool:
        """Wait before the next attempt; False when the pipeline stops meanwhile."""
        waiting = self._waiting
        options = waiting.options
        if not waiting.stats.away or outcome.reason != waiting.stats.last_error:
            level = logging.ERROR if outcome.faulty else logging.WARNING
            _log.log(level, "events wait, the server gave no answer: %s", outcome.reason)
        with waiting.lock:
            waiting.stats.retries += 1
            waiting.stats.away = True
            waiting.stats.last_error = outcome.reason
            waiting.guard.notify()
            waiting.settled.notify_all()
            wait_s = wait_before_retry_s(options, self._failures, outcome.retry_after_s)
            self._failures += 1
            until = time.monotonic() + wait_s
            while not waiting.stopping and (left_s := until - time.monotonic()) > 0:
                waiting.work.wait(left_s)
            return not waiting.stopping


def _faulty(items: Sequence[Item], outcome: Partly) -> tuple[list[Item], Reply]:
    """The events at fault, and what stands for the answer about each."""
    faults = sorted(outcome.faults.items())
    return [items[at] for at, _ in faults], Reply(tuple(result for _, result in faults))


def _is_whole(items: Sequence[Item], outcome: Outcome) -> bool:
    """Whether nothing of them is left to send."""
    if isinstance(outcome, Partly):
        return len(outcome.faults) == len(items)
    return isinstance(outcome, Answered)


def wait_before_retry_s(options: Options, failures: int, retry_after_s: float) -> float:
    """Seconds to wait after a failure that followed `failures` others in a row.

    Full jitter: a random share of a bound that doubles, on top of what the server asked for.
    """
    bound_s = min(options.backoff_first_s * 2.0 ** min(failures, 30), options.backoff_max_s)
    return retry_after_s + _jitter.uniform(0.0, bound_s)


def _rejecting(item: Item, outcome: Unreadable) -> Answered:
    """What stands for the answer about a single event that the server cannot even read."""
    problem = ProblemLine("unreadable", "$", "an event that the server can read", outcome.reason)
    result = Result("rejected", id=item.event_id, problems=(problem,))
    return Answered(Reply(results=(result,)))


def _refusal(result: Result) -> EventRefusedError:
    faults = [f"{p.path}: {p.code}" for p in result.problems] or [result.reason]
    return EventRefusedError(
        f"the log did not take the event ({result.status}: {'; '.join(faults)})",
        status=result.status,
        problems=tuple(
            f"{p.path} {p.code} expected {p.expected}, got {p.got}" for p in result.problems
        ),
    )
