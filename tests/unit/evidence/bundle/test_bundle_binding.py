"""Who binds the lookup key of a bundle to its value, and what is shown of each event."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from vitne.answers.verdict_and_reasons import REASONS
from vitne.core.entry import keys
from vitne.core.tree.note import sign_note
from vitne.core.values.canonical import encode_trusted
from vitne.errors import VerificationError
from vitne.evidence.bundle.answer import Answer, Policies
from vitne.evidence.bundle.rules_attached import seal_text
from vitne.evidence.bundle.verify import verify_bundle

ISSUER = "https://id.example"
TARGET = ("customer", "cus_1")


@pytest.fixture
def log(bundle_log: Any) -> Any:
    """One stream of each mode, nothing said yet."""
    made = bundle_log.BundleLog()
    for name, mode in (("full-1", "full"), ("body-1", "body"), ("none-1", "none")):
        made.register(name, mode)
    return made


def closed(log: Any) -> tuple[int, int]:
    """Seal what there is and let the log go on: the period is everything sealed."""
    log.seal()
    return log.recorded(0), log.recorded(log.covered - 1) + 1


def answer(log: Any, kind: int, parts: tuple[str, ...], *period: int, **more: Any) -> Answer:
    return verify_bundle(log.bundle(kind, parts, *period, **more), log.policies())


def with_key(log: Any, kind: int, parts: tuple[str, ...], *period: int, **more: Any) -> Answer:
    """Where nothing binds the value, since nobody did anything with it."""
    return verify_bundle(log.bundle(kind, parts, *period, **more), log.policies(log.index_secrets))


def codes(found: Answer) -> list[str]:
    assert all(one.code in REASONS or one.code.startswith("limit:") for one in found.reasons)
    return [one.code for one in found.reasons]


# ---------------------------------------------------------------- binding


def test_the_weakest_event_that_binds_a_value_counts(log: Any) -> None:
    log.event("full-1")
    log.batch("full-1")
    period = closed(log)
    assert answer(log, keys.ACTOR, (ISSUER, "usr_1"), *period).binding == "sender"

    log.event("body-1")
    log.batch("body-1")
    period = closed(log)
    assert answer(log, keys.ACTOR, (ISSUER, "usr_1"), *period).binding == "log"


def test_an_event_from_elsewhere_may_bind_a_value_that_has_no_hit(log: Any) -> None:
    elsewhere = log.event("full-1")
    log.batch("full-1")
    log.seal()
    log.event("none-1", "usr_2", ("cus_2",))
    log.seal()
    log.event("none-1")
    period = log.recorded(elsewhere + 3), log.recorded(log.covered - 1) + 1

    found = answer(log, keys.TARGET, TARGET, *period, binding=[elsewhere])

    assert (found.verdict, found.binding) == ("disproved", "sender")


def test_a_pair_is_bound_as_weakly_as_the_weaker_of_its_two(log: Any) -> None:
    one, two = log.event("full-1", "usr_1", ("cus_2",)), log.event("none-1", "usr_2", ("cus_1",))
    log.batch("full-1")
    period = closed(log)
    pair = (ISSUER, "usr_1", *TARGET)

    assert answer(log, keys.ACTOR_TARGET, pair, *period, binding=[one, two]).binding == "log"
    assert answer(log, keys.ACTOR_TARGET, pair, *period, binding=[one]).binding == "stated"


def test_each_epoch_of_index_secrets_is_searched_and_bound(log: Any) -> None:
    first = log.event("full-1")
    log.batch("full-1")
    log.new_epoch()
    second = log.event("full-1")
    log.batch("full-1")

    found = answer(log, keys.TARGET, TARGET, *closed(log))
    partly = verify_bundle(
        log.bundle(keys.TARGET, TARGET, *closed(log)), log.policies({1: log.index_secrets[1]})
    )

    assert [one.index for one in found.hits] == [first, second]
    assert (found.binding, partly.binding) == ("sender", "sender")


def test_an_index_secret_helps_without_policies_too(log: Any) -> None:
    log.event("none-1")
    data = log.bundle(keys.TARGET, ("customer", "nobody"), *closed(log))

    found = verify_bundle(data, Policies(index_secrets=log.index_secrets))

    assert (found.verdict, found.binding, found.trust) == ("disproved", "key", "bundled")
    assert repr(Policies(index_secrets=log.index_secrets)) == "Policies(index_secrets of [1])"
    assert verify_bundle(data, Policies(log.policies().log)).trust == "bundled"


def test_a_stream_is_its_own_key(log: Any) -> None:
    hits = [log.event("none-1"), log.event("none-1", "usr_2", ("cus_2",))]
    log.event("full-1")

    found = answer(log, keys.STREAM, ("crm/bff", "none-1"), *closed(log))

    assert [one.index for one in found.hits] == hits
    assert (found.binding, found.exact) == ("key", True)


# ---------------------------------------------------------------- what is shown


def test_what_is_withheld_and_what_is_erased_is_listed(log: Any) -> None:
    hit = log.event("none-1")
    erase = log.erase(hit, ["person"])

    found = answer(log, keys.TARGET, TARGET, *closed(log), shown=("core", "person"))

    assert found.withheld == ((hit, "payload"),)
    assert found.erased == ((hit, "person", erase),)
    assert found.basis == {erase: ("gdpr-17", "REQ-12")}
    parts = found.hits[0].parts
    assert (parts.payload, parts.person, parts.payload_record) == (None, None, b"")
    assert found.hits[0].core()["type"] == "crm.customer.viewed"


def test_a_bundle_made_before_an_erasure_still_verifies(log: Any) -> None:
    hit = log.event("none-1")
    period = closed(log)
    before = log.bundle(keys.TARGET, TARGET, *period, shown=("core", "payload", "person"))
    log.erase(hit, ["person", "payload"])

    assert verify_bundle(before, log.policies()).exact
    after = answer(log, keys.TARGET, TARGET, *period, shown=("core",))
    assert (after.verdict, [name for _, name, _ in after.erased]) == (
        "proved",
        ["payload", "person"],
    )


def test_a_hostile_core_is_no_hit_and_no_fault(log: Any) -> None:
    shapes: list[dict[str, Any]] = [
        {"targets": {"type": "customer"}},
        {"targets": [1, "x", ["customer"], {"type": 1, "id": None}, {"type": "customer"}]},
        {"targets": None},
    ]
    for core in shapes:
        log.event("none-1", core=core)

    found = with_key(log, keys.TARGET, TARGET, *closed(log))

    assert codes(found) == ["other_value"] * len(shapes)


@pytest.mark.parametrize(
    "strengthen",
    [
        lambda v: v["coverage"].update(streams=[]),
        lambda v: v.update(coverage={}),
        lambda v: v["coverage"]["streams"][0].update(missing=0),
    ],
)
def test_a_gap_in_a_stream_cannot_be_talked_away(
    strengthen: Callable[[dict[str, Any]], object], log: Any
) -> None:
    log.event("full-1", skip=2)
    data = log.bundle(keys.TARGET, ("customer", "nobody"), *closed(log))
    value = json.loads(data)
    del value["seal"]
    strengthen(value)
    bare = encode_trusted(value)
    value["seal"] = sign_note(seal_text(value["origin"], bare), [log.receipt])

    try:
        found = verify_bundle(encode_trusted(value), log.policies(log.index_secrets))
    except VerificationError as error:
        assert error.rule == "coverage"  # noqa: PT017 - it may verify as well
    else:
        assert found.verdict == "undecidable"
