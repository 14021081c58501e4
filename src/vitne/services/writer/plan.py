"""What a group of prepared requests becomes in one log (pure).

Decides for every event whether it is new, a duplicate, a conflict or a repeat; gives indices,
the time and server-kept numbers; says which streams open and which gaps appear. The writer
(`services/append`) only reads what this needs, and stores what it returns.

Within one request and one log the order is: control entries, streams that open, accepted events,
void entries of quarantined events, void entries of rejected ones. So what a receipt promises is one
run of indices, and a retry derives the same receipt from the indices alone.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Final, Literal

from msgspec.structs import replace

from vitne.core.entry.entry import VOID_DROPPED, VOID_QUARANTINED, VOID_REJECTED
from vitne.core.event.event import Problem
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex
from vitne.ports import ERASED_DIGEST, Aside, Seen, StreamState, Tail, ToldKey
from vitne.services.writer.control_entries import stream_entry, timed, void_entry
from vitne.services.writer.prepared import (
    Draft,
    Placed,
    Refusal,
    Sheaf,
    SignedBatch,
    StreamRef,
    VoidDraft,
)
from vitne.services.writer.stream_acts import Acting, standing
from vitne.services.writer.stream_numbers import StreamCursor

LATE_US: Final = 3_600 * 1_000_000
"""An event that is recorded longer than an hour after it happened came late."""
_claimed = attrgetter("facets.occurred_us")


def seq_repeat(number: int) -> Problem:
    """The fault of an event whose number was used before."""
    return Problem("seq_repeat", "$.stream.seq", "a number not used before", str(number))


STREAM_SIGNED = Problem("stream_signed", "$.stream.id", "a signed batch", "an unsigned event")
ID_CONFLICT = Problem("id_conflict", "$.id", "an id of its own", "the id of another event")


def void_of(draft: Draft) -> VoidDraft:
    """Accounts for the number of an event that is refused."""
    return VoidDraft(
        position=draft.position,
        id=draft.id,
        reason=VOID_REJECTED,
        digest=sha256(draft.raw).digest(),
        stream=draft.stream,
        seq=draft.seq,
    )


class _Tally:
    """What one sheaf comes to, before indices are given."""

    def __init__(self) -> None:
        self.fresh: list[Draft] = []
        self.numbers: list[int] = []
        self.again: list[tuple[Draft, int]] = []
        """Repeats within the sheaf, each with the place of its first in `fresh`."""
        self.voids: list[tuple[VoidDraft, int]] = []
        self.lost: list[tuple[VoidDraft, int]] = []
        self.doubles: list[tuple[Draft, Seen]] = []
        self.kept: list[tuple[VoidDraft, LeafIndex]] = []
        self.kept_here: list[tuple[VoidDraft, int]] = []
        """Bytes twice within the sheaf, each with the place of its first in `voids`."""
        self.refused: list[tuple[int, str, Problem]] = []
        self.conflicts: list[Draft] = []


class LogPlanner(Acting):
    """Plans the sheaves of one log, one after the other, from what the store knows of it.

    Args:
        tail: where the log ends.
        recorded_us: time of everything that is planned; not below the tail's.
        seen: those of the sheaves' event ids that the log remembers.
        streams: those of the sheaves' streams that the log knows.
        kept: indices of the voids of bytes that are kept aside, by digest.
        told: source keys that the log names.
        late_us: an event recorded longer than this after it happened is counted as late.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what the store knows
        self,
        tail: Tail,
        recorded_us: int,
        seen: Mapping[bytes, Seen],
        streams: Mapping[bytes, StreamState],
        kept: Mapping[bytes, LeafIndex],
        told: Mapping[bytes, ToldKey] = {},
        late_us: int = LATE_US,
    ) -> None:
        super().__init__(tail, recorded_us, streams, told)
        self._seen = dict(seen)
        self._kept = dict(kept)
        self._late_us = late_us

    def learn(self, seen: Mapping[bytes, Seen], streams: Mapping[bytes, StreamState]) -> None:
        """What the store knows of a sheaf that comes on top; what is planned already wins."""
        self._seen = {**seen, **self._seen}
        for key, state in streams.items():
            self._cursors.setdefault(key, StreamCursor(state))

    def add(self, sheaf: Sheaf) -> Placed:
        """Place one sheaf at the end of the log."""
        if sheaf.acts:
            return self._add_acts(sheaf)
        if sheaf.archived:
            self._seen = {**sheaf.archived, **self._seen}
        if sheaf.batch is not None:
            return self._add_batch(sheaf, sheaf.batch)
        return self._add_plain(sheaf)

    def _add_plain(self, sheaf: Sheaf) -> Placed:
        tally = _Tally()
        controls = [self.control(timed(entry, self._recorded_us)) for entry in sheaf.controls]
        self._decide_drafts(sheaf.drafts, tally)
        if sheaf.voids:
            self._decide_voids(sheaf.voids, tally)
        return self._finish(tally, controls)

    def _finish(self, tally: _Tally, controls: Sequence[LeafIndex]) -> Placed:
        """Give everything its place."""
        first = LeafIndex(self._next)
        for draft, at in tally.again:
            known = Seen(LeafIndex(first + at), draft.digest, self._recorded_us)
            tally.doubles.append((draft, known))
        entries = self._place(tally)
        for void, number in tally.voids:
            entry = self._void(void, number)
            self._keep(void, self.control(entry))
            entries.append(entry)
        for void, at in tally.kept_here:
            tally.kept.append((void, LeafIndex(first + len(tally.fresh) + at)))
        for void, number in tally.lost:
            self.control(self._void(void, number))
        return Placed(
            accepted=tally.fresh,
            quarantined=[void for void, _ in tally.voids],
            first=first,
            entries=entries,
            doubles=tally.doubles,
            kept=tally.kept,
            refused=tally.refused,
            conflicts=tally.conflicts,
            controls=controls,
        )

    def _decide_drafts(self, drafts: Sequence[Draft], tally: _Tally) -> None:
        seen, mine = self._seen, dict[bytes, tuple[bytes, int]]()
        fresh, numbers = tally.fresh, tally.numbers
        stream: StreamRef | None = None
        cursor: StreamCursor | None = None
        for draft in drafts:
            event_id = draft.event_id
            if event_id in seen or event_id in mine:
                self._meet_again(draft, mine, tally)
                continue
            number = draft.seq
            # Nearly always the next number of the stream of the event before.
            if cursor is not None and draft.stream is stream and number == cursor.last + 1:
                cursor.last = number
            else:
                number = self._number(draft.stream, number)
                stream, cursor = draft.stream, self._cursors.get(draft.stream.stream_id)
            if number > 0:
                mine[event_id] = draft.digest, len(fresh)
                fresh.append(draft)
                numbers.append(number)
            else:
                problem = seq_repeat(draft.seq) if number == 0 else STREAM_SIGNED
                tally.refused.append((draft.position, draft.id, problem))

    def _meet_again(
        self, draft: Draft, mine: Mapping[bytes, tuple[bytes, int]], tally: _Tally
    ) -> None:
        """An id that is in the log, or stands earlier in the sheaf (`mine`)."""
        known = self._seen.get(draft.event_id)
        digest = known.digest if known is not None else mine[draft.event_id][0]
        # Of an erased event no digest is left: it counts as the same, so a retry adds nothing.
        if digest not in {draft.digest, ERASED_DIGEST}:
            self._conflict(draft, tally)
        elif known is not None:
            tally.doubles.append((draft, known))
        else:
            tally.again.append((draft, mine[draft.event_id][1]))

    def _conflict(self, draft: Draft, tally: _Tally) -> None:
        """Refuse an event under another's id; its number, if it is new, is accounted for."""
        tally.refused.append((draft.position, draft.id, ID_CONFLICT))
        tally.conflicts.append(draft)
        if draft.seq and (number := self._number(draft.stream, draft.seq)) > 0:
            tally.lost.append((void_of(draft), number))

    def _decide_voids(
        self, voids: Sequence[VoidDraft], tally: _Tally, *, signed: bool = False
    ) -> None:
        mine: dict[bytes, int] = {}
        for void in voids:
            if void.reason != VOID_QUARANTINED:
                # Refused again with the same faults when it is sent again; its number is used
                # up the first time.
                if (number := self._number(void.stream, void.seq, signed=signed)) > 0:
                    tally.lost.append((void, number))
            elif void.digest in self._kept:
                tally.kept.append((void, self._kept[void.digest]))
            elif void.digest in mine:
                tally.kept_here.append((void, mine[void.digest]))
            elif (number := self._number(void.stream, void.seq, signed=signed)) > 0:
                mine[void.digest] = len(tally.voids)
                tally.voids.append((void, number))
            else:
                tally.refused.append((void.position, void.id, seq_repeat(void.seq)))

    def _number(self, stream: StreamRef, seq: int, *, signed: bool = False) -> int:
        """The number that an event bears. Opens the stream.

        0 if the sender's was used before; -1 if the stream is signed and the event is not: whoever
        has an API key alone cannot use up numbers of it.
        """
        key = stream.stream_id
        cursor = self._cursors.get(key)
        if cursor is None:
            numbers: Literal["sender", "server"] = "sender" if stream.by_sender else "server"
            cursor = StreamCursor(StreamState(key, stream.source, stream.name, numbers))
            self._cursors[key] = cursor
            entry = stream_entry(
                self._recorded_us, key, stream.source, stream.name, by_sender=stream.by_sender
            )
            self.control(entry)
        elif cursor.sender is not None and not signed:
            return -1
        if not seq:
            self._used.add(key)
            return cursor.give()
        if not cursor.take(seq):
            return 0
        self._used.add(key)
        return seq

    def _place(self, tally: _Tally) -> list[bytes]:
        """Give the accepted events their indices; returns their entries."""
        self._note_late(tally.fresh)
        stamp, recorded_us, first = self._stamp, self._recorded_us, self._next
        entries = [
            draft.entry[:10] + stamp + draft.entry[18:]
            if draft.seq
            else draft.entry[:10]
            + stamp
            + draft.entry[18:26]
            + draft.stream.stream_id
            + number.to_bytes(8, "big")
            + draft.entry[50:]
            for draft, number in zip(tally.fresh, tally.numbers, strict=True)
        ]
        self._records += [
            Record(at, recorded_us, entry, draft.event_id, draft.keyring, draft.parts, draft.facets)  # type: ignore[arg-type]  # NewType over int: a call per event would cost
            for at, (draft, entry) in enumerate(zip(tally.fresh, entries, strict=True), first)
        ]
        self._digests += [draft.digest for draft in tally.fresh]
        self._seen.update(
            (draft.event_id, Seen(at, draft.digest, recorded_us))  # type: ignore[arg-type]  # as above
            for at, draft in enumerate(tally.fresh, first)
        )
        self._next = first + len(entries)
        return entries

    def _note_late(self, fresh: Sequence[Draft]) -> None:
        """Count what was recorded long after it happened; imports are late by nature."""
        bound_us = self._recorded_us - self._late_us
        if not fresh or min(map(_claimed, fresh)) >= bound_us:
            return
        for draft in fresh:
            occurred_us = draft.facets.occurred_us
            if occurred_us < bound_us and not draft.parts.payload_record:
                cursor = self._cursors[draft.stream.stream_id]
                cursor.late += 1
                cursor.late_max_us = max(cursor.late_max_us, self._recorded_us - occurred_us)

    # ------------------------------------------------------------ what senders sign

    def _add_acts(self, sheaf: Sheaf) -> Placed:
        """Place acts up to the first that is refused."""
        controls: list[LeafIndex] = []
        refusal = None
        for act in sheaf.acts:
            found = self._act(act)
            if isinstance(found, Refusal):
                refusal = found
                break
            controls.append(found)
        return Placed([], [], LeafIndex(self._next), [], controls=controls, refusal=refusal)

    def _add_batch(self, sheaf: Sheaf, batch: SignedBatch) -> Placed:
        """Place a whole signed batch with its entry behind it, or nothing of it."""
        found = self._signed(batch.stream.stream_id, batch.key)
        if isinstance(found, Refusal):
            return self._refused(found)
        cursor, sender = found
        if sender.mode != batch.mode:
            problem = Problem("wrong_stream", "$.mode", sender.mode, batch.mode)
            return self._refused(Refusal(problem, cursor.name, incident=True))
        tally = _Tally()
        if sheaf.voids:
            self._decide_voids(sheaf.voids, tally, signed=True)
            return self._finish(tally, [])
        again = self._again(sheaf.drafts)
        if again is not None:
            return replace(self._finish(tally, []), again=again, batch=batch)
        fault = self._batch_problem(sheaf.drafts, batch, cursor, sender.chain)
        if fault is not None:
            return self._refused(Refusal(fault, cursor.name, standing(cursor)))
        cursor.take_all(batch.first, batch.last)
        cursor.sender = replace(sender, chain=batch.message_hash)
        self._used.add(batch.stream.stream_id)
        tally.fresh = list(sheaf.drafts)
        tally.numbers = [draft.seq for draft in tally.fresh]
        placed = self._finish(tally, [])
        entry = timed(batch.entry, self._recorded_us)
        self.control(entry)
        return replace(placed, batch=batch, entries=[*placed.entries, entry])

    def _refused(self, refusal: Refusal) -> Placed:
        return Placed([], [], LeafIndex(self._next), [], refusal=refusal)

    def _again(self, drafts: Sequence[Draft]) -> LeafIndex | None:
        """Where the batch stands if it was stored before: the same events next to each other."""
        first = self._seen.get(drafts[0].event_id)
        if first is None:
            return None
        for at, draft in enumerate(drafts, first.index):
            known = self._seen.get(draft.event_id)
            if known is None or known.index != at or known.digest != draft.digest:
                return None
        return first.index

    def _batch_problem(
        self, drafts: Sequence[Draft], batch: SignedBatch, cursor: StreamCursor, chain: bytes
    ) -> Problem | None:
        """Why a batch that is new cannot follow on what the log has."""
        if batch.prev != chain:
            return Problem("wrong_prev", "$.prev", "the newest batch of the stream", "another")
        ids = {draft.event_id for draft in drafts}
        if len(ids) != len(drafts) or any(one in self._seen for one in ids):
            return ID_CONFLICT
        if not cursor.are_new(batch.first, batch.last):
            numbers = f"{batch.first}-{batch.last}"
            return Problem("seq_repeat", "$.first", "numbers not used before", numbers)
        if cursor.closed and not cursor.abandoned and batch.last > cursor.last:
            return Problem("stream_closed", "$.stream", f"numbers up to {cursor.last}", "more")
        return None

    def _void(self, void: VoidDraft, number: int) -> bytes:
        stream_id = void.stream.stream_id
        if void.reason != VOID_DROPPED:
            self._cursors[stream_id].voided += 1
        return void_entry(self._recorded_us, stream_id, number, void.reason, void.digest)

    def _keep(self, void: VoidDraft, index: LeafIndex) -> None:
        self._kept[void.digest] = index
        self._asides.append(
            Aside(index, void.stream.source, void.code, void.body, self._recorded_us, void.digest)
        )
