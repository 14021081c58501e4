"""Tiles against C2SP's examples, golang/mod's tables and the test log of Tessera."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.grow import Edge, TreeGrowth, grow_tree, partial_tiles, read_edge
from vitne.core.tree.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile import ENTRIES, TileId, parse_bundle, parse_path, tile_at
from vitne.core.tree.tile_reader import TileReader
from vitne.errors import DecodeError

VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


@pytest.fixture(scope="module")
def tables(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "tile_vectors.json").read_text())
    return found


def test_paths_are_the_published_ones_without_their_height(tables: dict[str, Any]) -> None:
    """golang/mod writes the height first; C2SP's is always 8, and `data` is called `entries`."""
    for path, parsed in tables["tile_paths"]:
        _, height, rest = path.split("/", 2)
        ours = "tile/" + rest.replace("data", "entries")
        if parsed is None:
            with pytest.raises(DecodeError):
                parse_path(ours)
            continue
        _, level, index, width = parsed
        partial = width < 1 << int(height)
        tile = TileId(ENTRIES if level == -1 else level, index, width if partial else 256)
        assert tile.path == ours
        assert parse_path(ours) == tile


def test_a_tree_of_70000_has_the_tiles_that_c2sp_lists(tables: dict[str, Any]) -> None:
    partial = {tile.level: tile.width for tile in partial_tiles(70_000)}
    written = map(parse_path, grow_tree(Edge(), [b""] * 70_000).objects)
    full = Counter(tile.level for tile in written if tile.width == 256 and tile.level != ENTRIES)
    expected = tables["c2sp_size_70000"]

    assert full == {0: expected["full_l0"], 1: expected["full_l1"]}
    assert partial == {ENTRIES: 112, 0: 112, 1: 17, 2: 1}
    assert (partial[0], partial[1], partial[2]) == (
        expected["partial_l0"],
        expected["partial_l1"],
        expected["partial_l2"],
    )
    assert TileId(0, 1_234_067).path == f"tile/0/{tables['c2sp_index_1234067']}"


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it() -> None:
    written = set(map(parse_path, grow_tree(Edge(), [b""] * 256).objects))

    assert written == {TileId(ENTRIES, 0), TileId(0, 0), TileId(1, 0, 1)}
    assert partial_tiles(256) == [TileId(1, 0, 1)]


# ---------------------------------------------------------------- the log of Tessera


@pytest.fixture(scope="module")
def log(vectors: Path) -> Path:
    return vectors / "tessera_testlog"


@pytest.fixture(scope="module")
def entries(log: Path) -> list[bytes]:
    return parse_bundle((log / "tile/entries/000.p/15").read_bytes(), 15)


def roots(log: Path) -> list[bytes]:
    found: list[bytes] = []
    for size in range(16):
        head, _ = open_checkpoint((log / f"checkpoint.{size}").read_bytes(), Verifier(VKEY))
        assert head.size == size
        found.append(head.root)
    return found


def test_entry_by_entry_the_tree_of_tessera_grows_byte_for_byte(
    log: Path, entries: list[bytes]
) -> None:
    edge, expected = Edge(), roots(log)
    assert edge.root() == expected[0] == EMPTY_ROOT

    for size, entry in enumerate(entries, start=1):
        grown = grow_tree(edge, [entry])
        edge = grown.edge
        assert set(grown.objects) == {f"tile/entries/000.p/{size}", f"tile/0/000.p/{size}"}
        for path, data in grown.objects.items():
            assert data == (log / path).read_bytes()
        assert grown.root == expected[size]


def test_every_entry_of_tessera_is_proved_from_its_tiles(log: Path, entries: list[bytes]) -> None:
    expected = roots(log)

    def get(path: str) -> bytes | None:
        return (log / path).read_bytes() if (log / path).is_file() else None

    for size in range(1, 16):
        reader = TileReader(get, size)
        assert read_edge(get, size).root() == reader.root() == expected[size]
        assert reader.entries(0, size) == entries[:size]
        for index in range(size):
            proof = reader.inclusion_proof(index)
            verify_inclusion(reader.leaf(index), index, size, proof, expected[size])
            old = reader.consistency_proof(index + 1)
            verify_consistency(index + 1, size, expected[index + 1], expected[size], old)


def test_a_tile_is_as_wide_as_its_size_makes_it() -> None:
    assert tile_at(0, 273, 70_000) == TileId(0, 273, 112)
    assert tile_at(ENTRIES, 273, 70_000) == TileId(ENTRIES, 273, 112)
    assert tile_at(1, 0, 70_000) == TileId(1, 0)


def test_growing_by_nothing_writes_nothing() -> None:
    edge = grow_tree(Edge(), [b"a", b"b"]).edge

    assert grow_tree(edge, []) == TreeGrowth({}, [], edge, edge.root())
