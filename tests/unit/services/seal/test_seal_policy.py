from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.values.types import LeafIndex, LogId, Origin, TreeSize
from vitne.ports import LogInfo, Segment
from vitne.services.seal.due import FULL_ENTRIES, SealLimits, aged_range, full_range, merge_range

TEN = SealLimits(entries=10, age_us=1_000)


def info(sealed_end: int, head_size: int, next_index: int = 1_000) -> LogInfo:
    return LogInfo(
        log=LogId("acme"),
        origin=Origin("vitne.test/log/acme"),
        created_us=1,
        next_index=LeafIndex(next_index),
        last_recorded_us=1,
        head_size=TreeSize(head_size),
        sealed_end=LeafIndex(sealed_end),
    )


def segment(start: int, end: int) -> Segment:
    return Segment(
        start=LeafIndex(start),
        end=LeafIndex(end),
        key=f"{start}-{end}",
        file_bytes=1,
        sha256=b"",
        events=1,
        recorded_us=(1, 1),
        occurred_us=(1, 1),
    )


@pytest.mark.parametrize(
    ("sealed_end", "head_size", "due"),
    [(0, 9, None), (0, 10, (0, 10)), (0, 25, (0, 10)), (10, 19, None), (13, 23, (13, 23))],
)
def test_a_segment_is_due_as_soon_as_it_is_full_and_published(
    sealed_end: int, head_size: int, due: tuple[int, int] | None
) -> None:
    assert full_range(info(sealed_end, head_size), TEN) == due


@pytest.mark.parametrize(
    ("sealed_end", "head_size", "due"), [(5, 5, None), (5, 6, (5, 6)), (0, 25, (0, 10))]
)
def test_an_old_hot_part_is_due_as_far_as_it_is_published(
    sealed_end: int, head_size: int, due: tuple[int, int] | None
) -> None:
    assert aged_range(info(sealed_end, head_size), TEN) == due


def grow(sizes: Sequence[int], most: int = FULL_ENTRIES) -> tuple[list[Segment], list[int]]:
    """What is listed after sealing segments of these sizes, and the most there were at once."""
    listed: list[Segment] = []
    counts = []
    for size in sizes:
        start = listed[-1].end if listed else 0
        listed.append(segment(start, start + size))
        span = merge_range(listed, most)
        if span is not None:
            listed = [s for s in listed if s.start < span[0]] + [segment(*span)]
        counts.append(len(listed))
    return listed, counts


@given(st.lists(st.integers(1, FULL_ENTRIES), min_size=1, max_size=200))
def test_however_segments_are_sealed_their_number_stays_bounded(sizes: list[int]) -> None:
    listed, counts = grow(sizes)

    total = 0
    for count, size in zip(counts, sizes, strict=True):
        total += size
        assert count <= 2 * total / FULL_ENTRIES + 17
    assert [s.start for s in listed[1:]] == [s.end for s in listed[:-1]]
    assert (listed[0].start, listed[-1].end) == (0, sum(sizes))
    assert all(s.end - s.start <= FULL_ENTRIES for s in listed)


def test_a_small_tenant_keeps_a_handful_of_files_over_ten_years_of_days() -> None:
    _, counts = grow([7] * 3_650)

    assert max(counts) <= 13


def test_full_segments_are_never_written_again() -> None:
    listed, counts = grow([FULL_ENTRIES] * 5)

    assert len(listed) == counts[-1] == 5


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300))
def test_no_entry_is_written_more_often_than_a_binary_counter_carries(sizes: list[int]) -> None:
    listed: list[Segment] = []
    written: list[int] = []
    for size in sizes:
        start = len(written)
        listed.append(segment(start, start + size))
        written += [1] * size
        span = merge_range(listed)
        if span is not None:
            listed = [s for s in listed if s.start < span[0]] + [segment(*span)]
            written[span[0] : span[1]] = [times + 1 for times in written[span[0] : span[1]]]

    assert max(written) <= 18
