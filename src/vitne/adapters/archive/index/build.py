"""Building the index of a segment (`lookup` describes its form), column-wise for speed.

`vitne.core.index.gap` is the plain form of the same sorting and hashing; a test compares both.
"""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from vitne.adapters.archive.index.block import (
    BLOCK,
    BLOCK_LEVEL,
    KEY_BYTES,
    MANY,
    NODE_LEVEL,
    TOP_LEVEL,
)
from vitne.adapters.archive.index.lookup import NUMBERED, IndexHeader, need_little_endian
from vitne.adapters.archive.index.pages import place_sections, write_pages
from vitne.adapters.archive.index.run_tree import Keys, RunTree, run_tree
from vitne.core.entry.entry import EVENT, HEADER_BYTES, times_of
from vitne.core.entry.keys import TAGGED_BYTES
from vitne.core.index.gap import MAX_SEGMENT_ENTRIES, keys_of
from vitne.core.tree.tile import TILE_WIDTH
from vitne.core.values import HASH_BYTES, Hash
from vitne.errors import IntegrityError

_MOST_VALUES: Final = 256
_NO_NODE: Final = bytes(HASH_BYTES)
_STREAM_TAG: Final = b"\x04"


class Index(Struct, frozen=True):
    """The index of a segment, and what the index log says of it."""

    data: bytes
    """Of the file."""
    gap_count: int
    run_root: Hash


def build_index(
    start: int,
    entries: Sequence[bytes],
    ids: Sequence[bytes],
    issuers: frozenset[str],
    target_types: frozenset[str],
) -> Index:
    """The index of a segment.

    Args:
        start: log index of the first entry.
        entries: 1 to 65,536, consecutive.
        ids: beside them, the event ids; empty for control entries.
        issuers: of the actors of the events; `""`: none named.
        target_types: of the events.
    """
    keys = sort_keys(entries)
    tree = run_tree(start, entries, keys)
    known = sorted(
        int.from_bytes(event_id[12:], "big") << 16 | at
        for at, event_id in enumerate(ids)
        if event_id
    )
    sections = _sections(keys, tree, _times(start, entries)) | {
        "ids": array("I", [each >> 16 for each in known]).tobytes(),
        "id_positions": array("H", [each & 0xFFFF for each in known]).tobytes(),
    }
    epochs = {entry[6:8] for entry in entries if entry[4] == EVENT}
    head = IndexHeader(
        start=start,
        end=start + len(entries),
        epochs=tuple(sorted(int.from_bytes(epoch, "big") for epoch in epochs)),
        issuers=_few(issuers),
        target_types=_few(target_types),
        leaf_count=tree.gap_count,
        kinds={kind: (low + 1, high + 1) for kind, (low, high) in _kinds(keys.blob).items()},
        many=tuple(at for at, count in enumerate(keys.counts, 1) if count >= MANY),
        sections=place_sections(sections),
    )
    return Index(write_pages(msgspec.json.encode(head), sections), tree.gap_count, tree.root)


def run_of(start: int, entries: Sequence[bytes]) -> tuple[int, Hash]:
    """Number of gap leaves of consecutive entries, and the root of their tree."""
    tree = run_tree(start, entries, sort_keys(entries))
    return tree.gap_count, tree.root


def sort_keys(entries: Sequence[bytes]) -> Keys:
    """The distinct keys of 1 to 65,536 entries, ascending, and the positions that hold each."""
    need_little_endian()
    if not 0 < len(entries) <= MAX_SEGMENT_ENTRIES:
        raise IntegrityError(f"a segment has 1 to {MAX_SEGMENT_ENTRIES} entries")
    blobs, positions = _keys(entries)
    order = _order(blobs)
    buffer = pa.py_buffer(blobs)
    held = pa.Array.from_buffers(pa.binary(TAGGED_BYTES), len(positions), [None, buffer])
    distinct = held.take(order).value_counts()
    blob = _bytes_of(distinct.field("values"))
    counts: list[int] = distinct.field("counts").to_pylist()
    ends = pc.cumulative_sum(distinct.field("counts")).to_pylist()
    kinds = _kinds(blob)
    numbered = [at for kind in NUMBERED for at in range(*kinds.get(str(kind), (0, 0)))]
    return Keys(blob, counts, [0, *ends[:-1]], positions.take(order).to_pylist(), numbered)


def _order(blobs: bytes) -> pa.Array:
    """Places of the keys in ascending order, equal ones as they come.

    Sorted by their first 8 bytes as numbers, which is far faster; keys that differ only behind
    them, one in billions, are found by looking at the result, and then all is sorted by the whole.
    """
    count = len(blobs) // TAGGED_BYTES
    whole = pa.Array.from_buffers(pa.binary(TAGGED_BYTES), count, [None, pa.py_buffer(blobs)])
    numbers = array("Q", _bytes_of(pc.binary_slice(whole, 0, 8)))
    numbers.byteswap()
    order = pc.array_sort_indices(pa.array(numbers, pa.uint64()))
    sorted_keys = whole.take(order).cast(pa.binary())
    if count > 1 and not pc.all(pc.less_equal(sorted_keys[:-1], sorted_keys[1:])).as_py():
        return pc.array_sort_indices(whole)
    return order


