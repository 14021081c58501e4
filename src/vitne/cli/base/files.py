"""Files that a verb reads and writes; errors name the file."""

import os
from pathlib import Path

from vitne.errors import BadInputError, StorageError


def read_file(path: Path, most_bytes: int) -> bytes:
    """A file of at most so many bytes. Raises `BadInputError`."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise BadInputError(f"cannot read the file: {error.strerror}", where=str(path)) from None
    if len(data) > most_bytes:
        raise BadInputError(f"the file is larger than {most_bytes:,} bytes", where=str(path))
    return data


def read_text(path: Path, most_bytes: int) -> str:
    """A file of UTF-8 text. Raises `BadInputError`."""
    try:
        return read_file(path, most_bytes).decode("utf-8")
    except UnicodeDecodeError:
        raise BadInputError("the file is not UTF-8", where=str(path)) from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file, over one of that name. Raises `BadInputError`."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadInputError(f"cannot write the file: {error.strerror}", where=str(path)) from error


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read, durable when the call returns.

    Raises:
        BadInputError: there is a file of that name: no key is ever overwritten.
        StorageError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise BadInputError(
            "there is a file of that name", where=str(path), hint="name another one"
        ) from None
    except OSError as error:
        raise StorageError(f"a file cannot be written: {error.strerror}", where=str(path)) from None
