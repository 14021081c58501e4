"""An object store over a folder: what it says is stored survives a kill and a power cut.

Each batch is written so: all bytes go to temporary files, each is
fsynced, then all are renamed, then every folder that changed is fsynced once, its descriptor held
open from before the rename (Linux reports a failed write only to descriptors that were open).
A crash before a rename leaves temporary files, which the next writer removes; one after it leaves
whole objects.
"""

import errno
import os
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from gzip import compress
from pathlib import Path
from typing import BinaryIO, Final

from vitne.adapters.objects.keys import checked_key, file_name, is_compressed, key_of
from vitne.adapters.objects.scratch import Scratch
from vitne.adapters.objects.tree import FolderTree, begin_reading, closed_after, open_file
from vitne.errors import BadInputError, IntegrityError, ObjectConflictError, StorageError

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


_GZIP_LEVEL = 1
"""Bundles hold hashes and times: higher levels cost much and save little."""

_GZIP_BITS = 31
"""Tells zlib to expect the gzip form, with its checksum and length."""

_AT_ONCE: Final = 64
"""Files that are open at once for reading."""

Parts = tuple[str, ...]


class FolderObjects:
    """`vitne.ports.ObjectStore` over one folder, which holds nothing else; any thread may call.

    An object cannot stand where another key needs a folder (`a` beside `a/b`): that is an
    `ObjectConflictError` here. A symbolic link inside the folder is never followed.

    Args:
        root: the folder, made (mode 0700) if it is not there.

    Raises:
        StorageError: it cannot be made or reached.
    """

    def __init__(self, root: Path) -> None:
        with os_errors(str(root)):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = root.resolve(strict=True)
        self._root = root
        self._where = str(root)
        self._tree = FolderTree(root)
        self._scratch = Scratch(root)
        self._names_lock = threading.Lock()  # guards: names of objects
        """Held while they change, so that a look at what is there and a rename are one step."""

    def close(self) -> None:
        """Remove this writer's temporary folder."""
        self._scratch.close()

    def put(self, objects: Mapping[str, bytes]) -> None:
        stored = self.get_all(list(objects))
        for key, body in objects.items():
            if stored.get(key, body) != body:
                raise _conflict(key)
        self._write({k: body for k, body in objects.items() if k not in stored}, over=False)
        # What was there may be the rename of a writer that was killed before its last fsync.
        self._settle(list(stored))

    def replace(self, objects: Mapping[str, bytes]) -> None:
        for key in objects:
            checked_key(key)
        self._write(objects, over=True)

    def _write(self, objects: Mapping[str, bytes], *, over: bool) -> None:
        if not objects:
            return
        with os_errors(self._where), ExitStack() as stack:
            names = self._scratch.write([_stored(key, body) for key, body in objects.items()])
            stack.callback(self._scratch.discard, names)
            folders: dict[Parts, int] = {}
            with self._names_lock:
                for (key, body), name in zip(objects.items(), names, strict=True):
                    *parts, last = file_name(key).split("/")
                    folder = self._hold(tuple(parts), folders, stack)
                    if over or _is_free(last, folder, key, body):
                        self._move(name, last, folder, key)
            for folder in folders.values():
                os.fsync(folder)

    def _hold(self, parts: Parts, folders: dict[Parts, int], stack: ExitStack) -> int:
        if parts not in folders:
            folders[parts] = self._tree.make(parts)
            stack.callback(os.close, folders[parts])
        return folders[parts]

    def _move(self, temporary: str, name: str, folder: int, key: str) -> None:
        try:
            os.rename(temporary, name, src_dir_fd=self._scratch.descriptor(), dst_dir_fd=folder)
        except IsADirectoryError as error:
            raise ObjectConflictError(
                "a folder stands in the place of the object", where=key
            ) from error

    def _settle(self, keys: Sequence[str]) -> None:
        with os_errors(self._where):
            for parts in {_folder_of(file_name(key)) for key in keys}:
                with closed_after(self._tree.make(parts)) as folder:
                    os.fsync(folder)

    def get(self, key: str) -> bytes | None:
        """See the port.

        Raises:
            IntegrityError: a compressed file is damaged.
        """
        body = self._read(key)
        return None if body is None else _unpacked(key, body)

    def get_all(self, keys: Sequence[str]) -> dict[str, bytes]:
        """See the port. Errors as `get`."""
        found: dict[str, bytes] = {}
        for low in range(0, len(keys), _AT_ONCE):
            found |= self._read_all(dict.fromkeys(keys[low : low + _AT_ONCE]))
        return {key: _unpacked(key, body) for key, body in found.items()}

    def _read_all(self, keys: Collection[str]) -> dict[str, bytes]:
        """The files of a few keys: all are opened and begun to be read before one is waited for."""
        folders: dict[Parts, list[str]] = {}
        for key in keys:
            folders.setdefault(_folder_of(file_name(checked_key(key))), []).append(key)
        with os_errors(self._where), ExitStack() as stack:
            opened: dict[str, BinaryIO] = {}
            for parts, held in folders.items():
                folder = self._tree.find(parts)
                if folder is None:
                    continue
                stack.callback(os.close, folder)
                for key in held:
                    file = open_file(file_name(key).rpartition("/")[2], folder)
                    if file is not None:
                        opened[key] = stack.enter_context(file)
            if len(opened) > 1:
                for file in opened.values():
                    begin_reading(file)
            return {key: file.read() for key, file in opened.items()}

    def get_gzip(self, key: str) -> bytes | None:
        """The gzip bytes of an object that is kept compressed; None if it is not, or not there.

        For HTTP replies to clients that accept gzip: nothing is unpacked only to be packed again.
        """
        return self._read(key) if is_compressed(checked_key(key)) else None

    def _read(self, key: str) -> bytes | None:
        return self._read_all([key]).get(key)

    def delete(self, keys: Sequence[str]) -> None:
        emptied: dict[Parts, list[str]] = {}
        for key in keys:
            *parts, name = file_name(checked_key(key)).split("/")
            emptied.setdefault(tuple(parts), []).append(name)
        with os_errors(self._where), self._names_lock:
            for folder_parts, names in emptied.items():
                self._unlink(folder_parts, names)

    def _unlink(self, parts: Parts, names: Sequence[str]) -> None:
        folder = self._tree.find(parts)
        if folder is None:
            return
        with closed_after(folder):
            for name in names:
                with suppress(FileNotFoundError, IsADirectoryError):
                    os.unlink(name, dir_fd=folder)
            os.fsync(folder)
        self._tree.prune(parts)

    def keys(self, prefix: str) -> Iterator[str]:
        """See the port. What is made or deleted meanwhile may or may not be seen."""
        if prefix and not prefix.endswith("/"):
            raise BadInputError("a prefix of keys is a whole folder: it ends in /", where=prefix)
        parts = tuple(checked_key(prefix[:-1]).split("/")) if prefix else ()
        return self._list(prefix, parts)

    def _list(self, prefix: str, parts: Parts) -> Iterator[str]:
        with os_errors(self._where):
            folder = self._tree.find(parts)
            if folder is None:
                return
            with closed_after(folder):
                found = sorted(_names(prefix, folder))
        for name in found:
            if name.endswith("/"):
                yield from self._list(name, (*parts, name[len(prefix) : -1]))
            else:
                yield name

    def free_bytes(self) -> int:
        with os_errors(self._where):
            found = os.statvfs(self._root)
            return found.f_bavail * found.f_frsize


