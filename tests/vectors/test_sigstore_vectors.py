"""Real inclusion proofs with cosigned checkpoints, from sigstore-conformance."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.merkle import leaf_hash, verify_inclusion
from vitne.core.tree.note import Verifier, Vkey, open_checkpoint
from vitne.core.tree.signature import ED25519
from vitne.core.values.strict import decode_hash, parse_int
from vitne.errors import VitneError

PATH_ONLY = {"happy-path-v0.3", "rekor2-dsse-happy-path"}
"""Cases of logs whose keys the file of keys does not give."""
LOG = "log2025-alpha1.rekor.sigstage.dev"


@pytest.fixture(scope="module")
def cases(vectors: Path) -> list[dict[str, Any]]:
    path = vectors / "sigstore_conformance_tlog.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def log(vectors: Path) -> Verifier:
    for key in json.loads((vectors / "sigstore_conformance_keys.json").read_text()):
        if key["baseUrl"].endswith(LOG):
            verifier = Verifier(Vkey(LOG, ED25519, b64decode(key["der_b64"])[-32:]).encode())
            assert verifier.key_id == b64decode(key["keyId"])[:4]
            return verifier
    raise AssertionError("the log's key is not in the file")


def check_path(case: dict[str, Any]) -> None:
    proof = case["inclusionProof"]
    verify_inclusion(
        leaf_hash(b64decode(case["canonicalizedBody"])),
        parse_int(proof["logIndex"]),
        parse_int(proof["treeSize"]),
        [decode_hash(value) for value in proof["hashes"]],
        decode_hash(proof["rootHash"]),
    )


def check_whole(case: dict[str, Any], log: Verifier) -> None:
    check_path(case)
    proof = case["inclusionProof"]
    head, _ = open_checkpoint((proof["checkpoint"] or {}).get("envelope", ""), log)
    if (str(head.size), head.root) != (proof["treeSize"], decode_hash(proof["rootHash"])):
        raise VitneError("the checkpoint is about another tree")


def test_good_cases_pass_path_and_signature(cases: list[dict[str, Any]], log: Verifier) -> None:
    good = [case for case in cases if not case["expect_fail"] and case["case"] not in PATH_ONLY]

    for case in good:
        check_whole(case, log)

    assert len(good) == 6


def test_two_cases_of_other_logs_pass_the_path(cases: list[dict[str, Any]]) -> None:
    others = [case for case in cases if case["case"] in PATH_ONLY]

    for case in others:
        check_path(case)

    assert len(others) == 2


def test_every_bad_case_fails(cases: list[dict[str, Any]], log: Verifier) -> None:
    bad = [case for case in cases if case["expect_fail"]]

    for case in bad:
        with pytest.raises(VitneError):
            check_whole(case, log)

    assert len(bad) == 10
