"""Bytes, hashes, JSON and trees, by their definitions (RFC 6962, RFC 8785)."""

import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

MAX_INT = 2**53 - 1
ZERO = bytes(32)
LOG_LEAF, LOG_NODE = b"\0", b"\1"


def h(data: bytes) -> bytes:
    """SHA-256."""
    return sha256(data).digest()


def leaf(data: bytes) -> bytes:
    """Leaf hash."""
    return h(LOG_LEAF + data)


def node(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return h(LOG_NODE + left + right)


def b64(data: bytes) -> str:
    """Padded base64."""
    return b64encode(data).decode()


def u(width: int, value: int) -> bytes:
    """Unsigned, big-endian, of so many bytes."""
    return value.to_bytes(width, "big")


def text(value: str) -> bytes:
    """str(s) of the specification: one byte of length, then UTF-8."""
    data = value.encode()
    return u(1, len(data)) + data


def jcs(value: Any) -> bytes:
    """Canonical JSON, in the domain where sorted compact output is that."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def split(width: int) -> int:
    """Largest power of two below the width of a tree."""
    return 1 << (width - 1).bit_length() - 1


def mth(leaves: Sequence[bytes]) -> bytes:
    """Root of leaf hashes (RFC 6962 §2.1)."""
    if not leaves:
        return h(b"")
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return node(mth(leaves[:middle]), mth(leaves[middle:]))


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path, from the sibling upwards (RFC 6962 §2.1.1)."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*inclusion(leaves[:middle], index), mth(leaves[middle:])]
    return [*inclusion(leaves[middle:], index - middle), mth(leaves[:middle])]


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Consistency proof from the tree of `old` > 0 leaves (RFC 6962 §2.1.2)."""

    def sub(old: int, part: Sequence[bytes], whole: bool) -> list[bytes]:
        if old == len(part):
            return [] if whole else [mth(part)]
        middle = split(len(part))
        if old <= middle:
            return [*sub(old, part[:middle], whole), mth(part[middle:])]
        return [*sub(old - middle, part[middle:], False), mth(part[:middle])]

    return sub(old, leaves, True)


def multiproof(leaves: Sequence[bytes], wanted: Sequence[int]) -> list[bytes]:
    """Proof of any set of leaves (transparency-log §6.1)."""
    found: list[bytes] = []

    def walk(low: int, high: int) -> None:
        if not any(low <= i < high for i in wanted):
            found.append(mth(leaves[low:high]))
        elif high - low > 1:
            middle = low + split(high - low)
            walk(low, middle)
            walk(middle, high)

    if leaves:
        walk(0, len(leaves))
    return found


class Tree:
    """A growing list of leaves whose subtree hashes are remembered: `mth`, but quick."""

    def __init__(self, leaves: Sequence[bytes] = ()) -> None:
        """Start with these leaf hashes."""
        self.leaves = list(leaves)
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, low: int = 0, high: int | None = None) -> bytes:
        """Root over [low, high)."""
        high = len(self.leaves) if high is None else high
        if high - low <= 1:
            return self.leaves[low] if high > low else h(b"")
        if (low, high) not in self._known:
            middle = low + split(high - low)
            self._known[low, high] = node(self.root(low, middle), self.root(middle, high))
        return self._known[low, high]

    def multiproof(self, wanted: Sequence[int], size: int | None = None) -> list[bytes]:
        """As the function of that name, in the tree of the first `size` leaves."""
        size = len(self.leaves) if size is None else size
        found: list[bytes] = []
        pending = [(0, size, tuple(wanted))] if size else []
        while pending:
            low, high, inside = pending.pop()
            if not inside:
                found.append(self.root(low, high))
            elif high - low > 1:
                middle = low + split(high - low)
                pending.append((middle, high, tuple(i for i in inside if i >= middle)))
                pending.append((low, middle, tuple(i for i in inside if i < middle)))
        return found

    def consistency(self, old: int, size: int) -> list[bytes]:
        """From the tree of `old` to that of `size` leaves."""
        found: list[bytes] = []
        low, high, whole = 0, size, True
        while old - low != high - low:
            middle = low + split(high - low)
            if old <= middle:
                found.append(self.root(middle, high))
                high = middle
            else:
                found.append(self.root(low, middle))
                low, whole = middle, False
        return [*([] if whole else [self.root(low, high)]), *reversed(found)]
