"""Events that wait on disk: one folder per run, append-only segment files, oldest first.

    <spool>/<application>.<service>-<server>/runs/<run>/lock          held while the run lives
                                                       /00000001.seg …
A folder whose lock is free belongs to a process that is gone; the next one adopts and sends it.
A segment is deleted once every event in it was answered. What was answered just before a crash is
sent again, and the log reports it as a duplicate, by its id.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import DecodeError

from vitne.sdk.delivery.event_item import (
    HEAD_BYTES,
    KEYED_MAGIC,
    MAGIC,
    MAX_BODY_BYTES,
    RECORD_KEY_BYTES,
    EventItem,
    encode_frame,
    read_frames,
    read_spooled_item,
)
from vitne.sdk.options import Fsync

_log = logging.getLogger("vitne.sdk")

SEGMENT_BYTES = 4 * 1024 * 1024
_READ_BYTES = MAX_BODY_BYTES + HEAD_BYTES


class Spool:
    """The waiting events of one run. Thread-safe.

    Raises:
        BlockingIOError: another living process holds the run.
        OSError: the folder cannot be made or written.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int, fsync: Fsync = "write", keyed: bool = False
    ) -> None:
        """Args: `keyed` if the record keys of events are kept with them."""
        self.folder = folder
        self._magic = KEYED_MAGIC if keyed else MAGIC
        self._reads_keyed = False
        self.damaged = 0
        """Frames lost to damage, and cut tails; each counts as one."""
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._lock = threading.Lock()  # guards: the segment files, their sizes and offsets
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise
        self._segments = sorted(int(p.stem) for p in folder.glob("*.seg"))
        self._sizes = {n: self._path(n).stat().st_size for n in self._segments}
        self._next = (self._segments[-1] if self._segments else 0) + 1
        self._write_fd = -1
        self._read_fd = -1
        self._offset = len(MAGIC)
        self._peeked = self._offset
        self._open = True

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08d}.seg"

    @property
    def used_bytes(self) -> int:
        """Bytes of the segment files."""
        return sum(self._sizes.values())

    @property
    def empty(self) -> bool:
        """No event waits here."""
        return not self._segments

    def append(self, items: Sequence[EventItem], *, sync: bool = False) -> int:
        """Write events at the end; how many of them were kept, counted from the first.

        Fewer than all are kept when the bound is reached or the disk refuses; what was written of
        a frame that did not fit is cut off again. With `sync` they are on disk on return, and so
        they are if somebody waits for one of them, who will be told so.
        """
        with self._lock:
            if not self._open:
                return 0
            frames = [encode_frame(item.ordinal, self._body(item)) for item in items]
            room = self._max_bytes - self.used_bytes - len(MAGIC)
            kept, size = 0, 0
            while kept < len(frames) and size + len(frames[kept]) <= room:
                size += len(frames[kept])
                kept += 1
            if not kept:
                return 0
            try:
                self._write(b"".join(frames[:kept]))
                waits = any(item.waiter is not None for item in items)
                if sync or waits or self._fsync == "write":
                    os.fdatasync(self._write_fd)
            except OSError:
                self._cut_back()
                return 0
            self._sizes[self._segments[-1]] = os.fstat(self._write_fd).st_size
            return kept

    def _body(self, item: EventItem) -> bytes:
        if self._magic == MAGIC:
            return item.body
        return (item.record_key or bytes(RECORD_KEY_BYTES)) + item.body

    @property
    def keyed(self) -> bool:
        """Whether the oldest of its events are of a sender that signs."""
        with self._lock:
            if not self._segments:
                return False
            with self._path(self._segments[0]).open("rb") as file:
                return file.read(len(KEYED_MAGIC)) == KEYED_MAGIC

    def _write(self, piece: bytes) -> None:
        full = self._write_fd >= 0 and self._sizes[self._segments[-1]] >= SEGMENT_BYTES
        if full:
            self._close_writer()
        if self._write_fd < 0:
            self._begin_segment()
        view = memoryview(piece)
        while view:
            view = view[os.write(self._write_fd, view) :]

    def _begin_segment(self) -> None:
        number = self._next
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        fd = os.open(self._path(number), flags, 0o600)
        self._next = number + 1
        try:
            size = os.write(fd, self._magic)
        except OSError:
            os.close(fd)
            self._path(number).unlink()
            raise
        self._write_fd = fd
        self._sizes[number] = size
        self._segments.append(number)
        if self._fsync != "never":
            _sync_folder(self.folder)

    def _cut_back(self) -> None:
        """Undo a write that failed half way, so the next frame begins where this one did."""
        if self._write_fd < 0:
            return
        try:
            os.ftruncate(self._write_fd, self._sizes[self._segments[-1]])
        except OSError:
            # Then the half frame ends its segment, as after a kill; the next write begins another.
            self._write_fd = _close(self._write_fd)

    def _close_writer(self) -> None:
        if self._write_fd >= 0:
            if self._fsync != "never":
                os.fdatasync(self._write_fd)
            self._write_fd = _close(self._write_fd)

    def peek(self, most: int, most_bytes: int) -> list[EventItem]:
        """The oldest waiting events; `done` removes exactly these. One reader at a time."""
        with self._lock:
            while self._open and self._segments:
                items = self._read(most, most_bytes)
                if items:
                    return items
                self._drop_head()
            return []

    def _read(self, most: int, most_bytes: int) -> list[EventItem]:
        number = self._segments[0]
        if self._read_fd < 0:
            self._read_fd = os.open(self._path(number), os.O_RDONLY)
            magic = os.pread(self._read_fd, len(MAGIC), 0)
            if magic not in {MAGIC, KEYED_MAGIC}:
                self.damaged += 1
                return []
            self._reads_keyed = magic == KEYED_MAGIC
        while True:
            piece = os.pread(self._read_fd, _READ_BYTES, self._offset)
            frames = read_frames(piece, most, most_bytes)
            self.damaged += frames.damaged
            items = self._items(frames.bodies)
            self._peeked = self._offset + frames.next_offset
            if items:
                return items
            self._offset = self._peeked
            if not frames.next_offset:
                # Only a cut or senseless frame is left, or nothing at all.
                self.damaged += bool(piece)
                return []

    def _items(self, bodies: list[tuple[int, bytes]]) -> list[EventItem]:
        items = []
        for ordinal, body in bodies:
            try:
                items.append(read_spooled_item(ordinal, body, keyed=self._reads_keyed))
            except DecodeError:
                self.damaged += 1
        return items

    def done(self) -> None:
        """The events of the last `peek` were answered: never show them again."""
        with self._lock:
            if not self._open or not self._segments:
                return
            self._offset = self._peeked
            if self._offset >= self._sizes[self._segments[0]]:
                self._drop_head()

    def _drop_head(self) -> None:
        number = self._segments.pop(0)
        if not self._segments:
            self._write_fd = _close(self._write_fd)
        self._read_fd = _close(self._read_fd)
        self._path(number).unlink(missing_ok=True)
        del self._sizes[number]
        self._offset = self._peeked = len(MAGIC)

    def close(self) -> None:
        """Force to disk what waits and release the folder; an empty folder is removed."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._close_writer()
            _close(self._read_fd)
            if not self._segments:
                (self.folder / "lock").unlink(missing_ok=True)
                with suppress(OSError):  # another process may have removed it first
                    self.folder.rmdir()
            os.close(self._lock_fd)

    def abandon(self) -> None:
        """Forget the folder in a forked child: the parent owns it, with its lock."""
        if not self._open:
            return
        self._open = False
        for fd in (self._write_fd, self._read_fd, self._lock_fd):
            _close(fd)


def adopt_spools(runs: Path, own: str, *, max_bytes: int, keyed: bool = False) -> list[Spool]:
    """Spools that processes of this application left behind, oldest run first.

    Those of senders that sign are left alone unless `keyed`: only with their key can they be sent.
    """
    adopted = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else []:
        if folder.name == own:
            continue
        try:
            spool = Spool(folder, max_bytes=max_bytes)
        except BlockingIOError:
            continue  # its process lives, or another one adopted it first
        except OSError as error:
            _log.warning("cannot read the spool %s: %s", folder, error)
            continue
        if spool.empty:
            spool.close()
        elif spool.keyed and not keyed:
            spool.close()
            _log.warning("events in %s wait for a client with their signing key", folder)
        else:
            adopted.append(spool)
    return adopted


def _close(fd: int) -> int:
    """Close a descriptor, if it is one; -1, which stands for none."""
    if fd >= 0:
        os.close(fd)
    return -1


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
