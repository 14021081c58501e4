"""The one writer of entries. Many requests share one durable transaction.

In this order: the time of the group, which never goes back; the place of each entry in its log; one
transaction over all logs; receipts; replies. No tree is hashed here. The decisions are made by
`services.writer.plan`; this module reads what they need and stores what they say.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.entry import ControlEntry
from vitne.core.values import LeafIndex, LogId
from vitne.errors import StorageError, StreamConflictError, UnavailableError, VitneError
from vitne.ports import AppendTransaction, Ports
from vitne.services.log import Logs
from vitne.services.writer.control_entries import key_entries, untimed
from vitne.services.writer.pending_request import PendingRequest
from vitne.services.writer.plan import LATE_US, EventPlanner
from vitne.services.writer.planned_log import LogWrites, PlannedLog, read_known
from vitne.services.writer.prepared import LogBatch, PlannedBatch, PreparedEvent, StreamAct
from vitne.services.writer.queue import RequestQueue
from vitne.services.writer.receipts import ReceiptSigner
from vitne.services.writer.refusals import Incident, count_refusals, error_of, incident_of
from vitne.services.writer.stream_acts import StreamActPlanner

_LOG = logging.getLogger("vitne.append")

CLAMP_ALARM_US = 1_000_000
"""A clock that stands back further than this is an alarm."""

_CONTROL_WAIT_S = 30.0

ConflictEvent = Callable[[LogId, PreparedEvent], PreparedEvent]
"""Makes the `system.id.conflict` event about a refused one."""
IncidentEvent = Callable[[LogId, Incident], PreparedEvent]
"""Makes the event about something that a sender signed and the log did not take."""


class WriterLimits(Struct, frozen=True):
    """Bounds of the writer."""

    queue_events: int = 50_000
    queue_bytes: int = 64 * 1024 * 1024
    commit_events: int = 4_000
    """Most of one transaction."""
    free_bytes: int = 256 * 1024 * 1024
    """Disk that publishing needs; below it nothing is taken."""
    late_us: int = LATE_US
    """An event recorded longer than this after it happened is counted as late."""


class WriterStats(Struct, frozen=True):
    """What the writer did since the start."""

    groups: int = 0
    requests: int = 0
    accepted: int = 0
    duplicate: int = 0
    clamps: int = 0
    """Groups whose time was set to that of the entry before, since the clock stood back."""
    clamp_alarms: int = 0
    """Those that stood back by more than a second."""
    clamp_max_us: int = 0
    failures: int = 0
    """Groups that were not stored."""
    last_error: str = ""
    """Of the newest failure; `""` once a group was stored again."""
    busy_s: float = 0.0


_Part = tuple[PendingRequest, LogId, PlannedBatch]
"""One request's batch of a log, and what became of it."""


