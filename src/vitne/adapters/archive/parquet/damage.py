"""Errors of reading a segment file, as errors of Vitne that name the file."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from vitne.errors import IntegrityError, StorageError


@contextmanager
def damage(where: str) -> Iterator[None]:
    """Tell damage from what the system refuses; a missing file stays `FileNotFoundError`.

    Raises:
        IntegrityError: PyArrow, or whoever reads its rows, does not understand the file.
        StorageError: the system does not read it: a broken disk, too many open files, no memory.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:  # PyArrow's own have no number
        if error.errno is None:
            raise IntegrityError(f"a segment is damaged: {error}", where=where) from error
        raise StorageError(
            f"a segment cannot be read: {error.strerror}",
            where=where,
            hint="see to the disk and to the limit of open files",
        ) from error
    except MemoryError as error:  # PyArrow's own is one of its exceptions too
        raise StorageError("too little memory to read a segment", where=where) from error
    except (pa.ArrowException, LookupError, ValueError) as error:
        raise IntegrityError(f"a segment is damaged: {error}", where=where) from error
