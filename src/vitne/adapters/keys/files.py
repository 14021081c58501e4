"""Small secret files: made whole or not at all, never over another one, readable by one user."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vitne.errors import ConfigurationError, StorageError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(folder: Path) -> None:
    """Make a folder of mode 0700 and those above it, durably; nothing happens if it is there."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _fsync(folder.parent)


def create(path: Path, body: bytes) -> None:
    """Make a file of mode 0600, durably.

    Raises:
        FileExistsError: it is there; it is left as it was.
    """
    # Threads of one process may make the same file at once: each writes a file of its own.
    temporary = path.with_name(f"~{path.name}.{os.getpid()}.{threading.get_native_id()}")
    with suppress(FileNotFoundError):
        temporary.unlink()
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            os.write(descriptor, body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(temporary, path)  # unlike a rename it fails when another process was faster
    finally:
        temporary.unlink()
    _fsync(path.parent)


def remove(path: Path) -> None:
    """Remove a file, durably; nothing happens if it is not there."""
    path.unlink(missing_ok=True)
    _fsync(path.parent)


def check_private(path: Path) -> None:
    """Refuse a file or folder that others may read.

    Raises:
        ConfigurationError: its group or all may access it, or it is a symbolic link.
    """
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise ConfigurationError("a secret may not stand behind a symbolic link", where=str(path))
    if mode & _OTHERS:
        wanted = "0700" if stat.S_ISDIR(mode) else "0600"
        raise ConfigurationError(
            f"others may read the secrets (mode {stat.S_IMODE(mode):04o})",
            where=str(path),
            hint=f"run `chmod {wanted} {path}`; if others had access, make a new server: "
            "whoever has the master secret can sign in its name",
        )


@contextmanager
def key_file_errors(path: Path) -> Iterator[None]:
    """Raise `StorageError` for whatever the operating system refuses inside."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the keys cannot be read or written: {error.strerror or type(error).__name__}",
            where=str(path),
            hint="check the owner and mode of the folder, and that the disk is neither full nor "
            "read-only",
        ) from error


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
