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
from typing import Literal

from msgspec import Struct

from vitne.core.entry import VOID_QUARANTINED, VOID_REJECTED
from vitne.core.event import Problem
from vitne.core.record import Record
from vitne.core.types import LeafIndex
from vitne.ports import Aside, Seen, StreamState, Tail
from vitne.services.control_entries import stream_entry, timed, void_entry
from vitne.services.draft import Draft, Placed, Sheaf, StreamRef, VoidDraft
from vitne.services.stream import StreamCursor


class Plan(Struct, frozen=True):
    """Everything to write to one log."""

    records: Sequence[Record]
    digests: Sequence[bytes]
    streams: Sequence[StreamState]
    asides: Sequence[Aside]


def seq_repeat(number: int) -> Problem:
    """The fault of an event whose number was used before."""
    return Problem("seq_repeat", "$.stream.seq", "a number not used before", str(number))


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


class LogPlanner:
    """Plans the sheaves of one log, one after the other, from what the store knows of it.

    Args:
        tail: where the log ends.
        recorded_us: time of everything that is planned; not below the tail's.
        seen: those of the sheaves' event ids that the log remembers.
        streams: those of the sheaves' streams that the log knows.
        kept: indices of the voids of bytes that are kept aside, by digest.
    """

    def __init__(
        self,
        tail: Tail,
        recorded_us: int,
        seen: Mapping[bytes, Seen],
        streams: Mapping[bytes, StreamState],
        kept: Mapping[bytes, LeafIndex],
    ) -> None:
        self._next = int(tail.next_index)
        self._recorded_us = recorded_us
        self._stamp = recorded_us.to_bytes(8, "big")
        self._seen = dict(seen)
        self._kept = dict(kept)
        self._cursors = {key: StreamCursor(state) for key, state in streams.items()}
        self._used: set[bytes] = set()
        self._records: list[Record] = []
        self._digests: list[bytes] = []
        self._asides: list[Aside] = []

    def learn(self, seen: Mapping[bytes, Seen], streams: Mapping[bytes, StreamState]) -> None:
        """What the store knows of a sheaf that comes on top; what is planned already wins."""
        self._seen = {**seen, **self._seen}
        for key, state in streams.items():
            self._cursors.setdefault(key, StreamCursor(state))

    def plan(self) -> Plan:
        """All writes so far."""
        streams = [self._cursors[key].state() for key in sorted(self._used)]
        return Plan(self._records, self._digests, streams, self._asides)

    def control(self, entry: bytes) -> LeafIndex:
        """Place a control entry that bears the plan's time."""
        index = LeafIndex(self._next)
        self._records.append(Record(index, self._recorded_us, entry))
        self._digests.append(b"")
        self._next += 1
        return index

    def add(self, sheaf: Sheaf) -> Placed:
        """Place one sheaf at the end of the log."""
        tally = _Tally()
        controls = [self.control(timed(entry, self._recorded_us)) for entry in sheaf.controls]
        if sheaf.archived:
            self._seen = {**sheaf.archived, **self._seen}
        self._decide_drafts(sheaf.drafts, tally)
        if sheaf.voids:
            self._decide_voids(sheaf.voids, tally)
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
            if number:
                mine[event_id] = draft.digest, len(fresh)
                fresh.append(draft)
                numbers.append(number)
            else:
                tally.refused.append((draft.position, draft.id, seq_repeat(draft.seq)))

    def _meet_again(
        self, draft: Draft, mine: Mapping[bytes, tuple[bytes, int]], tally: _Tally
    ) -> None:
        """An id that is in the log, or stands earlier in the sheaf (`mine`)."""
        known = self._seen.get(draft.event_id)
        digest = known.digest if known is not None else mine[draft.event_id][0]
        if digest != draft.digest:
            self._conflict(draft, tally)
        elif known is not None:
            tally.doubles.append((draft, known))
        else:
            tally.again.append((draft, mine[draft.event_id][1]))

    def _conflict(self, draft: Draft, tally: _Tally) -> None:
        """Refuse an event under another's id; its number, if it is new, is accounted for."""
        tally.refused.append((draft.position, draft.id, ID_CONFLICT))
        tally.conflicts.append(draft)
        if draft.seq and (number := self._number(draft.stream, draft.seq)):
            tally.lost.append((void_of(draft), number))

    def _decide_voids(self, voids: Sequence[VoidDraft], tally: _Tally) -> None:
        mine: dict[bytes, int] = {}
        for void in voids:
            if void.reason != VOID_QUARANTINED:
                # Refused again with the same faults when it is sent again; its number is used
                # up the first time.
                if number := self._number(void.stream, void.seq):
                    tally.lost.append((void, number))
            elif void.digest in self._kept:
                tally.kept.append((void, self._kept[void.digest]))
            elif void.digest in mine:
                tally.kept_here.append((void, mine[void.digest]))
            elif number := self._number(void.stream, void.seq):
                mine[void.digest] = len(tally.voids)
                tally.voids.append((void, number))
            else:
                tally.refused.append((void.position, void.id, seq_repeat(void.seq)))

    def _number(self, stream: StreamRef, seq: int) -> int:
        """The number that an event bears; 0 if the sender's was used before. Opens the stream."""
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
        if not seq:
            self._used.add(key)
            return cursor.give()
        if not cursor.take(seq):
            return 0
        self._used.add(key)
        return seq

    def _place(self, tally: _Tally) -> list[bytes]:
        """Give the accepted events their indices; returns their entries."""
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

    def _void(self, void: VoidDraft, number: int) -> bytes:
        stream_id = void.stream.stream_id
        return void_entry(self._recorded_us, stream_id, number, void.reason, void.digest)

    def _keep(self, void: VoidDraft, index: LeafIndex) -> None:
        self._kept[void.digest] = index
        self._asides.append(
            Aside(index, void.stream.source, void.code, void.body, self._recorded_us, void.digest)
        )
