"""Reading and growing trees where a tile is missing, damaged, or named wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.tree import merkle
from vitne.core.tree.grow import Edge, grow_tree, read_edge
from vitne.core.tree.merkle import EMPTY_ROOT, Frontier, leaf_hash
from vitne.core.tree.tile import (
    ENTRIES,
    TileId,
    encode_bundle,
    parse_bundle,
    parse_path,
    pick_entries,
    truncate_tile,
)
from vitne.core.tree.tile_reader import TileReader
from vitne.errors import (
    BadInputError,
    DecodeError,
    IntegrityError,
    NotFoundError,
    VerificationError,
)

ENTRIES_300 = [b"entry %d" % index for index in range(300)]
TREE = grow_tree(Edge(), ENTRIES_300)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/05",
        "tile/0/001.p",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/001\n",
        "tile/0/\u0660\u0660\u0661",
        "/tile/0/001",
        "tile/data/001",
        "tile/0/" + "x001/" * 20 + "001",
    ],
)
def test_a_path_has_one_spelling(path: str) -> None:
    with pytest.raises(DecodeError):
        parse_path(path)


def test_a_reader_takes_the_full_tile_where_the_partial_one_is_gone() -> None:
    """C2SP: a partial tile may be deleted once its full tile exists."""
    larger = grow_tree(TREE.edge, [b"more"] * 300).objects
    objects = {path: data for path, data in (TREE.objects | larger).items() if ".p/44" not in path}

    reader = TileReader(objects.get, 300)

    assert reader.root() == TREE.root
    assert reader.entries(250, 300) == ENTRIES_300[250:]


def test_a_missing_tile_is_named() -> None:
    reader = TileReader({}.get, 300)

    with pytest.raises(NotFoundError) as caught:
        reader.leaf(299)
    assert caught.value.where == "tile/0/001.p/44"
    with pytest.raises(NotFoundError) as caught:
        reader.entry(0)
    assert caught.value.where == "tile/entries/000"
    with pytest.raises(NotFoundError):
        read_edge({}.get, 300)


@pytest.mark.parametrize("cut", [1, 32, 33])
def test_a_tile_of_another_width_than_its_name_says_is_damaged(cut: int) -> None:
    objects = {path: data[:-cut] for path, data in TREE.objects.items()}
    reader = TileReader(objects.get, 300)

    for read in (
        lambda: reader.leaf(0),
        lambda: reader.entry(299),
        lambda: read_edge(objects.get, 300),
    ):
        with pytest.raises(DecodeError):
            read()


def test_nothing_outside_the_tree_is_read() -> None:
    reader = TileReader(TREE.objects.get, 300)

    for read in (
        lambda: reader.leaf(300),
        lambda: reader.leaf(-1),
        lambda: reader.entry(300),
        lambda: reader.entries(5, 4),
        lambda: reader.root(301),
        lambda: reader.inclusion_proof(5, 5),
        lambda: reader.consistency_proof(301),
        lambda: reader.consistency_proof(6, 5),
        lambda: reader.node(9, 0),
        lambda: reader.node(8, 1),
    ):
        with pytest.raises(BadInputError):
            read()


def test_an_empty_tree_has_a_root_and_no_tiles() -> None:
    reader = TileReader({}.get, 0)

    assert reader.root() == EMPTY_ROOT == read_edge({}.get, 0).root()
    assert reader.entries(0, 0) == []
    assert reader.consistency_proof(0) == []


def test_a_wider_tile_serves_every_narrower_one() -> None:
    """So that only the newest partial tile needs to be kept."""
    for width in (1, 43, 44):
        narrow = grow_tree(Edge(), ENTRIES_300[: 256 + width]).objects
        for level in (ENTRIES, 0):
            wide = TREE.objects[TileId(level, 1, 44).path]
            tile = TileId(level, 1, width)
            assert truncate_tile(tile, wide, width) == narrow[tile.path]
            with pytest.raises(DecodeError):
                truncate_tile(tile, wide, 45)


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x00\x05abcd", b"\x00\x01a\x00", b"\x00\x01a\x00\x00x"]
)
def test_a_bundle_that_ends_early_or_late_is_damaged(data: bytes) -> None:
    for width in (1, 2) if data != b"\x00\x01a\x00" else (1, 2, 3):
        with pytest.raises(DecodeError):
            parse_bundle(data, width)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=9), st.data())
def test_some_entries_of_a_bundle_are_those_of_all(held: list[bytes], data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(held) - 1))))

    assert pick_entries(encode_bundle(held), places) == [held[place] for place in places]


@pytest.mark.parametrize("place", [0, 1, 2, 5])
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\2a", b"\0\1a\0", b"\0\1a\0\2b", b"\0\1a\xff\xff"]
)
def test_no_entry_is_picked_from_beyond_a_bundle(data: bytes, place: int) -> None:
    if place == 0 and data.startswith(b"\0\1a"):
        assert pick_entries(data, [0]) == [b"a"]
        return
    with pytest.raises(DecodeError, match=f"entry {place}"):
        pick_entries(data, [place])


def test_the_longest_entry_fits_a_bundle_and_a_longer_one_does_not() -> None:
    longest = bytes(65_535)

    assert parse_bundle(encode_bundle([longest, b""]), 2) == [longest, b""]
    with pytest.raises(BadInputError):
        encode_bundle([bytes(65_536)])


def test_growing_needs_a_leaf_hash_for_every_entry() -> None:
    with pytest.raises(IntegrityError):
        grow_tree(Edge(), [b"a"], [])


def test_a_damaged_edge_has_another_root() -> None:
    """Publish compares it with the signed root before it adds anything."""
    path = TileId(0, 1, 44).path
    damaged = TREE.objects | {path: TREE.objects[path][:-1] + b"\x00"}

    assert read_edge(damaged.get, 300).root() != TREE.root


# ---------------------------------------------------------------- merkle


def test_a_leaf_past_the_end_has_no_proof() -> None:
    leaves = [leaf_hash(b"a")]

    for index in (1, -1):
        with pytest.raises(BadInputError):
            merkle.inclusion_proof(leaves, index)
    for old in (2, -1):
        with pytest.raises(BadInputError):
            merkle.consistency_proof(leaves, old)


def test_from_nothing_every_tree_grows_but_proves_no_consistency() -> None:
    """A witness starts at size 0 with an empty proof; the Merkle vectors call it an error."""
    root = leaf_hash(b"a")

    merkle.verify_growth(0, 1, EMPTY_ROOT, root, [])
    merkle.verify_growth(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(VerificationError):
        merkle.verify_consistency(0, 1, EMPTY_ROOT, root, [])
    for old_root, new, new_root, proof in (
        (root, 1, root, []),
        (EMPTY_ROOT, 0, root, []),
        (EMPTY_ROOT, 1, root, [root]),
        (EMPTY_ROOT, -1, root, []),
    ):
        with pytest.raises(VerificationError):
            merkle.verify_growth(0, new, old_root, new_root, proof)


def test_two_roots_of_one_size_are_a_fork() -> None:
    with pytest.raises(VerificationError):
        merkle.verify_consistency(1, 1, leaf_hash(b"a"), leaf_hash(b"b"), [])


@pytest.mark.parametrize("size", [2**53, 2**63])
def test_no_tree_is_larger_than_a_json_number(size: int) -> None:
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(bytes(32), 0, size, [bytes(32)] * size.bit_length(), bytes(32))


def test_a_frontier_has_one_hash_per_bit_of_its_size() -> None:
    with pytest.raises(DecodeError):
        Frontier(3, [bytes(32)])
    with pytest.raises(DecodeError):
        Frontier(1, [bytes(31)])
