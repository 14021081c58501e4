"""Making a bundle of facts: what is cut, what is refused, and that its own verifier reads it."""
# ruff: noqa: E501, ARG005 - one kind of misfit a line

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.index.gap import postings_root
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof_root
from vitne.errors import BadInputError, DecodeError, VerificationError
from vitne.evidence.bundle.build import build_bundle, postings_window
from vitne.evidence.bundle.document import LimitMember, read_bundle
from vitne.evidence.bundle.facts import OpenedFacts
from vitne.evidence.bundle.verify import verify_bundle

PARTS = ("https://id.example", "usr_1")


@pytest.fixture(scope="module")
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


@pytest.fixture(scope="module")
def facts(log: Any) -> Any:
    return log.ask(1, PARTS, log.recorded(0), log.recorded(log.covered - 1) + 1)


def changed(facts: Any, **changes: Any) -> Any:
    values = {name: getattr(facts, name) for name in facts.__struct_fields__}
    return type(facts)(**values | changes)


# ---------------------------------------------------------------- postings


@given(
    st.lists(st.integers(0, 60), unique=True, min_size=1, max_size=40).map(sorted),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_a_window_of_postings_shows_everything_in_the_range_and_proves_it(
    indices: list[int], one: int, other: int
) -> None:
    a, b = min(one, other), max(one, other)

    start, items, path = postings_window(indices, a, b)

    assert items == indices[start : start + len(items)]
    assert [i for i in items if a <= i < b] == [i for i in indices if a <= i < b]
    assert start == 0 or items[0] < a
    assert start + len(items) == len(indices) or items[-1] >= b
    assert len(items) <= len([i for i in indices if a <= i < b]) + 2
    leaves = [(start + at, leaf_hash(i.to_bytes(8, "big"))) for at, i in enumerate(items)]
    assert multiproof_root(len(indices), leaves, path) == postings_root(indices)


def test_a_key_without_postings_has_no_window() -> None:
    with pytest.raises(BadInputError):
        postings_window([], 0, 1)


# ---------------------------------------------------------------- building


def test_what_is_built_verifies_and_is_its_own_canonical_form(facts: Any, log: Any) -> None:
    data = build_bundle(facts)

    assert verify_bundle(data, log.policies()).exact
    assert build_bundle(facts) == data
    assert read_bundle(data).origin == facts.origin


def test_a_sealed_bundle_says_who_exported_it(facts: Any, log: Any) -> None:
    once = build_bundle(facts, log.sign_seal)

    assert build_bundle(facts, log.sign_seal) == once
    assert verify_bundle(once).seal.state == "held"


def test_only_the_chosen_sections_of_each_record_are_shown(facts: Any, log: Any) -> None:
    first, *others = facts.opened
    mixed = [OpenedFacts(first.record, ("core", "payload", "person"), first.erased), *others]

    found = verify_bundle(build_bundle(changed(facts, opened=mixed)), log.policies())

    assert found.hits[0].parts.person == first.record.parts.person
    assert all(hit.parts.person is None for hit in found.hits[1:])
    assert first.record.index not in {index for index, _ in found.withheld}
    assert first.record.keyring not in build_bundle(changed(facts, opened=mixed))


def test_what_is_withheld_leaves_no_trace_of_its_text(facts: Any) -> None:
    data = build_bundle(facts)

    assert b"Name usr_1" not in data
    assert b"CASE-" not in data


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("gaps", lambda f: {"gaps": f.gaps[1:]}),
        ("gaps", lambda f: {"gaps": [_with(f.gaps[0], postings={}), *f.gaps[1:]]}),
        ("opened", lambda f: {"opened": f.opened[::-1]}),
        ("opened", lambda f: {"entries": {k: v for k, v in f.entries.items() if k != f.opened[0].record.index}}),
        ("opened", lambda f: {"opened": [_with(f.opened[0], erased={"person": 5_000}), *f.opened[1:]]}),
        ("person", lambda f: {"opened": [_with(f.opened[0], erased={"person": 0}), *f.opened[1:]]}),
        ("epoch", lambda f: {"question": _with(f.question, keys=[_with(f.question.keys[0], kind=2)])}),
        ("limits", lambda f: {"limits": [LimitMember("a", "", 1, 1, "")]}),
        ("limits", lambda f: {"limits": [LimitMember("a", "", 0, 1, "")] * 1_001}),
        ("", lambda f: {"limits": [LimitMember("Not a code", "", 0, 1, "")]}),
        ("", lambda f: {"limits": [LimitMember("a", "", 0, 1, "x" * 513)]}),
        ("origin", lambda f: {"origin": "Not an origin"}),
        ("range", lambda f: {"range": (9, 8)}),
        ("", lambda f: {"path": [b"short"]}),
        ("", lambda f: {"question": _with(f.question, text="lone \ud800")}),
        ("question.text", lambda f: {"question": _with(f.question, text="o\u0308")}),
    ],
)  # fmt: skip
def test_facts_that_do_not_fit_are_refused_with_their_place(
    where: str, change: Any, facts: Any
) -> None:
    with pytest.raises(BadInputError) as failure:
        build_bundle(changed(facts, **change(facts)))

    assert where in failure.value.where


def _with(struct: Any, **changes: Any) -> Any:
    return changed(struct, **changes)


def test_an_erased_section_cannot_be_shown(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("s")
    hit = log.event("s")
    log.erase(hit, ["person"])
    facts = log.ask(1, PARTS, log.recorded(0), log.now_us)
    asked = [OpenedFacts(facts.opened[0].record, ("person",), facts.opened[0].erased)]

    with pytest.raises(BadInputError, match="erased"):
        build_bundle(changed(facts, opened=asked))


def test_a_damaged_gap_leaf_is_refused(facts: Any) -> None:
    at, data = facts.gaps[0].leaves[0]
    broken = _with(facts.gaps[0], leaves=[(at, data[:-1])])

    with pytest.raises(DecodeError):
        build_bundle(changed(facts, gaps=[broken, *facts.gaps[1:]]))


def test_facts_that_are_wrong_but_well_formed_are_for_the_verifier(facts: Any) -> None:
    with pytest.raises(VerificationError):
        verify_bundle(build_bundle(changed(facts, path=[])))
