r"""The index beside each segment: which entries hold a key, and where an event id is.

It answers without reading entries, in microseconds, from about 30 bytes an event. It is a pure
function of the segment's entries, event ids and facets, so it can be rebuilt and compared.

    "vitidx3\n" · u32 length of the head · u32 number of sums · u32 CRC-32 of head and sums ·
    4 zero bytes · head (JSON) · sections, each at a multiple of 8 · sums

`sums`      u32 per 4,096 bytes of the file that hold anything of a section: CRC-32 of that. What is
            read is checked then, once, so that opening many indexes does not read them.

`keys`      every distinct 17-byte key of the entries (stored and implied, transparency-log §3.4)
            without its kind, ascending; kinds are ranges. Key i is that of gap leaf i + 1: leaf 0
            is the sentinel.
`counts`    u8 per key: how many entries hold it; 255: see `many` in the head.
`blocks`    u32 per 64 keys: how many postings lie before them.
`postings`  u16 per key and entry: position in the segment, ascending per key.
`roots`     32 bytes per key of `many`, in the order of the keys: the root of its postings.
`numbers`   three u64 per key of kinds 4 and 7, in the order of the keys: smallest, largest and
            number of distinct stream numbers of its entries.
`nodes`     32 bytes each: roots of the full subtrees of 8, 16, 32, … gap leaves, level by level.
`ids`       last 4 bytes of every event id, sorted; `id_positions`, u16, beside it.

So a gap leaf is made from a few numbers, and its path from at most 8 of them and stored nodes.
Numbers are little-endian.
"""

import mmap
import sys
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from vitne.adapters.archive.pages import Part, Width, open_pages
from vitne.core.gap import FIRST_KEY, GAP_MAGIC, LAST_KEY, LAYOUT, postings_root
from vitne.core.keys import STREAM, STREAM_CONTROL
from vitne.core.merkle import EMPTY_ROOT, leaf_hash, root
from vitne.core.strict import HASH_BYTES
from vitne.core.types import Hash
from vitne.errors import ConfigurationError, IntegrityError

