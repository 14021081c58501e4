"""Everything that a witness server or an auditor needs; no log is opened here."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from vitne.adapters.clock import SystemClock
from vitne.adapters.sqlite.witness import SqliteWitness
from vitne.core.tree.note import Signer
from vitne.errors import ConfigurationError
from vitne.ports import KeptFork
from vitne.services.trust import WitnessService


@contextmanager
def open_witness(
    database: Path, signers: Sequence[Signer], logs: Sequence[str]
) -> Iterator[WitnessService]:
    """A witness over its own file.

    Raises:
        ConfigurationError: keys that cannot serve so, or another program's file.
        StorageError: the file cannot be opened or written.
    """
    with closing(SqliteWitness(database)) as store:
        yield WitnessService(store, signers, logs, SystemClock())


def open_forks(database: Path) -> list[KeptFork]:
    """The evidence that a witness keeps, read beside it.

    Raises:
        ConfigurationError: there is no such file.
        StorageError: it cannot be read.
    """
    if not database.exists():
        raise ConfigurationError("there is no such file", where=str(database))
    with closing(SqliteWitness(database)) as store:
        return store.forks()
