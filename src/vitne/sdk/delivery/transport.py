"""The way to the server: one connection, one batch at a time, and what its reply means."""

import gzip
import math
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder

from vitne.core.entry.receipt import Receipt, open_receipt, receipt_name
from vitne.core.event.event import Problem
from vitne.core.tree.note import Verifier, parse_note
from vitne.errors import DecodeError as MalformedError
from vitne.errors import VerificationError, VitneError
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.options import Options
from vitne.version import __version__
from vitne.wire.events import EventResult
from vitne.wire.problems import StreamStanding

SDK_NAME: Final = f"vitne-python/{__version__}"


class BatchReply(Struct, frozen=True):
    """The server read the batch. Of `IntakeReply`: a result per event sent, and the receipts."""

    results: tuple[EventResult, ...]
    receipts: tuple[str, ...] = ()


_replies = Decoder(BatchReply)


def read_batch_reply(
    body: bytes, sent: Sequence[EventItem], verifiers: Mapping[str, Verifier]
) -> BatchReply:
    """The reply to a batch.

    Checked: one result per event, each with the id that was sent; what is in a log carries an
    index inside the range of its receipt, and the receipt names that tenant's log.

    Args:
        body: of the answer.
        sent: the events of the batch.
        verifiers: by name; with any, each receipt is signed by one of them.

    Raises:
        DecodeError: the body is no reply to this batch.
        VerificationError: a receipt is not signed by a trusted key.
    """
    try:
        reply = _replies.decode(body)
    except (ValidationError, DecodeError) as error:
        raise MalformedError(f"the server's reply is malformed: {error}") from None
    if len(reply.results) != len(sent):
        raise MalformedError(f"{len(sent)} events were sent, {len(reply.results)} were answered")
    receipts = [_read_receipt(note, verifiers) for note in reply.receipts]
    for item, result in zip(sent, reply.results, strict=True):
        _check_result(item, result, receipts)
    return reply


def _check_result(item: EventItem, result: EventResult, receipts: Sequence[Receipt]) -> None:
    if result.id and result.id != item.event_id:
        raise MalformedError(f"event {item.event_id} was answered as {result.id}")
    if result.status not in ("accepted", "duplicate"):
        return
    if result.index is None or result.receipt is None or not 0 <= result.receipt < len(receipts):
        raise MalformedError(f"event {item.event_id} is {result.status} without a receipt")
    receipt = receipts[result.receipt]
    if not 0 <= result.index - receipt.first < receipt.count:
        raise MalformedError(f"the receipt of event {item.event_id} does not cover its index")
    if item.tenant and not receipt.origin.endswith("/" + item.tenant):
        raise MalformedError(
            f"event {item.event_id} of tenant {item.tenant} is in log {receipt.origin}"
        )


def _read_receipt(note: str, verifiers: Mapping[str, Verifier]) -> Receipt:
    receipt = Receipt.parse(parse_note(note)[0])
    if not verifiers:
        return receipt
    verifier = verifiers.get(receipt_name(receipt.origin))
    if verifier is None:
        raise VerificationError("no trusted key for receipts of this log", where=receipt.origin)
    return open_receipt(note, verifier)


_COMPRESS_FROM_BYTES = 4096
_MAX_REPLY_BYTES = 8 * 1024 * 1024


class NoAnswer(Struct, frozen=True):
    """No usable answer; the same batch is to be sent again, not before `retry_after_s`."""

    reason: str
    retry_after_s: float = 0.0
    faulty: bool = False
    """The server answered, but not as it should: a wrong key, a reply that does not hold."""


class BatchUnreadable(Struct, frozen=True):
    """The server could not read the batch as a whole (400, 413): send it in smaller pieces.

    Only a problem document of a Vitne server says so: a gateway that answers 400 to everything
    must not make events go away.
    """

    reason: str


class PartlyRefused(Struct, frozen=True):
    """The server refused a signed batch whole, and answer which of its events are at fault."""

    faults: dict[int, EventResult]
    """By their place in what was sent; the others are to be sent again without them."""


SendOutcome = BatchReply | NoAnswer | BatchUnreadable | PartlyRefused


class AnswerBody(Struct, frozen=True):
    """What is read of an answer that is not about a batch: of `vitne.wire`, each part of some."""

    code: str = ""
    """Of a problem."""
    problems: tuple[Problem, ...] = ()
    stream: StreamStanding | str | None = None
    """With `stream_conflict`: where the stream stands; else its id."""
    origin: str = ""
    receipt: str = ""


