"""One proof for any set of leaves of a tree (transparency-log §6.1).

The tree is walked from the root, [0, n), split at the largest power of two below the width, left
first. A range without a wanted leaf contributes its root to the path, a wanted leaf is known to
the verifier, and everything else follows. So one leaf costs what an inclusion proof costs, and
neighbours share.
"""

from collections.abc import Sequence
from itertools import pairwise

from vitne.core.tree.merkle import EMPTY_ROOT, Node, Range, node_hash, roots_of, split_at
from vitne.core.values import HASH_BYTES, MAX_INT, Hash
from vitne.errors import BadInputError, DecodeError, VerificationError


def multiproof_ranges(size: int, wanted: Sequence[int]) -> list[Range]:
    """Ranges whose roots prove the wanted leaves of a tree of `size`, in the order of the path.

    Args:
        size: number of leaves.
        wanted: their positions, strictly ascending. None at all: the path is the root itself.

    Raises:
        BadInputError: not ascending, or outside the tree.
    """
    if any(a >= b for a, b in pairwise(wanted)):
        raise BadInputError("the leaves of a proof are given in ascending order, each once")
    if wanted and not 0 <= wanted[0] <= wanted[-1] < size:
        raise BadInputError(f"a leaf is outside the tree of size {size}")
    ranges: list[Range] = []
    # (start, end of the range, and which of the wanted leaves may lie in it); left is on top.
    pending = [(0, size, 0, len(wanted))] if size else []
    while pending:
        start, end, low, high = pending.pop()
        if low == high:
            ranges.append((start, end))
        elif end - start > 1:
            middle = start + split_at(end - start)
            cut = low
            while cut < high and wanted[cut] < middle:
                cut += 1
            pending += [(middle, end, cut, high), (start, middle, low, cut)]
    return ranges


def multiproof(node: Node, size: int, wanted: Sequence[int]) -> list[Hash]:
    """The path, read from full subtrees. Errors as `multiproof_ranges`."""
    return roots_of(node, multiproof_ranges(size, wanted))


def multiproof_root(size: int, leaves: Sequence[tuple[int, bytes]], path: Sequence[bytes]) -> Hash:
    """The root that the leaves and the path lead to; the caller compares it.

    Args:
        size: number of leaves of the tree.
        leaves: (position, leaf hash), strictly ascending.
        path: as `multiproof` makes it.

    Raises:
        VerificationError: positions out of order or outside, or a path too long or too short.
        DecodeError: a hash has not 32 bytes.
    """
    if any(len(value) != HASH_BYTES for value in (*(leaf for _, leaf in leaves), *path)):
        raise DecodeError("expected hashes of 32 bytes")
    if not 0 <= size <= MAX_INT:
        raise VerificationError(f"no tree has {size} leaves")
    try:
        ranges = multiproof_ranges(size, [at for at, _ in leaves])
    except BadInputError as error:
        raise VerificationError(error.message) from error
    if len(ranges) != len(path):
        raise VerificationError(f"expected {len(ranges)} hashes, got {len(path)}")
    known: dict[Range, Hash] = {
        **{(at, at + 1): Hash(leaf) for at, leaf in leaves},
        **dict(zip(ranges, map(Hash, path), strict=True)),
    }
    return _fold(known, size) if size else EMPTY_ROOT


def _fold(known: dict[Range, Hash], size: int) -> Hash:
    """Root of [0, size) from ranges that tile it, each a node of the tree."""
    pending, ready = [(0, size, False)], list[Hash]()
    while pending:
        start, end, joined = pending.pop()
        found = known.get((start, end))
        if joined:
            right = ready.pop()
            ready.append(node_hash(ready.pop(), right))
        elif found is not None:
            ready.append(found)
        else:
            middle = start + split_at(end - start)
            pending += [(start, end, True), (middle, end, False), (start, middle, False)]
    return ready[0]
