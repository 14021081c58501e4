"""One proof for many leaves, against the tree built whole."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.tree.merkle import inclusion_proof, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges, multiproof_root
from vitne.errors import VerificationError

LEAVES = [sha256(bytes((n,))).digest() for n in range(130)]


@st.composite
def wanted_of_a_tree(draw: st.DrawFn) -> tuple[int, list[int]]:
    size = draw(st.integers(0, len(LEAVES)))
    return size, sorted(draw(st.sets(st.integers(0, size - 1), max_size=20))) if size else []


def _path(size: int, wanted: list[int]) -> list[bytes]:
    return [merkle_root(LEAVES[start:end]) for start, end in multiproof_ranges(size, wanted)]


@given(wanted_of_a_tree())
def test_a_multiproof_leads_to_the_root_of_the_whole_tree(tree: tuple[int, list[int]]) -> None:
    size, wanted = tree
    path = _path(size, wanted)

    assert multiproof_root(size, [(at, LEAVES[at]) for at in wanted], path) == merkle_root(
        LEAVES[:size]
    )


@given(st.integers(1, len(LEAVES)), st.data())
def test_for_one_leaf_it_has_the_hashes_of_an_inclusion_proof(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))

    assert sorted(_path(size, [index])) == sorted(inclusion_proof(LEAVES[:size], index))


@given(wanted_of_a_tree().filter(lambda tree: tree[0] > 1 and tree[1]), st.data())
def test_another_leaf_hash_or_path_leads_elsewhere(
    tree: tuple[int, list[int]], data: st.DataObject
) -> None:
    size, wanted = tree
    known, path = [(at, LEAVES[at]) for at in wanted], _path(size, wanted)
    at = data.draw(st.integers(0, len(known) + len(path) - 1))
    if at < len(known):
        known[at] = (known[at][0], bytes(32))
    else:
        path[at - len(known)] = bytes(32)

    assert multiproof_root(size, known, path) != merkle_root(LEAVES[:size])


@given(wanted_of_a_tree().filter(lambda tree: bool(tree[0])))
def test_a_path_of_another_length_is_refused(tree: tuple[int, list[int]]) -> None:
    size, wanted = tree
    known, path = [(at, LEAVES[at]) for at in wanted], _path(size, wanted)

    with pytest.raises(VerificationError):
        multiproof_root(size, known, [*path, bytes(32)])
    if path:
        with pytest.raises(VerificationError):
            multiproof_root(size, known, path[:-1])


@pytest.mark.parametrize("wanted", [[1, 1], [2, 1], [0, 8], [-1]])
def test_leaves_out_of_order_or_outside_are_refused(wanted: list[int]) -> None:
    with pytest.raises(VerificationError):
        multiproof_root(8, [(at, LEAVES[0]) for at in wanted], [])
