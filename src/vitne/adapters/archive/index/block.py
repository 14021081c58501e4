"""64 gap leaves of an index, packed together in its file; `lookup` describes their form."""

from typing import Final

from vitne.adapters.archive.index.pages import Pages
from vitne.core.values import HASH_BYTES, Hash

BLOCK: Final = 64
"""Gap leaves of a block."""
BLOCK_LEVEL: Final = 6
"""Level of a block's root in the tree of the gap leaves."""
TOP_LEVEL: Final = 9
"""Level of the lowest nodes that stand apart from the blocks: subtrees of 512 gap leaves."""
NODE_LEVEL: Final = 3
"""Level of the lowest nodes that are stored: subtrees of 8 gap leaves."""
MANY: Final = 255
"""Postings whose root is stored, since making it anew would take long."""
KEY_BYTES: Final = 16
BESIDE: Final = TOP_LEVEL - BLOCK_LEVEL
"""Nodes that a block keeps of its neighbours."""


class Block:
    """Some gap leaves, as they are stored."""

    __slots__ = ("at", "beside", "counts", "first", "keys", "nodes", "size")

    def __init__(self, pages: Pages, low: int, first: int, size: int) -> None:
        ends = (KEY_BYTES * (size + 1), 2 * size)
        nodes = HASH_BYTES * sum(size >> level for level in range(NODE_LEVEL, BLOCK_LEVEL))
        self.first = first
        self.size = size
        self.at = low + sum(ends) + nodes + HASH_BYTES * BESIDE
        """Where the postings begin in the file."""
        pages.check(low, self.at)
        self.keys = pages.view[low : low + ends[0]]
        self.counts = pages.view[low + ends[0] : low + sum(ends)].cast("H")
        self.nodes = pages.view[low + sum(ends) : low + sum(ends) + nodes]
        self.beside = pages.view[low + sum(ends) + nodes : self.at]

    def count(self, at: int) -> int:
        """How many entries hold a leaf; `at` is its number in the tree."""
        return self.counts[at - self.first] + 1 if at else 0

    def before(self, at: int) -> int:
        """How many postings of the block stand before those of a leaf."""
        some = self.counts[: at - self.first]
        return sum(some) + len(some) - (self.first == 0 and at > 0)

    def key(self, at: int) -> bytes:
        """The 16 bytes of a leaf, or of the one behind the last."""
        low = (at - self.first) * KEY_BYTES
        return bytes(self.keys[low : low + KEY_BYTES])

    def sibling(self, level: int) -> Hash:
        """Root of the full subtree of a level, 6 to 8, that is paired with the one it lies in."""
        low = (level - BLOCK_LEVEL) * HASH_BYTES
        return Hash(bytes(self.beside[low : low + HASH_BYTES]))

    def node(self, level: int, at: int) -> Hash:
        """Root of subtree `at` of a level, of those of the block."""
        before = sum(self.size >> below for below in range(NODE_LEVEL, level))
        low = (before + at) * HASH_BYTES
        return Hash(bytes(self.nodes[low : low + HASH_BYTES]))
