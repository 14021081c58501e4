"""Logs and their hot rows, outside of appending and searching."""

from typing import Any

import pytest

from vitne.core.values.types import Hash, LeafIndex, LogId, Origin, TreeSize
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import Head, LogInfo, RecordStore, Seen, Segment, Swap

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")
START, END = LeafIndex(0), LeafIndex(1 << 40)


def _info(log: LogId, created_us: int, **more: Any) -> LogInfo:
    known = {"next_index": 0, "last_recorded_us": 0, "head_size": 0, "sealed_end": 0}
    return LogInfo(log, Origin(f"vitne.test/log/{log}"), created_us, **(known | more))


def _publish(stores: Any, log: LogId, size: int) -> None:
    old = stores.checkpoints.head(log)
    new = Head(TreeSize(size), Hash(bytes([size % 256]) * 32), f"note {size}")
    stores.checkpoints.swap([Swap(log, old, new)])


def test_creating_a_log_again_with_its_origin_changes_nothing(records: RecordStore) -> None:
    records.create_log(ACME, Origin("vitne.test/log/acme"), 99)

    assert records.log(ACME).created_us == 5


def test_a_log_keeps_its_origin(records: RecordStore) -> None:
    with pytest.raises(ConflictError):
        records.create_log(ACME, Origin("another/log/acme"), 5)

    assert records.log(ACME).origin == "vitne.test/log/acme"


def test_two_logs_never_share_an_origin(records: RecordStore) -> None:
    """They would share their key, and sign two trees under one name."""
    with pytest.raises(ConflictError):
        records.create_log(NONE, Origin("vitne.test/log/acme"), 5)

    assert len(records.logs()) == 2


def test_logs_are_listed_by_id_with_what_the_store_knows(stores: Any, make: Any) -> None:
    stores.records.create_log(LogId("a-first"), Origin("vitne.test/log/a-first"), 7)
    make.insert(stores.records, ACME, make.events(0, 3))
    _publish(stores, ACME, 2)
    stores.segments.add(
        ACME, Segment(LeafIndex(0), LeafIndex(1), "segments/0", 9, b"h" * 32, 1, (1, 1), (1, 1))
    )

    assert stores.records.logs() == [
        _info(LogId("a-first"), 7),
        _info(ACME, 5, next_index=3, last_recorded_us=1_000_002, head_size=2, sealed_end=1),
        _info(BETA, 6),
    ]
    assert stores.records.log(ACME) == stores.records.logs()[1]


def test_a_log_that_was_never_created_is_not_found(records: RecordStore) -> None:
    with pytest.raises(NotFoundError):
        records.log(NONE)


def test_a_log_that_was_never_created_is_empty_to_every_other_reader(
    records: RecordStore, make: Any
) -> None:
    assert records.entries(NONE, START, END) == []
    assert records.records(NONE, START, END) == []
    assert records.record(NONE, START) is None
    assert records.find(NONE, make.event_id(1)) is None
    assert (records.first_index(NONE), records.oldest_hot_us(NONE)) == (None, None)
    assert (records.counts(NONE), records.asides(NONE), records.streams(NONE)) == ({}, [], [])
    assert records.drop(NONE, END) == 0
    assert records.scan(NONE, None, START, END, 10) == []


def test_a_log_made_elsewhere_is_found_without_reopening(
    stores: Any, other: Any, make: Any
) -> None:
    assert stores.records.entries(NONE, START, END) == []

    other.records.create_log(NONE, Origin("vitne.test/log/none"), 1)
    make.insert(other.records, NONE, make.events(0, 1))

    assert stores.records.entries(NONE, START, END) == [make.event(0).entry]


def test_unpublished_lists_the_logs_that_grew_past_their_checkpoint(stores: Any, make: Any) -> None:
    assert stores.records.unpublished() == []

    make.insert(stores.records, ACME, make.events(0, 3))
    make.insert(stores.records, BETA, make.events(0, 1))
    _publish(stores, BETA, 1)
    assert stores.records.unpublished() == [stores.records.log(ACME)]

    _publish(stores, ACME, 2)
    assert stores.records.unpublished() == [stores.records.log(ACME)]

    _publish(stores, ACME, 3)
    assert stores.records.unpublished() == []


def test_entries_are_the_bytes_of_the_range_ascending(records: RecordStore, make: Any) -> None:
    stored = [make.event(0), make.control(1), make.event(2), make.event(3)]
    make.insert(records, ACME, stored)
    entries = [record.entry for record in stored]

    assert records.entries(ACME, LeafIndex(1), LeafIndex(3)) == entries[1:3]
    assert records.entries(ACME, LeafIndex(2), LeafIndex(99)) == entries[2:]
    assert records.entries(ACME, LeafIndex(2), LeafIndex(2)) == []
    assert records.entries(ACME, LeafIndex(3), LeafIndex(1)) == []
    assert records.entries(BETA, START, END) == []


def test_records_include_control_entries_and_ascend(records: RecordStore, make: Any) -> None:
    stored = [make.event(0), make.control(1), make.event(2)]
    make.insert(records, ACME, stored)

    assert records.records(ACME, START, LeafIndex(2)) == stored[:2]
    assert records.record(ACME, LeafIndex(1)) == stored[1]
    assert records.record(ACME, LeafIndex(3)) is None


def test_an_event_is_found_by_its_id_in_its_own_log(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, make.events(0, 4))

    assert records.find(ACME, make.event_id(3)) == make.event(2)
    assert records.find(ACME, make.event_id(77)) is None
    assert records.find(BETA, make.event_id(3)) is None


