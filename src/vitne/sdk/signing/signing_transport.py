"""Sends what is signed: opens streams, signs batches, beats, voids, and closes.

All of it happens in the sender thread, one message at a time, so a beat never overtakes a batch.
What was sent and not answered is sent again as the same bytes: the ledger remembers where the
batch ended. Before a number can be used, it is in the ledger; so whatever is lost with a process
can be told to the log by the next one.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec

from vitne.core.entry.batch import BATCH_TYPE, encode_batch
from vitne.core.entry.entry import BEAT_ALIVE, BEAT_CLOSED
from vitne.core.event.intake import IntakeContext
from vitne.core.tree.note import Signer
from vitne.core.values.strict import encode_base64
from vitne.core.values.types import Hash
from vitne.errors import EventRefusedError, VitneError
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.delivery.numbering import NumberedStream
from vitne.sdk.delivery.reply import BatchReply, ProblemLine, Result
from vitne.sdk.delivery.transport import (
    BatchAnswered,
    BatchUnreadable,
    HttpTransport,
    NoAnswer,
    PartlyRefused,
    SendOutcome,
    ServerAnswer,
)
from vitne.sdk.options import Options
from vitne.sdk.signing.ledger import Ledger, StreamDescription
from vitne.sdk.signing.orphans import Orphans, ledger_path
from vitne.sdk.signing.signer import SignableEvent, StreamSigner
from vitne.sdk.signing.stream_messages import CONFLICT, OK, Keys, Place, Speaking, place_of

_log = logging.getLogger("vitne.sdk")

_TEND_S: Final = 5.0
_LATER_S: Final = 60.0
_UNPROCESSABLE: Final = 422

P = ParamSpec("P")


class SigningTransport(Speaking):
    """`sdk.delivery.transport.Transport` for a run that signs. One thread at a time."""

    def __init__(  # noqa: PLR0913 - its parts, given by name in `run`
        self,
        *,
        options: Options,
        http: HttpTransport,
        signer: Signer,
        index_secrets: Keys,
        orphans: Orphans,
        context: Callable[[str], IntakeContext],
        keep: Callable[[str], None],
        idle: Callable[[NumberedStream], bool],
        run: str,
        folder: Any,  # noqa: ANN401 - Path | None
    ) -> None:
        """Args: `context` validates events of a tenant; `keep` keeps receipts; `idle` ends."""
        super().__init__(
            options=options,
            http=http,
            signer=signer,
            index_secrets=index_secrets,
            orphans=orphans,
            keep=keep,
        )
        self._context = context
        self._idle = idle
        self._run = run
        self._folder = folder
        self._streams: dict[Place, NumberedStream] = {}
        self._active: dict[Place, float] = {}
        self._later: dict[Place, float] = {}
        self._made = 0
        self._look_at = 0.0

    # ------------------------------------------------------------ numbers

    def begin(self, stream: NumberedStream) -> None:
        """Make the ledger of a new stream, before its first number is given out.

        Called by whoever records, under the lock of the queue.
        """
        self._made += 1
        mode = "full" if stream.tenant in self._index_secrets else "body"
        about = StreamDescription(
            self._run,
            stream.tenant,
            stream.name,
            self._signer.vkey,
            mode,
            self._options.beat_s,
            self._options.origins.get(stream.tenant, ""),
        )
        place = stream.tenant, stream.name
        path = None if self._folder is None else ledger_path(self._folder, self._run, self._made)
        try:
            ledger = Ledger(path, about)
        except OSError as error:
            _log.error("a stream goes without its ledger, %s: %s", path, error)
            ledger = Ledger(None, about)
        self._streams[place] = stream
        self._own[place] = ledger

    def issue(self, stream: NumberedStream) -> None:
        """Note the number that was given out last."""
        self._own[stream.tenant, stream.name].issue(stream.last_seq)

    # ------------------------------------------------------------ batches

    def split(self, items: Sequence[EventItem]) -> list[list[EventItem]]:
        """Cut events into pieces, each a batch: of one stream, no number missing.

        A batch that was sent before and not answered is cut where it was cut then.
        """
        pieces: list[list[EventItem]] = []
        at: dict[Place, list[EventItem]] = {}
        for item in items:
            place = (item.tenant, item.stream) if item.record_key else ("", "")
            piece = at.get(place)
            if piece is None or not self._follows(piece[-1], item):
                piece = []
                at[place] = piece
                pieces.append(piece)
            piece.append(item)
        return pieces

    def _follows(self, before: EventItem, item: EventItem) -> bool:
        if not item.record_key:
            return True
        ledger = self._ledger(item)
        if ledger is None:
            return item.seq == before.seq + 1
        borders = (ledger.state.acked, ledger.state.pending_last)
        return item.seq == before.seq + 1 and before.seq not in borders

    def post(self, items: Sequence[EventItem]) -> SendOutcome:
        """Send one piece; never raises."""
        if not items[0].record_key:
            return self._http.post(items)
        ledger = self._ledger(items[0])
        if ledger is None:
            return NoAnswer("the ledger of a signed stream is missing", faulty=True)
        self._active[place_of(ledger)] = time.monotonic()
        if items[-1].seq <= ledger.state.acked:  # answered before the process died
            return BatchAnswered(
                BatchReply(tuple(Result("duplicate", item.event_id) for item in items))
            )
        try:
            return (
                self._open(ledger)
                or self._excuse(ledger, items[0].seq - 1)
                or self._post_batch(ledger, items)
            )
        except (VitneError, OSError) as error:
            return NoAnswer(f"{type(error).__name__}: {error}", faulty=True)

    def _post_batch(
        self, ledger: Ledger, items: Sequence[EventItem], *, again: bool = False
    ) -> SendOutcome:
        about, signs = ledger.about, self._signs_for(ledger)
        context = self._context(about.tenant)
        signable = [SignableEvent(item.body, item.record_key, item.seq) for item in items]
        try:
            batch = signs.batch(about.tenant, signable, context, Hash(ledger.state.chain))
        except EventRefusedError:
            return self._unsignable(ledger, items, signs, context)
        pending = ledger.state.pending_hash if ledger.state.pending_last else b""
        if pending != batch.message_hash:
            before = ledger.state
            ledger.sending(items[0].seq, items[-1].seq, batch.message_hash)
        else:
            before = None
        self._sync(ledger)
        body = encode_batch(batch.head, batch.events)
        said = self._http.exchange("POST", "/v1/events", body, BATCH_TYPE)
        if isinstance(said, NoAnswer):
            return said
        if said.status == OK:
            outcome = self._http.judge(said, items)
            if isinstance(outcome, BatchAnswered):
                ledger.answered()
            return outcome
        known = before is not None and pending and said.stream_prev == encode_base64(pending)
        if said.status == CONFLICT and before is not None and known and not again:
            # What was pending before is in the log: the stream stands behind it.
            ledger.sending(before.pending_first, before.pending_last, pending)
            ledger.answered()
            return self._post_batch(ledger, items, again=True)
        return self._not_taken(ledger, items, said)

    def _not_taken(
        self, ledger: Ledger, items: Sequence[EventItem], said: ServerAnswer
    ) -> SendOutcome:
        outcome = self._http.judge(said, items)
        if isinstance(outcome, BatchUnreadable):
            ledger.refused()
            return outcome
        faults = _by_position(said, len(items)) if said.status == _UNPROCESSABLE else {}
        if not faults:
            codes = ", ".join(problem.code for problem in said.problems)
            return NoAnswer(f"HTTP {said.status}: {codes or said.code}", faulty=True)
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
        faults: dict[int, Result] = {}
        for at, item in enumerate(items):
            one = [SignableEvent(item.body, item.record_key, item.seq)]
            try:
                signs.batch(ledger.about.tenant, one, context, Hash(ledger.state.chain))
            except EventRefusedError as error:
                problem = ProblemLine("unsignable", "$", "a complete event", str(error))
                faults[at] = Result("rejected", item.event_id, problems=(problem,))
        return (
            PartlyRefused(faults) if faults else NoAnswer("a batch cannot be signed", faulty=True)
        )

    # ------------------------------------------------------------ what is due by itself

    def due_in_s(self) -> float:
        """Seconds until `run_due` has something to do."""
        due = [self._look_at, *self._beats.values()]
        return max(0.0, min(due) - time.monotonic())

    def run_due(self) -> None:
        """Beat, close what is idle, and end the streams of runs that are gone."""
        now = time.monotonic()
        self._look_at = now + min(_TEND_S, self._options.beat_s or _TEND_S)
        for place, due in list(self._beats.items()):
            ledger = self._own[place]
            if now < due:
                continue
            self._beats[place] = now + max(ledger.about.beat_s, 1)
            if not ledger.state.pending_last and ledger.about.beat_s:
                self._told(self._try(self._beat, ledger, BEAT_ALIVE))
        for place, since in list(self._active.items()):
            if place in self._own and now - since > self._options.stream_idle_s:
                self._close_idle(place)
        self._orphans.take_over()
        for ledger in list(self._orphans.unfinished()):
            place = place_of(ledger)
            if now >= self._later.get(place, 0.0):
                self._later[place] = now + _LATER_S
                self._told(self._try(self._finish_orphan, ledger))

    def _close_idle(self, place: Place) -> None:
        """Close a stream that has been quiet for long; the next event begins another."""
        ledger, stream = self._own[place], self._streams[place]
        if not ledger.is_open or ledger.state.pending_last or ledger.state.acked < ledger.issued:
            return
        if self._idle(stream):
            self._told(self._end(place))

    def _end(self, place: Place) -> NoAnswer | None:
        """Send the closing beat of an own stream, and let it go."""
        ledger = self._own[place]
        failed = self._try(self._excuse, ledger, ledger.issued) or self._try(
            self._beat, ledger, BEAT_CLOSED
        )
        del self._own[place]
        self._beats.pop(place, None)
        self._active.pop(place, None)
        ledger.close()  # it lies there for the next run to name, or to finish
        return failed

    def _finish_orphan(self, ledger: Ledger) -> NoAnswer | None:
        """Say how far the stream of a run that is gone had come; what lacks was lost with it."""
        failed = (
            self._open(ledger)
            or self._settle_pending(ledger)
            or self._excuse(ledger, ledger.issued)
            or self._beat(ledger, BEAT_CLOSED)
        )
        if failed is None:
            self._orphans.finished(ledger)
        return failed

    def finish(self, until: float, *, clean: bool) -> None:
        """Close the streams if all events are answered (`clean`); the threads are gone."""
        for place, ledger in list(self._own.items()):
            left_s = until - time.monotonic()
            if not clean or left_s <= 0:
                break
            self._http.hurry(left_s)
            if ledger.is_open and not ledger.state.pending_last and self._told(self._end(place)):
                break
        for ledger in self._own.values():
            ledger.close()
        self._own.clear()
        self._orphans.close()

    def close(self) -> None:
        """Let the connection go; a request that is under way fails."""
        self._http.close()

    def abandon(self) -> None:
        """Let everything go in a forked child."""
        for ledger in self._own.values():
            ledger.abandon()
        self._orphans.abandon()

    # ------------------------------------------------------------ parts

    def _ledger(self, item: EventItem) -> Ledger | None:
        place = item.tenant, item.stream
        found = self._own.get(place) or self._orphans.of(*place)
        if found is None:
            self._orphans.take_over()
            found = self._orphans.of(*place)
        return found

    def _try(
        self, act: Callable[P, NoAnswer | None], *args: P.args, **kwargs: P.kwargs
    ) -> NoAnswer | None:
        try:
            return act(*args, **kwargs)
        except (VitneError, OSError) as error:
            return NoAnswer(f"{type(error).__name__}: {error}", faulty=True)

    def _told(self, failed: NoAnswer | None) -> bool:
        if failed is not None:
            level = logging.WARNING if failed.faulty else logging.INFO
            _log.log(level, "not told to the log, will be tried again: %s", failed.reason)
        return failed is not None


def _by_position(said: ServerAnswer, count: int) -> dict[int, Result]:
    """Which events of a refused batch are at fault: paths begin `$[position]`."""
    faults: dict[int, list[ProblemLine]] = {}
    for problem in said.problems:
        inside, _, rest = problem.path.removeprefix("$[").partition("]")
        if problem.path.startswith("$[") and inside.isdecimal() and int(inside) < count:
            line = ProblemLine(problem.code, f"${rest}", problem.expected, problem.got)
            faults.setdefault(int(inside), []).append(line)
    return {at: Result("rejected", problems=tuple(lines)) for at, lines in faults.items()}
