"""The catalog of segments: one after another from 0, without a hole."""

from typing import Any

import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import Segment, SegmentCatalog

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")


def segment(start: int, end: int) -> Segment:
    return Segment(
        start=LeafIndex(start),
        end=LeafIndex(end),
        key=f"segments/acme/{start}-{end}.parquet",
        file_bytes=1_000 * (end - start),
        sha256=bytes([start % 256]) * 32,
        events=end - start - 1,
        recorded_us=(start, end),
        occurred_us=(-5, 2**53 - 1),
        index_key=f"segments/acme/{start}-{end}.idx",
    )


@pytest.fixture
def catalog(stores: Any) -> SegmentCatalog:
    """Of two logs without segments."""
    return stores.segments


def test_a_new_log_has_no_segments(catalog: SegmentCatalog) -> None:
    assert catalog.segments(ACME) == catalog.segments(NONE) == []


def test_segments_follow_each_other_from_zero(catalog: SegmentCatalog) -> None:
    for start, end in ((0, 10), (10, 11), (11, 300)):
        catalog.add(ACME, segment(start, end))

    assert catalog.segments(ACME) == [segment(0, 10), segment(10, 11), segment(11, 300)]
    assert catalog.segments(BETA) == []


@pytest.mark.parametrize("span", [(0, 10), (5, 15), (11, 20), (10, 10), (10, 9)])
def test_a_segment_that_does_not_follow_is_refused(
    catalog: SegmentCatalog, span: tuple[int, int]
) -> None:
    catalog.add(ACME, segment(0, 10))

    with pytest.raises(ConflictError):
        catalog.add(ACME, segment(*span))

    assert catalog.segments(ACME) == [segment(0, 10)]


def test_the_first_segment_starts_at_zero(catalog: SegmentCatalog) -> None:
    with pytest.raises(ConflictError):
        catalog.add(ACME, segment(1, 10))


def test_a_segment_is_seen_elsewhere_and_after_reopening(
    stores: Any, other: Any, opener: Any
) -> None:
    stores.segments.add(ACME, segment(0, 10))
    assert other.segments.segments(ACME) == [segment(0, 10)]
    assert other.records.log(ACME).sealed_end == 10

    stores.close()
    other.close()
    again = opener()
    assert again.segments.segments(ACME) == [segment(0, 10)]
    again.close()


def test_a_merged_segment_takes_the_place_of_those_it_covers(catalog: SegmentCatalog) -> None:
    parts = [segment(0, 10), segment(10, 20), segment(20, 25), segment(25, 40)]
    for part in parts:
        catalog.add(ACME, part)

    assert catalog.merge(ACME, segment(10, 25)) == parts[1:3]

    assert catalog.segments(ACME) == [parts[0], segment(10, 25), parts[3]]
    catalog.add(ACME, segment(40, 41))


def test_all_segments_may_merge_into_one(catalog: SegmentCatalog) -> None:
    for start in (0, 10, 20):
        catalog.add(ACME, segment(start, start + 10))

    assert len(catalog.merge(ACME, segment(0, 30))) == 3

    assert catalog.segments(ACME) == [segment(0, 30)]


@pytest.mark.parametrize("span", [(0, 15), (5, 20), (0, 40), (30, 40), (10, 10), (20, 10)])
def test_a_merged_segment_must_cover_whole_segments(
    catalog: SegmentCatalog, span: tuple[int, int]
) -> None:
    parts = [segment(0, 10), segment(10, 20), segment(20, 30)]
    for part in parts:
        catalog.add(ACME, part)

    with pytest.raises(ConflictError):
        catalog.merge(ACME, segment(*span))

    assert catalog.segments(ACME) == parts


def test_a_log_that_was_never_created_takes_no_segments(catalog: SegmentCatalog) -> None:
    with pytest.raises(NotFoundError):
        catalog.add(NONE, segment(0, 1))
    with pytest.raises(NotFoundError):
        catalog.merge(NONE, segment(0, 1))
