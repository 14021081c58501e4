"""A tree as its tiles have it: entries, roots and proofs (transparency-log §2.4)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from vitne.core.tree.merkle import (
    EMPTY_ROOT,
    Range,
    consistency_ranges,
    inclusion_ranges,
    range_root,
    root_of,
    roots_of,
)
from vitne.core.tree.tile import (
    ENTRIES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileId,
    hashes_of,
    parse_bundle,
    pick_entries,
    tile_at,
)
from vitne.core.values import HASH_BYTES, Hash, LeafIndex, TreeSize
from vitne.errors import BadInputError, NotFoundError

_AT_ONCE: Final = 256
"""Tiles that are asked for together."""


class TileReader:
    """A tree of `size` as its tiles tell it; nothing is taken as true but what a root confirms.

    Proofs and roots of any smaller size come from the same tiles, so open it at the newest
    published size. Keeps the last `keep` tiles in memory. Not for two threads at once.

    Args:
        get: the bytes of a path; None if there are none.
        size: of the tree.
        keep: tiles.
        get_all: the bytes of many paths at once, those that are there.
    """

    def __init__(
        self,
        get: Callable[[str], bytes | None],
        size: int,
        keep: int = 64,
        get_all: Callable[[Sequence[str]], Mapping[str, bytes]] | None = None,
    ) -> None:
        self._get = get
        self._get_all = get_all or (lambda paths: _those(get, paths))
        self._size = size
        self._keep = keep
        self._hashes: dict[tuple[int, int], bytes] = {}
        self._bundles: dict[int, list[bytes]] = {}

    @property
    def size(self) -> TreeSize:
        """Number of entries of the tree that the tiles belong to."""
        return TreeSize(self._size)

    def read(self, level: int, index: int) -> tuple[TileId, bytes]:
        """A tile as wide as this size has it, or its full twin if the partial one is gone.

        Raises:
            BadInputError: the tree has no such tile.
            NotFoundError: it should be there, and is missing.
        """
        tile = tile_at(level, index, self._size)
        data = self._get(tile.path)
        if data is not None:
            return tile, data
        full = TileId(level, index)
        data = self._get(full.path) if tile != full else None
        if data is None:
            raise NotFoundError("a tile is missing", where=tile.path)
        return full, data

    def _read_all(self, level: int, numbers: Sequence[int]) -> Iterator[tuple[int, TileId, bytes]]:
        """Tiles of a level, each with its number, some read at a time; errors as `read`."""
        for low in range(0, len(numbers), _AT_ONCE):
            some = [(at, tile_at(level, at, self._size)) for at in numbers[low : low + _AT_ONCE]]
            found = self._get_all([tile.path for _, tile in some])
            for at, tile in some:
                data = found.get(tile.path)
                yield (at, *self.read(level, at)) if data is None else (at, tile, data)

    def entries_at(self, indices: Iterable[LeafIndex | int]) -> dict[int, bytes]:
        """Entries that lie scattered, ascending; their bundles, asked for together, are not kept.

        Raises:
            BadInputError: the tree has no such entry.
            NotFoundError: its bundle is missing.
            DecodeError: its bundle is damaged.
        """
        wanted: dict[int, list[int]] = {}
        for index in sorted(set(indices)):
            if not 0 <= index < self._size:
                raise BadInputError(f"entry {index} is outside the tree of size {self._size}")
            wanted.setdefault(index // TILE_WIDTH, []).append(index)
        found: dict[int, bytes] = {}
        for number, _, data in self._read_all(ENTRIES, list(wanted)):
            places = [index - number * TILE_WIDTH for index in wanted[number]]
            found |= zip(wanted[number], pick_entries(data, places), strict=True)
        return found

    def roots(self, ranges: Sequence[Range]) -> list[Hash]:
        """The hashes of a proof (`merkle.roots_of`); their tiles are asked for together."""
        # Few enough to be kept, with the tiles of higher levels beside, if `keep` is 64 or more.
        step = max(self._keep // 4, 1)
        found: list[Hash] = []
        for low in range(0, len(ranges), step):
            some = ranges[low : low + step]
            self._load(some)
            found += roots_of(self.node, some)
        return found

    def _load(self, ranges: Sequence[Range]) -> None:
        """Read the tiles that the roots of ranges are made from."""
        wanted: set[tuple[int, int]] = set()

        def note(level: int, index: int) -> Hash:
            wanted.add(_place_of(level, index)[:2])
            return EMPTY_ROOT

        roots_of(note, ranges)
        lacking = sorted(wanted - self._hashes.keys())
        for level in sorted({level for level, _ in lacking}):
            numbers = [number for at, number in lacking if at == level]
            for number, tile, data in self._read_all(level, numbers):
                self._keep_hashes((level, number), hashes_of(tile, data))

    def _keep_hashes(self, key: tuple[int, int], joined: bytes) -> None:
        self._hashes[key] = joined  # put last: the first one is the oldest
        if len(self._hashes) > self._keep:
            del self._hashes[next(iter(self._hashes))]

    def _joined(self, level: int, number: int) -> bytes:
        """The hashes of one tile, at least as many as this size has there; errors as `read`."""
        key = (level, number)
        found = self._hashes.pop(key, None)
        if found is None:
            found = hashes_of(*self.read(level, number))
        self._keep_hashes(key, found)
        return found

    def node(self, level: int, index: int) -> Hash:
        """Root of the full subtree of leaves [index * 2^level, (index + 1) * 2^level)."""
        tile_level, tile, at, width = _place_of(level, index)
        joined = self._joined(tile_level, tile)[at * HASH_BYTES : (at + width) * HASH_BYTES]
        if len(joined) != width * HASH_BYTES or level < 0:
            raise BadInputError(f"node {index} of level {level} is outside the tree")
        return root_of(joined)

    def leaf(self, index: LeafIndex | int) -> Hash:
        """Leaf hash of one entry."""
        return self.node(0, index)

    def entries(self, start: LeafIndex | int, end: LeafIndex | int) -> list[bytes]:
        """Entries of [start, end), ascending; errors as `read`."""
        if not 0 <= start <= end <= self._size:
            raise BadInputError(f"[{start}, {end}) is outside the tree of size {self._size}")
        found: list[bytes] = []
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH) if end > start else 0):
            first = number * TILE_WIDTH
            found += self._bundle(number)[max(start - first, 0) : end - first]
        return found

    def entry(self, index: LeafIndex | int) -> bytes:
        """One entry; errors as `read`."""
        return self.entries(index, index + 1)[0]

    def _bundle(self, number: int) -> list[bytes]:
        found = self._bundles.pop(number, None)
        if found is None:
            tile, data = self.read(ENTRIES, number)
            found = parse_bundle(data, tile.width)
        self._bundles[number] = found
        if len(self._bundles) > self._keep:
            del self._bundles[next(iter(self._bundles))]
        return found

    def root(self, size: TreeSize | int | None = None) -> Hash:
        """Root of this tree, or of its first `size` entries.

        Raises:
            BadInputError: the tree is smaller than that.
        """
        return range_root(self.node, 0, self._at_most(size))

    def inclusion_proof(
        self, index: LeafIndex | int, size: TreeSize | int | None = None
    ) -> list[Hash]:
        """Audit path of an entry in this tree, or in that of its first `size` entries.

        Raises:
            BadInputError: the entry or the size is outside the tree.
        """
        return self.roots(inclusion_ranges(index, self._at_most(size)))

    def consistency_proof(
        self, old: TreeSize | int, new: TreeSize | int | None = None
    ) -> list[Hash]:
        """Proof from size `old` to this size, or to `new`.

        Raises:
            BadInputError: the sizes are outside the tree or in the wrong order.
        """
        return self.roots(consistency_ranges(old, self._at_most(new)))

    def _at_most(self, size: int | None) -> int:
        if size is None:
            return self._size
        if not 0 <= size <= self._size:
            raise BadInputError(f"size {size} is above the tree's size {self._size}")
        return size


def _place_of(level: int, index: int) -> tuple[int, int, int, int]:
    """Level and number of the tile that a node is made from, and there its hashes: first, count."""
    tile_level, height = divmod(level, TILE_HEIGHT)
    tile, at = divmod(index << height, TILE_WIDTH)
    return tile_level, tile, at, 1 << height


def _those(get: Callable[[str], bytes | None], paths: Sequence[str]) -> dict[str, bytes]:
    found = {path: get(path) for path in paths}
    return {path: data for path, data in found.items() if data is not None}
