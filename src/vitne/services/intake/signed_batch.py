"""Preparing a signed batch: is it what was signed, is every event of it complete and clean?

Everything is computed anew from what was sent: the leaves of the events, in mode full their lookup
keys too, and the root over them. Whatever differs, the batch is refused whole; nothing is repaired.
What only the stream's state can tell (is it open, is this its key, what came before) is decided in
the transaction (`services/writer/plan`).
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.actions.worth_logging import retention_class
from vitne.core.entry.assemble import event_root
from vitne.core.entry.batch import BatchHead, split_batch
from vitne.core.entry.entry import VOID_QUARANTINED, VOID_REJECTED
from vitne.core.entry.sender import batch_message, message_hash, verify_sender, view_of
from vitne.core.event.event import Problem, ValidEvent
from vitne.core.event.intake import Quarantined, Rejected, SourceRegistration
from vitne.core.event.trust import UNDECLARED
from vitne.core.event.validate import MAX_PROBLEMS, validate_event
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.signature import ED25519, key_id_of
from vitne.core.values import LogId, Origin, uuid_text
from vitne.errors import DecodeError, TenantNotAllowedError, VerificationError
from vitne.ports import ApiKey, Count, Seen
from vitne.services.intake.events import Preparer, core_record, person_record, prepared_event
from vitne.services.intake.system_events import SystemEvents
from vitne.services.log import FIRST_EPOCH
from vitne.services.writer import (
    Arrival,
    Incident,
    LogBatch,
    PendingRequest,
    PreparedEvent,
    PreparedVoid,
    SignedBatch,
    StreamRef,
    refused,
    untimed,
)

_SCRUBBED: Final = frozenset({"forbidden_removed", "id_pseudonymised"})


class _Work(Struct, frozen=True):
    """One batch while it is prepared."""

    log: LogId
    origin: Origin
    head: BatchHead
    signed: SignedBatch
    body_bytes: int


class BatchPreparer:
    """Prepares signed batches. Any thread may call."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer
        self._logs = preparer.logs
        self._events = SystemEvents(preparer)

    def prepare(
        self, body: bytes, key: ApiKey, source: SourceRegistration, arrival: Arrival
    ) -> PendingRequest:
        """Prepare one batch. It may be one that stores why it is refused.

        Raises:
            UnreadableBodyError: the body is no batch.
            TooLargeError: too many events or bytes.
            TenantNotAllowedError: the key is not for this tenant, or there is none.
            SenderRefusedError: no stream of a sender can have this name.
        """
        head, items = split_batch(body)
        log = LogId(head.tenant)
        if not key.covers(log) or not self._logs.exists(log):
            raise TenantNotAllowedError("the API key is not for this tenant", where=head.tenant)
        fault = self._preparer.fault(log, head.stream)
        if fault is not None:
            raise refused(fault, where=head.stream)
        work = self._work(log, head, source, len(body))
        try:
            verify_sender(work.origin, head.entry(work.signed.stream.stream_id), head.key)
        except (VerificationError, DecodeError):
            return self._incident(work, Problem("bad_signature", "$.sig", "the sender's", "none"))
        if head.mode == "full" and head.epoch != FIRST_EPOCH:
            problem = Problem("wrong_epoch", "$.epoch", str(FIRST_EPOCH), str(head.epoch))
            return self._refuse(work, (problem,), ())
        return self._judge(work, items, key, source, arrival)

    def _work(
        self, log: LogId, head: BatchHead, source: SourceRegistration, body_bytes: int
    ) -> _Work:
        origin = self._logs.origin(log)
        stream = self._preparer.stream(log, source.source_id, head.stream, "")
        entry = head.entry(stream.stream_id)
        hash_ = message_hash(batch_message(origin, entry))
        signed = SignedBatch(
            stream, head.mode, head.key, untimed(entry), head.first, head.last, head.prev, hash_
        )
        return _Work(log, origin, head, signed, body_bytes)

    # ------------------------------------------------------------ the events

    def _judge(
        self,
        work: _Work,
        items: Sequence[bytes],
        key: ApiKey,
        source: SourceRegistration,
        arrival: Arrival,
    ) -> PendingRequest:
        """Every event by the rules, then the root over all."""
        # The server fills nothing in, so what the registration would fill is not asked for.
        context = replace(
            self._preparer.context(key, replace(source, faces_user=False), arrival),
            tenants=(work.log,),
            default_tenant=work.log,
            idempotency_key="",
        )
        events: list[ValidEvent] = []
        problems: list[Problem] = []
        voids: list[PreparedVoid] = []
        for position, item in enumerate(items):
            found = validate_event(item, context, position)
            faults = _faults(found, work.head, position)
            if faults or not isinstance(found, ValidEvent):
                problems += (_in_batch(fault, position) for fault in faults)
                voids.append(_void(work, position, item, found))
            else:
                events.append(found)
        if problems:
            return self._refuse(work, tuple(problems[:MAX_PROBLEMS]), voids)
        return self._take(work, events, items, arrival, context.now_us)

    def _take(
        self,
        work: _Work,
        events: Sequence[ValidEvent],
        items: Sequence[bytes],
        arrival: Arrival,
        now_us: int,
    ) -> PendingRequest:
        """Prepare the events; the root over the sender's views must be the signed one."""
        head, leaves, prepared_events = work.head, list[bytes](), list[PreparedEvent]()
        assembler = self._preparer.assembler(work.log)
        beside = person_record(arrival.peer_ip)
        signed_by = key_id_of(work.signed.stream.source, ED25519, head.key).hex()
        archived: dict[bytes, Seen] = {}
        for position, event in enumerate(events):
            record_key = head.record_key(position)
            core = core_record(
                event.source_id,
                arrival.auth,
                (),
                event.warnings,
                retention_class(event),
                signed_by,
            )
            assembled = assembler.prepare(event, core, b"", beside, record_key)
            view = view_of(assembled.entry, event_root(event, record_key), head.mode)
            leaves.append(leaf_hash(view))
            stream, sent = work.signed.stream, items[position]
            prepared = prepared_event(position, event, stream, assembled, record_key, sent)
            prepared_events.append(prepared)
            seen = self._preparer.sealed_before(work.log, prepared, now_us)
            if seen is not None:
                archived[event.event_id] = seen
        if merkle_root(leaves) != head.root:
            return self._incident(work, Problem("wrong_root", "$.root", "of these events", "other"))
        batch = LogBatch(work.log, prepared_events, archived=archived, signed=work.signed)
        counts = _undeclared(work, events)
        return PendingRequest([batch], counts, [None] * len(items), work.body_bytes)

    # ------------------------------------------------------------ refusals

    def _refuse(
        self, work: _Work, problems: tuple[Problem, ...], voids: Sequence[PreparedVoid]
    ) -> PendingRequest:
        """Store nothing but that the numbers of faulty events are accounted for."""
        batches = [LogBatch(work.log, [], voids, signed=work.signed)] if voids else []
        reason = f"rejected.{problems[0].code}"
        counts = {work.log: {(work.signed.stream.source, "", reason): work.head.count}}
        error = refused(*problems, where=work.head.stream)
        return PendingRequest(batches, counts, [None] * work.head.count, work.body_bytes, error)

    def _incident(self, work: _Work, problem: Problem) -> PendingRequest:
        """Store that it was refused."""
        stream = work.signed.stream
        about = work.signed.message_hash.hex()
        event = self._events.incident(
            work.log, Incident(stream.source, stream.name, problem.code, about)
        )
        counts = {work.log: {(stream.source, "", f"rejected.{problem.code}"): work.head.count}}
        error = refused(problem, where=stream.name)
        return PendingRequest([LogBatch(work.log, [event])], counts, [None], work.body_bytes, error)


