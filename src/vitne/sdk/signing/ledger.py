r"""How far one signed stream has come, in a file that survives the process's death.

    at 0, 8 bytes    magic "vitled1\n"
    at 8, 8 bytes    last number that was given out
    at 64 and 256    two slots, written in turn: `LedgerState`
    at 512           what the stream is, as JSON: `StreamDescription`

The file is mapped into memory, so that noting a number costs nothing and a killed process loses
nothing of it; `sync` makes it survive a power cut, and is called before anything is sent. The lock
on it is held while the run lives: a ledger whose lock is free belongs to a run that is gone.
"""

import fcntl
import mmap
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, replace

from vitne.errors import DecodeError

MAGIC: Final = b"vitled1\n"
FILE_BYTES: Final = 4096
_ISSUED: Final = struct.Struct(">Q")
_ISSUED_AT: Final = 8
_SLOT: Final = struct.Struct(">QQQQQB32s32s")
_SLOTS: Final = (64, 256)
_ABOUT_AT: Final = 512
_LENGTH: Final = struct.Struct(">I")


StreamRef = tuple[str, str]
"""Tenant and name of a stream."""


class StreamDescription(Struct, frozen=True):
    """What the stream is; fixed once it is opened."""

    run: str
    tenant: str
    name: str
    vkey: str
    mode: str = "body"
    beat_s: int = 60
    origin: str = ""
    """Of the log; empty until it is known."""
    prev: bytes = b""
    """16-byte id of the stream that it follows."""
    prev_last: int = 0

    @property
    def ref(self) -> StreamRef:
        """Which stream of this machine it is."""
        return self.tenant, self.name


class LedgerState(Struct, frozen=True):
    """What the log has answered of it."""

    turn: int = 0
    """Counts the writes of this state; the larger of two slots counts."""
    acked: int = 0
    """Largest number of a batch that was answered."""
    pending_first: int = 0
    pending_last: int = 0
    """The batch that was sent last, if no answer came; 0: none."""
    beat_us: int = 0
    """What the newest beat said of its time."""
    flags: int = 0
    chain: bytes = bytes(32)
    """Hash of the newest batch message that was taken."""
    pending_hash: bytes = bytes(32)


_OPENED, _CLOSED = 1, 2


