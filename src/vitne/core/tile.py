"""Tiles of a log: names, widths and bytes (C2SP tlog-tiles; transparency-log §2.4).

Hash i of tile (level, n) is the root of the full subtree of 256^level leaves that starts at leaf
(256 n + i) * 256^level. Level `ENTRIES` stands for the bundles of the entries themselves.
"""

import re
from collections.abc import Callable, Sequence
from struct import Struct as Layout

from msgspec import Struct

from vitne.core.merkle import (
    consistency_ranges,
    inclusion_ranges,
    range_root,
    root,
    roots_of,
)
from vitne.core.strict import HASH_BYTES, MAX_INT
from vitne.core.types import Hash, LeafIndex, TreeSize
from vitne.errors import BadInputError, DecodeError, NotFoundError

TILE_HEIGHT = 8
TILE_WIDTH = 256
TILE_BYTES = TILE_WIDTH * HASH_BYTES
ENTRIES = -1
"""The level of entry bundles."""

MAX_ENTRY_BYTES = 65_535
_MAX_LEVEL = 63
_LENGTH = Layout(">H")
_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


class TileId(Struct, frozen=True):
    """Which tile: its level (or `ENTRIES`), its number there, and how many hashes it holds."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix: `tile/0/x001/067.p/5`."""
        groups = [f"{self.index % 1000:03d}"]
        rest = self.index // 1000
        while rest:
            groups.append(f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def parse_path(path: str) -> TileId:
    """The tile that a served path names.

    Raises:
        DecodeError: it names none, or spells it in another way than `TileId.path`.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise DecodeError("no path of a tile", where=path[:80])
    level, groups, width = match.groups()
    tile = TileId(
        ENTRIES if level == "entries" else int(level),
        int(groups.replace("/", "").replace("x", "")) if len(groups) <= 40 else MAX_INT + 1,  # noqa: PLR2004 - 8 groups reach beyond 2^53
        TILE_WIDTH if width is None else int(width),
    )
    known = tile.level <= _MAX_LEVEL and tile.index <= MAX_INT
    if not known or (width is not None and tile.width >= TILE_WIDTH) or tile.path != path:
        raise DecodeError("no path of a tile", where=path[:80])
    return tile


def tile_at(level: int, index: int, size: int) -> TileId:
    """The tile as wide as a tree of `size` has it: full or partial.

    Raises:
        BadInputError: the tree has no such tile.
    """
    width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * max(level, 0))) - index * TILE_WIDTH)
    if width < 1 or index < 0:
        raise BadInputError(f"a tree of size {size} has no tile {index} at level {level}")
    return TileId(level, index, width)


# ---------------------------------------------------------------- bytes of a tile


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries as a bundle: u16 length and bytes of each.

    Raises:
        BadInputError: an entry is longer than 65,535 bytes.
    """
    pack = _LENGTH.pack
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise BadInputError(f"an entry is longer than {MAX_ENTRY_BYTES} bytes")
    return b"".join([part for entry in entries for part in (pack(len(entry)), entry)])


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Exactly `width` entries, and nothing behind them. Raises `DecodeError`."""
    entries, end = _read_entries(data, width)
    if end != len(data):
        raise DecodeError(f"bytes behind the {width} entries of a bundle")
    return entries


def truncate(tile: TileId, data: bytes, width: int) -> bytes:
    """The same tile when it held only `width` hashes or entries: a prefix of its bytes.

    Raises:
        DecodeError: the data holds fewer.
    """
    if tile.level == ENTRIES:
        return data[: _read_entries(data, width)[1]]
    if len(data) < width * HASH_BYTES:
        raise DecodeError(f"a tile lacks hash {width - 1}", where=tile.path)
    return data[: width * HASH_BYTES]


def _read_entries(data: bytes, width: int) -> tuple[list[bytes], int]:
    entries, at, read = [], 0, int.from_bytes
    for _ in range(width):
        start = at + _LENGTH.size
        at = start + read(data[start - _LENGTH.size : start], "big")
        if start > len(data) or at > len(data):
            raise DecodeError(f"a bundle ends inside one of its {width} entries")
        entries.append(data[start:at])
    return entries, at


def split_hashes(data: bytes) -> list[Hash]:
    """The hashes of a tile. Raises `DecodeError` if they are not of 32 bytes each."""
    if len(data) % HASH_BYTES:
        raise DecodeError("a tile holds a broken hash")
    return [Hash(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES)]


def read_hashes(tile: TileId, data: bytes) -> list[Hash]:
    """The hashes of a tile. Raises `DecodeError` if they are more or fewer than its width."""
    if len(data) != tile.width * HASH_BYTES:
        raise DecodeError(f"expected {tile.width} hashes, got {len(data)} bytes", where=tile.path)
    return split_hashes(data)


# ---------------------------------------------------------------- reading a tree


class TileReader:
    """A tree of `size` as its tiles tell it; nothing is taken as true but what a root confirms.

    Proofs and roots of any smaller size come from the same tiles, so open it at the newest
    published size. Keeps the last `keep` tiles in memory. Not for two threads at once.
    """

    def __init__(self, get: Callable[[str], bytes | None], size: int, keep: int = 64) -> None:
        self._get = get
        self._size = size
        self._keep = keep
        self._hashes: dict[tuple[int, int], list[Hash]] = {}
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

    def hashes(self, level: int, index: int) -> list[Hash]:
        """Hashes of one tile, at least as many as this size has there; errors as `read`."""
        key = (level, index)
        found = self._hashes.pop(key, None)
        if found is None:
            found = read_hashes(*self.read(level, index))
        self._hashes[key] = found  # put last: the first one is the oldest
        if len(self._hashes) > self._keep:
            del self._hashes[next(iter(self._hashes))]
        return found

    def node(self, level: int, index: int) -> Hash:
        """Root of the full subtree of leaves [index * 2^level, (index + 1) * 2^level)."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile, at = divmod(index << height, TILE_WIDTH)
        hashes = self.hashes(tile_level, tile)[at : at + (1 << height)]
        if len(hashes) != 1 << height or level < 0:
            raise BadInputError(f"node {index} of level {level} is outside the tree")
        return root(hashes)

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
        return roots_of(self.node, inclusion_ranges(index, self._at_most(size)))

    def consistency_proof(
        self, old: TreeSize | int, new: TreeSize | int | None = None
    ) -> list[Hash]:
        """Proof from size `old` to this size, or to `new`.

        Raises:
            BadInputError: the sizes are outside the tree or in the wrong order.
        """
        return roots_of(self.node, consistency_ranges(old, self._at_most(new)))

    def _at_most(self, size: int | None) -> int:
        if size is None:
            return self._size
        if not 0 <= size <= self._size:
            raise BadInputError(f"size {size} is above the tree's size {self._size}")
        return size
