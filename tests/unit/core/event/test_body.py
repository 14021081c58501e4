"""Splitting the body of an intake request."""

import base64

import msgspec
import pytest

from vitne.core.event.body import (
    MAX_BODY_BYTES,
    MAX_RAW_BYTES,
    SentEvent,
    raw_part,
    split_body,
    split_import,
)
from vitne.errors import TooLargeError, UnreadableBodyError

_ONE = b'{"type":"crm.customer.viewed"}'


def test_one_object_is_one_event() -> None:
    assert split_body(b" \n" + _ONE, "json") == [_ONE]


def test_an_array_keeps_its_order() -> None:
    assert split_body(b'[{"a":1}, {"b":[2]} ]', "json") == [b'{"a":1}', b'{"b":[2]}']


def test_empty_lines_of_ndjson_count_for_nothing() -> None:
    assert split_body(b'{"a":1}\r\n\n  {"b":2}\n', "ndjson") == [b'{"a":1}', b'{"b":2}']


def test_a_broken_line_of_ndjson_does_not_stop_the_others() -> None:
    assert split_body(b'{"a":1}\n{"b":\n', "ndjson") == [b'{"a":1}', b'{"b":']


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"[]", b"7", b"null", b"[{},", b'[{"a":1}]x', b"\xef\xbb\xbf{}", b"[" * 100_000,
     b'["\xff"]', b"<html>"],
)  # fmt: skip
def test_what_is_no_json_body_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        split_body(body, "json")


@pytest.mark.parametrize("body", [b"", b"\n\n", b"[{}]", b"type=x", b'{"a":"\xff"}'])
def test_what_is_no_ndjson_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        split_body(body, "ndjson")


@pytest.mark.parametrize(
    "body", [b"[" + b",".join([b"{}"] * 1001) + b"]", b" " * MAX_BODY_BYTES + b"{}"]
)
def test_too_many_events_or_bytes_are_too_large(body: bytes) -> None:
    with pytest.raises(TooLargeError):
        split_body(body, "json")


def test_a_thousand_events_are_taken() -> None:
    assert len(split_body(b"{}\n" * 1000, "ndjson")) == 1000


def test_import_lines_give_the_event_and_its_original() -> None:
    body = b'{"event":{"a":1},"raw":"x\\ny"}\n{"event": {"b":2}}'

    assert split_import(body) == [SentEvent(b'{"a":1}', "x\ny"), SentEvent(b'{"b":2}', "")]


def test_a_line_of_another_form_is_named() -> None:
    with pytest.raises(UnreadableBodyError, match="line 3"):
        split_import(b'{"event":{}}\n\n{"raw":"x"}')


def test_an_original_has_a_bound() -> None:
    line = {"event": {}, "raw": "x" * (MAX_RAW_BYTES + 1)}

    with pytest.raises(TooLargeError, match="line 1"):
        split_import(msgspec.json.encode(line))


@pytest.mark.parametrize("raw", ["plain", '{"a": 1.50}', "Åse\n\x00", "A\u030ase"])
def test_an_original_comes_back_byte_for_byte(raw: str) -> None:
    kept = msgspec.json.decode(raw_part(raw))

    assert (base64.b64decode(kept.get("raw_b64", "")).decode() or kept["raw"]) == raw


def test_no_original_is_no_part() -> None:
    assert raw_part("") == b""
