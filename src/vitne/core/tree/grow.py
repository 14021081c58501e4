"""Growing a tree tile by tile: which objects a publish writes, and the new right edge."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from vitne.core.tree.merkle import EMPTY_ROOT, leaf_hash, merkle_root, pair_up
from vitne.core.tree.tile import (
    ENTRIES,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileId,
    encode_bundle,
    parse_bundle,
    read_hashes,
    split_hashes,
)
from vitne.core.values import HASH_BYTES, Hash, TreeSize
from vitne.errors import IntegrityError, NotFoundError


def partial_tiles(size: int) -> list[TileId]:
    """The partial tiles of a tree: bundle first, then the hash tiles from level 0 upwards."""
    found = []
    for level in (ENTRIES, *range(_levels(size))):
        count = size >> (TILE_HEIGHT * max(level, 0))
        if count % TILE_WIDTH:
            found.append(TileId(level, count // TILE_WIDTH, count % TILE_WIDTH))
    return found


def _levels(size: int) -> int:
    return -(-size.bit_length() // TILE_HEIGHT)


class Edge(Struct, frozen=True):
    """The partial tiles of a tree: all that is needed to grow it and to know its root."""

    size: TreeSize = TreeSize(0)
    tiles: tuple[bytes, ...] = ()
    """Bytes of the partial hash tile of each level from 0 upwards; `b""` where it is absent."""
    bundle: bytes = b""
    """The partial entry bundle."""

    def root(self) -> Hash:
        """Root of the tree."""
        below: list[Hash] = []
        for data in self.tiles:
            hashes = [*split_hashes(data), *below]
            below = [merkle_root(hashes)] if hashes else []
        return below[0] if below else EMPTY_ROOT


class TreeGrowth(Struct, frozen=True):
    """What a tree becomes when entries are added."""

    objects: dict[str, bytes]
    """Bytes of every tile that is new or wider, by path: hash tiles of all levels and bundles."""
    superseded: list[str]
    """Paths of the old partial tiles whose wider or full twin is among the objects."""
    edge: Edge
    root: Hash


def read_edge(get: Callable[[str], bytes | None], size: int) -> Edge:
    """Read the partial tiles of a tree; the caller compares `Edge.root()` with the signed one.

    Args:
        get: bytes of an object by its path; None if it is missing.
        size: the tree's size.

    Raises:
        NotFoundError: a tile is missing.
        DecodeError: a tile has not the width that its name says.
    """
    tiles = [b""] * _levels(size)
    last_bundle = b""
    for tile in partial_tiles(size):
        data = get(tile.path)
        if data is None:
            raise NotFoundError("a tile is missing", where=tile.path)
        if tile.level == ENTRIES:
            parse_bundle(data, tile.width)
            last_bundle = data
        else:
            read_hashes(tile, data)
            tiles[tile.level] = data
    return Edge(TreeSize(size), tuple(tiles), last_bundle)


def grow_tree(
    edge: Edge, entries: Sequence[bytes], leaves: Sequence[bytes] | None = None
) -> TreeGrowth:
    """Add entries to a tree: the tiles to write, and the new edge and root.

    The objects are the same however the entries are cut into batches, but for the partial tiles
    of the sizes in between.

    Args:
        edge: the tree so far.
        entries: bytes of the new entries, in order.
        leaves: their leaf hashes, if they are known already.
    """
    if leaves is None:
        leaves = [leaf_hash(entry) for entry in entries]
    if len(leaves) != len(entries):
        raise IntegrityError("as many leaf hashes as entries are needed")
    objects: dict[str, bytes] = {}
    superseded: list[str] = []
    rest = _grow_bundles(edge, entries, objects, superseded)
    size = edge.size + len(entries)
    tiles, fresh = [], b"".join(leaves)
    for level in range(_levels(size)):
        partial = edge.tiles[level] if level < len(edge.tiles) else b""
        first = edge.size >> (TILE_HEIGHT * (level + 1))
        data = partial + fresh
        full = len(data) - len(data) % TILE_BYTES
        if fresh:
            _put(objects, level, first, data)
            if partial:
                superseded.append(TileId(level, first, len(partial) // HASH_BYTES).path)
        tiles.append(data[full:])
        fresh = _roots_of_full(data[:full])
    grown = Edge(TreeSize(size), tuple(tiles), rest)
    return TreeGrowth(objects, superseded, grown, grown.root())


def _put(objects: dict[str, bytes], level: int, first: int, data: bytes) -> None:
    for number, at in enumerate(range(0, len(data), TILE_BYTES), start=first):
        piece = data[at : at + TILE_BYTES]
        objects[TileId(level, number, len(piece) // HASH_BYTES).path] = piece


def _roots_of_full(data: bytes) -> bytes:
    from_level = data
    for _ in range(TILE_HEIGHT):
        from_level = b"".join(pair_up(from_level))
    return from_level


def _grow_bundles(
    edge: Edge, entries: Sequence[bytes], objects: dict[str, bytes], superseded: list[str]
) -> bytes:
    """Add the bundles to `objects`; returns the partial one."""
    number, width = divmod(edge.size, TILE_WIDTH)
    if not entries:
        return edge.bundle
    if width:
        superseded.append(TileId(ENTRIES, number, width).path)
    data, at = edge.bundle, 0
    while at < len(entries):
        added = entries[at : at + TILE_WIDTH - width]
        data, at, width = data + encode_bundle(added), at + len(added), width + len(added)
        objects[TileId(ENTRIES, number, width).path] = data
        if width == TILE_WIDTH:
            data, width, number = b"", 0, number + 1
    return data
