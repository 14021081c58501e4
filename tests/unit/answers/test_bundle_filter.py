"""The small filter language of bundles."""
# ruff: noqa: E501 - one text a line

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.answers.bundle_filter import MAX_BYTES, parse_bundle_filter, says
from vitne.errors import BadInputError

CORE = {
    "type": "crm.customer.viewed",
    "category": "view",
    "outcome": {"result": "denied"},
    "correlation": {"action_id": "a-1"},
    "actor": {"id": "usr_1", "issuer": "https://id.example"},
    "targets": [{"type": "customer", "id": "cus_1"}, {"type": "order", "id": "o/9"}],
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("type:crm.customer.viewed", True),
        ("type:crm.customer.*", True),
        ("type:crm", False),
        ("type:CRM.customer.viewed", False),
        ("-type:crm.*", False),
        ("-type:pos.*", True),
        ("category:view outcome:denied", True),
        ("category:view outcome:succeeded", False),
        ("action:a-1 actor:usr_1", True),
        ("target:cus_1", True),
        ("target:customer/cus_1", True),
        ("target:customer/*", True),
        ("target:order/o/9", True),
        ("-target:cus_2 -target:cus_3", True),
        ("target:customer/cus_2", False),
        ("actor:*", True),
        ("target:*", True),
    ],
)
def test_a_filter_holds_or_not(text: str, holds: bool) -> None:
    assert parse_bundle_filter(text).matches(CORE) is holds


@pytest.mark.parametrize(
    "text",
    [
        " ", "type", "type:", "type: a", ":a", "colour:red", "type:a  type:b", " type:a", "type:a ",
        "--type:a", "type:a*b", "type:**", 'actor:"a b"', "type:a\nb", "type:a\x00", "type:(a)",
        "actor:a\u007f", "type:a\ttype:b", "TYPE:a", " ".join(["type:a"] * 33), "type:" + "a" * MAX_BYTES,
    ],
)  # fmt: skip
def test_a_filter_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_bundle_filter(text)


def test_without_core_only_the_empty_filter_can_be_told() -> None:
    assert parse_bundle_filter("").matches(None) is True
    assert parse_bundle_filter("type:a").matches(None) is None


def test_a_core_that_lacks_a_member_matches_no_term_on_it() -> None:
    for core in ({}, {"type": 1}, {"type": None}, {"type": ["a"]}):
        assert parse_bundle_filter("type:*").matches(core) is False
        assert parse_bundle_filter("-type:*").matches(core) is True


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadInputError):
        assert parse_bundle_filter(text).matches(CORE) in {True, False}


@pytest.mark.parametrize(
    ("kind", "parts", "said"),
    [
        (1, ("https://id.example", "usr_1"), True),
        (1, ("", "usr_1"), False),
        (2, ("customer", "cus_1"), True),
        (2, ("order", "cus_1"), False),
        (3, ("https://id.example", "usr_1", "order", "o/9"), True),
        (3, ("https://id.example", "usr_2", "order", "o/9"), False),
        (4, ("crm/bff", "any"), True),
        (5, ("crm.customer.viewed",), True),
        (6, ("a-1",), True),
        (6, ("a-2",), False),
        (9, ("a-2",), False),
    ],
)
def test_what_a_core_says_of_a_value(kind: int, parts: tuple[str, ...], said: bool) -> None:
    assert says(CORE, kind, parts) is said


def test_an_actor_without_issuer_has_the_empty_one_and_a_strange_issuer_is_nobodys() -> None:
    assert says({"actor": {"id": "a"}}, 1, ("", "a"))
    assert not says({"actor": {"id": "a", "issuer": 1}}, 1, ("", "a"))
    assert not says({"actor": {"id": "a", "issuer": None}}, 1, ("", "a"))
    assert not says({"actor": "a"}, 1, ("", "a"))
