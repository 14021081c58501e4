"""The lock by which a folder is served by one process at a time."""

import fcntl
import os
from pathlib import Path

from vitne.errors import ConfigurationError, StorageError

_MODE = 0o600


class FolderLock:
    """Held until `close`, or until the process ends in whatever way.

    Args:
        path: of the file that the lock stands for; it is made, and stays.

    Raises:
        ConfigurationError: another process holds it.
        StorageError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise StorageError(
                f"the folder cannot be locked: {error.strerror}", where=str(path)
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise ConfigurationError(
                "another process serves this folder",
                where=str(path),
                hint="stop it first, or name another folder",
            ) from error
        self._descriptor = descriptor

    def close(self) -> None:
        """Let go; nothing happens the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