def _faults(
    found: ValidEvent | Rejected | Quarantined, head: BatchHead, position: int
) -> tuple[Problem, ...]:
    """Why a signed event is not taken as it is; empty if it is."""
    if isinstance(found, Rejected):
        return found.problems
    if isinstance(found, Quarantined):
        return (Problem("quarantined", "$", "an event that can be trusted at once", found.reason),)
    problems = [
        Problem("missing", path, "a complete event, since it is signed", "nothing")
        for path in found.filled
    ]
    if not _SCRUBBED.isdisjoint(found.warnings):
        problems.append(Problem("forbidden_content", "$", "nothing that must be removed", "some"))
    if "text_cleaned" in found.warnings:
        problems.append(Problem("control_character", "$", "clean text", "text to be cleaned"))
    if found.stream_name and (found.stream_name, found.stream_seq) != (
        head.stream,
        head.first + position,
    ):
        expected = f"number {head.first + position} of the batch's stream"
        problems.append(Problem("wrong_stream", "$.stream", expected, "another"))
    return tuple(problems)


def _in_batch(problem: Problem, position: int) -> Problem:
    """The problem with its path inside the batch: `$[3].actor.id`."""
    return replace(problem, path=f"$[{position}]{problem.path.removeprefix('$')}")


def _void(
    work: _Work, position: int, item: bytes, found: ValidEvent | Rejected | Quarantined
) -> PreparedVoid:
    """What accounts for the number of a faulty event: its digest, and its bytes if not trusted."""
    stream: StreamRef = work.signed.stream
    number, digest = work.head.first + position, sha256(item).digest()
    if isinstance(found, Quarantined):
        event_id = uuid_text(found.event_id)
        return PreparedVoid(
            position, event_id, VOID_QUARANTINED, digest, stream, number, found.reason, item
        )
    event_id = found.id if isinstance(found, Rejected) else uuid_text(found.event_id)
    return PreparedVoid(position, event_id, VOID_REJECTED, digest, stream, number)


def _undeclared(work: _Work, events: Sequence[ValidEvent]) -> dict[LogId, dict[Count, int]]:
    found = Counter(
        (event.source_id, event.type, UNDECLARED)
        for event in events
        if UNDECLARED in event.warnings
    )
    return {work.log: found} if found else {}
