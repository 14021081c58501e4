"""What the operating system reports, as errors of Vitne that say what to do next."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from vitne.errors import StorageError

_FULL = "free some space; what was acknowledged is safe, and senders will retry"
_MODE = "check the owner and mode of the folder, and that its file system is not read-only"
_DISK = "look into the system log for errors of the disk, and run `vitne fsck`"

_KNOWN = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("the disk quota is used up", _FULL),
    errno.EFBIG: ("a file may not grow that large", "raise the limit on file sizes"),
    errno.EROFS: ("the file system is read-only", _MODE),
    errno.EACCES: ("the folder may not be accessed", _MODE),
    errno.EPERM: ("the folder may not be changed", _MODE),
    errno.EMFILE: ("too many files are open", "raise the limit on open files"),
    errno.ENFILE: ("too many files are open", "raise the system's limit on open files"),
    errno.EIO: ("the disk failed", _DISK),
}


@contextmanager
def os_errors(where: str) -> Iterator[None]:
    """Raise `StorageError` for whatever the operating system refuses inside."""
    try:
        yield
    except OSError as error:
        text = error.strerror or type(error).__name__
        message, hint = _KNOWN.get(error.errno or 0, (f"the folder failed: {text}", _DISK))
        raise StorageError(message, where=where, hint=hint) from error
