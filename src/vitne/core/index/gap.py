"""Gap leaves: what a segment holds of each key, all of it or nothing (transparency-log §5.2).

For every distinct key of the entries of a segment there is one leaf, in the order of the keys, and
each names the next key. One leaf with key <= q < next therefore answers for the whole segment.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from struct import Struct as Layout
from struct import error as LayoutError  # noqa: N812 - the standard library's name says nothing
from typing import Final

from msgspec import Struct

from vitne.core.entry import keys
from vitne.core.entry.entry import EVENT, HEADER, HEADER_BYTES, MAGIC, STREAM
from vitne.core.tree.merkle import EMPTY_ROOT, leaf_hash, merkle_root
from vitne.core.values import MAX_INT, Hash, LeafIndex
from vitne.errors import DecodeError

GAP_MAGIC: Final = b"vitgapl1"
LAYOUT: Final = Layout(">8s17s17sIQQQQI32s")
LEAF_BYTES: Final = LAYOUT.size
FIRST_KEY: Final = bytes(keys.TAGGED_BYTES)
"""Key of the sentinel in front."""
LAST_KEY: Final = b"\xff" * keys.TAGGED_BYTES
"""`next` of the last leaf."""
MAX_SEGMENT_ENTRIES: Final = 65_536

_WITH_NUMBERS = (keys.STREAM, keys.STREAM_CONTROL)
_STREAM_TAG, _CONTROL_TAG, _TYPE_TAG = (
    bytes((kind,)) for kind in (keys.STREAM, keys.STREAM_CONTROL, keys.ENTRY_TYPE)
)


_Row = tuple[bytes, bytes, int, int, int, int, int, int, Hash]
"""The fields of a gap leaf, in the order of its layout."""


class GapLeaf(Struct, frozen=True):
    """How many entries of a segment hold `key`, and that none holds one between it and `next`."""

    key: bytes
    next: bytes
    count: int
    first: int
    """Lowest log index; 0 in the sentinel."""
    last: int
    seq_min: int
    """Smallest stream number, for kinds 4 and 7; else 0."""
    seq_max: int
    seq_distinct: int
    postings_root: Hash

    def encode(self) -> bytes:
        """The 114 bytes."""
        return LAYOUT.pack(
            GAP_MAGIC,
            self.key,
            self.next,
            self.count,
            self.first,
            self.last,
            self.seq_min,
            self.seq_max,
            self.seq_distinct,
            self.postings_root,
        )

    @classmethod
    def decode(cls, data: bytes) -> "GapLeaf":
        """Read a leaf.

        Raises:
            DecodeError: wrong length, magic, order or numbers.
        """
        try:
            magic, *values = LAYOUT.unpack(data)
        except LayoutError:
            raise DecodeError(f"a gap leaf has {LEAF_BYTES} bytes, got {len(data)}") from None
        leaf = cls(*values)
        sentinel = leaf.key == FIRST_KEY
        counted = leaf.count > 0 and leaf.first + leaf.count - 1 <= leaf.last <= MAX_INT
        empty = not leaf.count and not leaf.first and not leaf.last
        if magic != GAP_MAGIC or leaf.key >= leaf.next or not (empty if sentinel else counted):
            raise DecodeError("a gap leaf with another magic, order or count")
        if sentinel and leaf.postings_root != EMPTY_ROOT:
            raise DecodeError("the sentinel has postings")
        if leaf.key[0] not in _WITH_NUMBERS:
            if leaf.seq_min or leaf.seq_max or leaf.seq_distinct:
                raise DecodeError("a gap leaf with numbers that its kind has not")
        elif not (leaf.seq_min <= leaf.seq_max <= MAX_INT and 1 <= leaf.seq_distinct <= leaf.count):
            raise DecodeError("a gap leaf with impossible numbers")
        return leaf


class Run(Struct, frozen=True):
    """The gap leaves of consecutive entries, ascending, and the log indices of each key."""

    leaves: list[GapLeaf]
    postings: list[list[int]]
    """Beside `leaves`: log indices that hold the key, ascending; empty for the sentinel."""

    def root(self) -> Hash:
        """Root of the tree of the gap leaves."""
        return merkle_root([leaf_hash(leaf.encode()) for leaf in self.leaves])

    def find(self, key: bytes) -> int:
        """Position of the one leaf that answers for a key: leaf.key <= key < leaf.next.

        Raises:
            DecodeError: it is no key of 17 bytes.
        """
        if len(key) != keys.TAGGED_BYTES or not FIRST_KEY < key < LAST_KEY:
            raise DecodeError("no lookup key")
        low, high = 0, len(self.leaves)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.leaves[middle].key <= key else (low, middle)
        return low


def keys_of(entry: bytes) -> list[bytes]:
    """Every key of an entry: those stored, then those that its header implies (§3.4).

    Raises:
        DecodeError: its header is no entry's. The tail is not looked at.
    """
    if len(entry) < HEADER_BYTES:
        raise DecodeError(f"an entry has at least {HEADER_BYTES} bytes, got {len(entry)}")
    magic, type_, _, _, count, _, _, stream_id, _ = HEADER.unpack_from(entry)
    end = HEADER_BYTES + keys.TAGGED_BYTES * count
    if magic != MAGIC or len(entry) < end:
        raise DecodeError("no entry: another magic, or shorter than its keys")
    if type_ == EVENT:
        stored = range(HEADER_BYTES, end, keys.TAGGED_BYTES)
        return [*[entry[at : at + 17] for at in stored], _STREAM_TAG + stream_id]
    by_type = _TYPE_TAG + bytes((type_,)) + bytes(15)
    return [_CONTROL_TAG + stream_id, by_type] if type_ <= STREAM else [by_type]


class _Held(Struct):
    """Log indices that hold each key, and the entries' numbers for kinds 4 and 7."""

    indices: dict[bytes, list[int]]
    numbers: dict[bytes, list[int]]

    def rows(self) -> Iterator[_Row]:
        """The fields of every gap leaf, ascending."""
        ordered = sorted(self.indices)
        yield FIRST_KEY, ordered[0] if ordered else LAST_KEY, 0, 0, 0, 0, 0, 0, EMPTY_ROOT
        nexts = iter([*ordered[1:], LAST_KEY])
        for key in ordered:
            held, numbers = self.indices[key], self.numbers.get(key)
            low, high, distinct = (
                (min(numbers), max(numbers), len(set(numbers))) if numbers else (0, 0, 0)
            )
            found = postings_root(held)
            yield key, next(nexts), len(held), held[0], held[-1], low, high, distinct, found


