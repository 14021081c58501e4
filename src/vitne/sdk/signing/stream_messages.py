"""Says what a stream is: opens it, beats, voids numbers, and closes it.

One message at a time, each signed; every one may be said again, and is answered as before.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from vitne.core.entry.entry import BEAT_CLOSED, VOID_SPOOL_FULL, VOID_SPOOL_LOST
from vitne.core.tree.note import Signer
from vitne.core.values.strict import encode_base64
from vitne.core.values.types import Hash
from vitne.sdk.delivery.transport import HttpTransport, NoAnswer, ServerAnswer
from vitne.sdk.options import Options
from vitne.sdk.signing.ledger import Ledger, StreamDescription
from vitne.sdk.signing.orphans import Orphans
from vitne.sdk.signing.signer import StreamSigner

CONFLICT: Final = 409
OK: Final = 200
_JSON: Final = "application/json"

Place = tuple[str, str]
"""Tenant and name of a stream."""
Keys = dict[str, bytes]
"""Tenant → K of its log."""


class Speaking:
    """What is said of streams, own ones and those of runs that are gone. One thread at a time."""

    def __init__(
        self,
        *,
        options: Options,
        http: HttpTransport,
        signer: Signer,
        index_secrets: Keys,
        orphans: Orphans,
        keep: Callable[[str], None],
    ) -> None:
        """Args: `keep` keeps receipts."""
        self._options = options
        self._http = http
        self._signer = signer
        self._index_secrets = index_secrets
        self._orphans = orphans
        self._keep = keep
        self._own: dict[Place, Ledger] = {}
        self._beats: dict[Place, float] = {}
        self._signs: dict[Place, StreamSigner] = {}

    def _open(self, ledger: Ledger) -> NoAnswer | None:
        """Register the stream, if the log has not answered that yet."""
        if ledger.is_open:
            return None
        about = ledger.about
        if not about.origin:
            asked = self._http.exchange("GET", "/v1/streams/log", params={"tenant": about.tenant})
            if isinstance(asked, NoAnswer):
                return asked
            if asked.status != OK:
                return failed("where the log is", asked)
            about = msgspec.structs.replace(about, origin=str(asked.document.get("origin", "")))
        own = place_of(ledger) in self._own
        if own and not about.prev:
            self._orphans.take_over()
            before = self._orphans.to_follow(about.tenant, about.origin)
            if before is not None:
                prev, last = self._signs_for(before).stream_id, before.issued
                about = msgspec.structs.replace(about, prev=prev, prev_last=last)
        ledger.describe(about)
        self._signs.pop(place_of(ledger), None)
        self._sync(ledger)
        found = failed(
            "the opening of a stream", self._say("/v1/streams", self._open_members(ledger))
        )
        if found is None:
            ledger.opened()
            if own:
                self._beats[place_of(ledger)] = time.monotonic() + about.beat_s
                self._note_named(about)
        return found

    def _open_members(self, ledger: Ledger) -> dict[str, Any]:
        about, signs = ledger.about, self._signs_for(ledger)
        entry = signs.open(about.beat_s, about.prev, about.prev_last)
        members: dict[str, Any] = {
            "tenant": about.tenant,
            "name": about.name,
            "mode": signs.mode,
            "beat_s": about.beat_s,
            "key": encode_base64(signs.key),
            "sig": encode_base64(entry.sig),
        }
        if about.prev:
            members |= {"prev": encode_base64(about.prev), "prev_last": about.prev_last}
        return members

    def _note_named(self, about: StreamDescription) -> None:
        """The stream that this one names as the one before is named once."""
        for ledger in self._orphans.of_tenant(about.tenant):
            if about.prev and self._signs_for(ledger).stream_id == about.prev:
                self._orphans.named(ledger)

    def _excuse(self, ledger: Ledger, last: int) -> NoAnswer | None:
        """Say of the numbers up to `last` that have not come that they never will."""
        first = ledger.state.acked + 1
        if first > last or ledger.state.pending_last:
            return None
        found = self._void(ledger, first, last)
        if found is None:
            ledger.accounted(last)
        return found

    def _void(self, ledger: Ledger, first: int, last: int) -> NoAnswer | None:
        """Void what of first..last the log has not accounted for already."""
        said = self._say("/v1/streams/voids", self._void_members(ledger, first, last))
        if not isinstance(said, NoAnswer) and said.status == CONFLICT:
            if first == last:
                return None
            middle = (first + last) // 2
            return self._void(ledger, first, middle) or self._void(ledger, middle + 1, last)
        return failed("a void", said)

    def _void_members(self, ledger: Ledger, first: int, last: int) -> dict[str, Any]:
        own = place_of(ledger) in self._own
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

    def _settle_pending(self, ledger: Ledger) -> NoAnswer | None:
        """Find out about a batch that was sent, and whose events died with their process.

        If the log has it, its numbers cannot be void.
        """
        state = ledger.state
        if not state.pending_last:
            return None
        members = self._void_members(ledger, state.pending_first, state.pending_last)
        said = self._say("/v1/streams/voids", members)
        if not isinstance(said, NoAnswer) and said.status == CONFLICT:
            if said.stream_prev == encode_base64(state.pending_hash):
                ledger.answered()
            else:
                ledger.refused()
            return None
        found = failed("a void", said)
        if found is None:
            ledger.refused()
            if state.pending_first == state.acked + 1:
                ledger.accounted(state.pending_last)
        return found

    def _beat(self, ledger: Ledger, state: int) -> NoAnswer | None:
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
        closed = not isinstance(said, NoAnswer) and "stream_closed" in [
            p.code for p in said.problems
        ]
        found = None if closed and state == BEAT_CLOSED else failed("a heartbeat", said)
        if found is None and state == BEAT_CLOSED:
            ledger.closed()
        return found

    def _say(self, path: str, members: dict[str, Any]) -> ServerAnswer | NoAnswer:
        said = self._http.exchange("POST", path, msgspec.json.encode(members), _JSON)
        if not isinstance(said, NoAnswer) and said.status == OK:
            receipt = said.document.get("receipt")
            if isinstance(receipt, str):
                self._keep(receipt)
        return said

    def _signs_for(self, ledger: Ledger) -> StreamSigner:
        place = place_of(ledger)
        found = self._signs.get(place)
        if found is None:
            about = ledger.about
            key = self._index_secrets.get(about.tenant, b"") if about.mode == "full" else b""
            found = StreamSigner(about.origin, about.name, self._signer, key)
            self._signs[place] = found
        return found

    def _sync(self, ledger: Ledger) -> None:
        if self._options.spool_fsync == "write":
            ledger.sync()


def place_of(ledger: Ledger) -> Place:
    """Where a ledger's stream is."""
    return ledger.about.tenant, ledger.about.name


def failed(what: str, said: ServerAnswer | NoAnswer) -> NoAnswer | None:
    """Why something was not told; None if it was."""
    if isinstance(said, NoAnswer):
        return said
    if said.status == OK:
        return None
    codes = ", ".join(problem.code for problem in said.problems) or said.code
    return NoAnswer(f"{what}: HTTP {said.status} {codes}", said.retry_after_s, said.faulty)