BLOCK_KEYS: Final = 64
MANY: Final = 255
"""A count that does not fit stands as this, and in `Head.many`."""
KEY_BYTES: Final = 16
NODE_LEVEL: Final = 3
"""Level of the lowest nodes that are stored: subtrees of 8 gap leaves."""
NUMBERED: Final = (STREAM, STREAM_CONTROL)
"""Kinds whose gap leaves tell stream numbers."""


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
        """Read and check the head; the rest is checked as it is read.

        Raises:
            IntegrityError: the bytes are no index, or damaged.
        """
        need_little_endian()
        pages, start, head = open_pages(memoryview(data), where)
        self.head = msgspec.json.decode(head, type=Head)
        self._kinds = [(int(kind), span) for kind, span in self.head.kinds.items()]
        self._kinds.sort()

        def part(name: str, of: Width = "B") -> Part:
            at, size = self.head.sections[name]
            return Part(pages, start + at, size, of)

        self._keys = part("keys")
        self._counts = part("counts")
        self._blocks = part("blocks", "I")
        self._postings = part("postings", "H")
        self._roots = part("roots")
        self._numbers = part("numbers", "Q")
        self._nodes = part("nodes")
        self._ids = part("ids", "I")
        self._id_positions = part("id_positions", "H")
        self._many = {int(at): count for at, count in self.head.many.items()}
        self._rank = {at: rank for rank, at in enumerate(sorted(self._many))}
        self._levels = _levels(self.leaf_count)

    @classmethod
    def open(cls, path: Path) -> "Lookup":
        """Map a file. Raises `FileNotFoundError`, `IntegrityError`."""
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        data.madvise(mmap.MADV_RANDOM)  # looking up touches a few pages here and there
        return cls(data, str(path))

    @property
    def leaf_count(self) -> int:
        """Number of gap leaves: one per key, and the sentinel."""
        return len(self._counts) + 1

    def positions(self, key: bytes) -> Sequence[int]:
        """Positions of all entries that hold a tagged key."""
        at = self._after(key) - 1
        return self._held(at) if at >= 0 and self.tagged(at) == key else ()

    def tagged(self, at: int) -> bytes:
        """Key number `at` with its kind in front."""
        key = bytes(self._keys[at * KEY_BYTES : (at + 1) * KEY_BYTES])
        for kind, (low, high) in self._kinds:
            if low <= at < high:
                return bytes((kind,)) + key
        raise IntegrityError("a key of an index without a kind")

    def _after(self, key: bytes) -> int:
        """How many keys are not above this tagged one."""
        low, high = 0, 0
        for kind, (first, last) in self._kinds:
            if kind > key[0]:
                break
            low, high = (first, last) if kind == key[0] else (last, last)
        keys, wanted = self._keys, key[1:]
        while low < high:
            middle = (low + high) // 2
            if bytes(keys[middle * KEY_BYTES : (middle + 1) * KEY_BYTES]) <= wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _held(self, at: int) -> Sequence[int]:
        start = self._offset(at)
        found: Sequence[int] = self._postings[start : start + self._count(at)]
        return found

    def _count(self, at: int) -> int:
        count = self._counts[at]
        return self._many[at] if count == MANY else count

    def _offset(self, at: int) -> int:
        """Where the postings of a key begin."""
        block = at // BLOCK_KEYS
        before = self._counts[block * BLOCK_KEYS : at]
        found: int = self._blocks[block] + sum(before)
        if MANY in before:
            found += sum(
                self._many[n] - MANY for n in range(block * BLOCK_KEYS, at) if n in self._many
            )
        return found

    # ---------------------------------------------------------------- gap leaves

    def find_leaf(self, key: bytes) -> int:
        """Position of the gap leaf that answers for a tagged key: leaf.key <= key < leaf.next."""
        return self._after(key)

    def leaf(self, place: int) -> bytes:
        """The encoded gap leaf at a position (transparency-log §5.2)."""
        return self.leaves(place, 1)[0]

    def leaves(self, place: int, count: int) -> list[bytes]:
        """The encoded gap leaves at positions [place, place + count)."""
        found: list[bytes] = []
        first, last = max(place - 1, 0), min(place + count - 1, len(self._counts))
        keys = [self.tagged(at) for at in range(first, min(last + 1, len(self._counts)))]
        if last == len(self._counts):
            keys.append(LAST_KEY)
        if place == 0:
            found.append(LAYOUT.pack(GAP_MAGIC, FIRST_KEY, keys[0], 0, 0, 0, 0, 0, 0, EMPTY_ROOT))
        offset, start = self._offset(first), self.head.start
        for at, key, following in zip(range(first, last), keys, keys[1:], strict=False):
            size = self._count(at)
            held = self._postings[offset : offset + size]
            offset += size
            low, high, top = start + held[0], start + held[-1], self._postings_root(at, held)
            numbers = self._sequence(key, at)
            found.append(LAYOUT.pack(GAP_MAGIC, key, following, size, low, high, *numbers, top))
        return found

    def node(self, level: int, index: int) -> Hash:
        """Root of a full subtree of gap leaves (`merkle.Node`)."""
        if level >= NODE_LEVEL:
            start = (self._levels[level - NODE_LEVEL] + index) * HASH_BYTES
            return Hash(bytes(self._nodes[start : start + HASH_BYTES]))
        return root([leaf_hash(leaf) for leaf in self.leaves(index << level, 1 << level)])

    def _sequence(self, key: bytes, at: int) -> Sequence[int]:
        if key[0] not in NUMBERED:
            return (0, 0, 0)
        before = 0
        for kind, (low, high) in self._kinds:
            if kind in NUMBERED:
                if low <= at < high:
                    before += at - low
                    break
                before += high - low
        return self._numbers[3 * before : 3 * before + 3]

    def _postings_root(self, at: int, held: Sequence[int]) -> Hash:
        rank = self._rank.get(at)
        if rank is not None:
            return Hash(bytes(self._roots[rank * HASH_BYTES : (rank + 1) * HASH_BYTES]))
        start = self.head.start
        return postings_root([start + each for each in held])

    def find(self, event_id: bytes) -> list[int]:
        """Positions of the events that may have an id."""
        fragment = int.from_bytes(event_id[12:], "big")
        at = bisect_left(self._ids, fragment)
        found = []
        while at < len(self._ids) and self._ids[at] == fragment:
            found.append(self._id_positions[at])
            at += 1
        return found


def _levels(leaf_count: int) -> list[int]:
    """How many stored nodes lie before each level, from `NODE_LEVEL` up."""
    found, before, level = [], 0, NODE_LEVEL
    while leaf_count >> level:
        found.append(before)
        before += leaf_count >> level
        level += 1
    return found


def need_little_endian() -> None:
    """Refuse a machine on which numbers in files would have to be turned.

    Raises:
        ConfigurationError: this is one.
    """
    if sys.byteorder != "little":
        raise ConfigurationError("segments need a little-endian machine")
