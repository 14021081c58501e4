"""Waiting, numbering and the options of a client."""

from typing import get_type_hints

import httpx
import pytest

from vitne.sdk.delivery.numbering import NumberedStream, NumberedStreams
from vitne.sdk.delivery.send_and_retry import wait_before_retry_s
from vitne.sdk.delivery.transport import delay_asked_s
from vitne.sdk.options import ClientOptions, Options

OPTIONS = Options(application="a", service="s", backoff_first_s=1.0, backoff_max_s=8.0)


@pytest.mark.parametrize(("failures", "bound_s"), [(0, 1), (1, 2), (2, 4), (3, 8), (40, 8)])
def test_a_wait_is_a_random_share_of_a_bound_that_doubles(failures: int, bound_s: float) -> None:
    waits = [wait_before_retry_s(OPTIONS, failures, 0.0) for _ in range(200)]

    assert 0 <= min(waits) < bound_s / 2 < max(waits) <= bound_s


def test_what_the_server_asked_for_is_waited_in_any_case() -> None:
    assert min(wait_before_retry_s(OPTIONS, 0, 5.0) for _ in range(50)) >= 5.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "999999"}, 3600),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "-5"}, 0),
        (
            {
                "Date": "Tue, 24 Nov 2026 09:00:00 GMT",
                "Retry-After": "Tue, 24 Nov 2026 09:00:30 GMT",
            },
            30,
        ),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float
) -> None:
    assert delay_asked_s(httpx.Response(503, headers=headers)) == seconds


def test_every_option_has_a_default_and_a_type_in_both_tables() -> None:
    assert set(ClientOptions.__annotations__) == set(Options.__struct_fields__)
    assert get_type_hints(ClientOptions)["queue_max_events"] is int


def test_a_number_is_spliced_into_the_encoded_event() -> None:
    streams = NumberedStreams("a/s/run", "sdk/1")
    stream = streams.of("acme")

    assert streams.number(b'{"id":"x"}', stream) == (
        b'{"id":"x","stream":{"id":"a/s/run","seq":1,"sdk":"sdk/1"}}'
    )
    assert streams.number(b'{"id":"x"}', stream, end=True) == (
        b'{"id":"x","stream":{"id":"a/s/run","seq":2,"sdk":"sdk/1","end":true}}'
    )


def test_lost_numbers_are_told_as_ranges_up_to_a_bound() -> None:
    stream = NumberedStream("acme")
    for seq in (3, 4, 5, 9, *range(11, 101, 2)):
        stream.lose(seq)

    assert stream.lost == 49
    assert stream.lost_ranges[:2] == [[3, 5], [9, 9]]
    assert len(stream.lost_ranges) == 20
