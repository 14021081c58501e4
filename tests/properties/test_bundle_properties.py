"""Random logs and questions: a bundle says what a scan says, and no change makes it say more."""
# ruff: noqa: E501 - one step a line

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitne.core.values.canonical import encode_trusted
from vitne.errors import VerificationError
from vitne.evidence.bundle.answer import Answer
from vitne.evidence.bundle.verify import RULES, verify_bundle

ISSUER = "https://id.example"
STREAMS = (("full-1", "full"), ("body-1", "body"), ("none-1", "none"))

steps = st.one_of(
    st.tuples(st.just("event"), st.integers(0, 2), st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3, unique=True)),
    st.tuples(st.just("event"), st.integers(0, 2), st.integers(0, 3), st.lists(st.integers(0, 3), max_size=3, unique=True)),
    st.tuples(st.just("batch"), st.integers(0, 1)),
    st.tuples(st.just("seal")),
    st.tuples(st.just("epoch")),
    st.tuples(st.just("skip"), st.integers(0, 2)),
    st.tuples(st.just("erase"), st.integers(0, 50), st.sampled_from(["person", "payload", "core"])),
    st.tuples(st.just("overflow"), st.integers(0, 2)),
)  # fmt: skip

questions = st.one_of(
    st.tuples(st.just(1), st.integers(0, 4).map(lambda n: (ISSUER, f"usr_{n}"))),
    st.tuples(st.just(2), st.integers(0, 4).map(lambda n: ("customer", f"cus_{n}"))),
    st.tuples(
        st.just(3),
        st.tuples(st.integers(0, 4), st.integers(0, 4)).map(
            lambda n: (ISSUER, f"usr_{n[0]}", "customer", f"cus_{n[1]}")
        ),
    ),
    st.tuples(st.just(4), st.sampled_from(STREAMS).map(lambda s: ("crm/bff", s[0]))),
    st.tuples(st.just(5), st.sampled_from([("crm.customer.viewed",), ("pos.sale.made",)])),
    st.tuples(st.just(6), st.integers(0, 40).map(lambda n: (f"act-{n}",))),
)

RANK = {"undecidable": 0, "proved": 1, "disproved": 1}


def grown(bundle_log: Any, script: list[tuple[Any, ...]]) -> Any:  # noqa: C901 - one case a step
    log = bundle_log.BundleLog()
    for name, mode in STREAMS:
        log.register(name, mode)
    for what, *values in script:
        match what:
            case "event":
                stream, actor, targets = values
                log.event(STREAMS[stream][0], f"usr_{actor}", [f"cus_{n}" for n in targets])
            case "batch" if log.streams[STREAMS[values[0]][0]].views:
                log.batch(STREAMS[values[0]][0])
            case "seal" if log.covered < len(log.entries):
                log.seal()
            case "epoch":
                log.new_epoch()
            case "skip" if not log.streams[STREAMS[values[0]][0]].views:
                log.event(STREAMS[values[0]][0], skip=1)
            case "overflow":
                log.event(STREAMS[values[0]][0], targets=("cus_0",), overflow="customer")
            case "erase" if log.events:
                told = log.events[values[0] % len(log.events)]
                if (told.index, values[1]) not in log.erased:
                    log.erase(told.index, [values[1]])
    return log


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(steps, min_size=3, max_size=40),
    questions,
    st.integers(0, 60),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_bundle_says_what_a_scan_of_the_whole_log_says(
    bundle_log: Any,
    script: list[tuple[Any, ...]],
    question: tuple[int, tuple[str, ...]],
    low: int,
    width: int,
    merge: bool,
) -> None:
    log = grown(bundle_log, script)
    merged = log.seal(level=2, start=0, note=False) if merge and log.covered else None
    from_us = bundle_log.START_US + low * bundle_log.STEP_US
    to_us = from_us + width * bundle_log.STEP_US
    kind, parts = question
    runs = None
    if merged is not None and log.recorded(log.covered - 1) >= from_us and log.recorded(0) < to_us:
        runs = [merged]

    found = verify_bundle(
        log.bundle(kind, parts, from_us, to_us, runs=runs), log.policies(log.index_secrets)
    )

    expected = log.expected(kind, parts, from_us, to_us)
    erased = {index for index, section in log.erased if section == "core"}
    assert [hit.index for hit in found.hits] == [i for i in expected if i not in erased]
    assert found.binding == "key"
    codes = [reason.code for reason in found.reasons]
    assert codes.count("core_erased") >= len(erased & set(expected))
    assert ("open_end" in codes) == (to_us > log.now_us)
    if not expected:
        assert (found.verdict == "disproved") == (not codes)
        assert found.verdict != "proved"


