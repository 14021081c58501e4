"""The tree of a segment's gap leaves, fast: each index is hashed once, each message is two slices.

`vitne.core.index.gap` is the definition; a property test holds this to it.
"""

from collections.abc import Sequence
from hashlib import sha256
from struct import Struct as Layout
from typing import Final

from msgspec import Struct

from vitne.adapters.archive.index.block import MANY
from vitne.core.entry.keys import TAGGED_BYTES
from vitne.core.index.gap import FIRST_KEY, GAP_MAGIC, LAST_KEY
from vitne.core.tree.merkle import EMPTY_ROOT, merkle_root, pair_up, range_root
from vitne.core.values import Hash

_LEAF: Final = b"\x00" + GAP_MAGIC
"""What the message of every gap leaf's hash begins with (RFC 6962 §2.1, transparency-log §5.2)."""
_TAIL: Final = Layout(">IQQQQI")
_NUMBERS: Final = Layout("<QQQ")
_ONE: Final = (1).to_bytes(4, "big")
_NO_NUMBERS: Final = bytes(20)
_UNNUMBERED: Final = (0, 0, 0)


class Keys(Struct, frozen=True):
    """The distinct keys of a segment's entries, ascending, and who holds them."""

    blob: bytes
    """17 bytes each."""
    counts: list[int]
    starts: list[int]
    """Where the positions of each begin."""
    positions: list[int]
    numbered: list[int]
    """Which keys are of kinds 4 and 7, ascending."""


class RunTree(Struct, frozen=True):
    """The tree, and what the index keeps of it."""

    gap_count: int
    root: Hash
    levels: Sequence[Sequence[bytes]]
    """Roots of the full subtrees, level by level; level 0: the hashes of the gap leaves."""
    roots: bytes
    numbers: bytes


def run_tree(start: int, entries: Sequence[bytes], keys: Keys) -> RunTree:
    """Hash the gap leaves of entries from log index `start` on, and their tree."""
    leaf = sha256
    indices = [(start + at).to_bytes(8, "big") for at in range(len(entries))]
    hashes = [leaf(b"\x00" + index).digest() for index in indices]
    singles = [
        _ONE + index + index + _NO_NUMBERS + found
        for index, found in zip(indices, hashes, strict=True)
    ]
    held = keys.positions
    tails = [
        singles[held[at]] if count == 1 else b""
        for count, at in zip(keys.counts, keys.starts, strict=True)
    ]
    roots, numbers = _fill(start, entries, keys, hashes, tails)
    # Each key is followed by the next one, which the leaf names: one slice has both.
    blob = keys.blob + LAST_KEY
    places = range(0, len(keys.blob), TAGGED_BYTES)
    leaves = [
        leaf(_LEAF + blob[at : at + 34] + tail).digest()
        for at, tail in zip(places, tails, strict=True)
    ]
    sentinel = FIRST_KEY + blob[:TAGGED_BYTES] + _TAIL.pack(0, 0, 0, 0, 0, 0) + EMPTY_ROOT
    levels: list[Sequence[bytes]] = [[leaf(_LEAF + sentinel).digest(), *leaves]]
    while len(levels[-1]) > 1:
        levels.append(pair_up(b"".join(levels[-1])))
    top = range_root(lambda level, at: Hash(levels[level][at]), 0, len(levels[0]))
    return RunTree(len(levels[0]), top, levels, roots, numbers)


def _fill(
    start: int, entries: Sequence[bytes], keys: Keys, hashes: list[bytes], tails: list[bytes]
) -> tuple[bytes, bytes]:
    """The tails of keys that several entries hold, and of streams; sections `roots`, `numbers`."""
    pack, starts, held = _TAIL.pack, keys.starts, keys.positions
    found = _postings_roots(keys, hashes)
    numbers: dict[int, tuple[int, int, int]] = {}
    for at in keys.numbered:
        first = starts[at]
        numbers[at] = _sequence(entries, held[first : first + keys.counts[at]])
    for at in [*found, *(at for at in keys.numbered if at not in found)]:
        first, count = starts[at], keys.counts[at]
        low, high = start + held[first], start + held[first + count - 1]
        top = found.get(at) or hashes[held[first]]
        tails[at] = pack(count, low, high, *numbers.get(at, _UNNUMBERED)) + top
    many = [found[at] for at, count in enumerate(keys.counts) if count >= MANY]
    return b"".join(many), b"".join([_NUMBERS.pack(*numbers[at]) for at in keys.numbered])


def _postings_roots(keys: Keys, hashes: list[bytes]) -> dict[int, bytes]:
    """Roots of the postings of every key that more than one entry holds.

    Short lists of one length go through their tree in step, a column of hashes for each place.
    """
    starts, held = keys.starts, keys.positions
    by_count: dict[int, list[int]] = {}
    for at, count in enumerate(keys.counts):
        if count > 1:
            by_count.setdefault(count, []).append(at)
    found: dict[int, bytes] = {}
    for count, same in by_count.items():
        firsts = [starts[at] for at in same]
        if count > len(same):
            for at, first in zip(same, firsts, strict=True):
                found[at] = merkle_root([hashes[place] for place in held[first : first + count]])
            continue
        columns = [[hashes[held[first + place]] for first in firsts] for place in range(count)]
        found.update(zip(same, _in_step(columns), strict=True))
    return found


def _in_step(columns: list[list[bytes]]) -> list[bytes]:
    """Roots of many trees of one size: column i holds leaf i of each (RFC 6962 §2.1)."""
    node = sha256
    while len(columns) > 1:
        carried = columns[-1:] if len(columns) & 1 else []
        columns = [
            [node(b"\x01" + left + right).digest() for left, right in zip(one, two, strict=True)]
            for one, two in zip(columns[::2], columns[1::2], strict=False)
        ] + carried
    return columns[0]


def _sequence(entries: Sequence[bytes], held: Sequence[int]) -> tuple[int, int, int]:
    """Smallest, largest and number of distinct stream numbers."""
    numbers = {int.from_bytes(entries[at][42:50], "big") for at in held}
    return min(numbers), max(numbers), len(numbers)