def test_an_id_is_recalled_with_index_digest_and_time(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, make.events(0, 2))

    assert make.seen(records, ACME, make.event_id(2)) == Seen(
        LeafIndex(1), make.digest_of(make.event(1)), 1_000_001
    )
    assert make.seen(records, ACME, make.event_id(77)) is None
    assert make.seen(records, BETA, make.event_id(2)) is None


def test_first_and_oldest_tell_of_the_lowest_hot_row(records: RecordStore, make: Any) -> None:
    assert (records.first_index(ACME), records.oldest_hot_us(ACME)) == (None, None)

    make.insert(records, ACME, make.events(0, 5))
    make.insert(records, BETA, make.events(0, 1))
    assert (records.first_index(ACME), records.oldest_hot_us(ACME)) == (0, 1_000_000)

    records.drop(ACME, LeafIndex(3))
    assert (records.first_index(ACME), records.oldest_hot_us(ACME)) == (3, 1_000_003)

    records.drop(ACME, LeafIndex(5))
    assert (records.first_index(ACME), records.oldest_hot_us(ACME)) == (None, None)


def test_dropping_deletes_the_hot_rows_below_and_says_how_many(
    records: RecordStore, make: Any
) -> None:
    """Five thousand, so that it takes several short transactions."""
    make.insert(records, ACME, make.events(0, 5_000))
    make.insert(records, BETA, make.events(0, 2))

    assert records.drop(ACME, LeafIndex(4_997)) == 4_997
    assert records.drop(ACME, LeafIndex(4_997)) == 0

    assert records.records(ACME, START, END) == make.events(4_997, 3)
    assert records.records(BETA, START, END) == make.events(0, 2)


def test_dropping_leaves_the_tail_and_what_is_remembered(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, make.events(0, 5))

    assert records.drop(ACME, END) == 5

    assert records.log(ACME).next_index == 5
    assert make.seen(records, ACME, make.event_id(3)) is not None
    assert records.find(ACME, make.event_id(3)) is None
    make.insert(records, ACME, make.events(5, 1))
    assert records.first_index(ACME) == 5


def test_forgetting_takes_the_oldest_ids_of_version_7_and_says_how_many(
    records: RecordStore, make: Any
) -> None:
    make.insert(records, ACME, make.events(0, 5_000))

    assert records.forget(1_000_000, 10_000) == 0
    assert records.forget(1_004_000, 10) == 10
    assert make.seen(records, ACME, make.event_id(10)) is None
    assert make.seen(records, ACME, make.event_id(11)) is not None

    assert records.forget(1_004_000, 10_000) == 3_990
    assert make.seen(records, ACME, make.event_id(4_000)) is None
    assert make.seen(records, ACME, make.event_id(4_001)) is not None
    assert records.forget(1_004_000, 10_000) == 0


def test_ids_of_other_versions_are_remembered_for_good(records: RecordStore, make: Any) -> None:
    batch = [make.event(index, version=index) for index in range(16)]
    make.insert(records, ACME, batch)

    assert records.forget(2_000_000, 100) == 1

    left = [record.index for record in batch if make.seen(records, ACME, record.event_id)]
    assert left == [index for index in range(16) if index != 7]


def test_an_id_is_forgotten_only_when_its_own_time_is_older_too(
    records: RecordStore, make: Any
) -> None:
    """One that looks young when it comes again is looked for here and nowhere else."""
    batch = [make.event(index, id_ms=id_ms) for index, id_ms in enumerate([0, 1999, 2000, 9999])]
    make.insert(records, ACME, batch)

    assert records.forget(2_000_000, 100) == 2
    assert [make.seen(records, ACME, r.event_id) is not None for r in batch] == [False] * 2 + [
        True
    ] * 2

    assert records.forget(2_000_001, 100) == 1
    assert records.forget(9_999_000, 100) == 0
    assert records.forget(9_999_001, 100) == 1


def test_an_id_of_an_old_time_that_came_late_is_kept_as_long_as_any(
    records: RecordStore, make: Any
) -> None:
    make.insert(records, ACME, [make.event(0, id_ms=1)])

    assert records.forget(1_000_000, 100) == 0
    assert records.forget(1_000_001, 100) == 1


def test_forgetting_goes_through_all_logs(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, make.events(0, 2))
    make.insert(records, BETA, make.events(0, 3))

    assert records.forget(2_000_000, 100) == 5


def test_an_event_that_is_forgotten_is_still_found_while_it_is_hot(
    records: RecordStore, make: Any
) -> None:
    make.insert(records, ACME, make.events(0, 5))
    records.forget(1_000_003, 100)

    assert make.seen(records, ACME, make.event_id(2)) is None
    assert records.find(ACME, make.event_id(2)) == make.event(1)
    assert records.find(ACME, make.event_id(77)) is None


def test_a_forgotten_id_can_come_again(records: RecordStore, make: Any) -> None:
    """Outside the dedupe window a repeat is looked for in the archive, which is not here."""
    make.insert(records, ACME, make.events(0, 2))
    records.forget(2_000_000, 100)
    again = make.event(2)
    again = type(again)(again.index, again.recorded_us, b"e", make.event_id(1), b"k" * 16)

    make.insert(records, ACME, [again])

    assert records.find(ACME, make.event_id(1)) is not None
    assert records.log(ACME).next_index == 3
