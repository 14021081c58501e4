import threading

import pytest

from vitne.errors import OverloadedError, UnavailableError
from vitne.services.writer.queue import RequestQueue


class Parcel:
    """Something that waits."""

    def __init__(self, events: int, weight_bytes: int = 1) -> None:
        self.events = events
        self.weight_bytes = weight_bytes


@pytest.fixture
def queue() -> RequestQueue[Parcel]:
    return RequestQueue(max_events=10, max_bytes=100)


def test_requests_leave_in_the_order_in_which_they_came(queue: RequestQueue[Parcel]) -> None:
    parcels = [Parcel(3), Parcel(3), Parcel(3)]
    for parcel in parcels:
        queue.put(parcel)

    assert queue.take(6) == parcels[:2]
    assert queue.take(6) == parcels[2:]
    assert (queue.events, queue.weight_bytes) == (0, 0)


def test_a_request_larger_than_a_transaction_goes_alone(queue: RequestQueue[Parcel]) -> None:
    parcels = [Parcel(8), Parcel(1)]
    for parcel in parcels:
        queue.put(parcel)

    assert queue.take(5) == parcels[:1]


@pytest.mark.parametrize("parcel", [Parcel(8), Parcel(1, 99)])
def test_what_does_not_fit_is_refused_and_leaves_the_rest(
    queue: RequestQueue[Parcel], parcel: Parcel
) -> None:
    first = Parcel(3, 2)
    queue.put(first)

    with pytest.raises(OverloadedError) as refusal:
        queue.put(parcel)

    assert refusal.value.retry_after_s >= 1
    assert queue.take(10) == [first]


def test_an_empty_queue_takes_any_request(queue: RequestQueue[Parcel]) -> None:
    queue.put(Parcel(1_000, 1_000))

    assert queue.events == 1_000


def test_a_request_with_no_room_is_refused_before_it_is_prepared(
    queue: RequestQueue[Parcel],
) -> None:
    queue.put(Parcel(1, 60))

    with pytest.raises(OverloadedError):
        queue.check(60)


def test_the_advice_grows_with_what_waits_and_is_bounded(queue: RequestQueue[Parcel]) -> None:
    queue.note_rate(0.0)
    queue.put(Parcel(10_000))

    with pytest.raises(OverloadedError) as refusal:
        queue.put(Parcel(1))

    assert refusal.value.retry_after_s == 30


def test_a_closed_queue_hands_out_what_waits_and_then_nothing(queue: RequestQueue[Parcel]) -> None:
    parcel = Parcel(1)
    queue.put(parcel)
    queue.close()

    assert queue.take(10) == [parcel]
    assert queue.take(10) == []
    with pytest.raises(UnavailableError):
        queue.put(Parcel(1))


def test_closing_wakes_a_writer_that_waits(queue: RequestQueue[Parcel]) -> None:
    taken: list[list[Parcel]] = []
    writer = threading.Thread(target=lambda: taken.append(queue.take(1)))
    writer.start()

    queue.close()
    writer.join(10)

    assert taken == [[]]
