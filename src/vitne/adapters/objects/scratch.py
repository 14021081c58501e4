"""Temporary files of one writer, on the same file system as what they will become."""

import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

from vitne.adapters.objects.tree import closed_after

TEMPORARY = "~tmp"
"""Folder of all writers' temporary files: `~` is in no key."""

_OPEN_AT_ONCE = 64
"""Files written before the first is fsynced: the file system then commits them together."""


class Scratch:
    """A folder of temporary files that no other writer touches while this one lives.

    It is made at the first write. A lock on it tells others that its owner is alive; it goes with
    the process, so whoever comes next can remove what a killed writer left.
    """

    def __init__(self, root: Path) -> None:
        self._all = root / TEMPORARY
        self._folder_lock = threading.Lock()  # guards: _folder, until it is made
        self._folder: tuple[Path, int] | None = None
        self._numbers = count()

    def descriptor(self) -> int:
        """Of the folder; made, and the leavings of dead writers removed, at the first call."""
        with self._folder_lock:
            if self._folder is None:
                self._folder = _settle(self._all)
            return self._folder[1]

    def write(self, bodies: Sequence[bytes]) -> list[str]:
        """Store each body in a new file, fsynced; their names in the folder."""
        folder = self.descriptor()
        names = [str(next(self._numbers)) for _ in bodies]
        try:
            for at in range(0, len(names), _OPEN_AT_ONCE):
                part = slice(at, at + _OPEN_AT_ONCE)
                _write_all(folder, names[part], bodies[part])
        except BaseException:
            self.discard(names)
            raise
        return names

    def discard(self, names: Sequence[str]) -> None:
        """Remove those files that are still there."""
        folder = self.descriptor()
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)

    def close(self) -> None:
        """Remove the folder; a later write makes a new one."""
        with self._folder_lock:
            if self._folder is not None:
                path, descriptor = self._folder
                shutil.rmtree(path, ignore_errors=True)
                os.close(descriptor)
                self._folder = None


def _settle(everyone: Path) -> tuple[Path, int]:
    everyone.mkdir(mode=0o700, exist_ok=True)
    with closed_after(os.open(everyone, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)) as whole:
        # One at a time: else a folder that is made but not yet locked would be taken for dead.
        fcntl.flock(whole, fcntl.LOCK_EX)
        for path in everyone.iterdir():
            _remove_if_dead(path)
        mine = Path(tempfile.mkdtemp(dir=everyone))
        descriptor = os.open(mine, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return mine, descriptor


def _remove_if_dead(path: Path) -> None:
    with (
        closed_after(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as descriptor,
        suppress(BlockingIOError),  # its writer is alive
    ):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)


def _write_all(folder: int, names: Sequence[str], bodies: Sequence[bytes]) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with ExitStack() as stack:
        descriptors: list[int] = []
        for name, body in zip(names, bodies, strict=True):
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
            view = memoryview(body)
            while view:
                view = view[os.write(descriptor, view) :]
        for descriptor in descriptors:
            os.fsync(descriptor)
