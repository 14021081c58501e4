"""RFC 6962 trees against the vectors of transparency-dev/merkle."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree import merkle
from vitne.errors import DecodeError, VerificationError

TREE_SIZE = 130
TWELVE_BYTE_ROOTS = "sizes-are-equal-one-and-proof-is-empty"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def hash_of(text: str | None) -> bytes:
    return b64decode(text or "")


def proof_of(case: dict[str, Any]) -> list[bytes]:
    return [hash_of(value) for value in case["proof"] or []]


def accepts_inclusion(case: dict[str, Any]) -> bool:
    try:
        merkle.verify_inclusion(
            hash_of(case["leafHash"]),
            case["leafIdx"],
            case["treeSize"],
            proof_of(case),
            hash_of(case["root"]),
        )
    except (DecodeError, VerificationError):
        return False
    return True


def accepts_consistency(case: dict[str, Any]) -> bool:
    try:
        merkle.verify_consistency(
            case["size1"],
            case["size2"],
            hash_of(case["root1"]),
            hash_of(case["root2"]),
            proof_of(case),
        )
    except (DecodeError, VerificationError):
        return False
    return True


def test_every_inclusion_proof_is_judged_as_published(vectors: Path) -> None:
    cases = lines(vectors / "merkle_inclusion.jsonl")

    wrong = [case["_path"] for case in cases if accepts_inclusion(case) == case["wantErr"]]

    assert len(cases) == 98
    assert wrong == []


def test_every_consistency_proof_is_judged_as_published_but_one_with_short_roots(
    vectors: Path,
) -> None:
    cases = lines(vectors / "merkle_consistency.jsonl")

    wrong = [case for case in cases if accepts_consistency(case) == case["wantErr"]]

    assert len(cases) == 98
    assert [TWELVE_BYTE_ROOTS in case["_path"] for case in wrong] == [True]
    assert len(hash_of(wrong[0]["root1"])) == 12


@pytest.fixture(scope="module")
def basic(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "rfc6962_basic.json").read_text())
    return found


def test_hashes_and_roots_are_those_of_the_published_tree(basic: dict[str, Any]) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(data)) for data in basic["leaf_inputs"]]

    nodes = {
        f"level{level}": [
            merkle.merkle_root(leaves[start : start + (1 << level)]).hex()
            for start in range(0, 8, 1 << level)
        ]
        for level in range(4)
    }
    roots = [merkle.merkle_root(leaves[:size]).hex() for size in range(9)]

    assert nodes == {name: basic[name] for name in nodes}
    assert roots == basic["roots_by_size"]
    assert merkle.EMPTY_ROOT.hex() == roots[0]


def test_the_hasher_answers_as_published(basic: dict[str, Any]) -> None:
    for name, given, expected in basic["hasher"]:
        match name:
            case "empty":
                found: bytes = merkle.EMPTY_ROOT
            case "leaf":
                found = merkle.leaf_hash(given.encode())
            case _:
                left, right = given
                found = merkle.node_hash(left.encode(), right.encode())
        assert found.hex() == expected, name


def is_subtree(start: int, end: int) -> bool:
    width = 1 << (end - start - 1).bit_length() if end > start else 1
    return start in (0, end) or start % width == 0


def test_all_subtrees_of_130_leaves_give_the_published_digests(basic: dict[str, Any]) -> None:
    """One digest over every subtree root, one over every audit path in every subtree."""
    leaves = [merkle.leaf_hash(bytes((index,))) for index in range(TREE_SIZE)]
    hashes, paths = sha256(), sha256()

    for end in range(TREE_SIZE + 1):
        for start in range(end + 1):
            if not is_subtree(start, end):
                continue
            part = leaves[start:end]
            hashes.update(f"[{start}, {end}) {merkle.merkle_root(part).hex()}\n".encode())
            for index in range(len(part)):
                path = "".join(f" {value.hex()}" for value in merkle.inclusion_proof(part, index))
                paths.update(f"{start + index} [{start}, {end}){path}\n".encode())

    published = basic["subtree_accumulated_sha256"]
    assert hashes.hexdigest() == published["hash"][1]
    assert paths.hexdigest() == published["inclusion"][1]
