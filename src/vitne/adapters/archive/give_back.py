"""Give freed memory back to the operating system."""

import ctypes
from collections.abc import Callable
from contextlib import suppress


def _trimmer() -> Callable[[int], int] | None:
    """Glibc's `malloc_trim`; None with another C library, which gives back by itself or not."""
    with suppress(OSError, AttributeError):
        found: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
        return found
    return None


_TRIM = _trimmer()


def give_back() -> None:
    """Return what was freed and is held in case it is needed again.

    Descriptions of Parquet files are large, and many small pieces: glibc keeps several times as
    much as is in use when they come and go among other things.
    """
    if _TRIM is not None:
        _TRIM(0)
