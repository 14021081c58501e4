import threading

import pytest

from vitne.errors import OverloadedError, UnavailableError
from vitne.services.writer.queue import WaitingRoom


class Parcel:
    """Something that waits."""

    def __init__(self, events: int, weight_bytes: int = 1) -> None:
        self.events = events
        self.weight_bytes = weight_bytes


@pytest.fixture
def room() -> WaitingRoom[Parcel]:
    return WaitingRoom(max_events=10, max_bytes=100)


def test_requests_leave_in_the_order_in_which_they_came(room: WaitingRoom[Parcel]) -> None:
    parcels = [Parcel(3), Parcel(3), Parcel(3)]
    for parcel in parcels:
        room.put(parcel)

    assert room.take(6) == parcels[:2]
    assert room.take(6) == parcels[2:]
    assert (room.events, room.weight_bytes) == (0, 0)


def test_a_request_larger_than_a_transaction_goes_alone(room: WaitingRoom[Parcel]) -> None:
    parcels = [Parcel(8), Parcel(1)]
    for parcel in parcels:
        room.put(parcel)

    assert room.take(5) == parcels[:1]


@pytest.mark.parametrize("parcel", [Parcel(8), Parcel(1, 99)])
def test_what_does_not_fit_is_refused_and_leaves_the_rest(
    room: WaitingRoom[Parcel], parcel: Parcel
) -> None:
    first = Parcel(3, 2)
    room.put(first)

    with pytest.raises(OverloadedError) as refusal:
        room.put(parcel)

    assert refusal.value.retry_after_s >= 1
    assert room.take(10) == [first]


def test_an_empty_room_takes_any_request(room: WaitingRoom[Parcel]) -> None:
    room.put(Parcel(1_000, 1_000))

    assert room.events == 1_000


def test_a_request_with_no_room_is_refused_before_it_is_prepared(room: WaitingRoom[Parcel]) -> None:
    room.put(Parcel(1, 60))

    with pytest.raises(OverloadedError):
        room.check(60)


def test_the_advice_grows_with_what_waits_and_is_bounded(room: WaitingRoom[Parcel]) -> None:
    room.note_rate(0.0)
    room.put(Parcel(10_000))

    with pytest.raises(OverloadedError) as refusal:
        room.put(Parcel(1))

    assert refusal.value.retry_after_s == 30


def test_a_closed_room_hands_out_what_waits_and_then_nothing(room: WaitingRoom[Parcel]) -> None:
    parcel = Parcel(1)
    room.put(parcel)
    room.close()

    assert room.take(10) == [parcel]
    assert room.take(10) == []
    with pytest.raises(UnavailableError):
        room.put(Parcel(1))


def test_closing_wakes_a_writer_that_waits(room: WaitingRoom[Parcel]) -> None:
    taken: list[list[Parcel]] = []
    writer = threading.Thread(target=lambda: taken.append(room.take(1)))
    writer.start()

    room.close()
    writer.join(10)

    assert taken == [[]]
