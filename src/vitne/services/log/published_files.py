"""What a log has published, as its readers may ask for it: checkpoint, tiles, bundles."""

import gzip
from collections.abc import Sequence
from typing import Final, Protocol

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import parse_note
from vitne.core.tree.tile import (
    ENTRIES,
    TILE_WIDTH,
    TileId,
    parse_bundle,
    parse_path,
    truncate_tile,
)
from vitne.core.values import LeafIndex, LogId
from vitne.errors import NotFoundError
from vitne.ports import ObjectStore

COSIGNED: Final = "checkpoint.cosigned"
"""Beside `checkpoint`: the newest head that met the quorum, with the cosignatures."""

_LOOKS = 4


def log_key(log: LogId, path: str) -> str:
    """Object key of what a log serves under `path` (`checkpoint`, `tile/...`)."""
    return f"log/{log}/{path}"


def parse_checkpoint(note: str | bytes) -> Checkpoint:
    """What a signed note says; nothing is verified. Raises `DecodeError`."""
    return Checkpoint.parse(parse_note(note)[0])


def is_full_bundle(tile: TileId) -> bool:
    """Whether it can be had as a gzip frame."""
    return tile.level == ENTRIES and tile.width == TILE_WIDTH


class PublishedFiles(Protocol):
    """What a log serves below its prefix; nothing of it is taken as true."""

    def get(self, path: str) -> bytes | None:
        """The bytes at `checkpoint`, `tile/...`, `index/...`; None if there are none.

        Raises:
            UnavailableError: not reached, or an answer that is too long.
        """


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

    def get(self, path: str) -> bytes | None:
        """Bytes of `tile/...` as C2SP tlog-tiles defines them, uncompressed; None if not published.

        Raises:
            DecodeError: the path names no tile, or the object is damaged.
        """
        return self.tile(parse_path(path))

    def get_all(self, paths: Sequence[str]) -> dict[str, bytes]:
        """As `get` for many paths; those that are not published are left out."""
        tiles = {log_key(self.log, path): parse_path(path) for path in paths}
        found = self._objects.get_all(list(tiles))
        either = ((tile.path, found.get(key) or self.tile(tile)) for key, tile in tiles.items())
        return {path: data for path, data in either if data is not None}

    def tile(self, tile: TileId) -> bytes | None:
        """As `get`, for a parsed path."""
        data = self._objects.get(log_key(self.log, tile.path))
        if data is not None or tile.width == TILE_WIDTH:
            return data
        # Publishing writes a wider twin before it deletes a narrower one, so a tile that was gone
        # when it was asked for is found on the next look.
        for _ in range(_LOOKS):
            wider = self._wider(tile) or TileId(tile.level, tile.index)
            data = self._objects.get(log_key(self.log, wider.path))
            if data is not None:
                return truncate_tile(tile, data, tile.width)
        return None

    def packed(self, tile: TileId) -> bytes | None:
        """A full bundle as a gzip frame; None if it is not published."""
        key = log_key(self.log, tile.path)
        frame = self._objects.get_gzip(key)
        if frame is None and (data := self._objects.get(key)) is not None:
            frame = gzip.compress(data, mtime=0)
        return frame

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
