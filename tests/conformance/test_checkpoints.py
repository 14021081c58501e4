"""The one mutable cell of each log: swapped, never overwritten."""

import threading
from typing import Any

import pytest

from vitne.core.values.types import Hash, LogId, TreeSize
from vitne.errors import CheckpointConflictError, NotFoundError
from vitne.ports import CheckpointStore, Head, Swap

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")


def head(size: int, root: int = 1, note: str = "vitne.test\n3\nAAA=\n\n— é") -> Head:
    return Head(TreeSize(size), Hash(bytes([root]) * 32), note)


@pytest.fixture
def checkpoints(stores: Any) -> CheckpointStore:
    """Of two logs that never published."""
    return stores.checkpoints


def test_a_log_that_never_published_has_no_head(checkpoints: CheckpointStore) -> None:
    assert checkpoints.head(ACME) is None
    assert checkpoints.head(NONE) is None


def test_the_first_head_is_swapped_for_none(checkpoints: CheckpointStore) -> None:
    checkpoints.swap([Swap(ACME, None, head(3))])

    assert checkpoints.head(ACME) == head(3)
    assert checkpoints.head(BETA) is None


def test_a_head_is_swapped_for_the_stored_one(checkpoints: CheckpointStore) -> None:
    checkpoints.swap([Swap(ACME, None, head(3))])
    checkpoints.swap([Swap(ACME, head(3), head(5))])

    assert checkpoints.head(ACME) == head(5)


@pytest.mark.parametrize(
    "believed", [None, head(2), head(3, root=2), head(3, note="another")], ids=repr
)
def test_a_wrong_belief_changes_nothing(checkpoints: CheckpointStore, believed: Any) -> None:
    checkpoints.swap([Swap(ACME, None, head(3))])

    with pytest.raises(CheckpointConflictError):
        checkpoints.swap([Swap(ACME, believed, head(9))])

    assert checkpoints.head(ACME) == head(3)


def test_a_head_that_never_was_is_a_wrong_belief(checkpoints: CheckpointStore) -> None:
    with pytest.raises(CheckpointConflictError):
        checkpoints.swap([Swap(ACME, head(3), head(9))])

    assert checkpoints.head(ACME) is None


def test_of_several_swaps_all_are_made_or_none(checkpoints: CheckpointStore) -> None:
    checkpoints.swap([Swap(ACME, None, head(3)), Swap(BETA, None, head(4))])
    assert (checkpoints.head(ACME), checkpoints.head(BETA)) == (head(3), head(4))

    with pytest.raises(CheckpointConflictError):
        checkpoints.swap([Swap(ACME, head(3), head(5)), Swap(BETA, None, head(6))])

    assert (checkpoints.head(ACME), checkpoints.head(BETA)) == (head(3), head(4))


def test_no_swaps_change_nothing(checkpoints: CheckpointStore) -> None:
    checkpoints.swap([])

    assert checkpoints.head(ACME) is None


def test_a_log_that_was_never_created_has_nothing_to_swap(checkpoints: CheckpointStore) -> None:
    with pytest.raises(NotFoundError):
        checkpoints.swap([Swap(ACME, None, head(1)), Swap(NONE, None, head(1))])

    assert checkpoints.head(ACME) is None


def test_a_head_is_seen_at_once_elsewhere_and_after_reopening(
    stores: Any, other: Any, opener: Any
) -> None:
    stores.checkpoints.swap([Swap(ACME, None, head(3))])
    assert other.checkpoints.head(ACME) == head(3)
    other.checkpoints.swap([Swap(ACME, head(3), head(4))])
    assert stores.checkpoints.head(ACME) == head(4)

    stores.close()
    other.close()
    again = opener()
    assert again.checkpoints.head(ACME) == head(4)
    again.close()


def test_of_racing_publishers_exactly_one_wins_each_round(stores: Any, other: Any) -> None:
    wins: list[int] = []

    def publish(store: CheckpointStore, mark: int) -> None:
        for size in range(1, 11):
            old = head(size - 1) if size > 1 else None
            try:
                store.swap([Swap(ACME, old, head(size))])
            except CheckpointConflictError:
                continue
            wins.append(mark)

    threads = [
        threading.Thread(target=publish, args=(store.checkpoints, mark))
        for mark, store in enumerate((stores, stores, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    stored = stores.checkpoints.head(ACME)
    assert stored is not None
    assert len(wins) == stored.size
