"""Sealed segments: written once, read back, listed by the catalog."""

from bisect import bisect_left
from typing import Any

import pytest
from msgspec.structs import replace

from vitne.core.filter.fields import SearchedRecord, find_field
from vitne.core.index.gap import GapLeaf, keys_of
from vitne.core.index.source_summary import summarize_sources
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import NotFoundError

ACME = LogId("acme")
START, END = LeafIndex(0), LeafIndex(1 << 40)


@pytest.fixture
def rows(make: Any) -> list[Any]:
    """Twelve records, control entries among them, claimed out of order."""
    return [
        make.control(index) if index in {0, 7} else make.event(index, at_us=900 - index)
        for index in range(12)
    ]


def test_a_segment_tells_what_is_in_it(sealing: Any, rows: list[Any]) -> None:
    sealing.published.extend(row.entry for row in rows)

    segment = sealing.archive.write(ACME, rows)

    assert (segment.start, segment.end, segment.events) == (0, 12, 10)
    assert segment.recorded_us == (rows[0].recorded_us, rows[11].recorded_us)
    assert segment.occurred_us == (900 - 11, 900 - 1)
    assert segment.file_bytes > 0
    assert len(segment.sha256) == 32


def test_a_segment_of_control_entries_has_no_claimed_times(sealing: Any, make: Any) -> None:
    segment = sealing.seal([make.control(0), make.control(1)])

    assert (segment.events, segment.occurred_us) == (0, (0, 0))
    assert sealing.archive.scan(ACME, None, START, END, 9) == []
    assert len(sealing.archive.records(ACME, START, END)) == 2


def test_writing_the_same_records_again_gives_the_same_segment(
    sealing: Any, rows: list[Any]
) -> None:
    sealing.published.extend(row.entry for row in rows)

    assert sealing.archive.write(ACME, rows) == sealing.archive.write(ACME, rows)


def test_what_was_sealed_comes_back_byte_for_byte(sealing: Any, rows: list[Any]) -> None:
    sealing.seal(rows[:5])
    sealing.seal(rows[5:])

    assert sealing.archive.records(ACME, START, END) == rows
    assert sealing.archive.records(ACME, LeafIndex(3), LeafIndex(8)) == rows[3:8]


def test_a_segment_is_not_read_before_the_catalog_lists_it(sealing: Any, rows: list[Any]) -> None:
    """Sealing may be cut short after the files are written."""
    sealing.published.extend(row.entry for row in rows)
    segment = sealing.archive.write(ACME, rows)
    assert sealing.archive.records(ACME, START, END) == []
    assert sealing.archive.find(ACME, rows[1].event_id) is None

    sealing.catalog.add(ACME, segment)
    sealing.archive.refresh(ACME)

    assert sealing.archive.records(ACME, START, END) == rows
    assert sealing.archive.find(ACME, rows[1].event_id) == rows[1]


def test_merged_segments_are_read_from_the_new_file(sealing: Any, rows: list[Any]) -> None:
    for start in (0, 4, 8):
        sealing.seal(rows[start : start + 4])

    merged = sealing.archive.write(ACME, rows[:8])
    replaced = sealing.catalog.merge(ACME, merged)
    sealing.archive.refresh(ACME)
    sealing.archive.remove(replaced)

    assert sealing.archive.records(ACME, START, END) == rows
    assert sealing.archive.count(ACME, None, START, END, 99) == 10
    assert sealing.archive.find(ACME, rows[2].event_id) == rows[2]


def test_removing_what_is_gone_is_no_error(sealing: Any, rows: list[Any]) -> None:
    sealing.published.extend(row.entry for row in rows)
    segment = sealing.archive.write(ACME, rows)

    sealing.archive.remove([segment])
    sealing.archive.remove([segment])
    sealing.archive.remove([])

    assert sealing.archive.records(ACME, START, END) == []


def test_scattered_records_come_in_order_from_as_many_segments(
    sealing: Any, rows: list[Any]
) -> None:
    """A control entry among them; what is not held is left out."""
    sealing.seal(rows[:5])
    sealing.seal(rows[5:])

    found = sealing.archive.fetch(ACME, [LeafIndex(at) for at in (0, 4, 5, 11, 40)])

    assert found == [rows[0], rows[4], rows[5], rows[11]]
    assert sealing.archive.fetch(ACME, []) == []
    known = {at: rows[at].entry for at in (4, 5)}
    assert sealing.archive.fetch(ACME, [LeafIndex(4), LeafIndex(5)], known) == rows[4:6]


def test_a_moment_is_among_the_entries_that_are_named(sealing: Any, rows: list[Any]) -> None:
    segment = sealing.seal(rows)
    times = [row.recorded_us for row in rows]

    for at_us in (times[0] - 1, *times, times[-1] + 1):
        low, high = sealing.archive.around(ACME, segment, at_us)
        assert low <= bisect_left(times, at_us) <= high


