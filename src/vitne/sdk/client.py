"""The client that an application embeds: `record` an event and continue at once."""

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Self, Unpack

from msgspec.structs import replace

from vitne.errors import EventRefusedError, NotDurableError
from vitne.sdk.client_run import ClientRun
from vitne.sdk.delivery.event_item import KeptState, Recorded
from vitne.sdk.delivery.numbering import NumberedStream, stats_event
from vitne.sdk.delivery.receipts import KeptReceipt
from vitne.sdk.delivery.stats import Stats
from vitne.sdk.events import context
from vitne.sdk.events.build import EventFields
from vitne.sdk.events.prepare import EventPreparer
from vitne.sdk.options import ClientOptions, Options, default_spool_dir

_log = logging.getLogger("vitne.sdk")

_COALESCE_TICK_S = 1.0
_REPORT_TICK_S = 60.0


class Client:
    """Records audit events without holding up the application.

        audit = Client("https://audit.example", key, application="crm", service="crm-bff")
        audit.record("crm.customer.viewed", actor="usr_77", target="customer/cus_90331")

    An event is numbered and queued at once. A thread sends it until the log answers; while the
    server does not answer, events wait on disk, also over a restart: a new client first sends what
    earlier ones left. Make one client per process, at import if you like: a forked child begins
    its own stream with its first event. `close` (also at exit, also as context manager) sends what
    waits, or leaves it on disk. (Workers of `multiprocessing` skip exit handlers: close there.)

    Args:
        url: the server, `https://host[:port]`.
        api_key: a key with the right to write.
        options: see `Options`; `application` and `service` are required.

    Raises:
        ConfigurationError: the spool folder that was chosen cannot be written.
    """

    def __init__(self, url: str, api_key: str, **options: Unpack[ClientOptions]) -> None:
        chosen = {"spool_dir": default_spool_dir(), **options}
        self.options = Options(**chosen)  # type: ignore[arg-type]  # a TypedDict with defaults
        self._url = url
        self._api_key = api_key
        self._default_spool = "spool_dir" not in options
        self._preparer = EventPreparer(self.options)
        self._run: ClientRun | None = None
        self._run_lock = threading.Lock()  # guards: making `_run`; a forked child gets a new one
        self._begin()
        _clients.add(self)

    def __repr__(self) -> str:
        """Where events go; never the key."""
        source = f"{self.options.application}/{self.options.service}"
        return f"<vitne.sdk.Client {source} to {self._url}>"

    # ------------------------------------------------------------ recording

    def record(
        self, event_type: str, *, durable: bool = False, **fields: Unpack[EventFields]
    ) -> Recorded:
        """Record one event; returns at once unless `durable`.

        Args:
            event_type: dotted name in the past tense, e.g. `crm.customer.viewed`.
            durable: return only when the log has signed a receipt for the event or it is on
                disk; for acts that must not happen unlogged (fail closed).
            fields: what the event says, see `EventFields`; the rest is filled from `bind` and
                from the client's options.

        Raises:
            TypeError: a field that no event has, a time without zone.
            EventRefusedError: `strict`, and the event breaks the schema; or `durable`, and the
                server refused it.
            NotDurableError: `durable`, and there was neither receipt nor spool in time.
        """
        recorded, waiter = self._take(event_type, fields, durable=durable)
        if waiter is None:
            return recorded
        try:
            kept = waiter.result(self.options.durable_timeout_s)
        except TimeoutError:
            raise _too_late(self.options) from None
        return replace(recorded, kept=kept)

    async def arecord(
        self, event_type: str, *, durable: bool = False, **fields: Unpack[EventFields]
    ) -> Recorded:
        """The same as `record`, for coroutines: waiting for durability blocks no event loop."""
        import asyncio  # noqa: PLC0415 - most clients need none of it

        recorded, waiter = self._take(event_type, fields, durable=durable)
        if waiter is None:
            return recorded
        kept = asyncio.shield(asyncio.wrap_future(waiter))
        try:
            return replace(
                recorded, kept=await asyncio.wait_for(kept, self.options.durable_timeout_s)
            )
        except TimeoutError:
            raise _too_late(self.options) from None

    def _take(
        self, event_type: str, fields: EventFields, *, durable: bool
    ) -> "tuple[Recorded, Future[KeptState] | None]":
        """Prepare an event and queue it; if `durable`, also what to wait for."""
        ready = self._preparer.prepare(event_type, fields, fold=not durable)
        recorded = Recorded(ready.event_id, ready.action_id, "queued")
        run = self._begin()
        if ready.folded:
            run.count("folded")
            return replace(recorded, kept="folded"), None
        if ready.refused:  # it cannot be signed, so it gets no number
            run.count("invalid")
            run.receipts.refuse(ready.event_id, ready.problems, ready.body)
            if durable:
                raise EventRefusedError("the event cannot be signed", problems=ready.problems)
            return replace(recorded, kept="refused"), None
        if ready.redacted:
            run.count("redacted", ready.redacted)
        if ready.problems:
            run.count("invalid")
        item, taken = run.submit(ready.event_id, ready.tenant, ready.body, durable=durable)
        if taken:
            return recorded, item.waiter
        if durable:
            raise NotDurableError("the queue is full or closed: the event is not recorded")
        return replace(recorded, kept="lost"), None

    def bind(self, **fields: Unpack[EventFields]) -> AbstractContextManager[None]:
        """`vitne.sdk.bind`: fill fields into every event recorded inside the `with` block."""
        return context.bind(**fields)

    def action(self, action_id: str = "") -> AbstractContextManager[str]:
        """`vitne.sdk.action`: events recorded inside the `with` block are one action."""
        return context.action(action_id)

    # ------------------------------------------------------------ sending and ending

    def flush(self, timeout_s: float | None = None) -> bool:
        """Send what was recorded so far; whether the log has answered all of it in time.

        Args:
            timeout_s: how long to wait; `close_timeout_s` if None.
        """
        run = self._run
        if run is None:
            return True
        wait_s = self.options.close_timeout_s if timeout_s is None else timeout_s
        return run.pipeline.flush(run.ordinal, wait_s)

    def close(self, timeout_s: float | None = None) -> None:
        """End every stream, send what waits, and leave the rest on disk for the next start.

        While the server is away nothing is waited for. Closing twice is no error.
        """
        run = self._run
        if run is None or run.closed:
            return
        wait_s = self.options.close_timeout_s if timeout_s is None else timeout_s
        until = time.monotonic() + wait_s
        self._close_views(_FOREVER_US)
        run.closed = True
        _clients.discard(self)
        for stream in run.streams.all():
            self._report(run, stream, end=True)
        run.pipeline.flush(run.ordinal, wait_s, unless_away=True)
        run.stop(max(until - time.monotonic(), _LEAST_STOP_S))

    def stats(self) -> Stats:
        """What became of this run's events, as of now."""
        run = self._run
        return run.pipeline.snapshot() if run is not None else Stats()

    def receipts(self) -> Iterator[KeptReceipt]:
        """The receipts that are kept, oldest first."""
        return iter(self._begin().receipts)

    def receipt(self, event_id: str) -> KeptReceipt | None:
        """The receipt of one event, if it came and is still kept."""
        return self._begin().receipts.of(event_id)

    async def aflush(self, timeout_s: float | None = None) -> bool:
        """`flush` without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - most clients need none of it

        return await asyncio.to_thread(self.flush, timeout_s)

    async def aclose(self, timeout_s: float | None = None) -> None:
        """`close` without blocking the event loop."""
        import asyncio  # noqa: PLC0415 - most clients need none of it

        await asyncio.to_thread(self.close, timeout_s)

    def __enter__(self) -> Self:
        """For `with Client(…) as audit:`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close; an error of the block is raised as usual."""
        self.close()

    async def __aenter__(self) -> Self:
        """For `async with Client(…) as audit:`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close without blocking the loop."""
        await self.aclose()

    # ------------------------------------------------------------ runs

    def _begin(self) -> ClientRun:
        run = self._run
        if run is not None:
            return run
        with self._run_lock:
            if self._run is None:
                run = ClientRun(
                    self._url, self._api_key, self.options, default_spool=self._default_spool
                )
                run.pipeline.every(_REPORT_TICK_S, self._report_losses)
                if self.options.coalesce_s:
                    run.pipeline.every(_COALESCE_TICK_S, self._close_views)
                run.pipeline.start()
                self._run = run
            return self._run

    def _close_views(self, until_us: int = 0) -> None:
        """Send how often views were repeated whose window is over by then; 0: by now."""
        run = self._begin()
        for ready in self._preparer.repeats(until_us or time.time_ns() // 1000):
            if ready.refused:
                run.count("invalid")
            else:
                run.submit(ready.event_id, ready.tenant, ready.body)

    def _report_losses(self) -> None:
        run = self._begin()
        for stream in run.streams.all():
            if stream.lost > stream.reported and not run.pipeline.queue.stats.away:
                self._report(run, stream, end=False)

    def _report(self, run: ClientRun, stream: NumberedStream, *, end: bool) -> None:
        """Report a stream to the log; its last event if `end`."""
        now_us = time.time_ns() // 1000
        lost = stream.lost
        event = stats_event(self.options, stream, self.stats(), context.new_id(), now_us)
        ready = self._preparer.finish(event, now_us)
        if ready.refused:  # pragma: no cover - it is built from checked options
            return
        _, taken = run.submit(ready.event_id, ready.tenant, ready.body, end=end)
        if taken:
            stream.reported = lost
            stream.lost_ranges.clear()

    def _renew(self) -> None:
        """In a forked child: begin anew with the first event, and leave the parent's run alone."""
        run, self._run = self._run, None
        self._run_lock = threading.Lock()  # guards: as the one before, which a thread may hold
        self._preparer = EventPreparer(self.options)
        if run is not None:
            run.abandon()


_FOREVER_US = 2**62
_LEAST_STOP_S = 0.5
_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()


def _too_late(options: Options) -> NotDurableError:
    return NotDurableError(
        f"no receipt and no committed spool within {options.durable_timeout_s:g} s",
        hint="refuse the act; the event may still reach the log",
    )


def _renew_all() -> None:
    for client in list(_clients):
        client._renew()  # noqa: SLF001 - the same module


def _close_all() -> None:
    for client in list(_clients):
        client.close()


os.register_at_fork(after_in_child=_renew_all)
atexit.register(_close_all)
