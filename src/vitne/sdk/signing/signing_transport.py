"""Sends signed batches: events of one stream, each batch chained to the one before.

All of it happens in the sender thread, one message at a time, so a heartbeat never overtakes a
batch. What was sent and not answered is sent again as the same bytes: the ledger remembers where
the batch ended.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from vitne.core.entry.batch import BATCH_TYPE, encode_batch
from vitne.core.event.event import Problem
from vitne.core.event.intake import IntakeContext
from vitne.core.tree.note import Signer
from vitne.core.values import Hash, encode_base64
from vitne.errors import EventRefusedError, VitneError
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.delivery.numbering import NumberedStream
from vitne.sdk.delivery.transport import (
    BatchReply,
    BatchUnreadable,
    HttpTransport,
    NoAnswer,
    PartlyRefused,
    SendOutcome,
    ServerAnswer,
)
from vitne.sdk.options import Options
from vitne.sdk.signing.ledger import Ledger, StreamRef
from vitne.sdk.signing.signed_streams import SignedStreams
from vitne.sdk.signing.signer import StreamSigner
from vitne.sdk.signing.stream_messages import CONFLICT, OK, StreamMessages
from vitne.wire.events import EventResult

_UNPROCESSABLE: Final = 422


class SigningTransport(HttpTransport):
    """The transport of a run that signs. One thread at a time."""

    def __init__(  # noqa: PLR0913 - its parts, given by name in `run`
        self,
        url: str,
        api_key: str,
        options: Options,
        *,
        run: str,
        folder: Path | None,
        signer: Signer,
        context: Callable[[str], IntakeContext],
        keep: Callable[[str], None],
        end_idle: Callable[[NumberedStream], bool],
    ) -> None:
        """Args: `context` validates events of a tenant; `keep` keeps receipts."""
        super().__init__(url, api_key, options)
        self._context = context
        self._messages = StreamMessages(options, run=run, http=self, signer=signer, keep=keep)
        self.streams = SignedStreams(
            options=options,
            run=run,
            folder=folder,
            vkey=signer.vkey,
            messages=self._messages,
            end_idle=end_idle,
        )

    def split(self, items: Sequence[EventItem]) -> list[list[EventItem]]:
        """Cut events into pieces, each a batch: of one stream, no number missing.

        A batch that was sent before and not answered is cut where it was cut then.
        """
        pieces: list[list[EventItem]] = []
        newest: dict[StreamRef, list[EventItem]] = {}
        for item in items:
            ref = (item.tenant, item.stream) if item.record_key else ("", "")
            piece = newest.get(ref)
            if piece is None or not self._follows(piece[-1], item):
                piece = []
                newest[ref] = piece
                pieces.append(piece)
            piece.append(item)
        return pieces

    def _follows(self, before: EventItem, item: EventItem) -> bool:
        if not item.record_key:
            return True
        ledger = self.streams.ledger_of(item)
        borders = (ledger.state.acked, ledger.state.pending_last) if ledger is not None else ()
        return item.seq == before.seq + 1 and before.seq not in borders

    def post(self, items: Sequence[EventItem]) -> SendOutcome:
        """Send one piece; never raises."""
        if not items[0].record_key:
            return super().post(items)
        ledger = self.streams.ledger_of(items[0])
        if ledger is None:
            return NoAnswer("the ledger of a signed stream is missing", faulty=True)
        if items[-1].seq <= ledger.state.acked:  # answered before the process died
            return BatchReply(tuple(EventResult("duplicate", item.event_id) for item in items))
        try:
            return (
                self.streams.open(ledger)
                or self._messages.excuse(ledger, items[0].seq - 1)
                or self._post_batch(ledger, items)
            )
        except (VitneError, OSError) as error:
            return NoAnswer(f"{type(error).__name__}: {error}", faulty=True)

    def _post_batch(
        self, ledger: Ledger, items: Sequence[EventItem], *, again: bool = False
    ) -> SendOutcome:
        about, before = ledger.about, ledger.state
        signs, context = self._messages.signer_of(about), self._context(about.tenant)
        try:
            batch = signs.batch(items, context, Hash(before.chain))
        except EventRefusedError:
            return self._unsignable(ledger, items, signs, context)
        pending = before.pending_hash if before.pending_last else b""
        if pending != batch.message_hash:
            ledger.sending(items[0].seq, items[-1].seq, batch.message_hash)
        self._messages.sync(ledger)
        body = encode_batch(batch.head, batch.events)
        answer = self.exchange("POST", "/v1/events", body, BATCH_TYPE)
        if isinstance(answer, NoAnswer):
            return answer
        if answer.status == OK:
            outcome = self.judge(answer, items)
            if isinstance(outcome, BatchReply):
                ledger.answered()
            return outcome
        is_other = bool(pending) and pending != batch.message_hash and not again
        if is_other and answer.status == CONFLICT and answer.stream_prev == encode_base64(pending):
            # The batch that was pending before is in the log: this one has to follow it.
            ledger.sending(before.pending_first, before.pending_last, pending)
            ledger.answered()
            return self._post_batch(ledger, items, again=True)
        return self._not_taken(ledger, items, answer)

    def _not_taken(
        self, ledger: Ledger, items: Sequence[EventItem], answer: ServerAnswer
    ) -> SendOutcome:
        outcome = self.judge(answer, items)
        if isinstance(outcome, BatchUnreadable):
            ledger.refused()
            return outcome
        faults = _faults(answer, len(items)) if answer.status == _UNPROCESSABLE else {}
        if not faults:
            codes = ", ".join(problem.code for problem in answer.body.problems)
            return NoAnswer(f"HTTP {answer.status}: {codes or answer.body.code}", faulty=True)
        ledger.refused()
        return PartlyRefused(faults)

    def _unsignable(
        self,
        ledger: Ledger,
        items: Sequence[EventItem],
        signs: StreamSigner,
        context: IntakeContext,
    ) -> SendOutcome:
        """Find the events that cannot be signed; their numbers will be void."""
        faults: dict[int, EventResult] = {}
        for at, item in enumerate(items):
            try:
                signs.batch([item], context, Hash(ledger.state.chain))
            except EventRefusedError as error:
                problem = Problem("unsignable", "$", "a complete event", str(error))
                faults[at] = EventResult("rejected", item.event_id, problems=(problem,))
        if faults:
            return PartlyRefused(faults)
        return NoAnswer("a batch cannot be signed", faulty=True)

    def due_in_s(self) -> float:
        """Seconds until `run_due` has something to do. Hold the lock of the queue."""
        return self.streams.due_in_s()

    def run_due(self) -> None:
        """Heartbeats, and the end of streams that are idle or whose run is gone; never raises."""
        self.streams.run_due()

    def finish(self, until: float, *, clean: bool) -> None:
        """Close the streams, until a monotonic time, if all events are answered (`clean`)."""
        self.streams.finish(until, clean=clean)


def _faults(answer: ServerAnswer, count: int) -> dict[int, EventResult]:
    """Which events of a refused batch are at fault: paths begin `$[position]`."""
    faults: dict[int, list[Problem]] = {}
    for problem in answer.body.problems:
        inside, _, rest = problem.path.removeprefix("$[").partition("]")
        if problem.path.startswith("$[") and inside.isdecimal() and int(inside) < count:
            line = Problem(problem.code, f"${rest}", problem.expected, problem.got)
            faults.setdefault(int(inside), []).append(line)
    return {at: EventResult("rejected", problems=tuple(lines)) for at, lines in faults.items()}
