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

import msgspec

from vitne.core.batch import BATCH_TYPE, encode_batch
from vitne.core.entry import BEAT_ALIVE, BEAT_CLOSED, VOID_SPOOL_FULL, VOID_SPOOL_LOST
from vitne.core.intake import IntakeContext
from vitne.core.note import Signer
from vitne.core.strict import encode_base64
from vitne.core.types import Hash
from vitne.errors import EventRefusedError, VitneError
from vitne.sdk.items import Item
from vitne.sdk.ledger import About, Ledger
from vitne.sdk.options import Options
from vitne.sdk.orphans import Orphans, ledger_path
from vitne.sdk.reply import ProblemLine, Reply, Result
from vitne.sdk.signing import Signable, StreamSigner
from vitne.sdk.streams import Stream
from vitne.sdk.transport import Answered, Away, HttpTransport, Outcome, Partly, Said, Unreadable

_log = logging.getLogger("vitne.sdk")

_JSON: Final = "application/json"
_TEND_S: Final = 5.0
_CONFLICT, _UNPROCESSABLE, _OK = 409, 422, 200
_BAD, _LARGE = 400, 413

P = ParamSpec("P")
Keys = dict[str, bytes]
"""Tenant → K of its log."""


class SignedTransport:
    """`sdk.transport.Transport` for a run that signs. One thread at a time."""

    def __init__(  # noqa: PLR0913 - its parts, given by name in `run`
        self,
        *,
        options: Options,
        http: HttpTransport,
        signer: Signer,
        index_keys: Keys,
        orphans: Orphans,
        context: Callable[[str], IntakeContext],
        keep: Callable[[str], None],
        idle: Callable[[Stream], bool],
        run: str,
        folder: Any,  # noqa: ANN401 - Path | None
    ) -> None:
        """Args: `context` validates events of a tenant; `keep` keeps receipts; `idle` ends."""
        self._options = options
        self._http = http
        self._signer = signer
        self._index_keys = index_keys
        self._orphans = orphans
        self._context = context
        self._keep = keep
        self._idle = idle
        self._run = run
        self._folder = folder
        self._own: dict[tuple[str, str], Ledger] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._beats: dict[tuple[str, str], float] = {}
        self._active: dict[tuple[str, str], float] = {}
        self._signs: dict[tuple[str, str], StreamSigner] = {}
        self._made = 0
        self._look_at = 0.0

    # ------------------------------------------------------------ numbers

    def begin(self, stream: Stream) -> None:
        """Make the ledger of a new stream, before its first number is given out.

        Called by whoever records, under the lock of the queue.
        """
        self._made += 1
        mode = "full" if stream.tenant in self._index_keys else "body"
        about = About(
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

    def issue(self, stream: Stream) -> None:
        """Note the number that was given out last."""
        self._own[stream.tenant, stream.name].issue(stream.last_seq)

    # ------------------------------------------------------------ batches

    def split(self, items: Sequence[Item]) -> list[list[Item]]:
        """Cut events into pieces, each a batch: of one stream, no number missing.

        A batch that was sent before and not answered is cut where it was cut then.
        """
        pieces: list[list[Item]] = []
        at: dict[tuple[str, str], list[Item]] = {}
        for item in items:
            place = (item.tenant, item.stream) if item.record_key else ("", "")
            piece = at.get(place)
            if piece is None or not self._follows(piece[-1], item):
                piece = []
                at[place] = piece
                pieces.append(piece)
            piece.append(item)
        return pieces

    def _follows(self, before: Item, item: Item) -> bool:
        if not item.record_key:
            return True
        ledger = self._ledger(item)
        if ledger is None:
            return item.seq == before.seq + 1
        borders = (ledger.state.acked, ledger.state.pending_last)
        return item.seq == before.seq + 1 and before.seq not in borders

    def post(self, items: Sequence[Item]) -> Outcome:
        """Send one piece; never raises."""
        if not items[0].record_key:
            return self._http.post(items)
        ledger = self._ledger(items[0])
        if ledger is None:
            return Away("the ledger of a signed stream is missing", faulty=True)
        self._active[_place(ledger)] = time.monotonic()
        if items[-1].seq <= ledger.state.acked:  # answered before the process died
            return Answered(Reply(tuple(Result("duplicate", item.event_id) for item in items)))
        try:
            return (
                self._open(ledger)
                or self._excuse(ledger, items[0].seq - 1)
                or self._post_batch(ledger, items)
            )
        except (VitneError, OSError) as error:
            return Away(f"{type(error).__name__}: {error}", faulty=True)

    def _post_batch(self, ledger: Ledger, items: Sequence[Item], *, again: bool = False) -> Outcome:
        about, signs = ledger.about, self._signs_for(ledger)
        context = self._context(about.tenant)
        signable = [Signable(item.body, item.record_key, item.seq) for item in items]
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
        if isinstance(said, Away):
            return said
        if said.status == _OK:
            outcome = self._http.judge(said, items)
            if isinstance(outcome, Answered):
                ledger.answered()
            return outcome
        known = before is not None and pending and said.stream_prev == encode_base64(pending)
        if said.status == _CONFLICT and before is not None and known and not again:
            # What was pending before is in the log: the stream stands behind it.
            ledger.sending(before.pending_first, before.pending_last, pending)
            ledger.answered()
            return self._post_batch(ledger, items, again=True)
        return self._not_taken(ledger, items, said)

    def _not_taken(self, ledger: Ledger, items: Sequence[Item], said: Said) -> Outcome:
        outcome = self._http.judge(said, items)
        if isinstance(outcome, Unreadable):
            ledger.refused()
            return outcome
        faults = _by_position(said, len(items)) if said.status == _UNPROCESSABLE else {}
        if not faults:
            codes = ", ".join(problem.code for problem in said.problems)
            return Away(f"HTTP {said.status}: {codes or said.code}", faulty=True)
        ledger.refused()
        return Partly(faults)

    def _unsignable(
        self,
        ledger: Ledger,
        items: Sequence[Item],
        signs: StreamSigner,
        context: IntakeContext,
    ) -> Outcome:
        """Find the events that cannot be signed; their numbers will be void."""
        faults: dict[int, Result] = {}
        for at, item in enumerate(items):
            one = [Signable(item.body, item.record_key, item.seq)]
            try:
                signs.batch(ledger.about.tenant, one, context, Hash(ledger.state.chain))
            except EventRefusedError as error:
                problem = ProblemLine("unsignable", "$", "a complete event", str(error))
                faults[at] = Result("rejected", item.event_id, problems=(problem,))
        return Partly(faults) if faults else Away("a batch cannot be signed", faulty=True)

    # ------------------------------------------------------------ opening, voids, beats

    def _open(self, ledger: Ledger) -> Away | None:
        """Register the stream, if the log has not answered that yet."""
        if ledger.is_open:
            return None
        about = ledger.about
        if not about.origin:
            asked = self._http.exchange("GET", "/v1/streams/log", params={"tenant": about.tenant})
            if isinstance(asked, Away):
                return asked
            if asked.status != _OK:
                return _failed("where the log is", asked)
            about = msgspec.structs.replace(about, origin=str(asked.document.get("origin", "")))
        before = None
        if _place(ledger) in self._own and not about.prev:
            self._orphans.take_over()
            before = self._orphans.to_follow(about.tenant, about.origin)
            if before is not None:
                prev, last = self._signs_for(before).stream_id, before.issued
                about = msgspec.structs.replace(about, prev=prev, prev_last=last)
        ledger.describe(about)
        self._signs.pop(_place(ledger), None)
        self._sync(ledger)
        signs = self._signs_for(ledger)
        entry = signs.open(about.beat_s, about.prev, about.prev_last)
        members: dict[str, object] = {
            "tenant": about.tenant,
            "name": about.name,
            "mode": signs.mode,
            "beat_s": about.beat_s,
            "key": encode_base64(signs.key),
            "sig": encode_base64(entry.sig),
        }
        if about.prev:
            members |= {"prev": encode_base64(about.prev), "prev_last": about.prev_last}
        said = self._say("/v1/streams", members)
        failed = _failed("the opening of a stream", said)
        if failed is None:
            ledger.opened()
            if before is not None:
                self._orphans.named(before)
            self._beats[_place(ledger)] = time.monotonic() + about.beat_s
        return failed

    def _excuse(self, ledger: Ledger, last: int) -> Away | None:
        """Say of the numbers up to `last` that have not come that they never will."""
        first = ledger.state.acked + 1
        if first > last or ledger.state.pending_last:
            return None
        failed = self._void(ledger, first, last)
        if failed is None:
            ledger.accounted(last)
        return failed

    def _void(self, ledger: Ledger, first: int, last: int) -> Away | None:
        """Void what of first..last the log has not accounted for already."""
        said = self._say("/v1/streams/voids", self._void_members(ledger, first, last))
        if not isinstance(said, Away) and said.status == _CONFLICT:
            if first == last:
                return None
            middle = (first + last) // 2
            return self._void(ledger, first, middle) or self._void(ledger, middle + 1, last)
        return _failed("a void", said)

    def _void_members(self, ledger: Ledger, first: int, last: int) -> dict[str, Any]:
        own = _place(ledger) in self._own
        reason = VOID_SPOOL_FULL if own else VOID_SPOOL_LOST
        now_us = time.time_ns() // 1000
        entry = self._signs_for(ledger).void(first, last, reason, now_us)
        return {
            "tenant": ledger.about.tenant,
            "name": ledger.about.name,
            "first": first,
            "last": last,
            "occurred_us": now_us,
            "reason": reason,
            "digest": encode_base64(entry.digest),
            "sig": encode_base64(entry.sig),
        }

    def _settle_pending(self, ledger: Ledger) -> Away | None:
        """Find out about a batch that was sent, and whose events died with their process.

        If the log has it, its numbers cannot be void.
        """
        state = ledger.state
        if not state.pending_last:
            return None
        members = self._void_members(ledger, state.pending_first, state.pending_last)
        said = self._say("/v1/streams/voids", members)
        if not isinstance(said, Away) and said.status == _CONFLICT:
            if said.stream_prev == encode_base64(state.pending_hash):
                ledger.answered()
            else:
                ledger.refused()
            return None
        failed = _failed("a void", said)
        if failed is None:
            ledger.refused()
            if state.pending_first == state.acked + 1:
                ledger.accounted(state.pending_last)
        return failed

    def _beat(self, ledger: Ledger, state: int) -> Away | None:
        """Send a heartbeat; with state closed it is the last."""
        at_us = max(time.time_ns() // 1000, ledger.state.beat_us + 1)
        chain = Hash(ledger.state.chain)
        entry = self._signs_for(ledger).beat(ledger.issued, state, at_us, chain)
        ledger.beaten(at_us)
        members = {
            "tenant": ledger.about.tenant,
            "name": ledger.about.name,
            "last": entry.last,
            "occurred_us": at_us,
            "state": state,
            "prev": encode_base64(entry.prev),
            "sig": encode_base64(entry.sig),
        }
        said = self._say("/v1/streams/beats", members)
        closed = not isinstance(said, Away) and "stream_closed" in [p.code for p in said.problems]
        failed = None if closed and state == BEAT_CLOSED else _failed("a heartbeat", said)
        if failed is None and state == BEAT_CLOSED:
            ledger.closed()
        return failed

    def _say(self, path: str, members: dict[str, Any]) -> Said | Away:
        said = self._http.exchange("POST", path, msgspec.json.encode(members), _JSON)
        if not isinstance(said, Away) and said.status == _OK:
            receipt = said.document.get("receipt")
            if isinstance(receipt, str):
                self._keep(receipt)
        return said

    # ------------------------------------------------------------ what is due by itself

    def tend_in_s(self) -> float:
        """Seconds until `tend` has something to do."""
        due = [self._look_at, *self._beats.values()]
        return max(0.0, min(due) - time.monotonic())

    def tend(self) -> None:
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
            self._told(self._try(self._finish_orphan, ledger))

    def _close_idle(self, place: tuple[str, str]) -> None:
        """Close a stream that has been quiet for long; the next event begins another."""
        ledger, stream = self._own[place], self._streams[place]
        if not ledger.is_open or ledger.state.pending_last or ledger.state.acked < ledger.issued:
            return
        if self._idle(stream):
            self._told(self._end(place))

    def _end(self, place: tuple[str, str]) -> Away | None:
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

    def _finish_orphan(self, ledger: Ledger) -> Away | None:
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

    def _ledger(self, item: Item) -> Ledger | None:
        place = item.tenant, item.stream
        found = self._own.get(place) or self._orphans.of(*place)
        if found is None:
            self._orphans.take_over()
            found = self._orphans.of(*place)
        return found

    def _signs_for(self, ledger: Ledger) -> StreamSigner:
        place = _place(ledger)
        found = self._signs.get(place)
        if found is None:
            about = ledger.about
            key = self._index_keys.get(about.tenant, b"") if about.mode == "full" else b""
            found = StreamSigner(about.origin, about.name, self._signer, key)
            self._signs[place] = found
        return found

    def _sync(self, ledger: Ledger) -> None:
        if self._options.spool_fsync == "write":
            ledger.sync()

    def _try(self, act: Callable[P, Away | None], *args: P.args, **kwargs: P.kwargs) -> Away | None:
        try:
            return act(*args, **kwargs)
        except (VitneError, OSError) as error:
            return Away(f"{type(error).__name__}: {error}", faulty=True)

    def _told(self, failed: Away | None) -> bool:
        if failed is not None:
            level = logging.WARNING if failed.faulty else logging.INFO
            _log.log(level, "not told to the log, will be tried again: %s", failed.reason)
        return failed is not None


def _place(ledger: Ledger) -> tuple[str, str]:
    return ledger.about.tenant, ledger.about.name


def _failed(what: str, said: Said | Away) -> Away | None:
    """Why something was not told; None if it was."""
    if isinstance(said, Away):
        return said
    if said.status == _OK:
        return None
    codes = ", ".join(problem.code for problem in said.problems) or said.code
    return Away(f"{what}: HTTP {said.status} {codes}", said.retry_after_s, said.faulty)


def _by_position(said: Said, count: int) -> dict[int, Result]:
    """Which events of a refused batch are at fault: paths begin `$[position]`."""
    faults: dict[int, list[ProblemLine]] = {}
    for problem in said.problems:
        inside, _, rest = problem.path.removeprefix("$[").partition("]")
        if problem.path.startswith("$[") and inside.isdecimal() and int(inside) < count:
            line = ProblemLine(problem.code, f"${rest}", problem.expected, problem.got)
            faults.setdefault(int(inside), []).append(line)
    return {at: Result("rejected", problems=tuple(lines)) for at, lines in faults.items()}
