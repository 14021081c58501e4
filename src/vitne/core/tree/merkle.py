"""The Merkle tree of RFC 6962: hashes, roots and proofs.

Every proof is a list of ranges of leaves; its hashes are the roots of those ranges. Whoever holds
all leaf hashes computes them by definition, whoever holds tiles reads them (`Node`).
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from vitne.core.values import HASH_BYTES, MAX_INT, Hash, LeafIndex, TreeSize
from vitne.errors import BadInputError, DecodeError, VerificationError

EMPTY_ROOT = Hash(sha256(b"").digest())
"""Root of the tree without leaves."""

Node = Callable[[int, int], Hash]
"""`node(level, i)` = root of the full subtree of leaves [i * 2^level, (i + 1) * 2^level)."""

Range = tuple[int, int]
"""Leaves [start, end)."""


def leaf_hash(data: bytes) -> Hash:
    """Leaf hash of an entry (RFC 6962 §2.1)."""
    return Hash(sha256(b"\x00" + data).digest())


def node_hash(left: bytes, right: bytes) -> Hash:
    """Hash of an inner node (RFC 6962 §2.1)."""
    # The prefix keeps a leaf from posing as a node.
    return Hash(sha256(b"\x01" + left + right).digest())


def pair_up(joined: bytes) -> list[Hash]:
    """The next level of hashes written one after another: a node per pair, none for an odd last.

    The hot path of a tree: one slice and one concatenation a node.
    """
    end = len(joined) & ~63
    return [Hash(sha256(b"\x01" + joined[at : at + 64]).digest()) for at in range(0, end, 64)]


def merkle_root(hashes: Sequence[bytes]) -> Hash:
    """MTH of leaf hashes (RFC 6962 §2.1); `EMPTY_ROOT` of none."""
    return root_of(b"".join(hashes))


def root_of(joined: bytes) -> Hash:
    """As `root`, of hashes written one after another.

    Raises:
        DecodeError: their length is no multiple of 32 bytes.
    """
    if len(joined) % HASH_BYTES:
        raise DecodeError("expected hashes of 32 bytes")
    # Pairing from the left, with an odd last hash carried up, splits where RFC 6962 does:
    # at the largest power of two below the size.
    while len(joined) > HASH_BYTES:
        carried = joined[len(joined) & ~63 :]
        joined = b"".join([*pair_up(joined), carried])
    return Hash(joined) if joined else EMPTY_ROOT


def split_at(width: int) -> int:
    """Largest power of two below `width` (at least 2)."""
    return 1 << ((width - 1).bit_length() - 1)


# ---------------------------------------------------------------- proofs as ranges


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Ranges whose roots prove leaf `index` of a tree of `size`, lowest sibling first.

    Raises:
        BadInputError: the leaf is outside the tree.
    """
    if not 0 <= index < size:
        raise BadInputError(f"leaf {index} is outside the tree of size {size}")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_at(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    ranges.reverse()
    return ranges


def consistency_ranges(old: int, new: int) -> list[Range]:
    """Ranges whose roots prove that a tree of `new` leaves grew from its first `old` (§2.1.2).

    Empty if the sizes agree or `old` is 0.

    Raises:
        BadInputError: `old` is larger than `new` or negative.
    """
    if not 0 <= old <= new:
        raise BadInputError(f"size {old} is no earlier size of a tree of size {new}")
    if old in (0, new):
        return []
    ranges: list[Range] = []
    start, end = 0, new
    while old != end:
        middle = start + split_at(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # the verifier knows the old root itself when it is a whole subtree
        ranges.append((start, end))
    ranges.reverse()
    return ranges


def inclusion_proof(hashes: Sequence[bytes], index: LeafIndex | int) -> list[Hash]:
    """Audit path of one leaf, lowest sibling first (RFC 6962 §2.1.1).

    Args:
        hashes: every leaf hash of the tree, in index order.
        index: 0-based position of the leaf to prove.

    Returns:
        At most ceil(log2(tree size)) hashes; empty for a tree of one leaf.

    Raises:
        BadInputError: `index` is outside the tree.
    """
    return [merkle_root(hashes[start:end]) for start, end in inclusion_ranges(index, len(hashes))]


def consistency_proof(hashes: Sequence[bytes], old: TreeSize | int) -> list[Hash]:
    """Proof that the tree of `hashes` grew from its first `old` leaves (RFC 6962 §2.1.2).

    Raises:
        BadInputError: `old` is larger than the tree or negative.
    """
    return [merkle_root(hashes[start:end]) for start, end in consistency_ranges(old, len(hashes))]


def range_root(node: Node, start: int, end: int) -> Hash:
    """Root of leaves [start, end) from full subtrees.

    `start` must be a multiple of the smallest power of two that is at least the width, which
    holds for every range of a proof and for a whole tree.
    """
    width = end - start
    if width == 0:
        return EMPTY_ROOT
    level = (width - 1).bit_length()
    if width == 1 << level:
        return node(level, start >> level)
    middle = start + split_at(width)
    return node_hash(range_root(node, start, middle), range_root(node, middle, end))


def roots_of(node: Node, ranges: Iterable[Range]) -> list[Hash]:
    """The hashes of a proof, read from full subtrees."""
    return [range_root(node, start, end) for start, end in ranges]


# ---------------------------------------------------------------- verification


def _check_hashes(*hashes: bytes) -> None:
    if any(len(value) != HASH_BYTES for value in hashes):
        raise DecodeError("expected hashes of 32 bytes")


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Check that the leaf hash stands at `index` of the tree (RFC 9162 §2.1.3.2).

    Raises:
        VerificationError: it does not, or the proof is too long or too short.
        DecodeError: a hash has not 32 bytes.
    """
    _check_hashes(leaf, expected_root, *proof)
    if not 0 <= index < size <= MAX_INT:
        raise VerificationError(f"leaf {index} is outside the tree of size {size}")
    ranges = inclusion_ranges(index, size)
    if len(proof) != len(ranges):
        raise VerificationError(f"expected {len(ranges)} hashes, got {len(proof)}")
    value = Hash(leaf)
    for (start, _), sibling in zip(ranges, proof, strict=True):
        value = node_hash(value, sibling) if start > index else node_hash(sibling, value)
    if value != expected_root:
        raise VerificationError("the path does not lead to the root")


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new` leaves grew from that of `old` (at least 1).

    Raises:
        VerificationError: it did not, or the proof is too long or too short.
        DecodeError: a hash has not 32 bytes.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 1 <= old <= new <= MAX_INT:
        raise VerificationError(f"no consistency proof leads from size {old} to {new}")
    ranges = consistency_ranges(old, new)
    if len(proof) != len(ranges):
        raise VerificationError(f"expected {len(ranges)} hashes, got {len(proof)}")
    if old == new:
        if old_root != new_root:
            raise VerificationError("two roots for one size")
        return
    known = ranges[0][1] == old
    first, rest = (Hash(proof[0]), 1) if known else (Hash(old_root), 0)
    from_old = from_new = first
    for (start, _), sibling in zip(ranges[rest:], proof[rest:], strict=True):
        from_new = node_hash(from_new, sibling) if start >= old else node_hash(sibling, from_new)
        from_old = from_old if start >= old else node_hash(sibling, from_old)
    if from_old != old_root or from_new != new_root:
        raise VerificationError("the proof does not lead to both roots")


def verify_growth(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """As `verify_consistency`, but from size 0 too, where the proof is empty (C2SP tlog-witness).

    Raises:
        VerificationError: the tree did not grow from the old one.
        DecodeError: a hash has not 32 bytes.
    """
    if old == 0:
        _check_hashes(old_root, new_root, *proof)
        if old_root != EMPTY_ROOT or proof or new < 0 or (new == 0 and new_root != EMPTY_ROOT):
            raise VerificationError("from size 0 only an empty proof leads on")
        return
    verify_consistency(old, new, old_root, new_root, proof)


# ---------------------------------------------------------------- the right edge


class Frontier:
    """The right edge of a growing tree: one hash per set bit of its size, largest first.

    Enough to append and to know the root; 53 hashes at most. Not for two threads at once.
    """

    __slots__ = ("_edge", "_size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        if len(edge) != size.bit_count():
            raise DecodeError(f"a tree of size {size} has {size.bit_count()} edge hashes")
        _check_hashes(*edge)
        self._size = size
        self._edge = [Hash(value) for value in edge]

    @property
    def size(self) -> TreeSize:
        """Number of leaves."""
        return TreeSize(self._size)

    @property
    def edge(self) -> tuple[Hash, ...]:
        """Roots of the full subtrees, left to right; `Frontier(size, edge)` makes it again."""
        return tuple(self._edge)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; two node hashes on average at most."""
        value, size, edge = Hash(leaf), self._size, self._edge
        while size & 1:
            value = node_hash(edge.pop(), value)
            size >>= 1
        edge.append(value)
        self._size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> Hash:
        """Root of the tree so far."""
        if not self._edge:
            return EMPTY_ROOT
        value = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            value = node_hash(left, value)
        return value
