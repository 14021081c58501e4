import asyncio
import gzip
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from vitne.api.server.bodies import BODY_BYTES_MAX, ClientGoneError, read_body, unpack
from vitne.errors import (
    BadInputError,
    SlowBodyError,
    TooLargeError,
    UnreadableBodyError,
    UnsupportedMediaError,
)


def _read(messages: Sequence[dict[str, Any]], declared: bytes | None = None) -> bytes:
    coming = list(messages)

    async def receive() -> Any:
        if not coming:
            await asyncio.Event().wait()  # a client that sends nothing more
        return coming.pop(0)

    return asyncio.run(read_body(receive, declared, 1))


def _part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_in_parts_is_put_together() -> None:
    assert _read([_part(b"a"), _part(b""), _part(b"b", more=False)]) == b"ab"


def test_a_declared_size_beyond_the_bound_is_refused_before_a_byte_is_read() -> None:
    with pytest.raises(TooLargeError):
        _read([], declared=b"%d" % (BODY_BYTES_MAX + 1))


@pytest.mark.parametrize("declared", [b"-1", b"1.5", b"abc", b"", b"9" * 30])
def test_a_declared_size_that_is_no_number_is_refused(declared: bytes) -> None:
    with pytest.raises(BadInputError):
        _read([_part(b"{}", more=False)], declared=declared)


def test_a_body_that_grows_beyond_the_bound_is_refused_whatever_was_declared() -> None:
    half = _part(bytes(BODY_BYTES_MAX // 2 + 1))

    with pytest.raises(TooLargeError):
        _read([half, half, _part(b"", more=False)], declared=b"2")


def test_a_body_that_does_not_come_is_given_up() -> None:
    with pytest.raises(SlowBodyError):
        _read([_part(b"{")])


def test_a_client_that_leaves_gets_no_reply() -> None:
    with pytest.raises(ClientGoneError):
        _read([_part(b"{"), {"type": "http.disconnect"}])


@given(st.binary(max_size=5000))
def test_every_encoding_unpacks_to_what_was_packed(body: bytes) -> None:
    assert unpack(body, "") == body
    assert unpack(body, "identity") == body
    assert unpack(gzip.compress(body), "gzip") == body
    assert unpack(gzip.compress(body) + gzip.compress(body), " GZIP ") == body + body
    packed = zstandard.ZstdCompressor().compress(body)
    assert unpack(packed, "zstd") == body
    assert unpack(packed + packed, "zstd") == body + body


def _zstd_bomb(size: int) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()  # declares no size in its frame
    return packer.compress(bytes(size)) + packer.flush()


@pytest.mark.parametrize(
    ("bomb", "encoding"),
    [
        (gzip.compress(bytes(1 << 26), 9, mtime=0), "gzip"),
        (gzip.compress(bytes(BODY_BYTES_MAX // 2 + 1), mtime=0) * 2, "gzip"),
        (_zstd_bomb(1 << 28), "zstd"),
        (zstandard.ZstdCompressor().compress(bytes(1 << 28)), "zstd"),
        (_zstd_bomb(BODY_BYTES_MAX // 2 + 1) * 2, "zstd"),
    ],
    ids=["gzip", "gzip-members", "zstd", "zstd-declared", "zstd-frames"],
)
def test_a_bomb_is_refused_as_soon_as_the_bound_is_passed(bomb: bytes, encoding: str) -> None:
    with pytest.raises(TooLargeError):
        unpack(bomb, encoding)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(data=st.data())
def test_a_body_that_is_cut_short_is_unreadable(encoding: str, data: st.DataObject) -> None:
    packer = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[encoding]
    packed = packer(bytes(range(256)) * 10)
    cut = data.draw(st.integers(1, len(packed) - 1))

    with pytest.raises(UnreadableBodyError):
        unpack(packed[:cut], encoding)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(body=st.binary(min_size=1, max_size=200))
def test_bytes_that_are_not_of_the_encoding_never_raise_anything_else(
    encoding: str, body: bytes
) -> None:
    try:
        unpack(body, encoding)
    except UnreadableBodyError:
        return
    assert body[:2] == b"\x1f\x8b" or body[1:4] == b"\xb5\x2f\xfd" or body[1:4] == b"\x2a\x4d\x18"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "utf-8"])
def test_another_encoding_is_not_taken(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaError):
        unpack(zlib.compress(b"{}"), encoding)