class ServerAnswer(Struct, frozen=True):
    """Any answer of a server."""

    status: int
    data: bytes
    body: AnswerBody
    """Empty if it is no such JSON."""
    is_problem: bool
    retry_after_s: float

    @property
    def stream_prev(self) -> str:
        """With `stream_conflict`: hash of the last message of the stream that the log has."""
        stream = self.body.stream
        return stream.prev if isinstance(stream, StreamStanding) else ""

    @property
    def faulty(self) -> bool:
        """The server answered, but neither that it has no time nor that it failed."""
        known = self.status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
        return not known and self.status < httpx.codes.INTERNAL_SERVER_ERROR


class HttpTransport:
    """`POST /v1/events` with an API key, over one kept-alive connection."""

    def __init__(self, url: str, api_key: str, options: Options) -> None:
        timeout_s = options.request_timeout_s
        self._options = options
        self._verifiers = {one.name: one for one in map(Verifier, options.receipt_vkeys)}
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": SDK_NAME},
            timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
            limits=httpx.Limits(max_connections=1),
        )

    def split(self, items: Sequence[EventItem]) -> list[list[EventItem]]:
        """Cut events into pieces, each a request of its own, in order."""
        return [list(items)]

    def due_in_s(self) -> float:
        """Seconds until `run_due` has something to do; infinite if never. Hold the queue's lock."""
        return math.inf

    def run_due(self) -> None:
        """Do what is due beside events; never raises."""

    def finish(self, until: float, *, clean: bool) -> None:
        """Send the last messages, until a monotonic time; no thread uses the transport any more.

        `clean` if every event was answered.
        """

    def hurry(self, left_s: float) -> None:
        """From now on no request takes longer."""
        self._http.timeout = httpx.Timeout(min(left_s, self._options.request_timeout_s))

    def post(self, items: Sequence[EventItem]) -> SendOutcome:
        """Send the events in order and read the reply; never raises."""
        body = b"[" + b",".join([item.body for item in items]) + b"]"
        answer = self.exchange("POST", "/v1/events", body, "application/json")
        return answer if isinstance(answer, NoAnswer) else self.judge(answer, items)

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        params: dict[str, str] | None = None,
    ) -> ServerAnswer | NoAnswer:
        """One request and its answer; `NoAnswer` if there is none. Never raises."""
        headers = {"Content-Type": content_type} if content_type else {}
        if self._options.compress and len(body) >= _COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        try:
            with self._http.stream(
                method, path, content=body or None, headers=headers, params=params
            ) as response:
                data = _read_body(response)
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            # RuntimeError: the client was closed while the request was under way.
            return NoAnswer(f"{type(error).__name__}: {error}")
        return _server_answer(response, data)

    def judge(self, answer: ServerAnswer, items: Sequence[EventItem]) -> SendOutcome:
        """What an answer means for the events that were sent."""
        if answer.status == httpx.codes.OK:
            try:
                return read_batch_reply(answer.data, items, self._verifiers)
            except VitneError as error:
                return NoAnswer(str(error), faulty=True)
        unreadable = (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE)
        if answer.is_problem and answer.status in unreadable:
            return BatchUnreadable(f"HTTP {answer.status}")
        return NoAnswer(f"HTTP {answer.status}", answer.retry_after_s, answer.faulty)

    def close(self) -> None:
        """Close the connection; a request that is under way fails."""
        self._http.close()


_bodies = Decoder(AnswerBody)


def _server_answer(response: httpx.Response, data: bytes) -> ServerAnswer:
    try:
        body = _bodies.decode(data)
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError):
        body = AnswerBody()
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    return ServerAnswer(response.status_code, data, body, is_problem, delay_asked_s(response))


def _read_body(response: httpx.Response) -> bytes:
    data = bytearray()
    for piece in response.iter_bytes():
        data += piece
        if len(data) > _MAX_REPLY_BYTES:
            raise httpx.DecodingError(f"the reply has more than {_MAX_REPLY_BYTES} bytes")
    return bytes(data)


def delay_asked_s(response: httpx.Response) -> float:
    """Seconds of `Retry-After` (RFC 9110 §10.2.3: a number, or a date); 0 if there is none."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(min(int(value), 3600))
    try:
        at = parsedate_to_datetime(value)
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return min(max((at - sent).total_seconds(), 0.0), 3600.0)
    except (TypeError, ValueError):
        return 0.0
