"""What a log has published, as its readers may ask for it: checkpoint, tiles, bundles."""

import zlib

from vitne.core.tile import ENTRIES, TILE_WIDTH, TileId, parse_bundle, parse_path, truncate
from vitne.core.types import LeafIndex, LogId
from vitne.errors import DecodeError, NotFoundError
from vitne.ports import ObjectStore
from vitne.services.stage import log_key

MAX_BUNDLE_BYTES = TILE_WIDTH * (2 + 65_535)
_GZIP = 31  # zlib's window bits for a gzip frame
_LEVEL = 6
PACKED = ".gz"
"""Full bundles are kept compressed, under their key with this behind it."""


def pack(data: bytes) -> bytes:
    """A gzip frame without time or name: equal bytes for equal data."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()


def unpack(data: bytes, where: str = "") -> bytes:
    """The bytes of a packed bundle.

    Raises:
        DecodeError: it is damaged, or larger than any bundle can be.
    """
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(data, MAX_BUNDLE_BYTES)
    except zlib.error as error:
        raise DecodeError(f"a bundle is damaged: {error}", where=where) from error
    if not unpacker.eof or unpacker.unused_data:
        raise DecodeError("a bundle is cut off, too large, or has bytes behind it", where=where)
    return plain


def is_full_bundle(tile: TileId) -> bool:
    """Whether a tile is kept packed."""
    return tile.level == ENTRIES and tile.width == TILE_WIDTH


class Published:
    """One log's published objects. Any thread may read.

    A partial tile is kept only at its newest width; every narrower one that was ever published is
    a prefix of it, and is served by cutting.
    """

    def __init__(self, objects: ObjectStore, log: LogId) -> None:
        self._objects = objects
        self.log = log

    def checkpoint(self) -> str | None:
        """The published note; None if the log has published none."""
        data = self._objects.get(log_key(self.log, "checkpoint"))
        return None if data is None else data.decode("utf-8", "replace")

    def packed(self, tile: TileId) -> bytes | None:
        """A full bundle as it is kept: a gzip frame."""
        return self._objects.get(log_key(self.log, tile.path) + PACKED)

    def get(self, path: str) -> bytes | None:
        """Bytes of `tile/...` as C2SP tlog-tiles defines them, uncompressed; None if not published.

        Raises:
            DecodeError: the path names no tile, or the object is damaged.
        """
        return self.tile(parse_path(path))

    def tile(self, tile: TileId) -> bytes | None:
        """As `get`, for a parsed path."""
        if is_full_bundle(tile):
            data = self.packed(tile)
            return None if data is None else unpack(data, log_key(self.log, tile.path) + PACKED)
        data = self._objects.get(log_key(self.log, tile.path))
        if data is not None or tile.width == TILE_WIDTH:
            return data
        # Publishing moves a partial tile from width to width and at last to its full twin, always
        # writing the wider one first: looking in that order cannot fall between two of them.
        wider = self._wider(tile) or TileId(tile.level, tile.index)
        data = self.tile(wider) if wider.width < TILE_WIDTH else None
        if data is None:
            data = self.tile(TileId(tile.level, tile.index))
        return None if data is None else truncate(tile, data, tile.width)

    def entries(self, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        """Entries of [start, end) from the bundles, ascending.

        Raises:
            NotFoundError: one is not published.
            DecodeError: a bundle is damaged.
        """
        found: list[bytes] = []
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = number * TILE_WIDTH
            width = min(TILE_WIDTH, end - first)
            data = self.tile(TileId(ENTRIES, number, width))
            if data is None:
                raise NotFoundError("a bundle is missing", where=TileId(ENTRIES, number).path)
            found += parse_bundle(data, width)[max(start - first, 0) :]
        return found

    def _wider(self, tile: TileId) -> TileId | None:
        folder = log_key(self.log, tile.path).rpartition("/")[0] + "/"
        widths = [int(key.rpartition("/")[2]) for key in self._objects.keys(folder)]
        wider = [width for width in widths if width > tile.width]
        return TileId(tile.level, tile.index, max(wider)) if wider else None
