"""Strict readers of numbers, base64 and lines (transparency-log §2.9).

Python's own `int`, `b64decode` and `splitlines` accept many spellings of one value. A proof that
can be spelled in two ways can be replayed as two proofs, so these accept exactly one.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as BinasciiError

from vitne.core.values.types import Hash
from vitne.errors import DecodeError

MAX_INT = 2**53 - 1
"""Largest integer of every format, so that each is also a JSON integer."""

HASH_BYTES = 32
_MOST_STR_BYTES = 255
_DECIMAL = re.compile("0|[1-9][0-9]{0,15}", re.ASCII)


def parse_int(text: str, where: str = "") -> int:
    """A decimal of 0 .. 2^53-1 without sign, space, underscore or leading zero.

    Raises:
        DecodeError: any other spelling, or a larger number.
    """
    if _DECIMAL.fullmatch(text) is None or (value := int(text)) > MAX_INT:
        raise DecodeError("expected a decimal number of at most 2^53-1", where=where)
    return value


def check_int(value: object, where: str, low: int = 0, high: int = MAX_INT) -> int:
    """The value, if it is an integer of low .. high and no boolean.

    Raises:
        DecodeError: it is something else.
    """
    if type(value) is not int or not low <= value <= high:
        raise DecodeError(f"expected an integer of {low} to {high}", where=where)
    return value


def encode_base64(data: bytes) -> str:
    """RFC 4648 §4, padded."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str, size: int | None = None, where: str = "") -> bytes:
    """Canonical padded base64; exactly `size` bytes of it if a size is given.

    Raises:
        DecodeError: junk, missing padding, set bits behind the data, or another size.
    """
    try:
        data = b64decode(text, validate=True)
    except (BinasciiError, ValueError):
        raise DecodeError("expected base64", where=where) from None
    if encode_base64(data) != text:
        raise DecodeError("base64 is not canonical", where=where)
    if size is not None and len(data) != size:
        raise DecodeError(f"expected {size} bytes of base64, got {len(data)}", where=where)
    return data


def decode_hash(text: str, where: str = "") -> Hash:
    """A base64 line of exactly 32 bytes. Raises `DecodeError`."""
    return Hash(decode_base64(text, HASH_BYTES, where))


def length_prefixed(text: str) -> bytes:
    """`str(s)` of transparency-log §1: u8 length, then UTF-8.

    Raises:
        DecodeError: more than 255 bytes, or not encodable.
    """
    data = encode_utf8(text)
    if len(data) > _MOST_STR_BYTES:
        raise DecodeError(f"expected at most 255 bytes of text, got {len(data)}")
    return bytes((len(data),)) + data


def encode_utf8(text: str, where: str = "") -> bytes:
    """The UTF-8 bytes of a text. Raises `DecodeError` for lone surrogates."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise DecodeError("text holds a lone surrogate", where=where) from None


def decode_utf8(data: bytes, where: str = "") -> str:
    """The text of UTF-8 bytes. Raises `DecodeError`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("text is not UTF-8", where=where) from None
