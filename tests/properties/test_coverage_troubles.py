"""What is wrong with a stream and when: the troubles sum to the counts, and bound what is lost."""

from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    BEAT_CLOSED,
    NO_SIGNATURE,
    VOID_BY_POLICY,
    VOID_SPOOL_LOST,
    BeatEntry,
    EventEntry,
    VoidEntry,
    encode_entry,
)
from vitne.core.entry.keys import EVENT_TYPE, key
from vitne.core.index.coverage import CoverageCounter, Timed
from vitne.core.values.types import Hash

STREAM = bytes(range(16))
NONE = Hash(bytes(32))
EVENT_KEY = key(EVENT_TYPE, bytes(32))


def _event(at_us: int, number: int) -> bytes:
    return encode_entry(EventEntry(at_us, at_us, STREAM, number, 1, (EVENT_KEY,), NONE))


def _void(at_us: int, first: int, last: int, reason: int) -> bytes:
    return encode_entry(VoidEntry(at_us, at_us, STREAM, first, last, reason, NONE, bytes([1]) * 64))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(1, 40), st.just(0)),
        st.tuples(st.sampled_from(["lost", "policy"]), st.integers(1, 40), st.integers(0, 5)),
    ),
    max_size=60,
)


def _read(steps: list[tuple[str, int, int]]) -> CoverageCounter:
    counter = CoverageCounter()
    for at, (what, number, more) in enumerate(steps):
        at_us = 1000 + at * 10
        if what == "event":
            counter.add(_event(at_us, number))
        else:
            reason = VOID_SPOOL_LOST if what == "lost" else VOID_BY_POLICY
            counter.add(_void(at_us, number, number + more, reason))
    return counter


@given(STEPS)
def test_troubles_sum_to_the_counts(steps: list[tuple[str, int, int]]) -> None:
    counter = _read(steps)

    for stream in counter.streams.values():
        troubles = stream.troubles(counter.recorded_us)
        assert sum(one.missing for one in troubles) == stream.missing()
        assert sum(one.voided for one in troubles) == stream.voided()
        assert all(one.from_us < one.to_us for one in troubles)


@given(STEPS)
def test_a_number_that_is_missing_lies_between_the_times_of_its_neighbours(
    steps: list[tuple[str, int, int]],
) -> None:
    """By the definition: for each number that is not there, the nearest events on both sides."""
    counter = _read(steps)
    first_seen: dict[int, int] = {}
    for at, (what, number, _) in enumerate(steps):
        if what == "event":
            first_seen.setdefault(number, 1000 + at * 10)

    for stream in counter.streams.values():
        troubles = stream.troubles(counter.recorded_us)
        explained = stream.events.union(stream.excused, stream.lost)
        for number in range(1, stream.largest + 1):
            if explained.within(number, number):
                continue
            below = max((n for n in first_seen if n < number), default=0)
            above = min((n for n in first_seen if n > number), default=0)
            from_us = first_seen.get(below, 1000)
            to_us = first_seen.get(above, counter.recorded_us + 1)
            assert any(
                one.from_us <= from_us and max(to_us, from_us + 1) <= one.to_us for one in troubles
            )


@given(st.lists(st.integers(1, 60), max_size=80))
def test_numbers_in_any_order_keep_the_time_of_the_ends_of_their_ranges(numbers: list[int]) -> None:
    ranges, seen = Timed(), dict[int, int]()
    for at_us, number in enumerate(numbers, 1):
        ranges.put(number, at_us)
        seen.setdefault(number, at_us)

    found = [
        number
        for first, last in zip(ranges.firsts, ranges.lasts, strict=True)
        for number in range(first, last + 1)
    ]
    assert found == sorted(seen)
    assert ranges.firsts_us == [seen[number] for number in ranges.firsts]
    assert ranges.lasts_us == [seen[number] for number in ranges.lasts]


def test_a_stream_that_was_given_up_may_hide_events_since_it_was_last_heard() -> None:
    counter = CoverageCounter()
    counter.add(_event(1000, 1))
    counter.add(encode_entry(BeatEntry(5000, 5000, STREAM, 1, BEAT_ABANDONED, NONE, NO_SIGNATURE)))
    counter.add(_event(9000, 1))

    (trouble,) = counter.streams[STREAM].troubles(9000)

    assert (trouble.abandoned, trouble.from_us, trouble.to_us) == (1, 1000, 5001)


def test_numbers_lost_at_the_end_of_a_stream_lie_before_its_closing_beat() -> None:
    counter = CoverageCounter()
    counter.add(_event(1000, 1))
    counter.add(encode_entry(BeatEntry(5000, 4000, STREAM, 3, BEAT_CLOSED, NONE, bytes([1]) * 64)))

    (trouble,) = counter.streams[STREAM].troubles(90_000)

    assert (trouble.missing, trouble.from_us, trouble.to_us) == (2, 1000, 5001)


def test_thousands_of_holes_are_told_as_some_wider_ones() -> None:
    counter = CoverageCounter()
    for number in range(1, 2001, 2):
        counter.add(_event(1000 + number, number))

    troubles = counter.streams[STREAM].troubles(10_000)

    assert 1 < len(troubles) <= 64
    assert sum(one.missing for one in troubles) == 999
