"""Cursors: where the next page of a search begins.

A cursor is opaque to its holder. It holds what makes the next page the continuation of the first:
the log and the text (as a digest), the moment that relative times of the text count from, the
high-water mark and the position. It is no key to anything: whoever uses it must be allowed to
search the log.
"""

import base64
import hashlib

import msgspec
from msgspec import Struct

from vitne.core.types import LeafIndex, LogId
from vitne.errors import CursorError

_VERSION = 1
_DIGEST_BYTES = 12
_MOST_CHARS = 200


class Cursor(Struct, frozen=True, array_like=True, tag=_VERSION):
    """See the head of this module."""

    bound: bytes
    """Digest of the log and the text."""
    now_us: int
    high_water: LeafIndex
    """Number of entries that the first page could see."""
    before: LeafIndex
    """The next page starts below this index."""


def bound_to(log: LogId, text: str) -> bytes:
    """What ties a cursor to its search."""
    return hashlib.sha256(f"{log}\n{text}".encode()).digest()[:_DIGEST_BYTES]


def write(cursor: Cursor) -> str:
    """The cursor as text, for URLs."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def read(text: str, log: LogId, query: str) -> Cursor:
    """The cursor of a text.

    Raises:
        CursorError: it is none, or one of another log, text or version.
    """
    try:
        if len(text) > _MOST_CHARS:
            raise ValueError(len(text))  # noqa: TRY301 - the same answer for whatever is wrong
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.msgpack.decode(data, type=Cursor)
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorError(
            "this is no cursor of a search", hint="take `next` from the page before"
        ) from error
    if cursor.bound != bound_to(log, query):
        raise CursorError(
            "this cursor belongs to another search", hint="start again without a cursor"
        )
    if not 0 <= cursor.before <= cursor.high_water:
        raise CursorError("this cursor points outside of its search")
    return cursor
