"""Append: the one writer of entries. Many requests share one durable transaction.

A1 the time never goes back; A2 entries get their time and number; A3 one transaction over all
logs; A4 receipts, then the replies. No tree is hashed here. The decisions are made by
`services.writer.plan`; this module reads what they need and stores what they say.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.entry import VOID_QUARANTINED, ControlEntry
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import StorageError, StreamConflictError, UnavailableError, VitneError
from vitne.ports import (
    AppendTransaction,
    Clock,
    Count,
    ObjectStore,
    RecordStore,
    Seen,
    StreamState,
)
from vitne.services.log.keys import LogKeys
from vitne.services.log.names import Logs
from vitne.services.writer.control_entries import key_entries, untimed
from vitne.services.writer.pending_request import Ticket
from vitne.services.writer.plan import LATE_US, LogPlanner
from vitne.services.writer.prepared import Act, Draft, Placed, Sheaf
from vitne.services.writer.queue import WaitingRoom
from vitne.services.writer.receipts import Receipts
from vitne.services.writer.refusals import Incident, error_of, incident_of, streams_of

_LOG = logging.getLogger("vitne.append")

CLAMP_ALARM_US = 1_000_000
"""A clock that stands back further than this is an alarm (A1)."""

_CONTROL_WAIT_S = 30.0

ConflictDraft = Callable[[LogId, Draft], Draft]
"""Makes the `system.id.conflict` event about a refused one."""
IncidentDraft = Callable[[LogId, Incident], Draft]
"""Makes the event about something that a sender signed and the log did not take."""


class AppendLimits(Struct, frozen=True):
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


class _Part(NamedTuple):
    """One request's sheaf of a log, and what became of it."""

    ticket: Ticket
    log: LogId
    placed: Placed


