"""The edges of the canonical domain, each refused with its place."""

import pytest

from vitne.core.values.canonical import MAX_DEPTH, MAX_INT, decode, encode_canonical
from vitne.errors import BadInputError, DecodeError


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b'{"a":[1,{"b":1.5}]}', "$.a[1].b"),
        (b'{"a":9007199254740992}', "$.a"),
        (b'{"a":-9007199254740992}', "$.a"),
        (b'{"\xc3\xa6":1}', "$"),
        (b'{"a\\n":1}', "$"),
        (b'{"a":"e\\u0301"}', "$.a"),
        (b'{"a":{"b":1,"b":1}}', "$..b"),
        (b'"\xff"', "byte"),
        (b"[1", ""),
        (b'"\\ud800"', ""),
        (b"NaN", ""),
        (b"\xef\xbb\xbf{}", ""),
        (b"{}{}", ""),
    ],
)
def test_what_is_outside_the_domain_is_refused_with_its_place(data: bytes, where: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data)

    assert caught.value.where.startswith(where)


@pytest.mark.parametrize("value", [1.0, 2**53, "\ud800", "e\u0301", {"ø": 1}, {1: 2}, (1,), b"x"])
def test_a_value_outside_the_domain_is_not_encoded(value: object) -> None:
    with pytest.raises(BadInputError):
        encode_canonical({"a": value})


def test_the_depth_is_bounded_exactly() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert encode_canonical(decode(deepest)) == deepest
    with pytest.raises(DecodeError):
        decode(b"[" + deepest + b"]")


def test_the_largest_integers_are_inside() -> None:
    assert decode(encode_canonical([MAX_INT, -MAX_INT])) == [MAX_INT, -MAX_INT]


def test_the_length_is_bounded() -> None:
    with pytest.raises(DecodeError):
        decode(b"[1,2]", max_bytes=4)
