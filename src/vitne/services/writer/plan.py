"""What a group of prepared requests becomes in one log (pure).

Decides for every event whether it is new, a duplicate, a conflict or a repeat; gives indices,
the time and server-kept numbers; says which streams open and which gaps appear. The writer only
reads what this needs, and stores what it returns.

Within one request and one log the order is: control entries, streams that open, accepted events,
void entries of quarantined events, void entries of rejected ones. So what a receipt promises is one
run of indices, and a retry derives the same receipt from the indices alone.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Final

from msgspec.structs import replace

from vitne.core.entry.assemble import stamp_entry
from vitne.core.entry.entry import VOID_DROPPED, VOID_QUARANTINED, VOID_REJECTED
from vitne.core.event.event import Problem
from vitne.core.values import LeafIndex, Record
from vitne.ports import ERASED_DIGEST, Aside, Seen
from vitne.services.writer.control_entries import timed, void_entry
from vitne.services.writer.planned_log import PlannedLog
from vitne.services.writer.prepared import (
    LogBatch,
    PlannedBatch,
    PreparedEvent,
    PreparedVoid,
    Refusal,
    RefusedEvent,
    SignedBatch,
    StreamRef,
)
from vitne.services.writer.stream_acts import signed_stream, standing
from vitne.services.writer.stream_numbers import StreamCursor

LATE_US: Final = 3_600 * 1_000_000
"""An event that is recorded longer than an hour after it happened came late."""
_claimed = attrgetter("facets.occurred_us")


def seq_repeat(number: int) -> Problem:
    """The fault of an event whose number was used before."""
    return Problem("seq_repeat", "$.stream.seq", "a number not used before", str(number))


STREAM_SIGNED = Problem("stream_signed", "$.stream.id", "a signed batch", "an unsigned event")
ID_CONFLICT = Problem("id_conflict", "$.id", "an id of its own", "the id of another event")


class _Outcome:
    """What one batch comes to, before indices are given."""

    def __init__(self) -> None:
        self.fresh: list[PreparedEvent] = []
        self.numbers: list[int] = []
        self.again: list[tuple[PreparedEvent, int]] = []
        """Repeats within the batch, each with the place of its first in `fresh`."""
        self.voids: list[tuple[PreparedVoid, int]] = []
        self.lost: list[tuple[PreparedVoid, int]] = []
        self.doubles: list[tuple[PreparedEvent, Seen]] = []
        self.kept: list[tuple[PreparedVoid, LeafIndex]] = []
        self.kept_here: list[tuple[PreparedVoid, int]] = []
        """Bytes twice within the batch, each with the place of its first in `voids`."""
        self.refused: list[RefusedEvent] = []
        self.conflicts: list[PreparedEvent] = []


class EventPlanner:
    """Places the events of one log, batch after batch, by what the store knows of it.

    Args:
        log: what it places them in.
        seen: those of the batches' event ids that the log remembers.
        kept: indices of the voids of bytes that are kept aside, by digest.
        late_us: an event recorded longer than this after it happened is counted as late.
    """

    def __init__(
        self,
        log: PlannedLog,
        seen: Mapping[bytes, Seen] = {},
        kept: Mapping[bytes, LeafIndex] = {},
        late_us: int = LATE_US,
    ) -> None:
        self._log = log
        self._seen = dict(seen)
        self._kept = dict(kept)
        self._late_us = late_us

    def learn(self, seen: Mapping[bytes, Seen]) -> None:
        """Add what the store remembers of further ids; what is planned already wins."""
        self._seen = {**seen, **self._seen}

    def place(self, batch: LogBatch) -> PlannedBatch:
        """Place one batch, which has no acts, at the end of the log."""
        if batch.archived:
            self.learn(batch.archived)
        if batch.signed is not None:
            return self._place_signed(batch, batch.signed)
        return self._place_plain(batch)

    def _place_plain(self, batch: LogBatch) -> PlannedBatch:
        outcome = _Outcome()
        log = self._log
        controls = [log.place_control(timed(entry, log.recorded_us)) for entry in batch.controls]
        self._decide_events(batch.events, outcome)
        if batch.voids:
            self._decide_voids(batch.voids, outcome)
        return self._finish(outcome, controls)

    def _finish(self, outcome: _Outcome, controls: Sequence[LeafIndex]) -> PlannedBatch:
        """Give everything its place."""
        first = LeafIndex(self._log.next)
        for event, at in outcome.again:
            known = Seen(LeafIndex(first + at), event.digest, self._log.recorded_us)
            outcome.doubles.append((event, known))
        entries = self._place_fresh(outcome)
        for void, number in outcome.voids:
            entry = self._void(void, number)
            self._keep(void, self._log.place_control(entry))
            entries.append(entry)
        for void, at in outcome.kept_here:
            outcome.kept.append((void, LeafIndex(first + len(outcome.fresh) + at)))
        for void, number in outcome.lost:
            self._log.place_control(self._void(void, number))
        return PlannedBatch(
            accepted=outcome.fresh,
            quarantined=[void for void, _ in outcome.voids],
            first=first,
            entries=entries,
            doubles=outcome.doubles,
            kept=outcome.kept,
            refused=outcome.refused,
            conflicts=outcome.conflicts,
            controls=controls,
        )

    def _decide_events(self, events: Sequence[PreparedEvent], outcome: _Outcome) -> None:
        seen, mine = self._seen, dict[bytes, tuple[bytes, int]]()
        fresh, numbers = outcome.fresh, outcome.numbers
        stream: StreamRef | None = None
        cursor: StreamCursor | None = None
        for event in events:
            event_id = event.event_id
            if event_id in seen or event_id in mine:
                self._meet_again(event, mine, outcome)
                continue
            number = event.seq
            # Nearly always the next number of the stream of the event before.
            if cursor is not None and event.stream is stream and number == cursor.last + 1:
                cursor.last = number
            else:
                number = self._number(event.stream, number)
                stream, cursor = event.stream, self._log.cursors.get(event.stream.stream_id)
            if number > 0:
                mine[event_id] = event.digest, len(fresh)
                fresh.append(event)
                numbers.append(number)
            else:
                problem = seq_repeat(event.seq) if number == 0 else STREAM_SIGNED
                outcome.refused.append(RefusedEvent(event.position, event.id, problem))

    def _meet_again(
        self, event: PreparedEvent, mine: Mapping[bytes, tuple[bytes, int]], outcome: _Outcome
    ) -> None:
        """An id that is in the log, or stands earlier in the batch (`mine`)."""
        known = self._seen.get(event.event_id)
        digest = known.digest if known is not None else mine[event.event_id][0]
        # Of an erased event no digest is left: it counts as the same, so a retry adds nothing.
        if digest not in {event.digest, ERASED_DIGEST}:
            self._conflict(event, outcome)
        elif known is not None:
            outcome.doubles.append((event, known))
        else:
            outcome.again.append((event, mine[event.event_id][1]))

    def _conflict(self, event: PreparedEvent, outcome: _Outcome) -> None:
        """Refuse an event under another's id; its number, if it is new, is accounted for."""
        outcome.refused.append(RefusedEvent(event.position, event.id, ID_CONFLICT))
        outcome.conflicts.append(event)
        if event.seq and (number := self._number(event.stream, event.seq)) > 0:
            digest = sha256(event.raw).digest()
            void = PreparedVoid(
                event.position, event.id, VOID_REJECTED, digest, event.stream, event.seq
            )
            outcome.lost.append((void, number))

    def _decide_voids(
        self, voids: Sequence[PreparedVoid], outcome: _Outcome, *, of_signed: bool = False
    ) -> None:
        mine: dict[bytes, int] = {}
        for void in voids:
            if void.reason != VOID_QUARANTINED:
                # Refused again with the same faults when it is sent again; its number is used
                # up the first time.
                if (number := self._number(void.stream, void.seq, of_signed=of_signed)) > 0:
                    outcome.lost.append((void, number))
            elif void.digest in self._kept:
                outcome.kept.append((void, self._kept[void.digest]))
            elif void.digest in mine:
                outcome.kept_here.append((void, mine[void.digest]))
            elif (number := self._number(void.stream, void.seq, of_signed=of_signed)) > 0:
                mine[void.digest] = len(outcome.voids)
                outcome.voids.append((void, number))
            else:
                outcome.refused.append(RefusedEvent(void.position, void.id, seq_repeat(void.seq)))

    def _number(self, stream: StreamRef, seq: int, *, of_signed: bool = False) -> int:
        """The number that an event bears. Opens the stream.

        0 if the sender's was used before; -1 if the stream is signed and the event is not: whoever
        has an API key alone cannot use up numbers of it.
        """
        log, key = self._log, stream.stream_id
        cursor = log.cursors.get(key)
        if cursor is None:
            cursor = log.open_unsigned(stream)
        elif cursor.sender is not None and not of_signed:
            return -1
        if not seq:
            log.used.add(key)
            return cursor.give()
        if not cursor.take(seq):
            return 0
        log.used.add(key)
        return seq

    def _place_fresh(self, outcome: _Outcome) -> list[bytes]:
        """Give the accepted events their indices; returns their entries."""
        self._note_late(outcome.fresh)
        log = self._log
        recorded_us, first = log.recorded_us, log.next
        stamp = recorded_us.to_bytes(8, "big")
        entries = [
            stamp_entry(event.entry, stamp, event.stream.stream_id, 0 if event.seq else number)
            for event, number in zip(outcome.fresh, outcome.numbers, strict=True)
        ]
        log.records += [
            Record(at, recorded_us, entry, event.event_id, event.keyring, event.parts, event.facets)  # type: ignore[arg-type]  # NewType over int: a call per event would cost
            for at, (event, entry) in enumerate(zip(outcome.fresh, entries, strict=True), first)
        ]
        log.digests += [event.digest for event in outcome.fresh]
        self._seen.update(
            (event.event_id, Seen(at, event.digest, recorded_us))  # type: ignore[arg-type]  # as above
            for at, event in enumerate(outcome.fresh, first)
        )
        log.next = first + len(entries)
        return entries

    def _note_late(self, fresh: Sequence[PreparedEvent]) -> None:
        """Count what was recorded long after it happened; imports are late by nature."""
        bound_us = self._log.recorded_us - self._late_us
        if not fresh or min(map(_claimed, fresh)) >= bound_us:
            return
        for event in fresh:
            occurred_us = event.facets.occurred_us
            if occurred_us < bound_us and not event.parts.payload_record:
                cursor = self._log.cursors[event.stream.stream_id]
                cursor.late += 1
                cursor.late_max_us = max(cursor.late_max_us, self._log.recorded_us - occurred_us)

    # ------------------------------------------------------------ what senders sign

    def _place_signed(self, batch: LogBatch, signed: SignedBatch) -> PlannedBatch:
        """Place a whole signed batch with its entry behind it, or nothing of it."""
        found = signed_stream(self._log, signed.stream.stream_id, signed.key)
        if isinstance(found, Refusal):
            return self._refused(found)
        cursor, sender = found
        if sender.mode != signed.mode:
            problem = Problem("wrong_stream", "$.mode", sender.mode, signed.mode)
            return self._refused(Refusal(problem, cursor.name, incident=True))
        outcome = _Outcome()
        if batch.voids:
            self._decide_voids(batch.voids, outcome, of_signed=True)
            return self._finish(outcome, [])
        again = self._again(batch.events)
        if again is not None:
            return replace(self._finish(outcome, []), again=again, signed=signed)
        fault = self._batch_problem(batch.events, signed, cursor, sender.chain)
        if fault is not None:
            return self._refused(Refusal(fault, cursor.name, standing(cursor)))
        cursor.take_all(signed.first, signed.last)
        cursor.sender = replace(sender, chain=signed.message_hash)
        self._log.used.add(signed.stream.stream_id)
        outcome.fresh = list(batch.events)
        outcome.numbers = [event.seq for event in outcome.fresh]
        planned = self._finish(outcome, [])
        entry = timed(signed.entry, self._log.recorded_us)
        self._log.place_control(entry)
        return replace(planned, signed=signed, entries=[*planned.entries, entry])

    def _refused(self, refusal: Refusal) -> PlannedBatch:
        return PlannedBatch([], [], LeafIndex(self._log.next), [], refusal=refusal)

    def _again(self, events: Sequence[PreparedEvent]) -> LeafIndex | None:
        """Where the batch stands if it was stored before: the same events next to each other."""
        first = self._seen.get(events[0].event_id)
        if first is None:
            return None
        for at, event in enumerate(events, first.index):
            known = self._seen.get(event.event_id)
            if known is None or known.index != at or known.digest != event.digest:
                return None
        return first.index

    def _batch_problem(
        self,
        events: Sequence[PreparedEvent],
        signed: SignedBatch,
        cursor: StreamCursor,
        chain: bytes,
    ) -> Problem | None:
        """Why a batch that is new cannot follow on what the log has."""
        if signed.prev != chain:
            return Problem("wrong_prev", "$.prev", "the newest batch of the stream", "another")
        ids = {event.event_id for event in events}
        if len(ids) != len(events) or any(one in self._seen for one in ids):
            return ID_CONFLICT
        if not cursor.are_new(signed.first, signed.last):
            numbers = f"{signed.first}-{signed.last}"
            return Problem("seq_repeat", "$.first", "numbers not used before", numbers)
        if cursor.closed and not cursor.abandoned and signed.last > cursor.last:
            return Problem("stream_closed", "$.stream", f"numbers up to {cursor.last}", "more")
        return None

    def _void(self, void: PreparedVoid, number: int) -> bytes:
        stream_id = void.stream.stream_id
        if void.reason != VOID_DROPPED:
            self._log.cursors[stream_id].voided += 1
        return void_entry(self._log.recorded_us, stream_id, number, void.reason, void.digest)

    def _keep(self, void: PreparedVoid, index: LeafIndex) -> None:
        self._kept[void.digest] = index
        self._log.asides.append(
            Aside(
                index, void.stream.source, void.code, void.body, self._log.recorded_us, void.digest
            )
        )
