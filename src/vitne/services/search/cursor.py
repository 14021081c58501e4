"""Cursors: where the next page of a search begins.

A cursor is opaque to its holder. It holds what makes the next page the continuation of the first:
the moment that relative times of the text count from, the high-water mark and the position, with a
digest over these, the log and the text. It is no key to anything: whoever uses it must be allowed
to search the log.
"""

import base64
import hashlib

import msgspec
from msgspec import Struct

from vitne.core.values import LeafIndex, LogId
from vitne.errors import CursorError

_VERSION = 1
_DIGEST_BYTES = 12
_MOST_CHARS = 200


class Cursor(Struct, frozen=True):
    """Where a walk over the pages of one search stands."""

    now_us: int
    high_water: LeafIndex
    """Number of entries that the first page could see."""
    before: LeafIndex
    """The next page starts below this index."""


class _Written(Cursor, frozen=True, array_like=True, tag=_VERSION):
    digest: bytes


def write_cursor(cursor: Cursor, log: LogId, text: str) -> str:
    """The cursor as text, for URLs."""
    written = _Written(cursor.now_us, cursor.high_water, cursor.before, _digest(cursor, log, text))
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(written)).decode().rstrip("=")


def read_cursor(given: str, log: LogId, text: str) -> Cursor:
    """The cursor that a text stands for.

    Raises:
        CursorError: it is none, or one of another log, search text or version.
    """
    try:
        if len(given) > _MOST_CHARS:
            raise ValueError(len(given))  # noqa: TRY301 - the same answer for whatever is wrong
        data = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        written = msgspec.msgpack.decode(data, type=_Written)
    except (ValueError, msgspec.MsgspecError) as error:
        raise CursorError(
            "this is no cursor of a search", hint="take `next` from the page before"
        ) from error
    if written.digest != _digest(written, log, text):
        raise CursorError(
            "this cursor belongs to another search", hint="start again without a cursor"
        )
    return written


def _digest(cursor: Cursor, log: LogId, text: str) -> bytes:
    whole = f"{cursor.now_us} {cursor.high_water} {cursor.before}\n{log}\n{text}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_BYTES]