def _folder_of(file: str) -> Parts:
    return tuple(file.split("/")[:-1])


def _stored(key: str, body: bytes) -> bytes:
    return compress(body, _GZIP_LEVEL, mtime=0) if is_compressed(key) else body


def _unpacked(key: str, stored: bytes) -> bytes:
    if not is_compressed(key):
        return stored
    try:
        return zlib.decompress(stored, wbits=_GZIP_BITS)
    except zlib.error as error:
        raise IntegrityError(
            f"a compressed file is damaged: {error}",
            where=file_name(key),
            hint="run `vitne fsck`; the entries can be taken from a copy of the log",
        ) from error


def _is_free(name: str, folder: int, key: str, body: bytes) -> bool:
    """Whether nothing has come there since it was looked up; equal bytes are no conflict."""
    file = open_file(name, folder)
    if file is None:
        return True
    with file:
        if _unpacked(key, file.read()) != body:
            raise _conflict(key)
    return False


def _conflict(key: str) -> ObjectConflictError:
    return ObjectConflictError(
        "an immutable object exists with other bytes",
        where=key,
        hint="stop the server and run `vitne fsck`: two writers, or a store from another time",
    )


def _names(prefix: str, folder: int) -> Iterator[str]:
    """Keys in a folder, and `…/` for each folder in it: sorted, they stand in key order."""
    with os.scandir(folder) as entries:
        for entry in entries:
            key = prefix + entry.name
            with suppress(BadInputError):  # temporary files, and what is not ours
                if entry.is_dir(follow_symlinks=False):
                    yield checked_key(key) + "/"
                elif entry.is_file(follow_symlinks=False):
                    yield checked_key(key_of(key))
