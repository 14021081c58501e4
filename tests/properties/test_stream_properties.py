"""Numbers of a stream: new, repeated or missing, held against the set of numbers that came."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from vitne.ports import StreamState
from vitne.services.writer.stream_numbers import MAX_RANGES, StreamCursor, admit

NUMBERS = st.lists(st.integers(1, 40), max_size=80)


def cursor() -> StreamCursor:
    return StreamCursor(StreamState(bytes(16), "crm/bff", "pod-1", "sender"))


@given(NUMBERS)
def test_a_number_is_taken_exactly_the_first_time_it_comes(numbers: Sequence[int]) -> None:
    stream, came = cursor(), set[int]()

    for number in numbers:
        assert stream.take(number) == (number not in came)
        came.add(number)


@given(NUMBERS)
def test_what_is_missing_is_what_did_not_come_below_the_largest(numbers: Sequence[int]) -> None:
    stream = cursor()

    for number in numbers:
        stream.take(number)

    state = stream.state()
    listed = [n for first, last in state.missing for n in range(first, last + 1)]
    assert state.last_seq == max(numbers, default=0)
    assert listed == sorted(set(range(1, state.last_seq + 1)) - set(numbers))


@given(NUMBERS, st.integers(0, 80))
def test_a_stream_goes_on_from_its_stored_state(numbers: Sequence[int], cut: int) -> None:
    whole, first = cursor(), cursor()
    for number in numbers:
        whole.take(number)

    for number in numbers[:cut]:
        first.take(number)
    second = StreamCursor(first.state())
    for number in numbers[cut:]:
        second.take(number)

    assert second.state() == whole.state()


@given(st.lists(st.integers(1, 10**6), max_size=60), st.integers(0, 5))
def test_ranges_are_ascending_apart_and_below_the_last(numbers: Sequence[int], given_: int) -> None:
    stream = cursor()
    for number in numbers:
        stream.take(number)
    for _ in range(given_):
        assert stream.give() == stream.last

    flat = [edge for pair in stream.state().missing for edge in pair]
    assert all(first <= last for first, last in stream.state().missing)
    assert all(left + 1 < right for left, right in zip(flat[1::2], flat[2::2], strict=False))
    assert not flat or flat[-1] < stream.last


def test_a_stream_full_of_holes_forgets_no_hole_and_refuses_no_late_event() -> None:
    missing: list[tuple[int, int]] = []
    last = 0
    for number in range(2, 4 * MAX_RANGES, 2):
        assert admit(missing, last, number)
        last = number

    assert len(missing) == MAX_RANGES
    assert all(admit(missing, last, number) for number in range(1, last, 2))
