r"""The index beside each segment: which entries hold a key, and where an event id is.

It answers without reading entries, from about 50 bytes an event, and touches one place of its file
for a key: with a cold cache, a question over hundreds of segments takes that many reads. It is a
pure function of the segment's entries, event ids and facets, so it can be rebuilt and compared.
`pages` tells how the file is framed; its sections, with gap leaves numbered from the sentinel, 0:

`fences`    u64 per block of 64 gap leaves: the first 8 bytes of its first key, ascending.
`offsets`   u32 per block and one more: where it begins in `blocks`, and the last one ends.
`tops`      32 bytes each: roots of the full subtrees of 512, 1,024, … gap leaves, level by level.
`times`     u64 per entry that begins a bundle of the log (its index is a multiple of 256): when it
            was recorded, so that a moment is found by reading one bundle.
`numbers`   three u64 per key of kinds 4 and 7, in the order of the keys: smallest, largest and
            number of distinct stream numbers of its entries.
`roots`     32 bytes per leaf of `many`, in their order: the root of its postings.
`blocks`    of each 64 gap leaves: their keys without their kinds and the one that follows, 16 bytes
            each · u16 per leaf: how many entries hold it, less one · 32 bytes each: roots of their
            full subtrees of 8, 16 and 32 · 32 bytes each: roots of the subtrees of 64, 128 and 256
            that are paired with those it lies in, zero where they are not full · u16 per key and
            entry: position in the segment, ascending per key.
`ids`       last 4 bytes of every event id, sorted; `id_positions`, u16, beside it.

Kinds of keys are ranges of leaves, in the head. Numbers are little-endian.
"""

import mmap
import os
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from vitne.adapters.archive.index.block import BLOCK, BLOCK_LEVEL, NODE_LEVEL, TOP_LEVEL, Block
from vitne.adapters.archive.index.pages import Part, Width, open_pages, padded_size
from vitne.core.entry.keys import STREAM, STREAM_CONTROL
from vitne.core.index.gap import FIRST_KEY, GAP_MAGIC, LAST_KEY, LAYOUT, postings_root
from vitne.core.tree.merkle import EMPTY_ROOT, leaf_hash, merkle_root, node_hash
from vitne.core.tree.tile import TILE_WIDTH
from vitne.core.values import HASH_BYTES, Hash
from vitne.errors import ConfigurationError, IntegrityError

NUMBERED: Final = (STREAM, STREAM_CONTROL)
"""Kinds whose gap leaves tell stream numbers."""
_FENCE_BYTES: Final = 8
_WIDTHS: Final[dict[str, Width]] = {"numbers": "Q", "ids": "I", "id_positions": "H"}
_RECENT: Final = 4
_STEP: Final = 256
"""How far an event id mostly lies from where it would be if all were spread evenly."""


