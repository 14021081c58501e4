"""The way to the server: one connection, one batch at a time."""

import gzip
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx
from msgspec import Struct

from vitne.errors import VitneError
from vitne.sdk.items import Item
from vitne.sdk.reply import CheckReceipt, Reply, read_reply

_COMPRESS_FROM_BYTES = 4096
_MAX_REPLY_BYTES = 8 * 1024 * 1024


class Answered(Struct, frozen=True):
    """The server read the batch: every event has its result."""

    reply: Reply


class Away(Struct, frozen=True):
    """No usable answer; the same batch is to be sent again, not before `retry_after_s`."""

    reason: str
    retry_after_s: float = 0.0
    faulty: bool = False
    """The server answered, but not as it should: a wrong key, a reply that does not hold."""


class Unreadable(Struct, frozen=True):
    """The server could not read the batch as a whole (400, 413): send it in smaller pieces.

    Only in the words of a Vitne server: a gateway that answers 400 to everything must not make
    events go away.
    """

    reason: str


Outcome = Answered | Away | Unreadable


class Transport(Protocol):
    """Carries one batch to the server."""

    def post(self, items: Sequence[Item]) -> Outcome:
        """Send the events in order and read the reply; never raises."""

    def close(self) -> None:
        """Let the connection go; a request that is under way fails."""


class HttpTransport:
    """`POST /v1/events` with an API key, over one kept-alive connection."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        timeout_s: float,
        compress: bool,
        check_receipt: CheckReceipt | None,
    ) -> None:
        self._compress = compress
        self._check_receipt = check_receipt
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=min(5.0, timeout_s)),
            limits=httpx.Limits(max_connections=1),
        )

    def post(self, items: Sequence[Item]) -> Outcome:
        """Send the events in order and read the reply; never raises."""
        body = b"[" + b",".join([item.body for item in items]) + b"]"
        headers = {"Content-Type": "application/json"}
        if self._compress and len(body) >= _COMPRESS_FROM_BYTES:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        try:
            with self._http.stream("POST", "/v1/events", content=body, headers=headers) as answer:
                data = _read(answer)
        except (httpx.HTTPError, OSError, RuntimeError) as error:
            # RuntimeError: the client was closed while the request was under way.
            return Away(f"{type(error).__name__}: {error}")
        return self._judge(answer, data, items)

    def _judge(self, answer: httpx.Response, data: bytes, items: Sequence[Item]) -> Outcome:
        status = answer.status_code
        if status == httpx.codes.OK:
            try:
                return Answered(read_reply(data, items, self._check_receipt))
            except VitneError as error:
                return Away(str(error), faulty=True)
        told = answer.headers.get("Content-Type", "").startswith("application/problem+json")
        if told and status in (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE):
            return Unreadable(f"HTTP {status}")
        known = status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
        return Away(
            f"HTTP {status}",
            retry_after_s=_retry_after_s(answer),
            faulty=not known and status < httpx.codes.INTERNAL_SERVER_ERROR,
        )

    def close(self) -> None:
        """Let the connection go; a request that is under way fails."""
        self._http.close()


def _read(answer: httpx.Response) -> bytes:
    data = bytearray()
    for piece in answer.iter_bytes():
        data += piece
        if len(data) > _MAX_REPLY_BYTES:
            raise httpx.DecodingError("the reply is larger than any reply can be")
    return bytes(data)


def _retry_after_s(answer: httpx.Response) -> float:
    """Seconds of `Retry-After` (RFC 9110 §10.2.3: a number, or a date); 0 if there is none."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(min(int(value), 3600))
    try:
        at = parsedate_to_datetime(value)
        sent = parsedate_to_datetime(answer.headers.get("Date", ""))
        return min(max((at - sent).total_seconds(), 0.0), 3600.0)
    except (TypeError, ValueError):
        return 0.0
