"""The body of an intake request: one event, an array, NDJSON, or import lines."""

from typing import Literal

from msgspec import Struct

MAX_EVENTS = 1000
MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_RAW_BYTES = 256 * 1024


class ImportItem(Struct, frozen=True):
    """One line of an import: the event, and the original record it was made from."""

    event: bytes
    raw: str


def split_body(body: bytes, form: Literal["json", "ndjson"]) -> list[bytes]:
    """The events of a body, each as JSON bytes; whether they are valid is not looked at.

    Raises:
        UnreadableBodyError: not UTF-8, or no JSON object, array or NDJSON.
        TooLargeError: more than 1,000 events or 5 MiB.
    """
    raise NotImplementedError


def split_import(body: bytes) -> list[ImportItem]:
    """The lines `{"event": {...}, "raw": "<original text>"}` of an import body.

    Raises:
        UnreadableBodyError: a line is not of that form.
        TooLargeError: more than 1,000 lines, 5 MiB, or an original of more than 256 KiB.
    """
    raise NotImplementedError
