"""Ed25519 and ML-DSA-44 against CCTV and Wycheproof."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from vitne.core.tree import signature
from vitne.errors import VitneError


def accepts(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except VitneError:
        return False
    return True


def test_of_the_914_edge_cases_of_cctv_exactly_43_are_accepted(vectors: Path) -> None:
    """Those without a point of small order and without a second spelling (§2.8)."""
    cases = json.loads((vectors / "cctv_ed25519vectors.json").read_text())

    accepted = [
        case
        for case in cases
        if accepts(
            partial(
                signature.verify_ed25519,
                bytes.fromhex(case["key"]),
                case["msg"].encode(),
                bytes.fromhex(case["sig"]),
            )
        )
    ]

    assert (len(cases), len(accepted)) == (914, 43)
    assert not [
        case["number"]
        for case in accepted
        if {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R"}
        & set(case["flags"] or ())
    ]


def judged(
    groups: list[dict[str, Any]], verify: Callable[[bytes, bytes, bytes], None]
) -> Counter[tuple[str, bool]]:
    found: Counter[tuple[str, bool]] = Counter()
    for group in groups:
        public = group["publicKey"]
        key = bytes.fromhex(public["pk"] if isinstance(public, dict) else public)
        for test in group["tests"]:
            message, signed = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            right = accepts(partial(verify, key, message, signed))
            found[test["result"], right] += 1
    return found


def test_wycheproof_ed25519_is_judged_as_published(vectors: Path) -> None:
    groups = json.loads((vectors / "wycheproof_ed25519_test.json").read_text())["testGroups"]

    found = judged(groups, signature.verify_ed25519)

    assert found == {("valid", True): 88, ("invalid", False): 63}


def test_wycheproof_mldsa_44_is_judged_as_published(vectors: Path) -> None:
    """Cases with a context of their own are left to the library: ours is always empty."""
    mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")
    name = "wycheproof_mldsa_44_verify_test.json.gz"
    groups = json.loads(gzip.decompress((vectors / name).read_bytes()))["testGroups"]
    ours: Counter[tuple[str, bool]] = Counter()
    with_context: Counter[tuple[str, bool]] = Counter()
    for group in groups:
        key = bytes.fromhex(group["publicKey"])
        for test in group["tests"]:
            message, signed = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
            if test.get("ctx"):
                context = bytes.fromhex(test["ctx"])
                right = _library_accepts(mldsa.MLDSA44PublicKey, key, message, signed, context)
                with_context[test["result"], right] += 1
                continue
            right = accepts(partial(signature.verify_mldsa, key, message, signed))
            ours[test["result"], right] += 1

    assert ours + with_context == {("valid", True): 77, ("invalid", False): 103}
    assert sum(ours.values()) > sum(with_context.values())


def _library_accepts(
    public_key: Any, key: bytes, message: bytes, signed: bytes, context: bytes
) -> bool:
    try:
        public_key.from_public_bytes(key).verify(signed, message, context)
    except (InvalidSignature, ValueError):
        return False
    return True
