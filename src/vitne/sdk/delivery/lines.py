"""A bounded file of JSON lines that several processes of one application may share."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import DecodeError, json


class LinesFile:
    """Appends objects, one a line; at `max_bytes` the file becomes `<name>.1` and starts anew.

    So between one and two times `max_bytes` of the newest lines are kept.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._old = path.with_name(path.name + ".1")
        self._max_bytes = max_bytes

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def append(self, line: object) -> None:
        """Write one object. Raises `OSError` if the disk refuses."""
        data = json.encode(line) + b"\n"
        with self._locked():
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(fd).st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":
                    data = b"\n" + data  # a killed process left half a line
                os.write(fd, data)
            finally:
                os.close(fd)
            if size + len(data) >= self._max_bytes:
                self.path.replace(self._old)

    def __iter__(self) -> Iterator[dict[str, object]]:
        """Every whole line, oldest first."""
        for path in (self._old, self.path):
            if path.is_file():
                for line in path.read_bytes().split(b"\n"):
                    try:
                        yield json.decode(line, type=dict[str, object])
                    except DecodeError:
                        continue  # half a line of a killed process, or the empty end
