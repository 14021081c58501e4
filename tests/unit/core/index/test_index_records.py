"""Index records and stream counts at their edges."""

import pytest

from vitne.core.entry import entry as entries
from vitne.core.entry.control import ConfigEntry, StreamEntry
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.gap import FIRST_KEY, LAST_KEY, GapLeaf
from vitne.core.index.index_record import Coverage, IndexRecord, describe_run, parse_record
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.values.types import Hash, LeafIndex, Origin
from vitne.errors import BadInputError, DecodeError

ORIGIN = Origin("vitne.local/log/acme")
STREAM = b"\x01" * 16
RECORD = IndexRecord(
    ORIGIN, 0, LeafIndex(5), LeafIndex(9), EMPTY_ROOT, 3, EMPTY_ROOT, (10, 20), (7, 8), (1, 1), 1,
    Coverage(3, 2, 1, 0, 4, 5),
)  # fmt: skip
TEXT = RECORD.text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT.replace("v1", "v2"),
        TEXT.replace("acme", "ACME"),
        TEXT.replace("0 5 9", "64 5 9"),
        TEXT.replace("0 5 9", "0 5 5"),
        TEXT.replace("0 5 9", "0 9 5"),
        TEXT.replace("0 5 9", "0 5  9"),
        TEXT.replace("0 5 9", "0 5 9 "),
        TEXT.replace("0 5 9", "0 05 9"),
        TEXT.replace("\n3 ", "\n1 "),
        TEXT.replace("\n3 ", "\n4294967296 "),
        TEXT.replace("10 20", "0 20"),
        TEXT.replace("10 20", "20 10"),
        TEXT.replace("7 8", "8 7"),
        TEXT.replace("1 1 1", "2 1 1"),
        TEXT.replace("1 1 1", "1 65536 1"),
        TEXT.replace("1 1 1", "1 1 5"),
        TEXT.replace("3 2 1 0 4 5", "3 2 1 0 4"),
    ],
)
def test_what_is_no_record_is_not_read_as_one(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_record(text.encode())


def test_a_record_of_impossible_values_is_not_written() -> None:
    for record in (
        IndexRecord(
            ORIGIN, 0, LeafIndex(5), LeafIndex(5), EMPTY_ROOT, 3, EMPTY_ROOT, (1, 1), (0, 0),
            (0, 0), 0, Coverage(),
        ),
        IndexRecord(
            ORIGIN, 0, LeafIndex(5), LeafIndex(6), Hash(bytes(31)), 3, EMPTY_ROOT, (1, 1), (0, 0),
            (0, 0), 0, Coverage(),
        ),
    ):  # fmt: skip
        with pytest.raises(BadInputError):
            record.text()


def test_a_segment_without_events_says_0_0_for_their_times_and_epochs() -> None:
    data = [entries.encode_entry(ConfigEntry(9, "publish", {"max_delay_s": 60}))]

    leaves = gap.gap_leaves(4, data)
    run = len(leaves), gap.run_root(leaves)
    record = describe_run(ORIGIN, 4, data, log_root=EMPTY_ROOT, run=run, coverage=Coverage())

    assert (record.occurred_us, record.key_epoch, record.recorded_us) == ((0, 0), (0, 0), (9, 9))
    assert (record.start, record.end, record.gap_count) == (4, 5, 2)
    assert parse_record(record.encode()) == record


def test_a_segment_of_nothing_is_not_described() -> None:
    for data in ([], [b"short"]):
        with pytest.raises(BadInputError):
            describe_run(
                ORIGIN, 0, data, log_root=EMPTY_ROOT, run=(0, EMPTY_ROOT), coverage=Coverage()
            )


@pytest.mark.parametrize(("late_us", "silent"), [(30_000_000, 0), (30_000_001, 1)])
def test_a_stream_is_silent_once_three_beats_are_past(late_us: int, silent: int) -> None:
    counter = CoverageCounter()
    counter.add(entries.encode_entry(StreamEntry(1, STREAM, "a/b", "n", "none", "sender", 10)))
    counter.add(entries.encode_entry(ConfigEntry(1 + late_us, "w", {})))

    assert counter.coverage() == Coverage(registered=1, open=1, silent=silent)


def test_a_counter_is_not_read_from_other_bytes() -> None:
    for data in (b"", b"\x93\x01\x01\x01", CoverageCounter().encode() + b"\x00"):
        with pytest.raises(DecodeError):
            CoverageCounter.decode(data)


LEAF = GapLeaf(b"\x04" + STREAM, LAST_KEY, 2, 3, 9, 1, 5, 2, EMPTY_ROOT)


@pytest.mark.parametrize(
    "leaf",
    [
        GapLeaf(LAST_KEY, LAST_KEY, 1, 1, 1, 0, 0, 0, EMPTY_ROOT),
        GapLeaf(LEAF.key, FIRST_KEY, 1, 1, 1, 1, 1, 1, EMPTY_ROOT),
        GapLeaf(LEAF.key, LAST_KEY, 0, 0, 0, 0, 0, 0, EMPTY_ROOT),
        GapLeaf(LEAF.key, LAST_KEY, 3, 3, 4, 1, 5, 2, EMPTY_ROOT),
        GapLeaf(LEAF.key, LAST_KEY, 2, 3, 9, 5, 1, 2, EMPTY_ROOT),
        GapLeaf(LEAF.key, LAST_KEY, 2, 3, 9, 1, 5, 3, EMPTY_ROOT),
        GapLeaf(LEAF.key, LAST_KEY, 2, 3, 9, 1, 5, 0, EMPTY_ROOT),
        GapLeaf(b"\x01" + STREAM, LAST_KEY, 2, 3, 9, 1, 5, 2, EMPTY_ROOT),
        GapLeaf(FIRST_KEY, LAST_KEY, 1, 0, 0, 0, 0, 0, EMPTY_ROOT),
        GapLeaf(FIRST_KEY, LAST_KEY, 0, 0, 0, 0, 0, 0, Hash(bytes(32))),
    ],
)
def test_a_gap_leaf_that_no_segment_has_is_refused(leaf: GapLeaf) -> None:
    assert GapLeaf.decode(LEAF.encode()) == LEAF
    with pytest.raises(DecodeError):
        GapLeaf.decode(leaf.encode())


def test_a_gap_leaf_has_114_bytes() -> None:
    assert len(LEAF.encode()) == 114
    for data in (LEAF.encode()[:-1], LEAF.encode() + b"\x00", b"vitgapl2" + LEAF.encode()[8:]):
        with pytest.raises(DecodeError):
            GapLeaf.decode(data)


def test_the_run_of_no_entries_answers_that_nothing_is_there() -> None:
    run = gap.build_run(0, [])

    assert [(leaf.key, leaf.next, leaf.count) for leaf in run.leaves] == [(FIRST_KEY, LAST_KEY, 0)]
    assert run.find(b"\x01" + STREAM) == 0
