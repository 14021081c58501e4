"""Attacks on the form of bundles: what can be spelled in two ways can be replayed as two (§2.9)."""

# ruff: noqa: E501 - one spelling a line

import json
from collections.abc import Callable
from typing import Any

import pytest

from vitne.core.entry import keys
from vitne.core.tree.note import sign_note
from vitne.core.values.canonical import encode_trusted
from vitne.errors import VerificationError
from vitne.evidence.bundle.rules_attached import seal_text
from vitne.evidence.bundle.verify import verify_bundle

CULPRIT = ("https://id.example", "usr_1")


@pytest.fixture(scope="module")
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


def period(log: Any) -> tuple[int, int]:
    return log.recorded(5), log.recorded(log.covered - 1) + 1


def rule_of(data: bytes) -> str:
    with pytest.raises(VerificationError) as failure:
        verify_bundle(data)
    return failure.value.rule


def spelled(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a name twice", lambda d: spelled(d, b'"late_us":0', b'"late_us":0,"late_us":0')),
        ("a name twice in a part", lambda d: spelled(d, b'"category":"view"', b'"category":"view","category":"view"')),
        ("a float", lambda d: spelled(d, b'"late_us":0', b'"late_us":0.0')),
        ("a float in a part", lambda d: spelled(d, b'"category":"view"', b'"category":1.5')),
        ("an exponent", lambda d: spelled(d, b'"late_us":0', b'"late_us":0e1')),
        ("minus zero", lambda d: spelled(d, b'"late_us":0', b'"late_us":-0')),
        ("a huge integer", lambda d: spelled(d, b'"late_us":0', b'"late_us":' + b"9" * 5_000)),
        ("2^53", lambda d: spelled(d, b'"late_us":0', b'"late_us":9007199254740992')),
        ("2^53 in a part", lambda d: spelled(d, b'"category":"view"', b'"category":9007199254740992')),
        ("a huge integer in a part", lambda d: spelled(d, b'"category":"view"', b'"category":' + b"9" * 5_000)),
        ("a boolean", lambda d: spelled(d, b'"late_us":0', b'"late_us":false')),
        ("NaN", lambda d: spelled(d, b'"late_us":0', b'"late_us":NaN')),
        ("depth", lambda d: spelled(d, b'"category":"view"', b'"category":' + b"[" * 40 + b"]" * 40)),
        ("great depth", lambda d: spelled(d, b'"category":"view"', b'"category":' + b"[" * 200_000 + b"]" * 200_000)),
        ("great depth outside", lambda d: spelled(d, b'"late_us":0', b'"late_us":' + b"[" * 200_000 + b"]" * 200_000)),
        ("depth alone", lambda d: b"[" * 1_000_000),  # noqa: ARG005
        ("a space", lambda d: spelled(d, b":", b": ")),
        ("a line feed at the end", lambda d: d + b"\n"),
        ("CRLF", lambda d: d + b"\r\n"),
        ("BOM", lambda d: b"\xef\xbb\xbf" + d),
        ("UTF-16", lambda d: d.decode().encode("utf-16")),
        ("a second document", lambda d: d + d),
        ("an escape that is not needed", lambda d: spelled(d, b'"view"', b'"\\u0076iew"')),
        ("a lone surrogate", lambda d: spelled(d, b'"view"', b'"\\ud800"')),
        ("a surrogate as bytes", lambda d: spelled(d, b'"view"', b'"\xed\xa0\x80"')),
        ("NUL", lambda d: spelled(d, b'"view"', b'"v\x00"')),
        ("null", lambda d: spelled(d, b'"late_us":0', b'"late_us":null')),
        ("base64 without padding", lambda d: spelled(d, b'=","salt"', b'","salt"') if b'=","salt"' in d else spelled(d, b'=="', b'"')),
        ("base64 with bits behind the data", lambda d: spelled(d, b'=="', b'B=="')),
        ("base64 of the web", lambda d: d.replace(b"+", b"-").replace(b"/", b"_")),
        ("base64 with a line feed", lambda d: spelled(d, b'=="', b'==\\n"')),
        ("nothing", lambda d: b""),  # noqa: ARG005
    ],
)  # fmt: skip
def test_json_of_another_spelling_is_no_bundle(
    what: str, change: Callable[[bytes], bytes], log: Any
) -> None:
    data = log.bundle(keys.ACTOR, CULPRIT, *period(log))

    assert what
    assert rule_of(change(data)) == "form"


def test_a_checkpoint_with_other_line_ends_is_none(log: Any) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    value["log"]["checkpoint"] = value["log"]["checkpoint"].replace("\n", "\r\n")

    del value["seal"]
    value["seal"] = sign_note(seal_text(value["origin"], encode_trusted(value)), [log.receipt])

    assert rule_of(encode_trusted(value)) == "log_checkpoint"


def test_members_in_another_order_are_no_bundle(log: Any) -> None:
    value = json.loads(log.bundle(keys.ACTOR, CULPRIT, *period(log)))
    turned = json.dumps(dict(reversed(value.items())), separators=(",", ":"), ensure_ascii=False)

    assert rule_of(turned.encode()) == "form"


def test_a_bundle_above_64_mib_is_not_even_read() -> None:
    assert rule_of(b" " * ((64 << 20) + 1)) == "form"
