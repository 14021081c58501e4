"""The body of an intake request: one event, an array, NDJSON, or import lines."""

import base64
import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from vitne.core.values import encode_trusted
from vitne.errors import TooLargeError, UnreadableBodyError

MAX_EVENTS = 1000
MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_RAW_BYTES = 256 * 1024

IMPORT_TYPE = "application/vnd.vitne.import+x-ndjson"
"""Content type of an import body."""

_SPACE = b" \t\r\n"
_NEXT_VALUE = re.compile(rb"\s*\{")
_decode_array = msgspec.json.Decoder(list[Raw]).decode


class SentEvent(Struct, frozen=True):
    """One event of a request, and the original record it was made from; only imports have one."""

    event: bytes
    raw: str = ""


class _ImportLine(Struct, forbid_unknown_fields=True):
    event: Raw
    raw: str = ""


_decode_line = msgspec.json.Decoder(_ImportLine).decode
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def split_body(body: bytes, form: Literal["json", "ndjson"]) -> list[bytes]:
    """The events of a body, each as JSON bytes; whether they are valid is not looked at.

    Args:
        body: after decompression.
        form: `json` is one object or an array of them; `ndjson` one object a line, where empty
            lines count for nothing.

    Returns:
        At least one item; of an NDJSON body a line may still be no JSON.

    Raises:
        UnreadableBodyError: not UTF-8, or no JSON object, array or NDJSON.
        TooLargeError: more than 1,000 events or 5 MiB.
    """
    _check_bytes(body)
    if form == "ndjson":
        return [line for _, line in _lines(body)]
    start = body.lstrip(_SPACE)
    if start.startswith(b"{"):
        return [start]
    if not start.startswith(b"["):
        raise UnreadableBodyError("expected a JSON object or an array of them")
    try:
        items = _decode_array(body)
    except _UNDECODABLE as error:
        raise UnreadableBodyError(f"the array is not JSON: {_reason(error)}") from error
    _check_count(len(items))
    return [bytes(item) for item in items]


def split_import(body: bytes) -> list[SentEvent]:
    """The lines `{"event": {...}, "raw": "<original text>"}` of an import body.

    Raises:
        UnreadableBodyError: a line is not of that form; `where` names it.
        TooLargeError: more than 1,000 lines, 5 MiB, or an original of more than 256 KiB.
    """
    _check_bytes(body)
    found = []
    for number, line in _lines(body):
        try:
            item = _decode_line(line)
        except _UNDECODABLE as error:
            message = f'expected {{"event": {{...}}, "raw": "..."}}: {_reason(error)}'
            raise UnreadableBodyError(message, where=f"line {number}") from error
        if len(item.raw.encode()) > MAX_RAW_BYTES:
            message = f"an original has at most {MAX_RAW_BYTES} bytes"
            raise TooLargeError(message, where=f"line {number}")
        found.append(SentEvent(bytes(item.event), item.raw))
    return found


def raw_part(raw: str) -> bytes:
    """The payload's record part that keeps an original whole; `b""` for none.

    Canonical JSON holds text in NFC only. An original in another form is kept as base64 of its
    UTF-8, under `raw_b64`, so that it comes back byte for byte.
    """
    if not raw:
        return b""
    if raw.isascii() or unicodedata.is_normalized("NFC", raw):
        return encode_trusted({"raw": raw})
    return encode_trusted({"raw_b64": base64.b64encode(raw.encode()).decode()})


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Every line that holds something, with its 1-based number."""
    found = [
        (number, stripped)
        for number, line in enumerate(body.split(b"\n"), start=1)
        if (stripped := line.strip(_SPACE))
    ]
    if not found or not _NEXT_VALUE.match(found[0][1]):
        raise UnreadableBodyError("expected one JSON object a line", where="line 1")
    _check_count(len(found))
    return iter(found)


def _check_bytes(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        message = f"expected at most {MAX_BODY_BYTES} bytes, got {len(body)}"
        raise TooLargeError(message, hint="send fewer events in one request")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise UnreadableBodyError(
                "the body is not UTF-8", where=f"byte {error.start}"
            ) from error


def _check_count(count: int) -> None:
    if count == 0:
        raise UnreadableBodyError("expected at least one event")
    if count > MAX_EVENTS:
        message = f"expected at most {MAX_EVENTS} events, got {count}"
        raise TooLargeError(message, hint="send fewer events in one request")


def _reason(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")
