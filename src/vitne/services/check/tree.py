"""Checking the published tree of one log against its entries, tile by tile."""

from collections.abc import Sequence

from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.tile import ENTRIES, TILE_WIDTH, TileId, encode_bundle
from vitne.core.values import HASH_BYTES, Hash, TreeSize
from vitne.errors import IntegrityError
from vitne.services.check.findings import Tell
from vitne.services.log import Published, log_key


class TreeCheck:
    """Takes the entries in order, 256 at a time, and compares what was published of them."""

    def __init__(self, published: Published, size: TreeSize, damage: Tell) -> None:
        self._published = published
        self._size = size
        self._damage = damage
        self._levels: list[list[Hash]] = [[]]
        self._tiles = 0

    def feed(self, number: int, entries: Sequence[bytes]) -> None:
        """The entries of one bundle, whole; the last may be partial."""
        first = number * TILE_WIDTH
        self._compare(TileId(ENTRIES, number, len(entries)), first, encode_bundle(entries))
        self._hashes(0, number, [leaf_hash(entry) for entry in entries])

    def finish(self) -> Hash:
        """Compare the tiles of the higher levels that are still partial; the root."""
        below: list[Hash] = []
        for level, hashes in enumerate(self._levels):
            number = self._size >> (8 * (level + 1))
            if level and hashes:
                self._compare_hashes(level, number, hashes)
            joined = [*hashes, *below]
            below = [merkle_root(joined)] if joined else []
        return merkle_root(below)

    def _hashes(self, level: int, number: int, hashes: list[Hash]) -> None:
        """All hashes of one tile: compare it, and carry its root up if it is full."""
        self._compare_hashes(level, number, hashes)
        if len(hashes) < TILE_WIDTH:
            self._levels[level] = hashes
            return
        if len(self._levels) == level + 1:
            self._levels.append([])
        above = self._levels[level + 1]
        above.append(merkle_root(hashes))
        if len(above) == TILE_WIDTH:
            self._levels[level + 1] = []
            self._hashes(level + 1, number // TILE_WIDTH, above)

    def _compare_hashes(self, level: int, number: int, hashes: Sequence[Hash]) -> None:
        first = number << (8 * (level + 1))
        tile = TileId(level, number, len(hashes))
        wrong = self._compare(tile, first, b"".join(hashes))
        if wrong is not None and level == 0:
            at = next(
                (i for i, one in enumerate(hashes) if wrong[i * HASH_BYTES :][:HASH_BYTES] != one),
                0,
            )
            self._damage(self._key(tile), first + at, "the hash is not that of the entry")

    def _compare(self, tile: TileId, first: int, expected: bytes) -> bytes | None:
        """Report a missing or damaged tile; returns the bytes of one that merely differs."""
        try:
            found = self._published.tile(tile)
        except IntegrityError as error:
            self._damage(self._key(tile), first, str(error))
            return None
        if found is None:
            self._damage(self._key(tile), first, "the object is missing")
        elif found != expected:
            if tile.level == ENTRIES or tile.level > 0:
                what = "entries" if tile.level == ENTRIES else "hashes below it"
                self._damage(self._key(tile), first, f"the object does not hold the {what}")
            return found
        return None

    def _key(self, tile: TileId) -> str:
        return log_key(self._published.log, tile.path)
