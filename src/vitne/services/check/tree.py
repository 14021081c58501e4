"""Checking a published tree, of a log or of an index log: tile by tile, root, signature."""

from collections.abc import Sequence

from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile import ENTRIES, TILE_WIDTH, TileId, encode_bundle
from vitne.core.values import HASH_BYTES, Hash, LogId, TreeSize
from vitne.errors import IntegrityError
from vitne.ports import Head
from vitne.services.check.findings import Stores, Tell
from vitne.services.log import INDEX_SUFFIX, Published, log_key


class TreeCheck:
    """Takes the entries in order, 256 at a time, and compares what was published of them.

    Args:
        stores: where everything lies.
        tree: a log, or an index log.
        signer: its key.
        damage: told of each fault.
    """

    def __init__(self, stores: Stores, tree: LogId, signer: Verifier, damage: Tell) -> None:
        self._heads = stores.ports.heads
        self._database = stores.database
        self._signer = signer
        self._damage = damage
        self.published = Published(stores.ports.objects, tree)
        self._head = self._heads.head(tree)
        self.size = self._head.size if self._head else TreeSize(0)
        self._levels: list[list[Hash]] = [[]]
        self._tiles = 0

    def feed(self, number: int, entries: Sequence[bytes]) -> None:
        """The entries of one bundle, whole; the last may be partial."""
        first = number * TILE_WIDTH
        self._compare(TileId(ENTRIES, number, len(entries)), first, encode_bundle(entries))
        self._hashes(0, number, [leaf_hash(entry) for entry in entries])

    def finish(self) -> None:
        """Compare what is still partial in the higher levels, then the head, if there is one."""
        if self._head is not None:
            self._check_head(self._head, self._root())

    def _root(self) -> Hash:
        below: list[Hash] = []
        for level, hashes in enumerate(self._levels):
            number = self.size >> (8 * (level + 1))
            if level and hashes:
                self._compare_hashes(level, number, hashes)
            joined = [*hashes, *below]
            below = [merkle_root(joined)] if joined else []
        return merkle_root(below)

    def _check_head(self, head: Head, root: Hash) -> None:
        """Root and signature of the head, and that it is the published checkpoint."""
        tree, where = self.published.log, self._database
        is_index = tree.endswith(INDEX_SUFFIX)
        name, leaves = ("index ", "records") if is_index else ("", "entries")
        if root != head.root:
            what = f"the {leaves} give another root than was signed for {head.size}"
            self._damage(where, None, what)
        try:
            signed, _ = open_checkpoint(head.note, self._signer)
            if (signed.size, signed.root) != (head.size, head.root):
                what = f"the {name}head is not the checkpoint that was signed"
                self._damage(where, None, what)
        except IntegrityError as error:
            self._damage(where, None, f"the signed {name}head: {error}")
        note = self.published.checkpoint()
        if note is None:
            self._damage(log_key(tree, "checkpoint"), None, f"the {name}checkpoint is missing")
        elif note != head.note and self._heads.head(tree) == head:  # else one was just published
            what = f"the {name}checkpoint is not the signed head"
            self._damage(log_key(tree, "checkpoint"), None, what)

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
            found = self.published.tile(tile)
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
        return log_key(self.published.log, tile.path)
