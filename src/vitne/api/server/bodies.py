"""The bytes of a request: read and unpacked, each with a hard stop."""

import asyncio
import zlib
from collections.abc import Callable
from typing import Final

import zstandard
from litestar.types import Receive

from vitne.errors import (
    BadInputError,
    SlowBodyError,
    TooLargeError,
    UnreadableBodyError,
    UnsupportedMediaError,
)

BODY_BYTES_MAX: Final = 5 * 1024 * 1024
"""Bytes of a body as it arrives, and again once unpacked (event-schema §3.3)."""

_GZIP_WINDOW: Final = 31  # zlib's number for "a gzip header, the largest window"
_ZSTD_WINDOW_MAX: Final = 8 * 1024 * 1024


class ClientGoneError(Exception):
    """The connection closed before the body was whole: nobody waits for a reply."""


async def read_body(receive: Receive, declared: bytes | None, timeout_s: int) -> bytes:
    """The body as it arrives.

    Args:
        receive: the ASGI channel.
        declared: the Content-Length header, if there is one.
        timeout_s: time in which the whole body must come.

    Raises:
        TooLargeError: more than `BODY_BYTES_MAX`, declared or come.
        SlowBodyError: it takes too long.
        ClientGoneError: the client left.
    """
    if declared is not None and (not declared.isdigit() or len(declared) > _DIGITS_MAX):
        raise BadInputError("expected a number of bytes", where="Content-Length")
    if declared is not None and int(declared) > BODY_BYTES_MAX:
        raise _too_large("the body")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _within(message.get("body", b""))
    try:
        async with asyncio.timeout(timeout_s):
            return await _rest(receive, message)  # type: ignore[arg-type]  # ASGI's union of dicts
    except TimeoutError:
        raise SlowBodyError(
            f"the body did not come within {timeout_s} s", hint="send smaller batches"
        ) from None


_DIGITS_MAX: Final = 18


async def _rest(receive: Receive, message: dict[str, object]) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        part = message.get("body", b"")
        assert isinstance(part, bytes)  # noqa: S101  # ASGI's type of a body
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise _too_large("the body")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()  # type: ignore[assignment]  # ASGI's union of dicts


def unpack(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Encoding; stops as soon as the bound is passed, however much would follow.

    Args:
        body: the bytes as they arrived.
        encoding: the header, `""` if absent.

    Raises:
        UnsupportedMediaError: an encoding other than gzip, zstd, identity, or several.
        TooLargeError: more than `BODY_BYTES_MAX` unpacked.
        UnreadableBodyError: the bytes are not of that encoding, or cut short.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    unpacker = _UNPACKERS.get(name)
    if unpacker is None:
        raise UnsupportedMediaError(
            "the body's Content-Encoding is not taken",
            where="Content-Encoding",
            hint="send gzip, zstd or none",
        )
    return _within(unpacker(body))


def _gunzip(body: bytes) -> bytes:
    parts: list[bytes] = []
    left = BODY_BYTES_MAX + 1
    rest = body
    while rest and left > 0:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(rest, left)
        except zlib.error as error:
            raise UnreadableBodyError("the body is not gzip") from error
        parts.append(part)
        left -= len(part)
        if left > 0 and not member.eof:
            raise UnreadableBodyError("the gzip body is cut short")
        rest = member.unused_data
    return b"".join(parts)


def _unzstd(body: bytes) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX)
    parts: list[bytes] = []
    left = BODY_BYTES_MAX + 1
    rest = body
    try:
        while rest and left > 0:
            left, rest = _one_frame(unpacker, rest, left, parts)
    except zstandard.ZstdError as error:
        raise UnreadableBodyError("the body is not zstd, or its window is too large") from error
    return b"".join(parts)


def _one_frame(
    unpacker: zstandard.ZstdDecompressor, rest: bytes, left: int, parts: list[bytes]
) -> tuple[int, bytes]:
    """Unpack one frame in small steps; returns what room is left, and the bytes behind it."""
    frame = unpacker.decompressobj(read_across_frames=False)
    # A zstd block holds at most 128 KiB, but a few bytes can stand for one: so the steps are tiny
    # and the bound is looked at after each.
    for at in range(0, len(rest), _ZSTD_STEP):
        part = frame.decompress(rest[at : at + _ZSTD_STEP])
        parts.append(part)
        left -= len(part)
        if frame.eof:
            return left, frame.unused_data + rest[at + _ZSTD_STEP :]
        if left <= 0:
            return left, b""
    raise UnreadableBodyError("the zstd body is cut short")


_ZSTD_STEP: Final = 64

_UNPACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "zstd": _unzstd,
}


def _within(body: bytes) -> bytes:
    if len(body) > BODY_BYTES_MAX:
        raise _too_large("the unpacked body")
    return body


def _too_large(what: str) -> TooLargeError:
    return TooLargeError(
        f"{what} is larger than {BODY_BYTES_MAX} bytes",
        hint="send smaller batches: at most 1,000 events and 5 MiB unpacked",
    )
