"""Receipts of what was just stored, and again of what was stored before."""

from collections.abc import Iterable, Sequence

from vitne.core.entry.entry import times_of
from vitne.core.entry.receipt import Receipt
from vitne.core.event.event import Problem
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.values import LeafIndex, LogId, Origin
from vitne.errors import IntegrityError, NotFoundError, StreamConflictError
from vitne.ports import Ports
from vitne.services.log import Logs, Published
from vitne.services.writer.control_entries import untimed_bytes
from vitne.services.writer.pending_request import PendingRequest
from vitne.services.writer.prepared import PlannedBatch, PreparedEvent, PreparedVoid, SignedBatch


def runs(indices: Iterable[LeafIndex]) -> list[tuple[LeafIndex, LeafIndex]]:
    """Ranges [start, end) that hold exactly these indices, ascending; repeats count once."""
    found: list[tuple[LeafIndex, LeafIndex]] = []
    for index in sorted(set(indices)):
        if found and found[-1][1] == index:
            found[-1] = (found[-1][0], LeafIndex(index + 1))
        else:
            found.append((index, LeafIndex(index + 1)))
    return found


class ReceiptSigner:
    """Signs them. They depend on the entries alone, so a retry gets the same bytes again."""

    def __init__(self, ports: Ports, logs: Logs) -> None:
        self._ports = ports
        self._logs = logs

    def settle(
        self, request: PendingRequest, log: LogId, origin: Origin, planned: PlannedBatch
    ) -> None:
        """Give the request its results and receipts for one log.

        Raises:
            VitneError: entries stored before cannot be read.
        """
        receipt = 0
        if planned.entries:
            receipt = request.add_receipt(self._sign(origin, planned.first, planned.entries))
        request.settle_planned(log, planned, receipt)
        if planned.again is not None and planned.signed is not None:
            self._settle_batch(request, log, origin, planned.again, planned.signed)
        if planned.doubles or planned.kept:
            self._settle_old(request, log, origin, planned)

    def of(self, log: LogId, origin: Origin, index: LeafIndex) -> tuple[str, bytes]:
        """The receipt of one entry alone, and the entry. Raises `NotFoundError`."""
        [entry] = self._entries(log, index, LeafIndex(index + 1))
        return self._sign(origin, index, [entry]), entry

    def _settle_batch(
        self,
        request: PendingRequest,
        log: LogId,
        origin: Origin,
        first: LeafIndex,
        signed: SignedBatch,
    ) -> None:
        """A batch whose events stand next to each other: the same one if its entry follows."""
        events = signed.last - signed.first + 1
        end = LeafIndex(first + events + 1)
        try:
            entries = self._entries(log, first, end)
        except NotFoundError:
            entries = []
        same = len(entries) == events + 1 and untimed_bytes(entries[-1]) == untimed_bytes(
            signed.entry
        )
        if not same:
            numbers = f"{signed.first}-{signed.last}"
            raise StreamConflictError(
                "the events are in the log already, in another batch",
                where=signed.stream.name,
                problems=(Problem("seq_repeat", "$.first", "numbers not used before", numbers),),
            )
        receipt = request.add_receipt(self._sign(origin, first, entries))
        for batch in request.batches:
            if batch.signed is signed:
                for at, event in enumerate(batch.events, first):
                    request.settle_old(log, event, LeafIndex(at), receipt)

    def _settle_old(
        self, request: PendingRequest, log: LogId, origin: Origin, planned: PlannedBatch
    ) -> None:
        old: list[tuple[PreparedEvent | PreparedVoid, LeafIndex]] = [
            *((event, known.index) for event, known in planned.doubles),
            *planned.kept,
        ]
        receipt_of: dict[LeafIndex, int] = {}
        for start, end in runs(index for _, index in old):
            entries = self._entries(log, start, end)
            for first, part in _by_time(start, entries):
                receipt = request.add_receipt(self._sign(origin, first, part))
                receipt_of.update(
                    (LeafIndex(index), receipt) for index in range(first, first + len(part))
                )
        for item, index in old:
            request.settle_old(log, item, index, receipt_of[index])

    def _entries(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        """Entries of [start, end) from the hot rows, or from the published bundles once those left.

        Raises:
            NotFoundError: they are in neither.
        """
        hot = self._ports.store.entries(log, start, end)
        if len(hot) == end - start:
            return hot
        return Published(self._ports.objects, log).entries(start, end)

    def _sign(self, origin: Origin, first: LeafIndex, entries: Sequence[bytes]) -> str:
        leaves = [leaf_hash(entry) for entry in entries]
        recorded_us = times_of(entries[0])[0]
        return self._logs.receipt(
            Receipt(origin, first, len(entries), merkle_root(leaves), recorded_us)
        )


def _by_time(start: LeafIndex, entries: Sequence[bytes]) -> list[tuple[LeafIndex, Sequence[bytes]]]:
    """A run cut where `recorded_us` changes: there another transaction began.

    Two batches of one transaction that touch are one run; each of them sent again alone gets the
    receipt of its own part.
    """
    if not entries:
        raise IntegrityError("an entry that was stored cannot be read", where=str(start))
    times = [times_of(entry)[0] for entry in entries]
    cuts = [at for at in range(1, len(entries)) if times[at] != times[at - 1]]
    return [
        (LeafIndex(start + first), entries[first:last])
        for first, last in zip([0, *cuts], [*cuts, len(entries)], strict=True)
    ]