class Ledger:
    """One stream's file; without a path it lives in memory only. Not thread-safe.

    Raises:
        BlockingIOError: another process holds it.
        DecodeError: the file is not a ledger, or damaged.
        OSError: it cannot be made, read or mapped.
    """

    def __init__(self, path: Path | None, about: StreamDescription | None = None) -> None:
        """Make a ledger, or open it if `about` is None."""
        self.path = path
        self._fd = -1
        self._data: mmap.mmap | bytearray
        if path is None:
            self._data = bytearray(FILE_BYTES)
        else:
            self._data = self._map(path, make=about is not None)
        if about is not None:
            self._data[:8] = MAGIC
            self.describe(about)
            self.state = LedgerState()
        else:
            try:
                self.about = self._read_about()
                self.state = self._read_state()
            except BaseException:
                self.abandon()
                raise

    def _map(self, path: Path, *, make: bool) -> mmap.mmap:
        if make:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if make else 0)
        self._fd = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if make:
                os.posix_fallocate(self._fd, 0, FILE_BYTES)  # a full disk shows now, not as SIGBUS
            _check_size(self._fd, path)
            return mmap.mmap(self._fd, FILE_BYTES)
        except BaseException:
            os.close(self._fd)
            raise

    # ------------------------------------------------------------ reading

    @property
    def issued(self) -> int:
        """Last number that was given out."""
        found: int = _ISSUED.unpack_from(self._data, _ISSUED_AT)[0]
        return found

    @property
    def is_open(self) -> bool:
        """Whether the log has registered it."""
        return bool(self.state.flags & _OPENED)

    @property
    def is_closed(self) -> bool:
        """Whether the log has its closing beat."""
        return bool(self.state.flags & _CLOSED)

    def _read_about(self) -> StreamDescription:
        if self._data[:8] != MAGIC:
            raise DecodeError("the file is not the ledger of a stream")
        (length,) = _LENGTH.unpack_from(self._data, _ABOUT_AT)
        data = self._data[_ABOUT_AT + 8 : _ABOUT_AT + 8 + length]
        try:
            return msgspec.json.decode(data, type=StreamDescription)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise DecodeError(f"the ledger is damaged: {error}") from None

    def _read_state(self) -> LedgerState:
        found = [LedgerState()]
        for at in _SLOTS:
            packed = self._data[at : at + _SLOT.size]
            (crc,) = _LENGTH.unpack_from(self._data, at + _SLOT.size)
            if zlib.crc32(packed) == crc:
                found.append(LedgerState(*_SLOT.unpack(packed)))
        return max(found, key=lambda state: state.turn)

    # ------------------------------------------------------------ writing

    def issue(self, number: int) -> None:
        """Note that a number was given out."""
        _ISSUED.pack_into(self._data, _ISSUED_AT, number)

    def describe(self, about: StreamDescription) -> None:
        """Say what the stream is."""
        data = msgspec.json.encode(about)
        if len(data) > FILE_BYTES - _ABOUT_AT - 8:
            raise DecodeError("a stream's name is too long for its ledger")
        self._data[_ABOUT_AT + 8 : _ABOUT_AT + 8 + len(data)] = data
        _LENGTH.pack_into(self._data, _ABOUT_AT, len(data))
        self.about = about

    def sending(self, first: int, last: int, message_hash: bytes) -> None:
        """A batch is about to be sent: until it is answered, it may or may not be in the log."""
        self._put(pending_first=first, pending_last=last, pending_hash=message_hash)

    def answered(self) -> None:
        """The pending batch is in the log."""
        state = self.state
        acked = max(state.acked, state.pending_last)
        self._put(acked=acked, chain=state.pending_hash, pending_first=0, pending_last=0)

    def accounted(self, number: int) -> None:
        """Numbers up to this one are in the log, void, or refused with a reason."""
        self._put(acked=max(self.state.acked, number))

    def refused(self) -> None:
        """The pending batch is not in the log."""
        self._put(pending_first=0, pending_last=0)

    def beaten(self, at_us: int) -> None:
        """A beat with this time is about to be sent."""
        self._put(beat_us=at_us)

    def opened(self) -> None:
        """The log has registered the stream."""
        self._put(flags=self.state.flags | _OPENED)

    def closed(self) -> None:
        """The log has the closing beat."""
        self._put(flags=self.state.flags | _CLOSED)

    def _put(self, **changes: int | bytes) -> None:
        # A slot that is half written when the process dies is the older one of the two.
        state = replace(self.state, turn=self.state.turn + 1, **changes)
        packed = _SLOT.pack(*astuple(state))
        at = _SLOTS[state.turn % 2]
        self._data[at : at + len(packed)] = packed
        _LENGTH.pack_into(self._data, at + len(packed), zlib.crc32(packed))
        self.state = state

    def sync(self) -> None:
        """Force it to disk. Raises `OSError`."""
        if isinstance(self._data, mmap.mmap):
            self._data.flush()

    # ------------------------------------------------------------ the end

    def close(self, *, remove: bool = False) -> None:
        """Write it to disk and close it; with `remove`, delete the file first."""
        if remove and self.path is not None:
            self.path.unlink(missing_ok=True)
        with suppress(OSError):
            self.sync()
        self.abandon()

    def abandon(self) -> None:
        """Close it unchanged: in a forked child it is the parent's."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()
            self._data = bytearray(FILE_BYTES)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _check_size(fd: int, path: Path) -> None:
    if os.fstat(fd).st_size != FILE_BYTES:
        raise DecodeError(f"a ledger has {FILE_BYTES} bytes; this file does not", where=path.name)