class Append:
    """The writer. `put` from any thread; `write` belongs to the writer thread."""

    def __init__(  # noqa: PLR0913 - its parts, given by name in wiring
        self,
        *,
        store: RecordStore,
        objects: ObjectStore,
        keys: LogKeys,
        clock: Clock,
        logs: Logs,
        conflict: ConflictDraft,
        incident: IncidentDraft,
        limits: AppendLimits = AppendLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._logs = logs
        self._conflict = conflict
        self._incident = incident
        self._limits = limits
        self._receipts = Receipts(store, objects, keys)
        self._waiting = WaitingRoom[Ticket](limits.queue_events, limits.queue_bytes)
        self._thread = threading.Thread(target=self._run, name="vitne-writer")
        self.stats = WriterStats()

    @property
    def waiting(self) -> WaitingRoom[Ticket]:
        """Where requests wait."""
        return self._waiting

    @property
    def is_alive(self) -> bool:
        """Whether the writer thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin writing what waits."""
        self._thread.start()

    def close(self) -> None:
        """Take no more, write what waits, stop."""
        self._waiting.close()
        if self._thread.is_alive():
            self._thread.join()

    def create(self, log: LogId) -> None:
        """Make a log with its key entries, durably; nothing happens if it exists.

        Killed in between, the key entries are written before anything else.
        """
        self._store.create_log(log, self._logs.name(log), self._clock.now_us())
        with self._store.append() as tx:
            if tx.tail(log).next_index == 0:
                self._write_log(tx, log, [], self._clock.now_us())

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
        return self._wait(log, Sheaf(log, [], controls=made), sum(map(len, made)))

    def act(self, log: LogId, act: Act) -> LeafIndex:
        """Place one act about a stream or a source's key, durably; where it stands.

        Raises:
            SenderRefusedError, StreamConflictError: it cannot stand in the log.
            UnavailableError, NotFoundError: as `control`.
        """
        return self._wait(log, Sheaf(log, [], acts=[act]), len(act.entry))[0]

    def tell(self, log: LogId, incident: Incident) -> None:
        """Append the event about an incident, durably. Errors as `control`."""
        draft = self._incident(log, incident)
        self._wait(log, Sheaf(log, [draft]), len(draft.entry))

    def _wait(self, log: LogId, sheaf: Sheaf, weight_bytes: int) -> Sequence[LeafIndex]:
        """Store a sheaf of the house's own, and return where its control entries stand."""
        ticket = Ticket([sheaf], {}, [None] * len(sheaf.drafts), weight_bytes)
        if self._thread.is_alive():
            self._waiting.put(ticket)
        else:  # nobody writes: a house that is not started
            self.write([ticket])
        try:
            ticket.future.result(timeout=_CONTROL_WAIT_S)
        except TimeoutError:
            raise UnavailableError(
                "the writer did not answer in time", where=log, hint="look, then try again"
            ) from None
        return ticket.controls.get(log, ())

    def write(self, group: Sequence[Ticket]) -> None:
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
            for ticket in group:
                self.write([ticket])
            return
        self._settle(group, parts)
        busy_s = time.perf_counter() - started
        events = sum(ticket.events for ticket in group)
        self._waiting.note_rate(events / max(busy_s, 1e-6))
        old = self.stats
        self.stats = replace(
            old,
            groups=old.groups + 1,
            requests=old.requests + len(group),
            accepted=old.accepted + sum(len(part.placed.accepted) for part in parts),
            duplicate=old.duplicate + sum(len(part.placed.doubles) for part in parts),
            last_error="",
            busy_s=old.busy_s + busy_s,
        )

    def _run(self) -> None:
        while group := self._waiting.take(self._limits.commit_events):
            self.write(group)

    def _store_group(self, group: Sequence[Ticket]) -> list[_Part]:
        self._check_room()
        by_log: dict[LogId, list[tuple[Ticket, Sheaf | None]]] = {}
        for ticket in group:
            for sheaf in ticket.sheaves:
                by_log.setdefault(sheaf.log, []).append((ticket, sheaf))
            for log in ticket.counts:
                by_log.setdefault(log, []).append((ticket, None))
        parts: list[_Part] = []
        with self._store.append() as tx:
            now_us = self._clock.now_us()
            for log, brought in by_log.items():
                sheaves = [(ticket, sheaf) for ticket, sheaf in brought if sheaf is not None]
                placed = self._write_log(tx, log, [sheaf for _, sheaf in sheaves], now_us)
                parts += [
                    _Part(ticket, log, one)
                    for (ticket, _), one in zip(sheaves, placed, strict=True)
                ]
                for ticket in (ticket for ticket, sheaf in brought if sheaf is None):
                    tx.add_counts(log, ticket.counts[log])
        return parts

    def _check_room(self) -> None:
        free = self._objects.free_bytes()
        if free < self._limits.free_bytes:
            raise StorageError(
                f"{free} bytes are free on disk; {self._limits.free_bytes} are kept for publishing",
                hint="free some space; nothing was stored, send the request again",
                retry_after_s=30,
            )

    def _write_log(
        self, tx: AppendTransaction, log: LogId, sheaves: Sequence[Sheaf], now_us: int
    ) -> list[Placed]:
        """A1 to A3 for one log; what became of each sheaf."""
        tail = tx.tail(log)
        recorded_us = max(now_us, tail.last_recorded_us)
        if recorded_us > now_us:
            self._count_clamp(log, recorded_us - now_us)
        planner = LogPlanner(
            tail,
            recorded_us,
            *_known(tx, log, sheaves),
            tx.told_keys(log) if any(one.batch or one.acts for one in sheaves) else {},
            self._limits.late_us,
        )
        if tail.next_index == 0:
            keys, origin = self._keys, self._logs.origin(log)
            for entry in key_entries(keys, log, origin, recorded_us):
                planner.control(entry)
        placed = [planner.add(sheaf) for sheaf in sheaves]
        refused = [self._conflict(log, draft) for one in placed for draft in one.conflicts]
        refused += [
            self._incident(log, incident_of(sheaf, one.refusal))
            for one, sheaf in zip(placed, sheaves, strict=True)
            if one.refusal is not None and one.refusal.incident
        ]
        if refused:
            about = Sheaf(log, refused)
            seen, streams, _ = _known(tx, log, [about])
            planner.learn(seen, streams)
            planner.add(about)
        plan = planner.plan()
        tx.insert(log, plan.records, plan.digests)
        if plan.streams:
            tx.save_streams(log, plan.streams)
        if plan.told_keys:
            tx.tell_keys(log, plan.told_keys)
        if plan.asides:
            tx.keep_aside(log, plan.asides)
        counts = _refusals(placed, sheaves)
        if counts:
            tx.add_counts(log, counts)
        return placed

    def _settle(self, group: Sequence[Ticket], parts: Sequence[_Part]) -> None:
        """A4: sign the receipts, then resolve every future of the group."""
        failed: dict[int, Exception] = {}
        for ticket, log, placed in parts:
            if placed.refusal is not None:
                failed[id(ticket)] = error_of(placed.refusal)
                continue
            try:
                self._receipts.settle(ticket, log, self._logs.origin(log), placed)
            except StreamConflictError as found:
                failed[id(ticket)] = found
            except VitneError as found:
                # It is stored, but cannot be told; the sender's retry finds duplicates.
                _LOG.exception("a receipt could not be made")
                failed[id(ticket)] = found
        for ticket in group:
            if error := failed.get(id(ticket)) or ticket.refusal:
                ticket.future.set_exception(error)
            else:
                ticket.future.set_result(ticket.reply())

    def _fail(self, group: Sequence[Ticket], error: Exception) -> None:
        old = self.stats
        said = f"{error.code}: {error}" if isinstance(error, VitneError) else repr(error)
        self.stats = replace(old, failures=old.failures + 1, last_error=said)
        for ticket in group:
            ticket.future.set_exception(error)

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


_Known = tuple[dict[bytes, Seen], dict[bytes, StreamState], dict[bytes, LeafIndex]]


def _known(tx: AppendTransaction, log: LogId, sheaves: Sequence[Sheaf]) -> _Known:
    """What the store knows of the ids, streams and digests in the sheaves."""
    ids = [draft.event_id for sheaf in sheaves for draft in sheaf.drafts]
    streams = {draft.stream.stream_id for sheaf in sheaves for draft in sheaf.drafts}
    voids = [void for sheaf in sheaves for void in sheaf.voids]
    streams.update(void.stream.stream_id for void in voids)
    for sheaf in sheaves:
        if sheaf.batch is not None:
            streams.add(sheaf.batch.stream.stream_id)
        for act in sheaf.acts:
            streams.update(streams_of(act))
    digests = [void.digest for void in voids if void.reason == VOID_QUARANTINED]
    return (
        tx.seen(log, ids) if ids else {},
        tx.streams(log, sorted(streams)) if streams else {},
        tx.kept_aside(log, digests) if digests else {},
    )


def _refusals(placed: Sequence[Placed], sheaves: Sequence[Sheaf]) -> dict[Count, int]:
    """Counts of what the plan refused: repeats and conflicts."""
    counts: dict[Count, int] = {}
    for one, sheaf in zip(placed, sheaves, strict=True):
        if one.refusal is not None and sheaf.batch is not None:
            key = (sheaf.batch.stream.source, "", f"rejected.{one.refusal.problem.code}")
            counts[key] = counts.get(key, 0) + max(1, len(sheaf.drafts))
        if not one.refused:
            continue
        about = {draft.position: draft for draft in sheaf.drafts}
        for position, _, problem in one.refused:
            draft = about.get(position)
            source = draft.stream.source if draft else ""
            key = (source, draft.facets.type if draft else "", f"rejected.{problem.code}")
            counts[key] = counts.get(key, 0) + 1
    return counts
