"""The three example bundles, made by other code than the code under test."""

import json
from pathlib import Path
from typing import Any

import pytest

from vitne.evidence.bundle.answer import Policies
from vitne.evidence.bundle.document import encode_bundle, read_bundle
from vitne.evidence.bundle.verify import verify_bundle
from vitne.evidence.policy import parse_policy

NAMES = ("absent", "present", "tail")
WHY = {
    "open end: answer holds up to the last entry only": "open_end",
    "tail not in coverage": "tail_uncovered",
}


@pytest.fixture(scope="module")
def example(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "vitne_example.json").read_text())
    return found


def policies(example: dict[str, Any], *, with_key: bool) -> Policies:
    index_secrets = {1: bytes.fromhex(example["index_key"])} if with_key else {}
    texts = example["policy"]
    return Policies(parse_policy(texts["log"]), parse_policy(texts["index"]), index_secrets)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_bundle_gives_exactly_what_is_expected(
    name: str, vectors: Path, example: dict[str, Any]
) -> None:
    expected = example["bundles"][name]

    found = verify_bundle((vectors / f"vitne_example_{name}.vitne").read_bytes())

    assert found.verdict == expected["verdict"]
    assert list(found.range) == expected["range"]
    assert [hit.index for hit in found.hits] == expected["hits"]
    assert found.binding == expected["binding"]
    assert [reason.code for reason in found.reasons] == [WHY[why] for why in expected["why"]]
    assert (found.trust, found.seal.state) == ("bundled", "held")
    assert found.exact is (not expected["why"])


@pytest.mark.parametrize("name", NAMES)
def test_whoever_has_the_index_secret_needs_nobodys_word_for_it(
    name: str, vectors: Path, example: dict[str, Any]
) -> None:
    data = (vectors / f"vitne_example_{name}.vitne").read_bytes()

    found = verify_bundle(data, policies(example, with_key=True))

    assert (found.binding, found.trust) == ("key", "given")
    assert found.verdict == example["bundles"][name]["verdict"]


def test_with_policies_but_without_the_key_the_binding_stays(
    vectors: Path, example: dict[str, Any]
) -> None:
    data = (vectors / "vitne_example_present.vitne").read_bytes()

    found = verify_bundle(data, policies(example, with_key=False))

    assert (found.binding, found.trust) == ("sender", "given")
    assert [hit.signed for hit in found.hits] == ["full"]


def test_the_erased_section_of_the_example_is_told_with_its_entry(vectors: Path) -> None:
    found = verify_bundle((vectors / "vitne_example_present.vitne").read_bytes())

    assert found.erased == ((9, "person", 41),)
    assert found.basis == {41: ("gdpr-17", "REQ-12")}
    assert found.withheld == ((9, "payload"),)


@pytest.mark.parametrize("name", NAMES)
def test_reading_and_writing_an_example_bundle_gives_its_own_bytes(
    name: str, vectors: Path
) -> None:
    data = (vectors / f"vitne_example_{name}.vitne").read_bytes()

    assert encode_bundle(read_bundle(data)) == data
