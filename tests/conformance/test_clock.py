"""The time of day and random bytes."""

from datetime import UTC, datetime

import pytest

from vitne.adapters.clock import SystemClock, SystemIds
from vitne.ports import Clock, IdSource
from vitne.testing import FixedClock, SeededIds


@pytest.mark.parametrize("clock", [SystemClock(), FixedClock()], ids=["system", "fixed"])
def test_time_is_in_microseconds_since_1970(clock: Clock) -> None:
    """Between 2026 and 2100: no other unit gives such a number."""
    assert datetime(2026, 1, 1, tzinfo=UTC).timestamp() < clock.now_us() / 1e6
    assert clock.now_us() / 1e6 < datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def test_a_fixed_clock_moves_only_when_told_also_back() -> None:
    clock = FixedClock(1_000)

    assert [clock.now_us(), clock.now_us()] == [1_000, 1_000]
    assert clock.advance(-400) == clock.now_us() == 600
    clock.set(5)
    assert clock.now_us() == 5


@pytest.mark.parametrize("ids", [SystemIds(), SeededIds()], ids=["system", "seeded"])
def test_random_bytes_are_as_many_as_asked_and_never_the_same(ids: IdSource) -> None:
    assert [len(ids.random_bytes(count)) for count in (0, 1, 16, 1_000)] == [0, 1, 16, 1_000]
    assert len({ids.random_bytes(16) for _ in range(100)}) == 100


def test_seeded_bytes_come_again_for_the_same_seed_only() -> None:
    drawn = [[ids.random_bytes(8) for _ in range(3)] for ids in map(SeededIds, ("a", "a", "b"))]

    assert drawn[0] == drawn[1] != drawn[2]
