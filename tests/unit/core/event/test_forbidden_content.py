"""What is taken for a card number, a token, a secret or a personal id - and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.event.forbidden import (
    REMOVED,
    has_token,
    is_card_number,
    is_national_id,
    is_personal_id,
    is_secret_name,
    may_hold_forbidden,
    strip_forbidden,
)

CARDS = [  # the networks' published test numbers
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
]
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"  # noqa: S105  # an example
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("number", CARDS)
def test_card_numbers_are_known_by_issuer_length_and_check_digit(number: str) -> None:
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)

    assert is_card_number(number)
    assert not is_card_number(wrong)
    assert not is_card_number(number + "0")
    assert is_personal_id(number)


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("form", ["{}", "paid {}.", "{},", "card:{}"])
def test_a_card_number_is_cut_out_of_prose(number: str, form: str) -> None:
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))

    for written in (number, grouped, grouped.replace(" ", "-")):
        assert strip_forbidden(form.format(written)) == form.format(REMOVED)


@pytest.mark.parametrize(
    "text",
    ["", "order 1234567890123456", "1795511702113", "01981f3e-7c19-7000-8000-000000000001",
     "tel +47 22 22 55 55", "4111.1111.1111.1111"],
)  # fmt: skip
def test_other_prose_is_left_as_it_is(text: str) -> None:
    assert strip_forbidden(text) is text


def test_tokens_and_private_keys_are_cut_out() -> None:
    assert strip_forbidden(f"Bearer {TOKEN} x") == f"Bearer {REMOVED} x"
    assert strip_forbidden(KEY) == REMOVED
    ours = "vk_abcdefghij12_" + "A" * 43
    assert strip_forbidden(ours) == REMOVED
    assert all(map(has_token, (TOKEN, KEY, ours)))
    assert not has_token("eyJust a word")


@given(st.text(max_size=30), st.sampled_from([*CARDS, TOKEN, KEY]), st.text(max_size=30))
def test_the_quick_look_never_misses_what_the_long_one_finds(
    before: str, secret: str, after: str
) -> None:
    text = before + secret + after

    assert strip_forbidden(text) is text or may_hold_forbidden(text.encode())


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("/user/newPassword", True),
        ("reset_token", True),
        ("API-KEY", True),
        ("clientSecret", True),
        ("cvv", True),
        ("/card/pan", True),
        ("pin", True),
        ("token_count", False),
        ("password_changed_at", False),
        ("next_page_token", False),
        ("spinach", False),
        ("/company", False),
    ],
)
def test_a_field_is_secret_by_the_last_part_of_its_name(name: str, secret: bool) -> None:
    assert is_secret_name(name) == secret


def with_check_digits(nine: str) -> str | None:
    """A birth number from its first nine digits; None if they admit none."""
    digits = [int(digit) for digit in nine]
    for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)):
        check = -sum(d * w for d, w in zip(digits, weights, strict=True)) % 11
        if check == 10:
            return None
        digits.append(check)
    return "".join(map(str, digits))


@given(
    st.integers(1, 31), st.integers(1, 12), st.integers(0, 99), st.integers(0, 999),
    st.sampled_from([0, 40]), st.sampled_from([0, 40, 80]),
)  # fmt: skip
def test_a_birth_number_is_known_by_its_date_and_check_digits(  # a birth number's parts
    day: int, month: int, year: int, person: int, more_days: int, more_months: int
) -> None:
    nine = f"{day + more_days:02}{month + more_months:02}{year:02}{person:03}"
    number = with_check_digits(nine)

    if number is not None:
        assert is_national_id(number)
        assert is_personal_id(number)
        other = number[:-1] + str((int(number[-1]) + 1) % 10)
        assert not is_national_id(other)
    assert not is_national_id(f"{nine}1")


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("per@vendor.example", True),
        ("per.hansen+x@sub.vendor.example", True),
        ("usr_77", False),
        ("per@localhost", False),
        ("arn:aws:sts::1:assumed-role/x/per@vendor.example", False),
        ("@", False),
        ("12345678901", False),
    ],
)
def test_an_id_is_personal_if_it_is_an_address_as_a_whole(text: str, personal: bool) -> None:
    assert is_personal_id(text) == personal