class IndexHeader(Struct, frozen=True):
    """What the index says about its segment as a whole."""

    start: int
    end: int
    epochs: tuple[int, ...]
    """Key epochs of its events."""
    issuers: tuple[str, ...] | None
    """Issuers of its actors (`""`: none named); None: too many to list."""
    target_types: tuple[str, ...] | None
    leaf_count: int
    kinds: dict[str, tuple[int, int]]
    """Kind → range of its gap leaves."""
    many: tuple[int, ...]
    """Leaves that 255 or more entries hold, ascending."""
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
        try:
            self._open(data, where)
        except (LookupError, TypeError, ValueError, msgspec.DecodeError) as error:
            raise IntegrityError("the index of a segment is damaged", where=where) from error

    def _open(self, data: "mmap.mmap | bytes", where: str) -> None:
        pages, start, head = open_pages(data, where)
        self.head = msgspec.json.decode(head, type=IndexHeader)
        self.leaf_count = self.head.leaf_count
        """Number of gap leaves: one per key, and the sentinel."""
        self._pages = pages
        self._kinds = sorted((int(kind), span) for kind, span in self.head.kinds.items())
        self._lows = [low for _, (low, _) in self._kinds]
        self._tags = [bytes((kind,)) for kind, _ in self._kinds]
        self._rank = {at: rank for rank, at in enumerate(self.head.many)}
        ends = [at + padded_size(size) for at, size in self.head.sections.values()]
        if start + max(ends, default=0) != len(pages.view):
            raise IntegrityError("the index of a segment was cut short", where=where)
        parts = {
            name: Part(pages, start + at, size, _WIDTHS.get(name, "B"))
            for name, (at, size) in self.head.sections.items()
        }
        # Read for every key, and small.
        self._fences = array("Q", parts["fences"].all())
        self._offsets = array("I", parts["offsets"].all())
        self._blocks_at = start + self.head.sections["blocks"][0]
        self._tops = parts["tops"].all()
        self._times = array("Q", parts["times"].all())
        first = self.head.start + -self.head.start % TILE_WIDTH
        if len(self._times) != len(range(first, self.head.end, TILE_WIDTH)):
            raise IntegrityError("the index of a segment lacks times", where=where)
        self._roots, self._numbers = parts["roots"], parts["numbers"]
        self._ids, self._id_positions = parts["ids"], parts["id_positions"]
        self._recent: tuple[Block, ...] = ()
        """A few blocks that were read last, the newest first; whoever comes second, wins."""

    @classmethod
    def open(cls, path: Path) -> "Lookup":
        """Map a file. Raises `OSError`, `IntegrityError`."""
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise IntegrityError("the index of a segment is empty", where=str(path))
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found = cls(data, str(path))
        data.madvise(mmap.MADV_RANDOM)  # looking up touches a few pages here and there
        return found

    # ---------------------------------------------------------------- keys

    def expect(self, keys: Sequence[bytes]) -> None:
        """Have the disk read what will be asked for, without waiting for it."""
        for key in keys:
            block = self._block_of(key)
            low = self._blocks_at + self._offsets[block]
            high = self._blocks_at + self._offsets[block + 1]
            self._pages.advise(low, min(high, low + 4096))

    def positions(self, key: bytes) -> Sequence[int]:
        """Positions of all entries that hold a tagged key."""
        at = self.find_leaf(key)
        return self._held(at) if at and self._tagged(at) == key else ()

    def find_leaf(self, key: bytes) -> int:
        """Position of the gap leaf that answers for a tagged key: leaf.key <= key < leaf.next."""
        number = self._block_of(key)
        block = self._block(number)
        while self._tagged(block.first) > key:  # keys of two blocks that begin alike
            number -= 1
            block = self._block(number)
        of_kind = self._range(key[0])
        low, high = (min(max(at, block.first), block.first + block.size) for at in of_kind)
        wanted = key[1:]
        while low < high:
            middle = (low + high) // 2
            if block.key(middle) <= wanted:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def _block_of(self, key: bytes) -> int:
        """The last block that may begin at or below a key."""
        return bisect_right(self._fences, int.from_bytes(key[:_FENCE_BYTES], "big")) - 1

    def _range(self, kind: int) -> tuple[int, int]:
        """The leaves of a kind; if there are none, where they would be, twice."""
        at = 1
        for each, (low, high) in self._kinds:
            if each == kind:
                return low, high
            if each > kind:
                break
            at = high
        return at, at

    def _block(self, number: int) -> Block:
        first, recent = number * BLOCK, self._recent
        for block in recent:
            if block.first == first:
                return block
        low = self._blocks_at + self._offsets[number]
        made = Block(self._pages, low, first, min(BLOCK, self.leaf_count - first))
        self._recent = (made, *recent[: _RECENT - 1])
        return made

    def _tagged(self, at: int) -> bytes:
        """The key of a leaf with its kind in front, or what the last one names as its next."""
        if at == 0:
            return FIRST_KEY
        if at == self.leaf_count:
            return LAST_KEY
        kind = self._tags[bisect_right(self._lows, at) - 1]
        # A block also has the key behind its last: no need to read the next one for that.
        for block in self._recent:
            if block.first <= at <= block.first + block.size:
                return kind + block.key(at)
        return kind + self._block(at // BLOCK).key(at)

    def _held(self, at: int) -> Sequence[int]:
        block = self._block(at // BLOCK)
        low = block.at + 2 * block.before(at)
        return self._pages.numbers(low, block.count(at))

    # ---------------------------------------------------------------- gap leaves

    def leaf(self, place: int) -> bytes:
        """The encoded gap leaf at a position (transparency-log §5.2)."""
        return self.leaves(place, 1)[0]

    def leaves(self, place: int, count: int) -> list[bytes]:
        """The encoded gap leaves at positions [place, place + count)."""
        found: list[bytes] = []
        while count > 0:
            block = self._block(place // BLOCK)
            here = min(count, block.first + block.size - place)
            found += self._leaves(block, place, here)
            place, count = place + here, count - here
        return found

    def _leaves(self, block: Block, place: int, count: int) -> Iterator[bytes]:
        """Some of one block."""
        keys = [self._tagged(at) for at in range(place, place + count + 1)]
        low, start = block.at + 2 * block.before(place), self.head.start
        for at, key, following in zip(range(place, place + count), keys, keys[1:], strict=False):
            if at == 0:
                yield LAYOUT.pack(GAP_MAGIC, key, following, 0, 0, 0, 0, 0, 0, EMPTY_ROOT)
                continue
            size = block.count(at)
            held = self._pages.numbers(low, size)
            low += 2 * size
            numbers = self._sequence(key[0], at)
            first, last, top = start + held[0], start + held[-1], self._postings_root(at, held)
            yield LAYOUT.pack(GAP_MAGIC, key, following, size, first, last, *numbers, top)

    def node(self, level: int, index: int) -> Hash:
        """Root of a full subtree of gap leaves (`merkle.Node`)."""
        if level < NODE_LEVEL:
            return merkle_root(
                [leaf_hash(leaf) for leaf in self.leaves(index << level, 1 << level)]
            )
        if level < BLOCK_LEVEL:
            bits = BLOCK_LEVEL - level
            return self._block(index >> bits).node(level, index & ((1 << bits) - 1))
        if level < TOP_LEVEL:
            return self._beside(level, index)
        before = sum(self.leaf_count >> below for below in range(TOP_LEVEL, level))
        at = (before + index) * HASH_BYTES
        return Hash(self._tops[at : at + HASH_BYTES])

    def _beside(self, level: int, index: int) -> Hash:
        """A node of levels 6 to 8: every block keeps those that its own path needs."""
        paired = index ^ 1
        for block in self._recent:
            if block.first >> level == paired:
                return block.sibling(level)
        if paired << level < self.leaf_count:
            return self._block(paired << level - BLOCK_LEVEL).sibling(level)
        if level == BLOCK_LEVEL:
            below = self._block(index)
            return node_hash(below.node(level - 1, 0), below.node(level - 1, 1))
        left, right = (self._beside(level - 1, 2 * index + side) for side in (0, 1))
        return node_hash(left, right)

    def _sequence(self, kind: int, at: int) -> Sequence[int]:
        if kind not in NUMBERED:
            return (0, 0, 0)
        before = 0
        for each, (low, high) in self._kinds:
            if each in NUMBERED:
                if low <= at < high:
                    before += at - low
                    break
                before += high - low
        return self._numbers.some(3 * before, 3 * before + 3)

    def _postings_root(self, at: int, held: Sequence[int]) -> Hash:
        rank = self._rank.get(at)
        if rank is not None:
            return Hash(bytes(self._roots.some(rank * HASH_BYTES, (rank + 1) * HASH_BYTES)))
        start = self.head.start
        return postings_root([start + each for each in held])

    # ---------------------------------------------------------------- times

    def around(self, at_us: int) -> tuple[int, int]:
        """Log indices [low, high]: the first entry recorded at a moment or later is among them.

        All below `low` were recorded before it, all from `high` on were not: one bundle is between.
        """
        start, end = self.head.start, self.head.end
        place = bisect_left(self._times, at_us)
        first = start + -start % TILE_WIDTH
        low = first + (place - 1) * TILE_WIDTH + 1 if place else start
        return low, min(first + place * TILE_WIDTH, end)

    # ---------------------------------------------------------------- event ids

    def find(self, event_id: bytes) -> list[int]:
        """Positions of the events that may have an id."""
        fragment = int.from_bytes(event_id[12:], "big")
        ids, size = self._ids, len(self._ids)
        # They are spread evenly, as a rule: looking where one should be reads one page, not eight.
        low = high = fragment * size >> 32
        step = _STEP
        while low > 0 and ids[low] >= fragment:
            low, step = max(low - step, 0), step * 4
        step = _STEP
        while high < size and ids[high] < fragment:
            high, step = min(high + step, size), step * 4
        at = bisect_left(ids, fragment, low, high)
        found = []
        while at < size and ids[at] == fragment:
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
