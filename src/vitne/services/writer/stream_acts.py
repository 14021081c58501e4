"""Streams whose senders sign: what opens, beats, voids and ends them (pure).

The signature of an act has been checked before. Here it is held against where the stream stands,
inside the transaction: another registration under the same name, a message that is older than what
the log has, a number that was used, are refused. The same message again is no error: it stands
where it stood.
"""

from typing import Final

from msgspec.structs import replace

from vitne.core.entry.control import SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    BEAT_ALIVE,
    VOID_BY_POLICY,
    BeatEntry,
    VoidEntry,
    decode,
)
from vitne.core.entry.sender import SignedMode
from vitne.core.event.event import Problem
from vitne.core.values.types import LeafIndex
from vitne.ports import SenderState, Standing, StreamState
from vitne.services.writer.control_entries import timed
from vitne.services.writer.planned_log import Growing
from vitne.services.writer.prepared import Refusal, StreamAct
from vitne.services.writer.stream_numbers import StreamCursor

UNKNOWN: Final = Problem(
    "wrong_stream", "$.stream", "a stream that its sender has opened", "another"
)
RETIRED: Final = Problem("retired_source_key", "$.key", "a key in use", "one that is retired")


def standing(cursor: StreamCursor) -> Standing:
    """Where a signed stream stands, as its sender is told."""
    chain = cursor.sender.chain if cursor.sender else bytes(32)
    return Standing(cursor.last, chain, cursor.closed)


class Acting(Growing):
    """The part of the planner that places acts."""

    def _act(self, act: StreamAct) -> LeafIndex | Refusal:
        """Place one; where it stands, or why it is not taken."""
        entry = decode(timed(act.entry, self._recorded_us))
        match entry:
            case StreamEntry():
                return self._open_signed(act, entry)
            case BeatEntry():
                if act.kind == "abandon":
                    return self._abandon(act, entry)
                return self._beat(act, entry)
            case VoidEntry():
                return self._void_by_sender(act, entry)
            case SigningKeyEntry():
                return self._announce_key(
                    act.key, timed(act.entry, self._recorded_us), retired=entry.state == "retire"
                )
            case _:
                raise AssertionError  # pragma: no cover - no such act is made

    # ------------------------------------------------------------ opening

    def _open_signed(self, act: StreamAct, entry: StreamEntry) -> LeafIndex | Refusal:
        cursor = self._cursors.get(entry.stream_id)
        if cursor is not None:
            return _opened_before(cursor, entry)
        if self._is_retired(act.key):
            return Refusal(RETIRED, entry.name)
        before = self._cursors.get(entry.prev) if entry.prev else None
        if entry.prev == entry.stream_id or (before and before.source != entry.source):
            problem = Problem("wrong_prev", "$.prev", "an earlier stream of the source", "another")
            return Refusal(problem, entry.name)
        if act.key not in self._announced:
            self._announce_key(act.key, timed(act.key_entry, self._recorded_us), retired=False)
        if before is not None:
            before.followed = True
            before.reach(entry.prev_last)
            self._used.add(entry.prev)
        index = self.control(timed(act.entry, self._recorded_us))
        mode: SignedMode = "full" if entry.mode == "full" else "body"
        key_index = self._announced[act.key].index
        sender = SenderState(
            mode, entry.key, entry.sig, index, key_index, entry.prev, entry.prev_last
        )
        state = StreamState(
            entry.stream_id, entry.source, entry.name, "sender", beat_s=entry.beat_s, sender=sender
        )
        self._cursors[entry.stream_id] = StreamCursor(state)
        self._used.add(entry.stream_id)
        return index

    # ------------------------------------------------------------ beats

    def _beat(self, act: StreamAct, entry: BeatEntry) -> LeafIndex | Refusal:
        found = self._signed(entry.stream_id, act.key)
        if isinstance(found, Refusal):
            return found
        cursor, sender = found
        if sender.beat >= 0 and entry.occurred_us <= sender.beat_us:
            # The very same one is found by whoever reads entries; all others are replays.
            return sender.beat if entry.occurred_us == sender.beat_us else _replayed(cursor)
        if cursor.closed and not cursor.abandoned:
            problem = Problem("stream_closed", "$.stream", "an open stream", "a closed one")
            return Refusal(problem, cursor.name, standing(cursor))
        if entry.prev != sender.chain or entry.last < cursor.last:
            return Refusal(
                Problem("wrong_prev", "$.prev", "the newest batch and the last number", "others"),
                cursor.name,
                standing(cursor),
            )
        index = self.control(timed(act.entry, self._recorded_us))
        cursor.sender = replace(sender, beat=index, beat_us=entry.occurred_us)
        cursor.reach(entry.last)
        cursor.closed = cursor.closed or entry.state != BEAT_ALIVE
        self._used.add(entry.stream_id)
        return index

    def _abandon(self, act: StreamAct, entry: BeatEntry) -> LeafIndex | Refusal:
        cursor = self._cursors.get(entry.stream_id)
        silent = cursor is not None and not (
            cursor.closed or cursor.followed or cursor.named_us >= act.before_us
        )
        if cursor is None or cursor.sender is None or not silent or entry.stream_id in self._used:
            return Refusal(UNKNOWN)  # it has spoken meanwhile
        cursor.closed = cursor.abandoned = entry.state == BEAT_ABANDONED
        self._used.add(entry.stream_id)
        return self.control(timed(act.entry, self._recorded_us))

    # ------------------------------------------------------------ voids

    def _void_by_sender(self, act: StreamAct, entry: VoidEntry) -> LeafIndex | Refusal:
        found = self._signed(entry.stream_id, act.key)
        if isinstance(found, Refusal):
            return found
        cursor, sender = found
        if not cursor.take_all(entry.first, entry.last):
            if sender.void >= 0 and cursor.are_old(entry.first, entry.last):
                return sender.void  # perhaps the same again: whoever reads entries finds out
            problem = Problem(
                "seq_repeat", "$.first", "numbers not used before", f"{entry.first}-{entry.last}"
            )
            return Refusal(problem, cursor.name, standing(cursor))
        index = self.control(timed(act.entry, self._recorded_us))
        cursor.sender = replace(sender, void=index)
        if entry.reason != VOID_BY_POLICY:
            cursor.voided += entry.last - entry.first + 1
        self._used.add(entry.stream_id)
        return index

    def _signed(self, stream_id: bytes, key: bytes) -> tuple[StreamCursor, SenderState] | Refusal:
        """The cursor of a stream that was opened with this key, which is still in use."""
        cursor = self._cursors.get(stream_id)
        sender = None if cursor is None else cursor.sender
        if cursor is None or sender is None:
            return Refusal(UNKNOWN)
        if sender.key != key:
            problem = Problem("wrong_stream", "$.key", "the key that opened it", "another")
            return Refusal(problem, cursor.name, incident=True)
        if self._is_retired(key):
            return Refusal(RETIRED, cursor.name, incident=True)
        return cursor, sender


def _opened_before(cursor: StreamCursor, entry: StreamEntry) -> LeafIndex | Refusal:
    """The same registration again, or another one under its name."""
    sender = cursor.sender
    if sender is not None and (sender.key, sender.sig) == (entry.key, entry.sig):
        return sender.opened
    problem = Problem("wrong_stream", "$.name", "a name not used before", "that of another stream")
    return Refusal(problem, cursor.name, standing(cursor))


def _replayed(cursor: StreamCursor) -> Refusal:
    problem = Problem("replayed", "$.occurred_us", "a time after the last beat", "an earlier one")
    return Refusal(problem, cursor.name, standing(cursor))