def _bytes_of(fixed: pa.Array) -> bytes:
    """The values of an array of fixed or variable width without nulls, one after another."""
    if pa.types.is_fixed_size_binary(fixed.type):
        width = fixed.type.byte_width
        data = fixed.buffers()[1]
        return bytes(data[fixed.offset * width : (fixed.offset + len(fixed)) * width])
    return b"".join(fixed.to_pylist())


def _times(start: int, entries: Sequence[bytes]) -> bytes:
    """When those entries were recorded that begin a bundle of the log."""
    places = range(-start % TILE_WIDTH, len(entries), TILE_WIDTH)
    return array("Q", [times_of(entries[at])[0] for at in places]).tobytes()


def _sections(keys: Keys, tree: RunTree, times: bytes) -> dict[str, bytes]:
    blocks = _blocks(keys, tree)
    offsets = array("I", accumulate(map(len, blocks), initial=0))
    blob = bytes(TAGGED_BYTES) + keys.blob  # the sentinel in front
    places = range(0, len(blob), TAGGED_BYTES * BLOCK)
    fences = array("Q", [int.from_bytes(blob[at : at + 8], "big") for at in places])
    return {
        "fences": fences.tobytes(),
        "offsets": offsets.tobytes(),
        "tops": b"".join(map(b"".join, tree.levels[TOP_LEVEL:])),
        "times": times,
        "numbers": tree.numbers,
        "roots": tree.roots,
        "blocks": b"".join(blocks),
    }


def _blocks(keys: Keys, tree: RunTree) -> list[bytes]:
    """The gap leaves, 64 by 64 (see `lookup`)."""
    blob, count = keys.blob, tree.gap_count
    bare = [blob[at : at + KEY_BYTES] for at in range(1, len(blob), TAGGED_BYTES)]
    whole = b"".join([bytes(KEY_BYTES), *bare, b"\xff" * KEY_BYTES])
    counts = array("H", [0, *[count - 1 for count in keys.counts]]).tobytes()
    held = array("H", keys.positions).tobytes()
    # Where the postings of each leaf begin; the sentinel has none.
    starts = [0, *keys.starts, len(keys.positions)]
    nodes = [b"".join(level) for level in tree.levels[NODE_LEVEL:BLOCK_LEVEL]]
    found = []
    for first in range(0, count, BLOCK):
        end = min(first + BLOCK, count)
        parts = [whole[KEY_BYTES * first : KEY_BYTES * (end + 1)], counts[2 * first : 2 * end]]
        for level, joined in enumerate(nodes, NODE_LEVEL):
            parts.append(joined[(first >> level) * 32 : (first + BLOCK >> level) * 32])
        parts += _beside(tree.levels, first)
        parts.append(held[2 * starts[first] : 2 * starts[end]])
        found.append(b"".join(parts))
    return found


def _beside(levels: Sequence[Sequence[bytes]], first: int) -> Iterator[bytes]:
    """The nodes that a block's path needs between its own and those at the top."""
    for level in range(BLOCK_LEVEL, TOP_LEVEL):
        paired = (first >> level) ^ 1
        full = level < len(levels) and paired < len(levels[level])
        yield levels[level][paired] if full else _NO_NODE


def _keys(entries: Sequence[bytes]) -> tuple[bytes, pa.Array]:
    """Every key of every entry, entry by entry, and beside it the position of its entry."""
    blobs: list[bytes] = []
    positions: list[int] = []
    for position, entry in enumerate(entries):
        if entry[4] == EVENT:
            count = entry[8] << 8 | entry[9]
            end = HEADER_BYTES + TAGGED_BYTES * count
            blobs.append(b"".join((entry[HEADER_BYTES:end], _STREAM_TAG, entry[26:42])))
            positions += [position] * (count + 1)
        else:
            keys = keys_of(entry)
            blobs += keys
            positions += [position] * len(keys)
    return b"".join(blobs), pa.array(array("H", positions), pa.uint16())


def _kinds(blob: bytes) -> dict[str, tuple[int, int]]:
    """Kind → range of its keys, which ascend."""
    found: dict[str, tuple[int, int]] = {}
    kinds = blob[::TAGGED_BYTES]
    for kind in sorted(set(kinds)):
        start = kinds.index(kind)
        found[str(kind)] = (start, start + kinds.count(kind))
    return found


def _few(values: frozenset[str]) -> tuple[str, ...] | None:
    return tuple(sorted(values)) if len(values) <= _MOST_VALUES else None
