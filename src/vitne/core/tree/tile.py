"""Tiles of a log: names, widths and bytes (C2SP tlog-tiles; transparency-log §2.4).

Hash i of tile (level, n) is the root of the full subtree of 256^level leaves that starts at leaf
(256 n + i) * 256^level. Level `ENTRIES` stands for the bundles of the entries themselves.
"""

import re
from collections.abc import Sequence
from struct import Struct as Layout

from msgspec import Struct

from vitne.core.values import HASH_BYTES, MAX_INT, Hash
from vitne.errors import BadInputError, DecodeError

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


def encode_bundle(entries: Sequence[bytes]) -> bytes:
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


def pick_entries(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The entries at some places of a bundle, which ascend; what follows the last is not looked at.

    Raises:
        DecodeError: the bundle ends before one of them does.
    """
    found: list[bytes] = []
    at, start, place, end = 0, 0, 0, len(data) - _LENGTH.size
    for wanted in places:
        while place <= wanted and at <= end:
            start = at + _LENGTH.size
            at, place = start + (data[at] << 8 | data[at + 1]), place + 1
        if place <= wanted or at > len(data):
            raise DecodeError(f"a bundle ends before the end of its entry {wanted}")
        found.append(data[start:at])
    return found


def truncate_tile(tile: TileId, data: bytes, width: int) -> bytes:
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


def hashes_of(tile: TileId, data: bytes) -> bytes:
    """The hashes of a tile, joined. Raises `DecodeError` if they are not as many as its width."""
    if len(data) != tile.width * HASH_BYTES:
        raise DecodeError(f"expected {tile.width} hashes, got {len(data)} bytes", where=tile.path)
    return data


def read_hashes(tile: TileId, data: bytes) -> list[Hash]:
    """The hashes of a tile, one by one; errors as `hashes_of`."""
    return split_hashes(hashes_of(tile, data))
