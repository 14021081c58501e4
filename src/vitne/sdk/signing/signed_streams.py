"""The signed streams of a run, from the first number to the closing beat.

Whatever is lost with a process, the next run reports to the log: each number is in the stream's
ledger before it can be used, and a later run takes over the ledgers of runs that are gone.
"""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.entry import BEAT_ALIVE, BEAT_CLOSED
from vitne.errors import VitneError
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.delivery.numbering import NumberedStream
from vitne.sdk.delivery.transport import NoAnswer
from vitne.sdk.options import Options
from vitne.sdk.signing.ledger import Ledger, StreamDescription, StreamRef
from vitne.sdk.signing.orphans import Orphans, ledger_path
from vitne.sdk.signing.stream_messages import StreamMessages

_log = logging.getLogger("vitne.sdk")

_LOOK_S: Final = 5.0
_LATER_S: Final = 60.0

P = ParamSpec("P")


class _OwnStream(Struct):
    """One stream of this run. All times are monotonic."""

    stream: NumberedStream
    ledger: Ledger
    beat_at: float = math.inf
    """When its next heartbeat is due: never before it is opened."""
    used_at: float = math.inf
    """When its last batch was sent."""


class SignedStreams:
    """The streams of this run, and those that earlier runs left behind.

    Recording threads call `begin` and `issue`, under the lock of the queue; all else is the sender
    thread's, and so is the removing of streams.
    """

    def __init__(
        self,
        *,
        options: Options,
        run: str,
        folder: Path | None,
        vkey: str,
        messages: StreamMessages,
        end_idle: Callable[[NumberedStream], bool],
    ) -> None:
        """Args: `end_idle` lets the next event begin another stream, unless one waits already."""
        self._options = options
        self._run = run
        self._folder = folder
        self._vkey = vkey
        self._messages = messages
        self._end_idle = end_idle
        self._orphans = Orphans(folder, run, vkey)
        self._own: dict[StreamRef, _OwnStream] = {}
        self._later: dict[StreamRef, float] = {}
        self._made = 0
        self._look_at = 0.0

    def begin(self, stream: NumberedStream) -> None:
        """Make the ledger of a new stream, before its first number is given out."""
        self._made += 1
        options, tenant = self._options, stream.tenant
        mode = "full" if tenant in options.index_secrets else "body"
        origin = options.origins.get(tenant, "")
        about = StreamDescription(
            self._run, tenant, stream.name, self._vkey, mode, options.beat_s, origin
        )
        path = None if self._folder is None else ledger_path(self._folder, self._run, self._made)
        try:
            ledger = Ledger(path, about)
        except OSError as error:
            _log.error("cannot keep the ledger of a stream on disk, %s: %s", path, error)
            ledger = Ledger(None, about)
        self._own[about.ref] = _OwnStream(stream, ledger)

    def issue(self, stream: NumberedStream) -> None:
        """Note the number that was given out last."""
        self._own[stream.tenant, stream.name].ledger.issue(stream.last_seq)

    def ledger_of(self, item: EventItem) -> Ledger | None:
        """The ledger of an event's stream: of this run, or of one that is gone."""
        ref = item.tenant, item.stream
        own = self._own.get(ref)
        if own is not None:
            return own.ledger
        if self._orphans.of(ref) is None:
            self._orphans.take_over()
        return self._orphans.of(ref)

    def open(self, ledger: Ledger) -> NoAnswer | None:
        """Register a stream, if the log has not answered that yet; why not, if it fails."""
        own = self._own.get(ledger.about.ref)
        if own is not None:
            own.used_at = time.monotonic()
        if ledger.is_open:
            return None
        about = self._messages.locate(ledger.about)
        if isinstance(about, NoAnswer):
            return about
        if own is not None and not about.prev:
            about = self._following(about)
        failure = self._messages.open(ledger, about)
        if failure is None and own is not None:
            own.beat_at = time.monotonic() + about.beat_s
            self._note_followed(about)
        return failure

    def _following(self, about: StreamDescription) -> StreamDescription:
        """The description with the stream of an earlier run that this one names as its previous."""
        self._orphans.take_over()
        before = self._orphans.to_follow(about.tenant, about.origin)
        if before is None:
            return about
        stream_id = self._messages.signer_of(before.about).stream_id
        return replace(about, prev=stream_id, prev_last=before.issued)

    def _note_followed(self, about: StreamDescription) -> None:
        """A stream is named as the previous one only once."""
        for ledger in self._orphans.of_tenant(about.tenant):
            if about.prev and self._messages.signer_of(ledger.about).stream_id == about.prev:
                self._orphans.named(ledger)

    # ------------------------------------------------------------ what is due

    def due_in_s(self) -> float:
        """Seconds until `run_due` has something to do. Hold the lock of the queue."""
        due = [self._look_at, *(own.beat_at for own in self._own.values())]
        return max(0.0, min(due) - time.monotonic())

    def run_due(self) -> None:
        """Beat, close what is idle, and end the streams of runs that are gone."""
        now = time.monotonic()
        self._look_at = now + min(_LOOK_S, self._options.beat_s or _LOOK_S)
        for own in list(self._own.values()):
            ledger = own.ledger
            if own.beat_at <= now:
                own.beat_at = now + max(ledger.about.beat_s, 1)
                if not ledger.state.pending_last and ledger.about.beat_s:
                    self._attempt(self._messages.beat, ledger, BEAT_ALIVE)
            idle = now - own.used_at > self._options.stream_idle_s
            if idle and self._is_settled(ledger) and self._end_idle(own.stream):
                self._end(ledger)  # the next event begins another stream
        self._orphans.take_over()
        for ledger in list(self._orphans.unfinished()):
            if now >= self._later.get(ledger.about.ref, 0.0):
                self._later[ledger.about.ref] = now + _LATER_S
                self._attempt(self._finish_orphan, ledger)

    def _is_settled(self, ledger: Ledger) -> bool:
        """Whether the log has answered everything of an open stream."""
        state = ledger.state
        return ledger.is_open and not state.pending_last and state.acked >= ledger.issued

    def _end(self, ledger: Ledger) -> bool:
        """Send the closing beat of an own stream, and drop it; whether the log accepted it."""
        closed = self._attempt(self._void_and_close, ledger)
        del self._own[ledger.about.ref]
        ledger.close()  # the file stays for the next run to name, or to finish
        return closed

    def _void_and_close(self, ledger: Ledger) -> NoAnswer | None:
        return self._messages.excuse(ledger, ledger.issued) or self._messages.beat(
            ledger, BEAT_CLOSED
        )

    def _finish_orphan(self, ledger: Ledger) -> NoAnswer | None:
        """Report how far the stream of a run that is gone had come; the rest was lost with it."""
        failure = (
            self.open(ledger)
            or self._messages.settle_pending(ledger)
            or self._void_and_close(ledger)
        )
        if failure is None:
            self._orphans.finished(ledger)
        return failure

    def _attempt(
        self, act: Callable[P, NoAnswer | None], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Whether a message was taken; the reason is logged if not, and a later run tries again."""
        try:
            failure = act(*args, **kwargs)
        except (VitneError, OSError) as error:
            failure = NoAnswer(f"{type(error).__name__}: {error}", faulty=True)
        if failure is not None:
            level = logging.WARNING if failure.faulty else logging.INFO
            _log.log(level, "a message about a stream waits to be sent again: %s", failure.reason)
        return failure is None

    # ------------------------------------------------------------ the end

    def finish(self, until: float, *, clean: bool) -> None:
        """Close the streams, until a monotonic time, if all events are answered (`clean`)."""
        for own in list(self._own.values()):
            left_s = until - time.monotonic()
            if not clean or left_s <= 0:
                break
            self._messages.http.hurry(left_s)
            ledger = own.ledger
            if ledger.is_open and not ledger.state.pending_last and not self._end(ledger):
                break
        for own in self._own.values():
            own.ledger.close()
        self._own.clear()
        self._orphans.close()

    def abandon(self) -> None:
        """Close everything unchanged, in a forked child."""
        for own in self._own.values():
            own.ledger.abandon()
        self._orphans.abandon()