def _same_or_weaker(found: Answer, honest: Answer) -> None:
    """A changed bundle says nothing that the honest one did not say."""
    assert {hit.index for hit in found.hits} <= {hit.index for hit in honest.hits}
    assert not (found.verdict == "disproved" and honest.verdict != "disproved")
    assert not (found.exact and not honest.exact)


@pytest.fixture(scope="module")
def honest(bundle_log: Any) -> tuple[bytes, Answer, Any]:
    """A log with a bit of everything, and a question about it."""
    log = bundle_log.example()
    data = log.bundle(2, ("customer", "cus_1"), log.recorded(5), log.recorded(log.covered - 1) + 1)
    return data, verify_bundle(data), log


@settings(max_examples=400)
@given(st.data())
def test_a_byte_that_is_flipped_is_refused_by_a_named_rule(
    honest: tuple[bytes, Answer, Any], data: Any
) -> None:
    original, _, _ = honest
    at = data.draw(st.integers(0, len(original) - 1))
    bad = bytearray(original)
    bad[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(VerificationError) as failure:
        verify_bundle(bytes(bad))

    assert failure.value.rule in RULES


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *[place for name, one in members for place in _places(one, (*path, name))]]


hostile = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**64) | st.text(max_size=5) | st.just("AAAA"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=400)
@given(st.data())
def test_an_unsealed_bundle_with_one_value_changed_says_nothing_stronger(
    honest: tuple[bytes, Answer, Any], data: Any
) -> None:
    """Values, not bytes: swapped, dropped, doubled, or replaced by anything at all."""
    original, answer, _ = honest
    value = json.loads(original)
    del value["seal"]
    path = data.draw(st.sampled_from(_places(value)[1:]))
    place = value
    for step in path[:-1]:
        place = place[step]
    match data.draw(st.sampled_from(["replace", "nudge", "drop", "double", "swap"])):
        case "drop":
            del place[path[-1]]
        case "double" if isinstance(place, list):
            place.insert(path[-1], place[path[-1]])
        case "swap" if isinstance(place, list):
            other = data.draw(st.integers(0, len(place) - 1))
            place[path[-1]], place[other] = place[other], place[path[-1]]
        case "nudge" if type(place[path[-1]]) is int:
            place[path[-1]] += data.draw(st.sampled_from([-1, 1, 10**6, -(10**6)]))
        case _:
            place[path[-1]] = data.draw(hostile)
    try:
        found = verify_bundle(encode_trusted(value))
    except VerificationError as error:
        assert error.rule in RULES  # noqa: PT017 - it may verify as well
    else:
        if value["question"] == json.loads(original)["question"]:
            _same_or_weaker(found, answer)


@settings(max_examples=200)
@given(st.binary(max_size=200) | hostile.map(encode_trusted))
def test_any_bytes_are_refused_as_no_bundle(data: bytes) -> None:
    with pytest.raises(VerificationError) as failure:
        verify_bundle(data)

    assert failure.value.rule == "form"


@settings(max_examples=100)
@given(st.data())
def test_a_bundle_cut_short_or_stretched_is_no_bundle(
    honest: tuple[bytes, Answer, Any], data: Any
) -> None:
    original, _, _ = honest
    at = data.draw(st.integers(0, len(original) - 1))
    other = data.draw(st.sampled_from([original[:at], original[:at] + b" " + original[at:]]))

    with pytest.raises(VerificationError):
        verify_bundle(other)