def test_a_summary_is_that_of_the_segments_records(sealing: Any, rows: list[Any]) -> None:
    sealing.seal(rows[:5])
    sealing.seal(rows[5:])

    found = sealing.archive.summary(ACME, LeafIndex(5), LeafIndex(12))

    assert found == summarize_sources(5, rows[5:])
    assert sealing.archive.summary(ACME, LeafIndex(0), LeafIndex(12)) is None


def test_the_issuers_of_an_actor_are_those_under_which_events_are(
    sealing: Any, rows: list[Any]
) -> None:
    sealing.seal(rows)
    issuer, first = find_field("issuer"), rows[1]
    actor = first.facets.actor

    found = sealing.archive.issuers_of(ACME, actor)

    same = [row for row in rows if row.facets.actor == actor]
    expected = {name for row in same for name in SearchedRecord(row).values(issuer) or ("",)}
    assert found in (expected, None)  # None: an archive without index secrets cannot say
    assert sealing.archive.issuers_of(ACME, "nobody") in (frozenset(), None)


def test_issuers_are_those_of_all_segments(sealing: Any, rows: list[Any]) -> None:
    assert sealing.archive.issuers(ACME) == frozenset()
    sealing.seal(rows)

    found = sealing.archive.issuers(ACME)

    issuer = find_field("issuer")
    events = [row for row in rows if row.event_id]
    assert found == {name for row in events for name in SearchedRecord(row).values(issuer) or ("",)}


# ---------------------------------------------------------------- gap leaves

ABSENT = [
    b"\x05" + bytes(16),
    b"\x05" + b"\xf0" * 16,
    b"\x01" + b"\x77" * 16,
    b"\x07" + b"\xff" * 16,
]
"""Before, between and behind the keys of a segment, and of kinds that it holds nothing of."""


def test_every_key_is_answered_by_a_leaf_and_all_that_hold_it(
    sealing: Any, rows: list[Any]
) -> None:
    sealing.seal(rows[:5])
    segment = sealing.seal(rows[5:])
    held: dict[bytes, list[int]] = {}
    for row in rows[5:]:
        for key in keys_of(row.entry):
            held.setdefault(key, []).append(row.index)

    found = sealing.archive.gaps(ACME, segment, [*held, *ABSENT])

    leaves = {place: GapLeaf.decode(data) for place, data in found.leaves}
    assert list(leaves) == sorted(leaves)
    assert {leaves[place].key: indices for place, indices in found.postings.items()} == held
    assert all(leaves[place].count == len(of) for place, of in found.postings.items())
    for key in (*held, *ABSENT):
        assert [leaf for leaf in leaves.values() if leaf.key <= key < leaf.next], key.hex()
    hashes = [(place, leaf_hash(data)) for place, data in found.leaves]
    assert multiproof_root(segment.gap_count, hashes, found.path) == segment.run_root


def test_one_key_is_proved_alone_and_an_absent_one_too(sealing: Any, rows: list[Any]) -> None:
    segment = sealing.seal(rows)
    key = keys_of(rows[3].entry)[0]

    for asked, count in ((key, 1), *((one, 0) for one in ABSENT)):
        found = sealing.archive.gaps(ACME, segment, [asked])

        ((place, data),) = found.leaves
        leaf = GapLeaf.decode(data)
        assert leaf.key <= asked < leaf.next
        assert len(found.postings) == count
        root = multiproof_root(segment.gap_count, [(place, leaf_hash(data))], found.path)
        assert root == segment.run_root
    assert sealing.archive.gaps(ACME, segment, []).leaves == []


def test_postings_are_those_of_the_gap_leaves(sealing: Any, rows: list[Any]) -> None:
    sealing.seal(rows[:5])
    segment = sealing.seal(rows[5:])
    held = {key for row in rows[5:] for key in keys_of(row.entry)}

    for asked in ([], ABSENT, [min(held)], [min(held), max(held), *ABSENT], sorted(held)):
        proved = sealing.archive.gaps(ACME, segment, asked).postings.values()
        expected = sorted({at for of in proved for at in of})
        assert sealing.archive.postings(ACME, segment, asked) == expected


def test_a_segment_that_is_gone_answers_for_no_key(sealing: Any, rows: list[Any]) -> None:
    segment = sealing.seal(rows)
    gone = replace(segment, key=f"{segment.key}.gone", index_key=f"{segment.index_key}.gone")

    for asked in (sealing.archive.gaps, sealing.archive.postings):
        with pytest.raises(NotFoundError):
            asked(ACME, gone, ABSENT)
    with pytest.raises(NotFoundError):
        sealing.archive.around(ACME, gone, rows[0].recorded_us)
