"""Event ids in their two forms, and the one form of times."""

import uuid

import pytest

from vitne.core.values.ids import (
    parse_uuid,
    uuid7,
    uuid8_for_key,
    uuid8_for_original,
    uuid_text,
    uuid_version,
)
from vitne.core.values.times import format_utc, parse_utc
from vitne.errors import BadInputError


def test_a_uuid7_carries_its_milliseconds_and_is_one_to_others_too() -> None:
    made = uuid7(1_795_512_902_113_999, b"\xff" * 10)

    other = uuid.UUID(bytes=made)
    assert (other.version, other.variant) == (7, uuid.RFC_4122)
    assert int.from_bytes(made[:6], "big") == 1_795_512_902_113


def test_uuid7s_of_later_times_sort_later() -> None:
    assert uuid7(1_000_000, b"\xff" * 10) < uuid7(1_001_000, b"\x00" * 10)


def test_derived_ids_depend_on_each_part_and_on_where_it_ends() -> None:
    ids = {
        uuid8_for_original("aws/cloudtrail", "x"),
        uuid8_for_original("aws/cloudtrai", "lx"),
        uuid8_for_original("aws/cloudtrail", "y"),
        uuid8_for_key("aws/cloudtrail", "x", 0),
        uuid8_for_key("aws/cloudtrail", "x", 1),
    }

    assert len(ids) == 5
    assert {uuid_version(made) for made in ids} == {8}
    assert uuid8_for_original("a/b", "x") == uuid8_for_original("a/b", "x")


def test_text_and_bytes_of_an_id_are_each_others_inverse() -> None:
    text = "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"

    assert uuid_text(parse_uuid(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01981F3E-7C1A-7D34-9B0E-5F4C2A9E1B77",
        "01981f3e7c1a7d349b0e5f4c2a9e1b77",
        "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77\n",
        "{01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77}",
    ],
)
def test_another_form_of_an_id_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_uuid(text)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:00.001Z", 1000),
        ("2026-11-24T09:15:02.113Z", 1_795_511_702_113_000),
        ("2026-11-24T09:15:02.113456Z", 1_795_511_702_113_456),
        ("2026-11-24T09:15:02.113456999Z", 1_795_511_702_113_456),
        ("2024-02-29T23:59:59.999Z", 1_709_251_199_999_000),
        ("1969-12-31T23:59:59.999Z", -1000),
    ],
)
def test_a_time_in_utc_is_read(text: str, time_us: int) -> None:
    assert parse_utc(text) == time_us


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T09:15:02Z",
        "2026-11-24T09:15:02.11Z",
        "2026-11-24T09:15:02.113",
        "2026-11-24T09:15:02.113+00:00",
        "2026-11-24 09:15:02.113Z",
        "2026-11-24T09:15:60.000Z",
        "2026-11-24T24:15:00.000Z",
        "2026-02-30T09:15:02.113Z",
        "2026-11-24T09:15:+2.113Z",
        "2026-11-24T09:15:02.1_3Z",
        "2026-11-24T09:15:02.\uff11\uff12\uff13Z",
        "2026-11-24T09:15:02.113Z\n",
        "2026-11-24T09:15:02.1134567890Z",
        "",
    ],
)
def test_another_form_of_a_time_is_not_read(text: str) -> None:
    assert parse_utc(text) is None


def test_written_times_are_read_back() -> None:
    for time_us in (0, 1, 1_795_511_702_113_456, 2**53 - 1):
        assert parse_utc(format_utc(time_us)) == time_us
