"""`kill -9` at random moments: what was acknowledged is there, whole, after every one."""

import importlib.util
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.objects.scratch import TEMPORARY
from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId

CHILD = Path(__file__).with_name("store_child.py")
ROUNDS = 15

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def child() -> ModuleType:
    """What the child writes, to compare with."""
    spec = importlib.util.spec_from_file_location("store_child", CHILD)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run_and_kill(work: str, folder: Path, lines: int) -> list[str]:
    """Kill the child as soon as it has told so many lines; all that it told before it died.

    It goes on while the signal is on its way, so it dies at any point of the next steps.
    """
    with subprocess.Popen(  # noqa: S603  # this interpreter, our own script
        [sys.executable, str(CHILD), work, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        told += process.stdout.readlines()
    assert process.returncode == -9
    return [line.strip() for line in told if line.endswith("\n")]


def _last(told: list[str], word: str) -> int:
    return max((int(line.split()[1]) for line in told if line.split()[0] == word), default=0)


def test_every_acknowledged_transaction_is_there_whole(tmp_path: Path, child: ModuleType) -> None:
    """The same file through all rounds: each starts on what the last kill left."""
    dice = random.Random(2)  # noqa: S311  # a repeatable choice of moments
    checked = 0
    for _ in range(ROUNDS):
        told = _run_and_kill("append", tmp_path, dice.randint(1, 60))

        with SqliteStores(tmp_path / "vitne.db") as stores:
            size = stores.records.log(child.LOGS[0]).next_index
            assert size >= _last(told, "appended")
            for log in child.LOGS:
                _check_log(stores, log, size, _rows(child, log, checked, size))
                assert stores.records.log(log).head_size >= _last(told, "published")
            first, second = (stores.checkpoints.head(log) for log in child.LOGS)
            assert first == second
        _check_file(tmp_path / "vitne.db")
        checked = size

    with SqliteStores(tmp_path / "vitne.db") as stores:
        for log in child.LOGS:
            _check_log(stores, log, checked, _rows(child, log, 0, checked))


def _rows(child: ModuleType, log: LogId, start: int, end: int) -> list[Record]:
    return [child.record(log, index) for index in range(start, end)]


def _check_log(stores: SqliteStores, log: LogId, size: int, newest: list[Record]) -> None:
    records = stores.records
    assert records.log(log).next_index == size
    assert records.counts(log) == {("a/b", "t", "rejected"): size}
    assert [state.last_seq for state in records.streams(log)] == [size]
    start = LeafIndex(size - len(newest))
    assert records.records(log, start, LeafIndex(size + 1)) == newest
    ids = {row.event_id for row in newest}
    with records.append() as transaction:
        assert set(transaction.seen(log, list(ids))) == ids


def _check_file(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_every_acknowledged_batch_of_objects_is_there_and_none_in_part(
    tmp_path: Path, child: ModuleType
) -> None:
    dice = random.Random(3)  # noqa: S311  # a repeatable choice of moments
    for _ in range(ROUNDS):
        told = _run_and_kill("put", tmp_path, dice.randint(1, 40))

        objects = FolderObjects(tmp_path / "objects")
        stored = {key: objects.get(key) for key in objects.keys("log/")}
        for number in range(_last(told, "put") + 1):
            assert child.batch(number).items() <= stored.items()
        for key, body in stored.items():
            assert child.batch(int(key.split("/")[2]))[key] == body
        checkpoint = (objects.get("checkpoint") or b"").decode().split()
        assert len(checkpoint) == 1_000
        assert len(set(checkpoint)) == 1

    objects.put({"last": b"x"})
    left = [path for path in (tmp_path / "objects" / TEMPORARY).rglob("*") if path.is_file()]
    assert left == []
