"""A mirror's folder: plain files, each written beside its place, fsynced, renamed."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vitne.errors import BadInputError, ConflictError, StorageError

_PART = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_MOST_BYTES = 400
_FRESH = ".fresh"
"""Ends the name of a file that is being written; a killed writer leaves one, and writes over it."""


class PlainFolder:
    """`vitne.ports.MirrorFolder` over one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with _errors(str(root)):
            root.mkdir(parents=True, exist_ok=True)

    def get(self, name: str) -> bytes | None:
        with _errors(name):
            try:
                return self._path(name).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def put(self, files: Mapping[str, bytes], at_us: int | None = None) -> None:
        for name, data in files.items():
            path = self._path(name)
            with _errors(name):
                path.parent.mkdir(parents=True, exist_ok=True)
                fresh = path.with_name(path.name + _FRESH)
                with fresh.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                if at_us is not None:
                    os.utime(fresh, ns=(at_us * 1000, at_us * 1000))
                fresh.replace(path)
        self._settle([self._path(name).parent for name in files])

    def move(self, names: Sequence[tuple[str, str]]) -> None:
        for old, new in names:
            path = self._path(new)
            with _errors(new):
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    self._path(old).replace(path)
                except FileNotFoundError:
                    continue
        self._settle([self._path(new).parent for _, new in names])

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            with _errors(name):
                self._path(name).unlink(missing_ok=True)

    def names(self, prefix: str) -> Iterator[str]:
        folder = self._path(prefix.rstrip("/"))
        with _errors(prefix):
            found = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in found:
            name = path.relative_to(self._root).as_posix()
            if not name.endswith(_FRESH):
                yield name

    def _path(self, name: str) -> Path:
        if len(name) > _MOST_BYTES or not _NAME.fullmatch(name):
            raise BadInputError("no name of a mirrored file", where=repr(name[:_MOST_BYTES]))
        path = self._root / name
        # A link could lead a write out of the folder.
        if any(one.is_symlink() for one in (path, *path.parents[: name.count("/")])):
            raise ConflictError("a link stands in a mirror", where=name)
        return path

    def _settle(self, folders: Sequence[Path]) -> None:
        """Make names durable: each folder that changed, and those above it."""
        every = {one for folder in folders for one in (folder, *folder.parents)}
        for folder in sorted(one for one in every if one.is_relative_to(self._root)):
            with _errors(str(folder)):
                found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(found)
                finally:
                    os.close(found)


@contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the mirror's folder failed: {error.strerror}", where=where) from error
