"""The signed messages about a stream, beside its events: opening, heartbeat, void, closing.

Every message may be sent again: the log then answers as it did before.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from vitne.core.entry.entry import BEAT_CLOSED, VOID_SPOOL_FULL, VOID_SPOOL_LOST
from vitne.core.tree.note import Signer
from vitne.core.values import Hash, encode_base64
from vitne.sdk.delivery.transport import HttpTransport, NoAnswer, ServerAnswer
from vitne.sdk.options import Options
from vitne.sdk.signing.keyfile import read_index_secret
from vitne.sdk.signing.ledger import Ledger, StreamDescription
from vitne.sdk.signing.signer import StreamSigner
from vitne.wire.streams import HeartbeatRequest, OpenStreamRequest, VoidRequest

CONFLICT: Final = 409
OK: Final = 200
_JSON: Final = "application/json"
_SIGNERS: Final = 256


class StreamMessages:
    """Signs and sends them, one at a time, and notes in the ledger what the log answered.

    Each method returns None if the log took the message, else why not.

    Args:
        options: with the index secret of a tenant, its streams sign the lookup keys too; ledgers
            are forced to disk before a message is sent if what is spooled is.
        run: the own run; the streams of others lost their events with their process.
        http: carries the messages.
        signer: the key of the source.
        keep: keeps a receipt.
    """

    def __init__(
        self,
        options: Options,
        *,
        run: str,
        http: HttpTransport,
        signer: Signer,
        keep: Callable[[str], None],
    ) -> None:
        self._run = run
        self.http = http
        self._signer = signer
        self._index_secrets = {
            tenant: read_index_secret(Path(path)) for tenant, path in options.index_secrets.items()
        }
        self._keep = keep
        self._syncs = options.spool_fsync == "write"
        self.signer_of = lru_cache(_SIGNERS)(self._make_signer)
        """What signs for a stream."""

    def _make_signer(self, about: StreamDescription) -> StreamSigner:
        key = self._index_secrets.get(about.tenant, b"") if about.mode == "full" else b""
        return StreamSigner(about.origin, about.name, self._signer, key)

    def sync(self, ledger: Ledger) -> None:
        """Force a ledger to disk, if the client's options ask for it."""
        if self._syncs:
            ledger.sync()

    def locate(self, about: StreamDescription) -> StreamDescription | NoAnswer:
        """The same with the origin of its log, which the server knows."""
        if about.origin:
            return about
        answer = self.http.exchange("GET", "/v1/streams/log", params={"tenant": about.tenant})
        if isinstance(answer, NoAnswer):
            return answer
        if answer.status != OK:
            return _refusal("where the log is", answer)
        return msgspec.structs.replace(about, origin=answer.body.origin)

    def open(self, ledger: Ledger, about: StreamDescription) -> NoAnswer | None:
        """Register a stream under this description."""
        ledger.describe(about)
        self.sync(ledger)
        signs = self.signer_of(about)
        request = OpenStreamRequest(
            tenant=about.tenant,
            name=about.name,
            mode=signs.mode,
            beat_s=about.beat_s,
            key=encode_base64(signs.key),
            sig=encode_base64(signs.open(about.beat_s, about.prev, about.prev_last).sig),
            prev=encode_base64(about.prev),
            prev_last=about.prev_last,
        )
        failure = _failure("the opening of a stream", self._send("/v1/streams", request))
        if failure is None:
            ledger.opened()
        return failure

    def excuse(self, ledger: Ledger, last: int) -> NoAnswer | None:
        """Void the numbers up to `last` that have not come: they never will."""
        first = ledger.state.acked + 1
        if first > last or ledger.state.pending_last:
            return None
        failure = self._void_range(ledger, first, last)
        if failure is None:
            ledger.accounted(last)
        return failure

    def _void_range(self, ledger: Ledger, first: int, last: int) -> NoAnswer | None:
        """Void what of first..last the log has not accounted for already."""
        answer = self._void(ledger, first, last)
        if not isinstance(answer, NoAnswer) and answer.status == CONFLICT:
            if first == last:
                return None
            middle = (first + last) // 2
            return self._void_range(ledger, first, middle) or self._void_range(
                ledger, middle + 1, last
            )
        return _failure("a void", answer)

    def _void(self, ledger: Ledger, first: int, last: int) -> ServerAnswer | NoAnswer:
        reason = VOID_SPOOL_FULL if ledger.about.run == self._run else VOID_SPOOL_LOST
        now_us = time.time_ns() // 1000
        entry = self.signer_of(ledger.about).void(first, last, reason, now_us)
        request = VoidRequest(
            tenant=ledger.about.tenant,
            name=ledger.about.name,
            first=first,
            last=last,
            occurred_us=now_us,
            reason=reason,
            digest=encode_base64(entry.digest),
            sig=encode_base64(entry.sig),
        )
        return self._send("/v1/streams/voids", request)

    def settle_pending(self, ledger: Ledger) -> NoAnswer | None:
        """Find out about a batch that was sent, and whose events died with their process.

        If the log has it, its numbers cannot be void.
        """
        state = ledger.state
        if not state.pending_last:
            return None
        answer = self._void(ledger, state.pending_first, state.pending_last)
        if not isinstance(answer, NoAnswer) and answer.status == CONFLICT:
            if answer.stream_prev == encode_base64(state.pending_hash):
                ledger.answered()
            else:
                ledger.refused()
            return None
        failure = _failure("a void", answer)
        if failure is None:
            ledger.refused()
            if state.pending_first == state.acked + 1:
                ledger.accounted(state.pending_last)
        return failure

    def beat(self, ledger: Ledger, state: int) -> NoAnswer | None:
        """Send a heartbeat; with state closed it is the last."""
        at_us = max(time.time_ns() // 1000, ledger.state.beat_us + 1)
        chain = Hash(ledger.state.chain)
        entry = self.signer_of(ledger.about).beat(ledger.issued, state, at_us, chain)
        ledger.beaten(at_us)
        request = HeartbeatRequest(
            tenant=ledger.about.tenant,
            name=ledger.about.name,
            last=entry.last,
            occurred_us=at_us,
            state=state,
            prev=encode_base64(entry.prev),
            sig=encode_base64(entry.sig),
        )
        answer = self._send("/v1/streams/beats", request)
        failure = _failure("a heartbeat", answer)
        if state != BEAT_CLOSED:
            return failure
        codes = () if isinstance(answer, NoAnswer) else [p.code for p in answer.body.problems]
        if "stream_closed" in codes:
            failure = None  # the answer to an earlier closing beat was lost
        if failure is None:
            ledger.closed()
        return failure

    def _send(self, path: str, request: msgspec.Struct) -> ServerAnswer | NoAnswer:
        answer = self.http.exchange("POST", path, msgspec.json.encode(request), _JSON)
        if not isinstance(answer, NoAnswer) and answer.status == OK and answer.body.receipt:
            self._keep(answer.body.receipt)
        return answer


def _failure(what: str, answer: ServerAnswer | NoAnswer) -> NoAnswer | None:
    """Why the log did not take a message; None if it did."""
    if isinstance(answer, NoAnswer):
        return answer
    return None if answer.status == OK else _refusal(what, answer)


def _refusal(what: str, answer: ServerAnswer) -> NoAnswer:
    codes = ", ".join(problem.code for problem in answer.body.problems) or answer.body.code
    return NoAnswer(f"{what}: HTTP {answer.status} {codes}", answer.retry_after_s, answer.faulty)