class Writer:
    """The writer. `put` from any thread; `write` belongs to the writer thread."""

    def __init__(
        self,
        ports: Ports,
        *,
        logs: Logs,
        conflict: ConflictEvent,
        incident: IncidentEvent,
        limits: WriterLimits = WriterLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._ports = ports
        self._logs = logs
        self._conflict = conflict
        self._incident = incident
        self._limits = limits
        self._receipts = ReceiptSigner(ports, logs)
        self.queue = RequestQueue[PendingRequest](limits.queue_events, limits.queue_bytes)
        """In which requests wait."""
        self._thread = threading.Thread(target=self._run, name="vitne-writer")
        self.stats = WriterStats()

    @property
    def is_alive(self) -> bool:
        """Whether the writer thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin writing what waits."""
        self._thread.start()

    def close(self) -> None:
        """Take no more, write what waits, stop."""
        self.queue.close()
        if self._thread.is_alive():
            self._thread.join()

    def create(self, log: LogId) -> None:
        """Make a log with its key entries, durably; nothing happens if it exists.

        Killed in between, the key entries are written before anything else.
        """
        self._ports.store.create_log(log, self._logs.name(log), self._ports.clock.now_us())
        with self._ports.store.append() as tx:
            if tx.tail(log).next_index == 0:
                self._write_log(tx, log, [], self._ports.clock.now_us())

    def control(self, log: LogId, entries: Sequence[ControlEntry]) -> Sequence[LeafIndex]:
        """Append entries of the log's own, durably and next to each other; where they stand.

        Args:
            log: an existing one.
            entries: `recorded_us` is set by the writer, and an `occurred_us` of 0 too.

        Raises:
            UnavailableError: not stored, or not known in time whether it was.
            NotFoundError: no such log.
        """
        made = [untimed(entry) for entry in entries]
        return self._wait(log, LogBatch(log, [], controls=made), sum(map(len, made)))

    def place_stream_act(self, log: LogId, act: StreamAct) -> LeafIndex:
        """Place one act about a stream or a source's key, durably; where it stands.

        Raises:
            SenderRefusedError, StreamConflictError: it cannot stand in the log.
            UnavailableError, NotFoundError: as `control`.
        """
        return self._wait(log, LogBatch(log, [], acts=[act]), len(act.entry))[0]

    def record_incident(self, log: LogId, incident: Incident) -> None:
        """Append the event about an incident, durably. Errors as `control`."""
        event = self._incident(log, incident)
        self._wait(log, LogBatch(log, [event]), len(event.entry))

    def _wait(self, log: LogId, batch: LogBatch, weight_bytes: int) -> Sequence[LeafIndex]:
        """Store a batch of the server's own, and return where its control entries stand."""
        request = PendingRequest([batch], {}, [None] * len(batch.events), weight_bytes)
        if self._thread.is_alive():
            self.queue.put(request)
        else:  # nobody writes: a server that is not started
            self.write([request])
        try:
            request.future.result(timeout=_CONTROL_WAIT_S)
        except TimeoutError:
            raise UnavailableError(
                "the writer did not answer in time", where=log, hint="look, then try again"
            ) from None
        return request.controls.get(log, ())

    def write(self, group: Sequence[PendingRequest]) -> None:
        """Store a group of requests in one transaction, and settle their futures.

        A request that fails by itself does not take the others with it.
        """
        started = time.perf_counter()
        try:
            parts = self._store_group(group)
        except UnavailableError as error:
            self._fail(group, error)
            return
        except Exception as error:  # noqa: BLE001 - told to whoever waits, and logged
            if len(group) == 1:
                _LOG.exception("a request could not be stored")
                self._fail(group, error)
                return
            for request in group:
                self.write([request])
            return
        self._settle(group, parts)
        busy_s = time.perf_counter() - started
        events = sum(request.events for request in group)
        self.queue.note_rate(events / max(busy_s, 1e-6))
        old = self.stats
        self.stats = replace(
            old,
            groups=old.groups + 1,
            requests=old.requests + len(group),
            accepted=old.accepted + sum(len(planned.accepted) for _, _, planned in parts),
            duplicate=old.duplicate + sum(len(planned.doubles) for _, _, planned in parts),
            last_error="",
            busy_s=old.busy_s + busy_s,
        )

    def _run(self) -> None:
        while group := self.queue.take(self._limits.commit_events):
            self.write(group)

    def _store_group(self, group: Sequence[PendingRequest]) -> list[_Part]:
        self._check_room()
        by_log: dict[LogId, list[tuple[PendingRequest, LogBatch]]] = {}
        for request in group:
            for batch in request.batches:
                by_log.setdefault(batch.log, []).append((request, batch))
        parts: list[_Part] = []
        with self._ports.store.append() as tx:
            now_us = self._ports.clock.now_us()
            for log, brought in by_log.items():
                planned = self._write_log(tx, log, [batch for _, batch in brought], now_us)
                parts += [
                    (request, log, one) for (request, _), one in zip(brought, planned, strict=True)
                ]
            for request in group:
                for log, counts in request.counts.items():
                    tx.add_counts(log, counts)
        return parts

    def _check_room(self) -> None:
        free = self._ports.objects.free_bytes()
        if free < self._limits.free_bytes:
            raise StorageError(
                f"{free} bytes are free on disk; {self._limits.free_bytes} are kept for publishing",
                hint="free some space; nothing was stored, send the request again",
                retry_after_s=30,
            )

    def _write_log(
        self, tx: AppendTransaction, log: LogId, batches: Sequence[LogBatch], now_us: int
    ) -> list[PlannedBatch]:
        """Plan and write what comes to one log; what became of each batch."""
        tail = tx.tail(log)
        recorded_us = max(now_us, tail.last_recorded_us)
        if recorded_us > now_us:
            self._count_clamp(log, recorded_us - now_us)
        known = read_known(tx, log, batches)
        names_keys = any(batch.signed or batch.acts for batch in batches)
        plan = PlannedLog(
            tail, recorded_us, known.streams, tx.announced_keys(log) if names_keys else {}
        )
        events = EventPlanner(plan, known.seen, known.kept, self._limits.late_us)
        acts = StreamActPlanner(plan)
        if tail.next_index == 0:
            for entry in key_entries(self._logs, log, recorded_us):
                plan.place_control(entry)
        planned = [
            acts.place(batch.acts) if batch.acts else events.place(batch) for batch in batches
        ]
        if refused := self._events_about_refused(log, batches, planned):
            about = LogBatch(log, refused)
            known = read_known(tx, log, [about])
            plan.know(known.streams)
            events.learn(known.seen)
            events.place(about)
        _write(tx, log, plan.writes())
        counts = count_refusals(planned, batches)
        if counts:
            tx.add_counts(log, counts)
        return planned

    def _events_about_refused(
        self, log: LogId, batches: Sequence[LogBatch], planned: Sequence[PlannedBatch]
    ) -> list[PreparedEvent]:
        """The events of the log's own about id conflicts, then about what was signed."""
        events = [self._conflict(log, event) for part in planned for event in part.conflicts]
        for part, batch in zip(planned, batches, strict=True):
            if part.refusal is not None and part.refusal.incident:
                events.append(self._incident(log, incident_of(batch, part.refusal)))
        return events

    def _settle(self, group: Sequence[PendingRequest], parts: Sequence[_Part]) -> None:
        """Sign the receipts, then resolve every future of the group."""
        failed: dict[int, Exception] = {}
        for request, log, planned in parts:
            if planned.refusal is not None:
                failed[id(request)] = error_of(planned.refusal)
                continue
            try:
                self._receipts.settle(request, log, self._logs.origin(log), planned)
            except StreamConflictError as found:
                failed[id(request)] = found
            except VitneError as found:
                # It is stored, but cannot be told; the sender's retry finds duplicates.
                _LOG.exception("a receipt could not be made")
                failed[id(request)] = found
        for request in group:
            if error := failed.get(id(request)) or request.refusal:
                request.future.set_exception(error)
            else:
                request.future.set_result(request.reply())

    def _fail(self, group: Sequence[PendingRequest], error: Exception) -> None:
        old = self.stats
        said = f"{error.code}: {error}" if isinstance(error, VitneError) else repr(error)
        self.stats = replace(old, failures=old.failures + 1, last_error=said)
        for request in group:
            request.future.set_exception(error)

    def _count_clamp(self, log: LogId, by_us: int) -> None:
        old = self.stats
        alarm = by_us > CLAMP_ALARM_US
        if alarm:
            _LOG.warning("the clock stands %d us behind the last entry of log %s", by_us, log)
        self.stats = replace(
            old,
            clamps=old.clamps + 1,
            clamp_alarms=old.clamp_alarms + alarm,
            clamp_max_us=max(old.clamp_max_us, by_us),
        )


def _write(tx: AppendTransaction, log: LogId, writes: LogWrites) -> None:
    tx.insert(log, writes.records, writes.digests)
    if writes.streams:
        tx.save_streams(log, writes.streams)
    if writes.announced_keys:
        tx.announce_keys(log, writes.announced_keys)
    if writes.asides:
        tx.keep_aside(log, writes.asides)
