"""Every sentence of `vitne.ports.IndexLogStore`, and of index heads in the checkpoint store."""

from typing import Any

import pytest

from vitne.core.values.types import Hash, LeafIndex, LogId, TreeSize
from vitne.errors import CheckpointConflictError, ConflictError, NotFoundError
from vitne.ports import Head, SealedRun, Segment, Swap

ACME = LogId("acme")
INDEX = LogId("acme/index")


def _run(record: int, start: int, end: int, level: int = 0) -> SealedRun:
    segment = Segment(
        start=LeafIndex(start),
        end=LeafIndex(end),
        key=f"segments/acme/{start}-{end}",
        file_bytes=1,
        sha256=b"s" * 32,
        events=1,
        recorded_us=(1, 2),
        occurred_us=(1, 2),
        index_key="",
        level=level,
        record=record,
        gap_count=3,
        run_root=b"r" * 32,
    )
    return SealedRun(segment, f"record {record}".encode(), b"troubles")


@pytest.fixture
def index_log(stores: Any) -> Any:
    """Of a store with an empty log `acme`."""
    return stores.index_log


def test_records_follow_each_other_and_are_read_as_they_were_written(index_log: Any) -> None:
    runs = [_run(0, 0, 5), _run(1, 5, 9), _run(2, 0, 9, level=1), _run(3, 9, 12)]
    for run in runs:
        index_log.append(ACME, run, f"counter {run.segment.end}".encode())

    assert index_log.size(ACME) == 4
    assert index_log.records(ACME, 1, 3) == [b"record 1", b"record 2"]
    assert index_log.records(ACME, 3, 9) == [b"record 3"]
    assert [index_log.run(ACME, at) for at in range(5)] == [*runs, None]
    assert list(index_log.runs_from(ACME, 2)) == runs[2:]
    assert index_log.counter(ACME) == (12, b"counter 12")


def test_a_merged_run_does_not_move_the_counter(index_log: Any) -> None:
    index_log.append(ACME, _run(0, 0, 5), b"five")
    index_log.append(ACME, _run(1, 0, 5, level=1), b"other")

    assert index_log.counter(ACME) == (5, b"five")


def test_an_empty_index_log_has_neither_records_nor_counter(index_log: Any) -> None:
    assert index_log.size(ACME) == 0
    assert index_log.records(ACME, 0, 9) == []
    assert index_log.counter(ACME) == (0, b"")
    assert index_log.told(ACME) == 0
    with pytest.raises(NotFoundError):
        index_log.size(LogId("nobody"))


@pytest.mark.parametrize("run", [_run(0, 5, 9), _run(2, 5, 9), _run(1, 4, 9), _run(1, 6, 9)])
def test_a_record_out_of_place_is_refused_whole(index_log: Any, run: SealedRun) -> None:
    index_log.append(ACME, _run(0, 0, 5), b"five")

    with pytest.raises(ConflictError):
        index_log.append(ACME, run, b"more")

    assert index_log.size(ACME) == 1
    assert index_log.counter(ACME) == (5, b"five")


def test_what_is_told_is_remembered(index_log: Any) -> None:
    index_log.append(ACME, _run(0, 0, 5), b"five")

    index_log.set_told(ACME, 1)

    assert index_log.told(ACME) == 1
    assert index_log.counter(ACME) == (5, b"five")


def test_the_head_of_an_index_log_is_a_cell_of_its_own(stores: Any, index_log: Any) -> None:
    del index_log
    first = Head(TreeSize(1), Hash(b"a" * 32), "note 1")
    second = Head(TreeSize(2), Hash(b"b" * 32), "note 2")
    stores.checkpoints.swap([Swap(INDEX, None, first)])
    with pytest.raises(CheckpointConflictError):
        stores.checkpoints.swap([Swap(INDEX, None, second)])
    stores.checkpoints.swap([Swap(INDEX, first, second), Swap(ACME, None, first)])

    assert stores.checkpoints.head(INDEX) == second
    assert stores.checkpoints.head(ACME) == first
    with pytest.raises(CheckpointConflictError):
        stores.checkpoints.swap([Swap(ACME, first, second), Swap(INDEX, first, second)])
    assert stores.checkpoints.head(ACME) == first
