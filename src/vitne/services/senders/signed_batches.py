"""Proofs that a sender signed an event: the batch that contains it, and its place in that batch.

Only the log's own records are needed, hot or sealed, erased ones too: of an erased section the
leaf is left, which is what the sender signed.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from vitne.core.entry.commit import sender_root
from vitne.core.entry.entry import BATCH, EVENT, HEADER, BatchEntry, decode_entry
from vitne.core.entry.keyring import leaves_of
from vitne.core.entry.sender import view_of
from vitne.core.event.body import MAX_EVENTS
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.values import Hash, LeafIndex, LogId, Record
from vitne.errors import IntegrityError
from vitne.evidence.bundle.document import SenderMember
from vitne.ports import Ports, SenderState

_LOOK: Final = 256
_KEPT_BATCHES: Final = 32
_TYPE_AT: Final = 4
_STREAM_AT: Final = slice(26, 42)


class Batches:
    """Finds batches and proves their events. Any thread may call."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        # Many events of one answer lie in few batches.
        self._leaves = lru_cache(_KEPT_BATCHES)(self._read_leaves)

    def sender_proof(self, log: LogId, index: LeafIndex) -> SenderMember | None:
        """That the event at an index was signed; None if its stream is none that is signed.

        Raises:
            IntegrityError: the batch that must hold it is not there, or does not.
        """
        record = self._record(log, index)
        if record is None or record.entry[_TYPE_AT] != EVENT:
            return None
        stream_id = record.entry[_STREAM_AT]
        sender = self.sender(log, stream_id)
        if sender is None:
            return None
        number: int = HEADER.unpack_from(record.entry)[8]
        at, batch = self._batch_of(log, index, stream_id, number)
        position = number - batch.first
        if at - index != batch.last - number + 1:
            raise IntegrityError("a batch's events do not stand before it", where=f"index {at}")
        leaves = self._leaves(log, at, batch, sender)
        ranges = multiproof_ranges(len(leaves), [position])
        return SenderMember(index, at, [merkle_root(leaves[start:end]) for start, end in ranges])

    def sender(self, log: LogId, stream_id: bytes) -> SenderState | None:
        """Who signs a stream: mode, key, and where registration and key stand in the log."""
        state = self._ports.store.stream(log, stream_id)
        return None if state is None else state.sender

    def _batch_of(
        self, log: LogId, index: LeafIndex, stream_id: bytes, number: int
    ) -> tuple[LeafIndex, BatchEntry]:
        """The batch entry behind an event; at most as many entries away as a batch has events."""
        for start in range(index + 1, index + 1 + MAX_EVENTS, _LOOK):
            for record in self._records(log, LeafIndex(start), LeafIndex(start + _LOOK)):
                entry = record.entry
                if entry[_TYPE_AT] != BATCH or entry[_STREAM_AT] != stream_id:
                    continue
                batch = decode_entry(entry)
                if isinstance(batch, BatchEntry) and batch.first <= number <= batch.last:
                    return record.index, batch
        raise IntegrityError("a signed event without its batch", where=f"index {index}")

    def _read_leaves(
        self, log: LogId, at: LeafIndex, batch: BatchEntry, sender: SenderState
    ) -> Sequence[Hash]:
        """Leaf hashes of the sender's views of all events of a batch, whose entry stands at `at`.

        Raises:
            IntegrityError: they are not those that were signed.
        """
        first = LeafIndex(at - (batch.last - batch.first + 1))
        leaves = [
            leaf_hash(view_of(record.entry, sender_root(leaves_of(record)), sender.mode))
            for start in range(first, at, _LOOK)
            for record in self._records(log, LeafIndex(start), LeafIndex(min(start + _LOOK, at)))
        ]
        if len(leaves) != at - first or merkle_root(leaves) != batch.root:
            raise IntegrityError(
                "the events of a batch are not those that were signed",
                where=f"index {first}",
                hint="vitne fsck tells what is damaged",
            )
        return leaves

    def _record(self, log: LogId, index: LeafIndex) -> Record | None:
        return self._ports.store.record(log, index) or self._ports.archive.record(log, index)

    def _records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> Sequence[Record]:
        """Records of a range, from the hot rows as far as they go, the rest from segments."""
        # A segment is listed before its rows leave, so what both lack at this order never was.
        hot = self._ports.store.records(log, start, end)
        below = hot[0].index if hot else end
        if below == start:
            return hot
        return [*self._ports.archive.records(log, start, LeafIndex(below)), *hot]
