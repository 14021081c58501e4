"""Folders reached step by step from a root, so that no symbolic link can lead out of it."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from vitne.errors import ObjectConflictError, StorageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderTree:
    """The folders under a root. Descriptors that it returns are the caller's to close."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lasting: set[tuple[str, ...]] = set()
        """Folders whose name in their parent is known to be on disk."""

    def find(self, parts: tuple[str, ...]) -> int | None:
        """Descriptor of a folder; None if it is not there, or an object stands in its place."""
        try:
            return self._walk(parts, make=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def make(self, parts: tuple[str, ...]) -> int:
        """Descriptor of a folder that is there, durably, when this returns.

        Raises:
            ObjectConflictError: an object stands in its place.
        """
        try:
            return self._walk(parts, make=True)
        except NotADirectoryError as error:
            raise ObjectConflictError(
                "an object stands where a folder is needed", where="/".join(parts)
            ) from error

    def _walk(self, parts: tuple[str, ...], *, make: bool) -> int:
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for depth, name in enumerate(parts, start=1):
            parent = folder
            try:
                if make:
                    self._make(parts[:depth], parent)
                folder = os.open(name, _FOLDER, dir_fd=parent)
            except NotADirectoryError:
                _refuse_link(name, parent, "/".join(parts[:depth]))
                raise
            finally:
                os.close(parent)
        return folder

    def _make(self, parts: tuple[str, ...], parent: int) -> None:
        if parts in self._lasting:
            return
        with suppress(FileExistsError):
            os.mkdir(parts[-1], 0o700, dir_fd=parent)
        # Also if it was there: whoever made it may have been killed before this line.
        os.fsync(parent)
        self._lasting.add(parts)

    def prune(self, parts: tuple[str, ...]) -> None:
        """Remove a folder, and those above it, as far as they are empty."""
        while parts:
            parent = self.find(parts[:-1])
            if parent is None:
                return
            with closed_after(parent):
                try:
                    os.rmdir(parts[-1], dir_fd=parent)
                except OSError:
                    return  # not empty, mostly
            self._lasting.discard(parts)
            parts = parts[:-1]


@contextmanager
def closed_after(descriptor: int) -> Iterator[int]:
    """The descriptor, for as long as the block runs."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(name: str, folder: int) -> BinaryIO | None:
    """A plain file; None if there is none of that name.

    Raises:
        StorageError: a symbolic link stands in its place.
    """
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError:
        _refuse_link(name, folder, name)
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123  # a descriptor, no path


def begin_reading(file: BinaryIO) -> None:
    """Have the disk read a file without waiting for it, where the system can be told so."""
    if sys.platform == "linux":
        with suppress(OSError):  # a hint that is not taken changes nothing
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _refuse_link(name: str, folder: int, where: str) -> None:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise StorageError(
            "a symbolic link stands in the store",
            where=where,
            hint="put the file or folder itself in its place",
        )
