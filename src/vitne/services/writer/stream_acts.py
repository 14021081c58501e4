"""Streams whose senders sign: what opens, beats, voids and ends them (pure).

The signature of an act has been checked before. Here it is held against where the stream stands,
inside the transaction: another registration under the same name, a message that is older than what
the log has, a number that was used, are refused. The same message again is no error: it stands
where it stood.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from vitne.core.entry.control import SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    BEAT_ALIVE,
    VOID_BY_POLICY,
    BeatEntry,
    VoidEntry,
    decode_entry,
)
from vitne.core.entry.sender import SignedMode
from vitne.core.event.event import Problem
from vitne.core.values import LeafIndex
from vitne.ports import SenderState, Standing, StreamState
from vitne.services.writer.control_entries import timed
from vitne.services.writer.planned_log import PlannedLog
from vitne.services.writer.prepared import PlannedBatch, Refusal, StreamAct
from vitne.services.writer.stream_numbers import StreamCursor

UNKNOWN: Final = Problem(
    "wrong_stream", "$.stream", "a stream that its sender has opened", "another"
)
RETIRED: Final = Problem("retired_source_key", "$.key", "a key in use", "one that is retired")


def standing(cursor: StreamCursor) -> Standing:
    """Where a signed stream stands, as its sender is told."""
    chain = cursor.sender.chain if cursor.sender else bytes(32)
    return Standing(cursor.last, chain, cursor.closed)


def signed_stream(
    log: PlannedLog, stream_id: bytes, key: bytes
) -> tuple[StreamCursor, SenderState] | Refusal:
    """The cursor of a stream that was opened with this key, which is still in use."""
    cursor = log.cursors.get(stream_id)
    sender = None if cursor is None else cursor.sender
    if cursor is None or sender is None:
        return Refusal(UNKNOWN)
    if sender.key != key:
        problem = Problem("wrong_stream", "$.key", "the key that opened it", "another")
        return Refusal(problem, cursor.name, incident=True)
    if _is_retired(log, key):
        return Refusal(RETIRED, cursor.name, incident=True)
    return cursor, sender


class StreamActPlanner:
    """Places acts in a log."""

    def __init__(self, log: PlannedLog) -> None:
        self._log = log

    def place(self, acts: Sequence[StreamAct]) -> PlannedBatch:
        """Place acts up to the first that is refused."""
        controls: list[LeafIndex] = []
        refusal = None
        for act in acts:
            placed = self._place_act(act)
            if isinstance(placed, Refusal):
                refusal = placed
                break
            controls.append(placed)
        return PlannedBatch(
            [], [], LeafIndex(self._log.next), [], controls=controls, refusal=refusal
        )

    def _place_act(self, act: StreamAct) -> LeafIndex | Refusal:
        """Place one; where it stands, or why it is not taken."""
        entry = decode_entry(self._timed(act))
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
                retired = entry.state == "retire"
                return self._log.announce_key(act.key, self._timed(act), retired=retired)
            case _:
                raise AssertionError  # pragma: no cover - no such act is made

    # ------------------------------------------------------------ opening

    def _open_signed(self, act: StreamAct, entry: StreamEntry) -> LeafIndex | Refusal:
        log = self._log
        cursor = log.cursors.get(entry.stream_id)
        if cursor is not None:
            return _opened_before(cursor, entry)
        if _is_retired(log, act.key):
            return Refusal(RETIRED, entry.name)
        before = log.cursors.get(entry.prev) if entry.prev else None
        if entry.prev == entry.stream_id or (before and before.source != entry.source):
            problem = Problem("wrong_prev", "$.prev", "an earlier stream of the source", "another")
            return Refusal(problem, entry.name)
        known = log.announced_key(act.key)
        key_index = (
            log.announce_key(act.key, timed(act.key_entry, log.recorded_us), retired=False)
            if known is None
            else known.index
        )
        if before is not None:
            before.followed = True
            before.reach(entry.prev_last)
            log.used.add(entry.prev)
        index = log.place_control(self._timed(act))
        mode: SignedMode = "full" if entry.mode == "full" else "body"
        sender = SenderState(
            mode, entry.key, entry.sig, index, key_index, entry.prev, entry.prev_last
        )
        state = StreamState(
            entry.stream_id, entry.source, entry.name, "sender", beat_s=entry.beat_s, sender=sender
        )
        log.cursors[entry.stream_id] = StreamCursor(state)
        log.used.add(entry.stream_id)
        return index

    # ------------------------------------------------------------ beats

    def _beat(self, act: StreamAct, entry: BeatEntry) -> LeafIndex | Refusal:
        found = signed_stream(self._log, entry.stream_id, act.key)
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
        index = self._log.place_control(self._timed(act))
        cursor.sender = replace(sender, beat=index, beat_us=entry.occurred_us)
        cursor.reach(entry.last)
        cursor.closed = cursor.closed or entry.state != BEAT_ALIVE
        self._log.used.add(entry.stream_id)
        return index

    def _abandon(self, act: StreamAct, entry: BeatEntry) -> LeafIndex | Refusal:
        cursor = self._log.cursors.get(entry.stream_id)
        silent = cursor is not None and not (
            cursor.closed or cursor.followed or cursor.named_us >= act.before_us
        )
        if (
            cursor is None
            or cursor.sender is None
            or not silent
            or entry.stream_id in self._log.used
        ):
            return Refusal(UNKNOWN)  # it has spoken meanwhile
        cursor.closed = cursor.abandoned = entry.state == BEAT_ABANDONED
        self._log.used.add(entry.stream_id)
        return self._log.place_control(self._timed(act))

    # ------------------------------------------------------------ voids

    def _void_by_sender(self, act: StreamAct, entry: VoidEntry) -> LeafIndex | Refusal:
        found = signed_stream(self._log, entry.stream_id, act.key)
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
        index = self._log.place_control(self._timed(act))
        cursor.sender = replace(sender, void=index)
        if entry.reason != VOID_BY_POLICY:
            cursor.voided += entry.last - entry.first + 1
        self._log.used.add(entry.stream_id)
        return index

    def _timed(self, act: StreamAct) -> bytes:
        return timed(act.entry, self._log.recorded_us)


def _is_retired(log: PlannedLog, key: bytes) -> bool:
    known = log.announced_key(key)
    return known is not None and known.retired


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
