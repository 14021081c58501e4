"""Each sentence of the promise of `WitnessStore`, for every store."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vitne.adapters.sqlite.witness import SqliteWitness
from vitne.core.tree.witness import CosignedHead, Fork
from vitne.core.values.types import Hash, Origin
from vitne.errors import ConfigurationError, StorageError
from vitne.ports import KeptFork, WitnessStore

A, B = Origin("log.example/a"), Origin("log.example/b")


@pytest.fixture(params=["sqlite"])
def store(tmp_path: Path) -> Iterator[WitnessStore]:
    """An empty store."""
    opened = SqliteWitness(tmp_path / "witness.db")
    yield opened
    opened.close()


def seen(size: int) -> CosignedHead:
    return CosignedHead(size, Hash(bytes([size]) * 32), f"note {size}\n", size * 10)


def fork(origin: Origin, number: int, *, certain: bool = True) -> KeptFork:
    return KeptFork(origin, number, Fork("kept", f"other {number}", 3, ("aGFzaA==", "b"), certain))


def test_what_was_put_is_read_and_another_log_is_another(store: WitnessStore) -> None:
    with store.writing() as transaction:
        assert transaction.seen(A) is None
        transaction.put(A, seen(3))
        assert transaction.seen(A) == seen(3)
    with store.writing() as transaction:
        transaction.put(A, seen(5))

    assert (store.seen(A), store.seen(B)) == (seen(5), None)


def test_a_transaction_that_raises_changes_nothing(store: WitnessStore) -> None:
    def fail() -> None:
        with store.writing() as transaction:
            transaction.put(A, seen(3))
            transaction.keep(fork(A, 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert store.seen(A) is None
    assert store.forks() == []


def test_evidence_is_kept_once_and_listed_by_log_and_age(store: WitnessStore) -> None:
    with store.writing() as transaction:
        for one in (fork(B, 1), fork(A, 2), fork(A, 3, certain=False), fork(A, 2)):
            transaction.keep(one)

    assert store.forks() == [fork(A, 2), fork(A, 3, certain=False), fork(B, 1)]


def test_evidence_is_bounded_the_oldest_certain_and_the_newest_other(store: WitnessStore) -> None:
    with store.writing() as transaction:
        for number in range(120):
            transaction.keep(fork(A, number))
            transaction.keep(fork(A, 1_000 + number, certain=False))

    found = store.forks()
    assert [one.at_s for one in found if one.fork.certain] == list(range(100))
    assert [one.at_s for one in found if not one.fork.certain] == list(range(1_110, 1_120))


def test_one_transaction_at_a_time(store: WitnessStore, threads: Callable[..., None]) -> None:
    def grow() -> None:
        for _ in range(20):
            with store.writing() as transaction:
                before = transaction.seen(A)
                transaction.put(
                    A, CosignedHead((before.size if before else 0) + 1, Hash(bytes(32)), "", 0)
                )

    threads(grow, grow, grow)

    found = store.seen(A)
    assert found is not None
    assert found.size == 60


def test_two_processes_take_turns_on_one_file(tmp_path: Path, threads: Callable[..., None]) -> None:
    stores = [SqliteWitness(tmp_path / "w.db") for _ in range(2)]

    def grow(which: int) -> None:
        for _ in range(10):
            with stores[which].writing() as transaction:
                before = transaction.seen(A)
                transaction.put(
                    A, CosignedHead((before.size if before else 0) + 1, Hash(bytes(32)), "", 0)
                )

    threads(lambda: grow(0), lambda: grow(1))

    found = stores[0].seen(A)
    assert found is not None
    assert found.size == 20
    for one in stores:
        one.close()


def test_a_witness_remembers_after_a_restart_in_a_file_of_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    first = SqliteWitness(path)
    with first.writing() as transaction:
        transaction.put(A, seen(3))
    first.close()

    again = SqliteWitness(path)

    assert again.seen(A) == seen(3)
    assert path.stat().st_mode & 0o077 == 0
    again.close()


def test_the_file_of_another_program_is_not_taken(tmp_path: Path) -> None:
    from vitne.adapters.sqlite.store import SqliteStores  # noqa: PLC0415 - of this test alone

    SqliteStores(tmp_path / "vitne.db").close()

    with pytest.raises(ConfigurationError, match="another program's"):
        SqliteWitness(tmp_path / "vitne.db")
    with pytest.raises(StorageError):
        SqliteWitness(tmp_path / "nowhere" / "w.db")
