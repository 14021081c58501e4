r"""The index beside each segment: which entries hold a key, and where an event id is.

It answers without reading entries, in microseconds, from about 30 bytes an event. It is a pure
function of the segment's entries, event ids and facets, so it can be rebuilt and compared.

    "vitidx1\n" · u32 length of the head · u32 CRC-32 of all that follows ·
    head (JSON) · sections, each at a multiple of 8

`keys`      of every distinct 17-byte key of the entries (stored and implied, transparency-log
            §3.4), in the order of the gap leaves: the first 4 of its 16 bytes. Kinds are ranges.
`counts`    u8 per key: how many entries hold it; 255: see `many` in the head.
`blocks`    u32 per 64 keys: how many postings lie before them.
`postings`  u16 per key and entry: position in the segment, ascending per key.
`ids`       last 4 bytes of every event id, sorted; `id_positions`, u16, beside it.

Fewer bytes of a key than it has may point to entries that do not hold it, never hide one: who
asks reads what is pointed at. Whole keys stand in the entries, so gap leaf i is made from the
first entry that `postings` names for key i. Numbers are little-endian.
"""

import mmap
import sys
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from struct import Struct as Layout
from typing import Final

import msgspec
from msgspec import Struct

from vitne.errors import ConfigurationError, IntegrityError

MAGIC: Final = b"vitidx1\n"
BLOCK_KEYS: Final = 64
MANY: Final = 255
"""A count that does not fit stands as this, and in `Head.many`."""
FRAGMENT_BYTES: Final = 4
PREFIX: Final = Layout("<8sII")
"""Magic, length of the head, CRC-32 of everything that follows."""


class Head(Struct, frozen=True):
    """What the index says about its segment as a whole."""

    start: int
    end: int
    epochs: tuple[int, ...]
    """Key epochs of its events."""
    issuers: tuple[str, ...] | None
    """Issuers of its actors (`""`: none named); None: too many to list."""
    target_types: tuple[str, ...] | None
    kinds: dict[str, tuple[int, int]]
    """Kind → range of its keys."""
    many: dict[str, int]
    """Key number → count, where it is 255 or more."""
    sections: dict[str, tuple[int, int]]
    """Name → offset behind the head, and length in bytes."""


class Lookup:
    """An open index, mapped into memory. Any thread may ask."""

    def __init__(self, data: "mmap.mmap | bytes", where: str = "") -> None:
        """Read the head and check the whole once.

        Raises:
            IntegrityError: the bytes are no index, or damaged.
        """
        need_little_endian()
        view = memoryview(data)
        if len(view) < PREFIX.size:
            raise IntegrityError("this is no index of a segment", where=where)
        magic, length, crc = PREFIX.unpack_from(view)
        if magic != MAGIC or zlib.crc32(view[PREFIX.size :]) != crc:
            raise IntegrityError("the index of a segment is damaged", where=where)
        start = PREFIX.size + length
        self.head = msgspec.json.decode(view[PREFIX.size : start], type=Head)
        body = view[start:]
        parts = {name: body[at : at + size] for name, (at, size) in self.head.sections.items()}
        self._keys = parts["keys"].cast("I")
        self._counts = parts["counts"]
        self._blocks = parts["blocks"].cast("I")
        self._postings = parts["postings"].cast("H")
        self._ids = parts["ids"].cast("I")
        self._id_positions = parts["id_positions"].cast("H")
        self._many = {int(at): count for at, count in self.head.many.items()}

    @classmethod
    def open(cls, path: Path) -> "Lookup":
        """Map a file. Raises `FileNotFoundError`, `IntegrityError`."""
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found = cls(data, str(path))
        # Checking went through all of it; looking up touches a few pages here and there.
        data.madvise(mmap.MADV_DONTNEED)
        data.madvise(mmap.MADV_RANDOM)
        return found

    def positions(self, key: bytes) -> Sequence[int]:
        """Positions of all entries that hold a tagged key, and rarely of one that does not."""
        low, high = self.head.kinds.get(str(key[0]), (0, 0))
        fragment = int.from_bytes(key[1 : 1 + FRAGMENT_BYTES], "big")
        at = bisect_left(self._keys, fragment, low, high)
        if at == high or self._keys[at] != fragment:
            return ()
        found = self._held(at)
        while at + 1 < high and self._keys[at + 1] == fragment:  # two keys that start alike
            at += 1
            found = sorted({*found, *self._held(at)})
        return found

    def _held(self, at: int) -> Sequence[int]:
        block = at // BLOCK_KEYS * BLOCK_KEYS
        before = self._counts[block:at]
        start = self._blocks[block // BLOCK_KEYS] + sum(before)
        if self._many:
            start += sum(self._many[n] - MANY for n in range(block, at) if n in self._many)
        found: Sequence[int] = self._postings[start : start + self._many.get(at, self._counts[at])]
        return found

    def find(self, event_id: bytes) -> list[int]:
        """Positions of the events that may have an id."""
        fragment = int.from_bytes(event_id[12:], "big")
        at = bisect_left(self._ids, fragment)
        found = []
        while at < len(self._ids) and self._ids[at] == fragment:
            found.append(self._id_positions[at])
            at += 1
        return found


def need_little_endian() -> None:
    """Refuse a machine on which numbers in files would have to be turned.

    Raises:
        ConfigurationError: this is one.
    """
    if sys.byteorder != "little":
        raise ConfigurationError("segments need a little-endian machine")
