"""Preparing one request: each event becomes one to place, a void, or a result that needs no log."""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from vitne.actions.worth_logging import not_worthy, retention_class
from vitne.core.entry.assemble import Assembler, Prepared
from vitne.core.entry.commit import KEY_BYTES
from vitne.core.entry.entry import VOID_QUARANTINED, VOID_REJECTED
from vitne.core.entry.keys import KeyCache, stream_id
from vitne.core.event.body import SentEvent, raw_part
from vitne.core.event.event import Problem, ValidEvent
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.trust import UNDECLARED
from vitne.core.event.validate import validate_event
from vitne.core.values import LogId, encode_canonical, personal_cache, uuid_text
from vitne.ports import ApiKey, Clock, Count, IdSource, Seen
from vitne.services.intake.dedupe_window import Find, may_be_forgotten, same_event
from vitne.services.log import FIRST_EPOCH, Logs
from vitne.services.writer import (
    SERVER_STREAM,
    Arrival,
    LogBatch,
    PendingRequest,
    PreparedEvent,
    PreparedVoid,
    StreamRef,
)
from vitne.wire.events import EventResult


class _Request:
    """One request while it is prepared."""

    def __init__(
        self, key: ApiKey, source: SourceRegistration, arrival: Arrival, context: IntakeContext
    ) -> None:
        self.key = key
        self.source = source
        self.arrival = arrival
        self.context = context
        self.person_record = person_record(arrival.peer_ip)
        self.results: list[EventResult | None] = []
        self.events: dict[LogId, list[PreparedEvent]] = {}
        self.voids: dict[LogId, list[PreparedVoid]] = {}
        self.archived: dict[LogId, dict[bytes, Seen]] = {}
        self.counts: dict[LogId, dict[Count, int]] = {}

    def count(self, log: LogId, event_type: str, reason: str) -> None:
        """One more that is not in the log as an event."""
        counts = self.counts.setdefault(log, {})
        name = (self.source.source_id, event_type, reason)
        counts[name] = counts.get(name, 0) + 1


