"""Trees and tiles, held against the definitions of RFC 6962."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.tree import merkle
from vitne.core.tree.grow import Edge, grow_tree, partial_tiles, read_edge
from vitne.core.tree.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash
from vitne.core.tree.multiproof import multiproof_ranges, multiproof_root
from vitne.core.tree.tile import ENTRIES, TileId, parse_path, truncate_tile
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.types import Hash
from vitne.errors import BadInputError, DecodeError, VerificationError

SIZES = st.one_of(
    st.integers(1, 40), st.sampled_from([255, 256, 257, 511, 512, 513, 767, 768, 1025])
)


def entries_of(size: int) -> list[bytes]:
    return [b"entry %d" % index for index in range(size)]


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(entry) for entry in entries_of(size)]


# ---------------------------------------------------------------- the definitions of RFC 6962 §2.1


def mth(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    at = 1
    while at * 2 < len(leaves):
        at *= 2
    return node_hash(mth(leaves[:at]), mth(leaves[at:]))


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    at = 1
    while at * 2 < len(leaves):
        at *= 2
    if index < at:
        return [*path(index, leaves[:at]), mth(leaves[at:])]
    return [*path(index - at, leaves[at:]), mth(leaves[:at])]


def proof(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [mth(leaves)]
    at = 1
    while at * 2 < len(leaves):
        at *= 2
    if old <= at:
        return [*proof(old, leaves[:at], whole), mth(leaves[at:])]
    return [*proof(old - at, leaves[at:], whole=False), mth(leaves[:at])]


@given(SIZES, st.data())
def test_roots_and_proofs_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))

    assert merkle.merkle_root(leaves) == mth(leaves)
    assert merkle.inclusion_proof(leaves, index) == path(index, leaves)
    assert merkle.consistency_proof(leaves, index + 1) == proof(index + 1, leaves)


@given(st.integers(1, 70))
def test_every_leaf_of_a_tree_is_proved(size: int) -> None:
    leaves = leaves_of(size)
    root = merkle.merkle_root(leaves)

    for index, leaf in enumerate(leaves):
        merkle.verify_inclusion(leaf, index, size, merkle.inclusion_proof(leaves, index), root)


@given(st.integers(1, 40))
def test_any_two_sizes_are_proved_consistent(size: int) -> None:
    leaves = leaves_of(size)
    root = merkle.merkle_root(leaves)

    for old in range(1, size + 1):
        found = merkle.consistency_proof(leaves, old)
        merkle.verify_consistency(old, size, merkle.merkle_root(leaves[:old]), root, found)
        merkle.verify_growth(old, size, merkle.merkle_root(leaves[:old]), root, found)
    merkle.verify_growth(0, size, EMPTY_ROOT, root, [])


def flip(value: bytes, at: int) -> bytes:
    return value[: at // 8] + bytes((value[at // 8] ^ 1 << at % 8,)) + value[at // 8 + 1 :]


@given(SIZES, st.data())
def test_no_flipped_bit_of_an_inclusion_proof_verifies(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    found = merkle.inclusion_proof(leaves, index)
    values = [leaves[index], merkle.merkle_root(leaves), *found]
    which, bit = data.draw(st.integers(0, len(values) - 1)), data.draw(st.integers(0, 255))
    values[which] = flip(values[which], bit)

    with pytest.raises(VerificationError):
        merkle.verify_inclusion(values[0], index, size, values[2:], values[1])


@given(SIZES, st.data())
def test_a_leaf_is_proved_at_no_other_index(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, 2 * size))
    if index == other:
        return

    with pytest.raises(VerificationError):
        merkle.verify_inclusion(
            leaves[index],
            other,
            size,
            merkle.inclusion_proof(leaves, index),
            merkle.merkle_root(leaves),
        )


@given(SIZES, st.data())
def test_no_flipped_bit_of_a_consistency_proof_verifies(size: int, data: st.DataObject) -> None:
    leaves = leaves_of(size)
    old = data.draw(st.integers(1, size))
    found = merkle.consistency_proof(leaves, old)
    values = [merkle.merkle_root(leaves[:old]), merkle.merkle_root(leaves), *found]
    which, bit = data.draw(st.integers(0, len(values) - 1)), data.draw(st.integers(0, 255))
    values[which] = flip(values[which], bit)

    with pytest.raises(VerificationError):
        merkle.verify_consistency(old, size, values[0], values[1], values[2:])


@given(SIZES, st.data(), st.booleans())
def test_a_proof_that_is_too_long_or_too_short_fails(
    size: int, data: st.DataObject, longer: bool
) -> None:
    leaves = leaves_of(size)
    index = data.draw(st.integers(0, size - 1))
    found = merkle.inclusion_proof(leaves, index)
    changed = [*found, bytes(32)] if longer else found[:-1]
    if changed == found:
        return

    with pytest.raises(VerificationError):
        merkle.verify_inclusion(leaves[index], index, size, changed, merkle.merkle_root(leaves))


# ---------------------------------------------------------------- growing


@given(st.lists(st.integers(0, 40), max_size=30))
def test_a_frontier_knows_the_root_at_every_size_and_survives_storing(steps: list[int]) -> None:
    leaves, frontier = leaves_of(sum(steps)), Frontier()

    for step in steps:
        frontier.extend(leaves[frontier.size : frontier.size + step])
        assert frontier.root() == merkle.merkle_root(leaves[: frontier.size])
        frontier = Frontier(frontier.size, frontier.edge)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_however_entries_are_cut_into_batches_the_same_tree_and_tiles_result(
    batches: list[int],
) -> None:
    entries = entries_of(sum(batches))
    edge, stored, at = Edge(), dict[str, bytes](), 0

    for batch in batches:
        before = edge
        grown = grow_tree(edge, entries[at : at + batch])
        at, edge = at + batch, grown.edge
        assert set(grown.superseded) <= {tile.path for tile in partial_tiles(before.size)}
        for name in grown.superseded:
            tile = parse_path(name)
            wider = next(
                data
                for other, data in grown.objects.items()
                if other.partition(".p/")[0] == name.partition(".p/")[0]
            )
            assert truncate_tile(tile, wider, tile.width) == stored.pop(name)
        stored.update(grown.objects)
        assert grown.root == edge.root() == merkle.merkle_root([leaf_hash(e) for e in entries[:at]])
        assert read_edge(stored.get, at) == edge

    assert stored == grow_tree(Edge(), entries).objects


@given(st.integers(2, 40))
def test_a_node_does_not_pass_for_a_leaf(size: int) -> None:
    """An entry that spells what a node hashes has another hash than the node (RFC 6962 §2.1)."""
    leaves = leaves_of(size)
    split = 1 << (size - 1).bit_length() - 1

    spelled = merkle.merkle_root(leaves[:split]) + merkle.merkle_root(leaves[split:])

    assert leaf_hash(spelled) != merkle.merkle_root(leaves)
    assert leaf_hash(b"\x01" + spelled) != merkle.merkle_root(leaves)


def hash_tiles(size: int) -> set[TileId]:
    """Every hash tile of a tree, with its width, by the definition of C2SP tlog-tiles."""
    found, level = set[TileId](), 0
    while count := size >> (8 * level):
        tiles = range(-(-count // 256))
        found |= {TileId(level, at, min(256, count - 256 * at)) for at in tiles}
        level += 1
    return found


@given(st.integers(0, 1200), st.integers(0, 600))
def test_the_hash_tiles_that_are_written_are_those_that_changed(old: int, more: int) -> None:
    entries = entries_of(old + more)
    grown = grow_tree(grow_tree(Edge(), entries[:old]).edge, entries[old:])

    written = {tile for tile in map(parse_path, grown.objects) if tile.level != ENTRIES}

    assert written == hash_tiles(old + more) - hash_tiles(old)


@given(SIZES, st.data())
def test_tiles_prove_every_smaller_size_as_the_leaves_do(size: int, data: st.DataObject) -> None:
    entries, leaves = entries_of(size), leaves_of(size)
    reader = TileReader(grow_tree(Edge(), entries).objects.get, size, keep=2)
    smaller = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, smaller - 1))

    assert reader.root(smaller) == merkle.merkle_root(leaves[:smaller])
    assert reader.inclusion_proof(index, smaller) == path(index, leaves[:smaller])
    assert reader.consistency_proof(index, smaller) == merkle.consistency_proof(
        leaves[:smaller], index
    )
    assert reader.entries(index, smaller) == entries[index:smaller]
    assert (reader.entry(index), reader.leaf(index)) == (entries[index], leaves[index])


@given(SIZES, st.data())
def test_scattered_entries_and_their_proof_are_read_once_and_together(
    size: int, data: st.DataObject
) -> None:
    """Whatever is asked for one by one is only what the tree has under another name."""
    entries, objects = entries_of(size), grow_tree(Edge(), entries_of(size)).objects
    wanted = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=20)))
    asked: list[str] = []

    def get_all(paths: Sequence[str]) -> dict[str, bytes]:
        asked.extend(paths)
        return {path: objects[path] for path in paths}

    reader = TileReader(_never, size, get_all=get_all)
    found = reader.entries_at(reversed(wanted))
    hashes = reader.roots(multiproof_ranges(size, wanted))

    assert found == {at: entries[at] for at in wanted}
    assert list(found) == wanted
    leaves = [(at, leaf_hash(entries[at])) for at in wanted]
    assert multiproof_root(size, leaves, hashes) == merkle.merkle_root(leaves_of(size))
    assert len(asked) == len(set(asked))


@given(SIZES, st.data(), st.integers(1, 9))
def test_a_proof_needs_no_more_tiles_in_memory_than_a_reader_may_keep(
    size: int, data: st.DataObject, keep: int
) -> None:
    objects = grow_tree(Edge(), entries_of(size)).objects
    wanted = sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=20)))
    held: list[int] = []

    class Watched(TileReader):
        def node(self, level: int, index: int) -> Hash:
            found = super().node(level, index)
            held.append(len(self._hashes))
            return found

    reader = Watched(objects.get, size, keep)
    found = reader.entries_at(wanted)
    hashes = reader.roots(multiproof_ranges(size, wanted))

    leaves = [(at, leaf_hash(entry)) for at, entry in found.items()]
    assert multiproof_root(size, leaves, hashes) == merkle.merkle_root(leaves_of(size))
    assert max(held, default=0) <= keep


@pytest.mark.parametrize("index", [-1, 300, 400, 511, 512])
def test_an_entry_beyond_the_tree_is_not_read_though_a_fuller_bundle_is_there(index: int) -> None:
    objects = grow_tree(Edge(), entries_of(512)).objects
    reader = TileReader(objects.get, 300)

    assert reader.entries_at([299]) == {299: b"entry 299"}
    with pytest.raises(BadInputError):
        reader.entries_at([index])


@pytest.mark.parametrize("size", [1, 31, 33, 63, 65])
def test_a_broken_hash_has_no_root(size: int) -> None:
    """It was paired up for ever."""
    with pytest.raises(DecodeError):
        merkle.root_of(bytes(size))
    with pytest.raises(DecodeError):
        merkle.merkle_root([b"x" * 20, b"y" * 21])


def _never(path: str) -> bytes | None:
    raise AssertionError(f"{path} was asked for alone")


def test_a_tree_of_three_levels_is_grown_and_read_as_by_definition() -> None:
    """65,536 entries fill a tile of level 1; 70,000 reach level 2."""
    entries = entries_of(70_000)
    leaves = [leaf_hash(entry) for entry in entries]
    first = grow_tree(Edge(), entries[:65_535], leaves[:65_535])
    grown = grow_tree(first.edge, entries[65_535:], leaves[65_535:])
    reader = TileReader((first.objects | grown.objects).get, 70_000)
    root = merkle.merkle_root(leaves)

    assert grown.root == reader.root() == root
    assert reader.root(65_536) == reader.node(16, 0) == merkle.merkle_root(leaves[:65_536])
    for index in (0, 255, 65_535, 65_536, 69_999):
        merkle.verify_inclusion(leaves[index], index, 70_000, reader.inclusion_proof(index), root)
    merkle.verify_consistency(65_535, 70_000, first.root, root, reader.consistency_proof(65_535))
