"""The lock by which a folder is served by one process at a time."""

import fcntl
import os
from pathlib import Path
from typing import Self

from vitne.errors import ConfigurationError, StorageError

_MODE = 0o600


class FolderLock:
    """Held until `close`, or until the process ends in whatever way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self:
        """Take the lock that the file stands for; the file is made, and stays.

        Raises:
            ConfigurationError: another process holds it.
            StorageError: the file cannot be made.
        """
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
        return cls(descriptor)

    def close(self) -> None:
        """Let go; nothing happens the second time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
