"""A mirror over a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitne.adapters.lock import FolderLock
from vitne.adapters.mirror.folder import PlainFolder
from vitne.ports import MirrorFolder

_README = ".mirror/README"


@contextmanager
def open_mirror(folder: Path) -> Iterator[MirrorFolder]:
    """A mirror's folder, made if it is not there, and held by this process alone.

    Raises:
        ConfigurationError: another process writes to it.
        StorageError: it cannot be made.
    """
    found = PlainFolder(folder)
    if found.get(_README) is None:
        found.put({_README: b"Of the mirror itself: keys, evidence, what is on its way.\n"})
    lock = FolderLock(folder / ".mirror" / "lock")
    try:
        yield found
    finally:
        lock.close()