class Preparer:
    """Prepares requests. Any thread may call."""

    def __init__(
        self,
        *,
        logs: Logs,
        clock: Clock,
        ids: IdSource,
        sealed: Find,
        dedupe_us: int,
    ) -> None:
        self.logs = logs
        self._clock = clock
        self._ids = ids
        self._sealed = sealed
        self._dedupe_us = dedupe_us
        self._cache = KeyCache()
        self._assemblers: dict[LogId, Assembler] = {}
        self.stream = lru_cache(4096)(self._make_stream)

    def prepare(
        self,
        items: Sequence[SentEvent],
        weight_bytes: int,
        key: ApiKey,
        source: SourceRegistration,
        arrival: Arrival,
    ) -> PendingRequest:
        """Prepare one request; nothing is stored yet."""
        context = self.context(key, source, arrival)
        request = _Request(key, source, arrival, context)
        request.results = [None] * len(items)
        record_keys = self._ids.random_bytes(KEY_BYTES * len(items))
        for position, item in enumerate(items):
            found = validate_event(item.event, context, position)
            if isinstance(found, ValidEvent):
                record_key = record_keys[position * KEY_BYTES : (position + 1) * KEY_BYTES]
                self._take(request, position, item, found, record_key)
            elif isinstance(found, Rejected):
                self._reject(request, position, item, found)
            else:
                self._quarantine(request, position, item, found)
        logs = [*request.events, *(log for log in request.voids if log not in request.events)]
        batches = [
            LogBatch(
                log,
                request.events.get(log, ()),
                request.voids.get(log, ()),
                request.archived.get(log, {}),
            )
            for log in logs
        ]
        return PendingRequest(batches, request.counts, request.results, weight_bytes)

    def context(self, key: ApiKey, source: SourceRegistration, arrival: Arrival) -> IntakeContext:
        """What validation is given of a request."""
        return IntakeContext(
            now_us=self._clock.now_us(),
            registration=source,
            fresh=self._ids.random_bytes,
            pseudonym=self.logs.pseudonym,
            tenants=key.tenants,
            default_tenant=key.tenants[0] if len(key.tenants) == 1 else "",
            peer_ip=arrival.peer_ip,
            traceparent=arrival.traceparent,
            idempotency_key=arrival.idempotency_key,
        )

    def _take(
        self,
        request: _Request,
        position: int,
        item: SentEvent,
        event: ValidEvent,
        record_key: bytes,
    ) -> None:
        log = LogId(event.tenant)
        fault = self.fault(log, event.stream_name)
        if fault:
            self._reject(request, position, item, _as_rejected(event, fault))
            return
        reason = not_worthy(event)
        if reason:
            request.count(log, event.type, f"dropped.{reason}")
            event_id = uuid_text(event.event_id)
            request.results[position] = EventResult("dropped", event_id, log, reason=reason)
            return
        assembled = self.assembler(log).prepare(
            event,
            core_record(
                event.source_id,
                request.arrival.auth,
                event.filled,
                event.warnings,
                retention_class(event),
            ),
            raw_part(item.raw),
            request.person_record,
            record_key,
        )
        stream = self.stream(log, event.source_id, event.stream_name, _numbered_for(request.key))
        prepared = prepared_event(position, event, stream, assembled, record_key, item.event)
        events = request.events.get(log)
        if events is None:
            events = request.events[log] = []
        events.append(prepared)
        if event.warnings and UNDECLARED in event.warnings:
            request.count(log, event.type, UNDECLARED)
        seen = self.sealed_before(log, prepared, request.context.now_us)
        if seen is not None:
            request.archived.setdefault(log, {})[event.event_id] = seen

    def sealed_before(self, log: LogId, event: PreparedEvent, now_us: int) -> Seen | None:
        """What a segment holds under the id of an event, if that is old enough to be only there."""
        if not may_be_forgotten(event.event_id, now_us - self._dedupe_us):
            return None
        record = self._sealed(log, event.event_id)
        if record is None:
            return None
        digest = event.digest if same_event(record.parts, event.parts) else b""
        return Seen(record.index, digest, record.recorded_us)

    def fault(self, log: LogId, stream_name: str) -> Problem | None:
        """What validation cannot know: which tenants exist, which stream names are ours."""
        if not self.logs.exists(log):
            return Problem(
                "tenant_not_allowed", "$.tenant.id", "a tenant of this server", "another"
            )
        if stream_name.startswith(SERVER_STREAM):
            return Problem(
                "bad_format", "$.stream.id", f"no name that starts with {SERVER_STREAM}", "one"
            )
        return None

    def _reject(self, request: _Request, position: int, item: SentEvent, found: Rejected) -> None:
        request.results[position] = EventResult("rejected", found.id, problems=found.problems)
        log = LogId(found.tenant)
        if not self.logs.exists(log):
            return
        request.count(log, found.type, f"rejected.{found.problems[0].code}")
        name = found.stream_name
        if name and found.stream_seq and not name.startswith(SERVER_STREAM):
            source_id = request.source.source_id
            void = PreparedVoid(
                position,
                found.id,
                VOID_REJECTED,
                sha256(item.event).digest(),
                self.stream(log, source_id, name, ""),
                found.stream_seq,
            )
            request.voids.setdefault(log, []).append(void)

    def _quarantine(
        self, request: _Request, position: int, item: SentEvent, found: Quarantined
    ) -> None:
        log = LogId(found.tenant)
        event_id = uuid_text(found.event_id)
        fault = self.fault(log, found.stream_name)
        if fault:
            rejected = Rejected((fault,), event_id, "", found.type)
            self._reject(request, position, item, rejected)
            return
        void = PreparedVoid(
            position,
            event_id,
            VOID_QUARANTINED,
            sha256(item.event).digest(),
            self.stream(
                log, request.source.source_id, found.stream_name, _numbered_for(request.key)
            ),
            found.stream_seq,
            found.reason,
            item.event,
        )
        request.voids.setdefault(log, []).append(void)

    def assembler(self, log: LogId) -> Assembler:
        """What makes the entries of a log."""
        found = self._assemblers.get(log)
        if found is None:
            key = self.logs.index_secret(log)
            found = Assembler(self.logs.origin(log), key, FIRST_EPOCH, self._cache)
            self._assemblers[log] = found
        return found

    def _make_stream(self, log: LogId, source_id: str, name: str, numbered_for: str) -> StreamRef:
        """The sender's stream, or the one that the log keeps for a key."""
        given = name or SERVER_STREAM + numbered_for
        return StreamRef(
            stream_id(self.logs.origin(log), source_id, given), source_id, given, bool(name)
        )


def _numbered_for(key: ApiKey) -> str:
    """For whom the server numbers a stream: a key, or a part of Vitne itself."""
    return key.id or key.name


def prepared_event(
    position: int,
    event: ValidEvent,
    stream: StreamRef,
    assembled: Prepared,
    record_key: bytes,
    sent: bytes,
) -> PreparedEvent:
    """An event that is ready for the writer."""
    return PreparedEvent(
        position, uuid_text(event.event_id), event.event_id, event.digest, stream, event.stream_seq,
        assembled.entry, record_key, assembled.parts, event.facets, sent, event.warnings,
    )  # fmt: skip


def _as_rejected(event: ValidEvent, fault: Problem) -> Rejected:
    return Rejected(
        (fault,),
        uuid_text(event.event_id),
        event.tenant,
        event.type,
        event.stream_name,
        event.stream_seq,
    )


@personal_cache(1024)
def person_record(peer_ip: str) -> bytes:
    """The person section's record part; `b""` without an address."""
    return encode_canonical({"peer_ip": peer_ip}) if peer_ip else b""


@lru_cache(1024)
def core_record(
    source_id: str,
    auth: str,
    filled: tuple[str, ...],
    warnings: tuple[str, ...],
    retention: str,
    signed_by: str = "",
) -> bytes:
    """The core section's record part (event-schema §3.1) of an accepted event."""
    members: dict[str, object] = {
        "source_id": source_id,
        "auth": auth,
        "status": "accepted",
        "retention_class": retention,
    }
    if UNDECLARED in warnings:
        members["declared"] = False
    if signed_by:
        members["signed_by"] = signed_by
    if filled:
        members["filled"] = list(filled)
    if warnings:
        members["warnings"] = list(warnings)
    return encode_canonical(members)
