"""A prepared request on its way to the writer, and how its reply is made."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Literal

from msgspec import Struct

from vitne.core.values import LeafIndex, LogId
from vitne.errors import VitneError
from vitne.ports import Count
from vitne.services.writer.prepared import LogBatch, PlannedBatch, PreparedEvent, PreparedVoid
from vitne.wire.events import EventResult, IntakeReply, Status

Form = Literal["json", "ndjson", "import", "batch"]
"""One event or an array, one event a line, import lines with their originals, a signed batch."""


class Arrival(Struct, frozen=True):
    """What is known of a request beside its body and its key."""

    peer_ip: str = ""
    """Address of the connection; `""` when the request did not come over a network."""
    idempotency_key: str = ""
    """The `Idempotency-Key` header: ids of events that lack one derive from it."""
    traceparent: str = ""
    """The W3C `traceparent` header, as it came."""
    auth: Literal["mtls", "jwt", "api_key", "hmac"] = "api_key"


class PendingRequest:
    """One request: what it brings to each log, and the results that are known already.

    Args:
        batches: per log, what is to be stored; at most one per log.
        counts: per log, what is only counted.
        results: one place per event; None where the writer decides.
        weight_bytes: bytes of the request as it arrived.
        refusal: what the request is answered with once its batches are stored.
    """

    def __init__(
        self,
        batches: Sequence[LogBatch],
        counts: Mapping[LogId, Mapping[Count, int]],
        results: list[EventResult | None],
        weight_bytes: int,
        refusal: VitneError | None = None,
    ) -> None:
        self.refusal = refusal
        self.batches = batches
        self.counts = counts
        self.weight_bytes = weight_bytes
        self.events = max(1, len(results))
        self.future: Future[IntakeReply] = Future()
        # It cannot be cancelled: it may be stored already, and a retry finds duplicates.
        self.future.set_running_or_notify_cancel()
        self.results = results
        self.controls: dict[LogId, Sequence[LeafIndex]] = {}
        """Where the control entries of each log stand, once `future` is done."""
        self._receipts: list[str] = []

    def add_receipt(self, note: str) -> int:
        """Attach a receipt; its place, for `settle`."""
        self._receipts.append(note)
        return len(self._receipts) - 1

    def settle_planned(self, log: LogId, planned: PlannedBatch, receipt: int) -> None:
        """Results of what is new in one log."""
        results, first = self.results, planned.first
        if planned.controls:
            self.controls[log] = planned.controls
        for at, event in enumerate(planned.accepted, first):
            results[event.position] = EventResult(
                "accepted", event.id, log, at, receipt, "", event.warnings
            )
        for at, void in enumerate(planned.quarantined, first + len(planned.accepted)):
            results[void.position] = EventResult(
                "quarantined", void.id, log, at, receipt, void.code
            )
        for position, event_id, problem in planned.refused:
            results[position] = EventResult(
                "rejected", event_id, log, reason=problem.code, problems=(problem,)
            )

    def settle_old(
        self, log: LogId, item: PreparedEvent | PreparedVoid, index: LeafIndex, receipt: int
    ) -> None:
        """Result of an event that is in the log, or kept aside, already."""
        if isinstance(item, PreparedEvent):
            result = EventResult("duplicate", item.id, log, index, receipt)
        else:
            result = EventResult("quarantined", item.id, log, index, receipt, item.code)
        self.results[item.position] = result

    def reply(self) -> IntakeReply:
        """The whole reply, once every result is settled."""
        results = [result for result in self.results if result is not None]
        counts: dict[Status, int] = dict.fromkeys(
            ("accepted", "duplicate", "dropped", "quarantined", "rejected"), 0
        )
        for result in results:
            counts[result.status] += 1
        return IntakeReply(**counts, receipts=self._receipts, results=results)