def _collect(start: int, entries: Sequence[bytes]) -> _Held:
    indices: defaultdict[bytes, list[int]] = defaultdict(list)
    numbers: defaultdict[bytes, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries, start):
        for key in keys_of(entry):
            indices[key].append(index)
        if entry[4] <= STREAM:
            tag = _STREAM_TAG if entry[4] == EVENT else _CONTROL_TAG
            numbers[tag + entry[26:42]].append(int.from_bytes(entry[42:50], "big"))
    return _Held(indices, numbers)


def build_run(start: LeafIndex | int, entries: Sequence[bytes]) -> Run:
    """The gap leaves of entries [start, start + len(entries)), to answer questions from.

    Raises:
        DecodeError: one is no entry.
    """
    held = _collect(start, entries)
    leaves = [GapLeaf(*row) for row in held.rows()]
    return Run(leaves, [held.indices.get(leaf.key, []) for leaf in leaves])


def gap_leaves(start: LeafIndex | int, entries: Sequence[bytes]) -> list[bytes]:
    """The encoded gap leaves of entries from log index `start` on: a pure function of the bytes.

    Raises:
        DecodeError: one is no entry.
    """
    pack = LAYOUT.pack
    return [pack(GAP_MAGIC, *row) for row in _collect(start, entries).rows()]


def postings_root(indices: Sequence[int]) -> Hash:
    """Root of log indices as 8-byte data, ascending."""
    if len(indices) == 1:  # most keys are seen once
        return Hash(sha256(b"\x00" + indices[0].to_bytes(8, "big")).digest())
    return merkle_root([leaf_hash(index.to_bytes(8, "big")) for index in indices])


def run_root(leaves: Sequence[bytes]) -> Hash:
    """Root of the tree of encoded gap leaves."""
    return merkle_root([leaf_hash(leaf) for leaf in leaves])
