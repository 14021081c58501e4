"""Bundles and fraud proofs of docs/spec/vectors, which other code made from the specification."""

import json
from pathlib import Path
from typing import Any

import pytest

from vitne.errors import VerificationError
from vitne.evidence.audit import fraud
from vitne.evidence.bundle.answer import Policies
from vitne.evidence.bundle.verify import RULES, verify_bundle
from vitne.evidence.policy import parse_policy

PUBLISHED = Path(__file__).resolve().parents[2] / "docs/spec/vectors"
JSON = dict[str, Any]
BUNDLES = json.loads((PUBLISHED / "bundles/expected.json").read_text())["bundles"]
FRAUD = json.loads((PUBLISHED / "fraud.json").read_text())


@pytest.mark.parametrize("expected", BUNDLES, ids=lambda found: str(found["file"]))
def test_a_bundle_gives_what_a_scan_of_its_log_gives(expected: JSON) -> None:
    data = (PUBLISHED / "bundles" / expected["file"]).read_bytes()
    policies = given(expected["policies"], expected["index_keys"])

    if expected["verdict"] == "invalid":
        with pytest.raises(VerificationError) as caught:
            verify_bundle(data, policies)
        assert caught.value.rule == expected["rule"]
        return
    answer = verify_bundle(data, policies)

    assert answer.verdict == expected["verdict"]
    assert [hit.index for hit in answer.hits] == expected["hits"]
    assert sorted(reason.code for reason in answer.reasons) == expected["reasons"]
    assert (answer.exact, answer.binding) == (expected["exact"], expected["binding"])
    assert (answer.trust, answer.seal.state) == (expected["trust"], expected["seal"])


def given(texts: dict[str, str] | None, index_secrets: dict[str, str]) -> Policies:
    """The verifier's own policies."""
    own = {epoch: bytes.fromhex(key) for epoch, key in index_secrets.items()}
    if not texts:
        return Policies(index_secrets={int(epoch): key for epoch, key in own.items()})
    return Policies(
        parse_policy(texts["log"]),
        parse_policy(texts["index"]),
        {int(epoch): key for epoch, key in own.items()},
    )


def test_the_published_bundles_break_every_rule_and_give_every_verdict() -> None:
    assert {found["rule"] for found in BUNDLES if found["verdict"] == "invalid"} == set(RULES)
    assert {found["verdict"] for found in BUNDLES} == {
        "proved",
        "disproved",
        "undecidable",
        "invalid",
    }
    assert {found["exact"] for found in BUNDLES if found["verdict"] == "proved"} == {True, False}


# ---------------------------------------------------------------- fraud proofs


def _convict(proof: str) -> fraud.Fraud:
    log, index = (parse_policy(FRAUD["policies"][name]) for name in ("log", "index"))
    return fraud.verify_fraud_proof(proof.encode(), log, index)


@pytest.mark.parametrize("case", FRAUD["proofs"], ids=lambda case: str(case["why"]))
def test_a_published_fraud_proof_convicts_its_log(case: JSON) -> None:
    found = _convict(case["proof"])

    assert (found.kind, found.entry) == (case["kind"], case["entry"])


@pytest.mark.parametrize("case", FRAUD["bad"], ids=lambda case: str(case["rule"]))
def test_a_broken_fraud_proof_convicts_nobody(case: JSON) -> None:
    with pytest.raises(VerificationError) as caught:
        _convict(case["proof"])

    assert caught.value.rule == case["rule"]


def test_the_published_fraud_proofs_break_every_rule() -> None:
    assert [case["rule"] for case in FRAUD["bad"]] == list(fraud.RULES)
