"""Everything that a witness server or an auditor needs; no log is opened here."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vitne.adapters.clock import SystemClock
from vitne.adapters.sqlite.witness import SqliteWitness
from vitne.core.tree.note import Signer
from vitne.errors import ConfigurationError
from vitne.ports import KeptFork
from vitne.services.trust.witness_service import WitnessService


@dataclass(frozen=True)
class OpenWitness:
    """A running witness without its door."""

    desk: WitnessService
    store: SqliteWitness
    close: Callable[[], None]


def open_witness(database: Path, signers: Sequence[Signer], logs: Sequence[str]) -> OpenWitness:
    """A witness over its own file.

    Raises:
        ConfigurationError: keys that cannot serve so, or another program's file.
        StorageError: the file cannot be opened or written.
    """
    with ExitStack() as stack:
        store = SqliteWitness.open(database)
        stack.callback(store.close)
        desk = WitnessService(store, signers, logs, SystemClock())
        return OpenWitness(desk, store, stack.pop_all().close)
    raise AssertionError  # pragma: no cover - the stack never swallows an error


def open_forks(database: Path) -> list[KeptFork]:
    """The evidence that a witness keeps, read beside it.

    Raises:
        ConfigurationError: there is no such file.
        StorageError: it cannot be read.
    """
    if not database.exists():
        raise ConfigurationError("there is no such file", where=str(database))
    store = SqliteWitness.open(database)
    try:
        return store.forks()
    finally:
        store.close()
