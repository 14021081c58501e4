"""What an answer says to people: no more than it proves."""

# ruff: noqa: E501 - one value a line

from typing import Any

import pytest

from vitne.core.entry import keys
from vitne.evidence.bundle.build import build_bundle
from vitne.evidence.bundle.document import LimitMember
from vitne.evidence.bundle.sentences import RULE_SENTENCES, AnswerClaims, claims_of_answer
from vitne.evidence.bundle.verify import RULES, verify_bundle

ISSUER = "https://id.example"


@pytest.fixture
def log(bundle_log: Any) -> Any:
    made = bundle_log.BundleLog()
    made.register("full-1", "full")
    made.event("full-1")
    made.batch("full-1")
    made.seal()
    made.event("full-1", "usr_2", ("cus_2",))
    return made


def told(
    log: Any, kind: int, parts: tuple[str, ...], *, given: bool = True, **more: Any
) -> AnswerClaims:
    period = log.recorded(0), log.recorded(log.covered - 1) + 1
    data = log.bundle(kind, parts, *period, **more)
    return claims_of_answer(verify_bundle(data, log.policies(log.index_secrets) if given else None))


def whole(claims: AnswerClaims) -> str:
    parts = (claims.proved, claims.limits, claims.trust, claims.withheld, claims.not_proved)
    return "\n".join((claims.headline, *(text for part in parts for text in part)))


def test_every_rule_has_its_sentence() -> None:
    assert tuple(RULE_SENTENCES) == RULES


def test_an_exact_answer_says_exactly_and_names_the_value_itself(log: Any) -> None:
    claims = told(log, keys.ACTOR, (ISSUER, "usr_1"))

    assert claims.headline == "Proved: exactly 1 such event."
    assert "the actor usr_1 of https://id.example" in claims.proved[0]
    assert not claims.limits
    assert "1 of 1 were signed" in whole(claims)


@pytest.mark.parametrize(
    ("kind", "parts", "named"),
    [
        (keys.ACTOR, ("", "usr_5"), "the actor usr_5:"),
        (keys.TARGET, ("customer", "cus_5"), "the target customer/cus_5"),
        (keys.ACTOR_TARGET, (ISSUER, "a", "customer", "b"), f"the actor a of {ISSUER} and the target customer/b"),
        (keys.EVENT_TYPE, ("x.y",), "the event type x.y"),
        (keys.ACTION, ("act",), "the action act"),
        (keys.STREAM, ("a/b", "s"), "the stream s of a/b"),
    ],
)  # fmt: skip
def test_a_disproof_says_what_it_does_not_prove(
    kind: int, parts: tuple[str, ...], named: str, log: Any
) -> None:
    claims = told(log, kind, parts)

    assert claims.headline == "Disproved: no such event was logged in this window."
    assert named in claims.proved[0]
    assert "That the applications report every act at all" in whole(claims)
    assert "else the log's" in whole(claims)


def test_an_undecided_answer_names_every_reason(log: Any) -> None:
    claims = told(log, keys.ACTOR, (ISSUER, "nobody"), given=False)

    assert claims.headline.startswith("Undecidable")
    assert "unbound_key" in "".join(claims.limits)
    assert "Trust as bundled" in whole(claims)
    assert "Only the exporter's word" in whole(claims)


def test_a_limit_of_the_exporter_is_told_as_its_own(log: Any) -> None:
    period = log.recorded(0), log.recorded(log.covered - 1) + 1
    facts = log.ask(keys.ACTOR, (ISSUER, "nobody"), *period)
    values = {name: getattr(facts, name) for name in facts.__struct_fields__}
    limit = LimitMember("quarantined", "crm/bff", 0, 2**53 - 1, "an event was set aside")

    claims = claims_of_answer(
        verify_bundle(log.sealed(type(facts)(**values | {"limits": [limit]})))
    )

    assert (
        "An event was set aside (limit:quarantined, once): crm/bff. The exporter says so."
        in claims.limits
    )


def test_places_beyond_the_first_twenty_are_counted(bundle_log: Any) -> None:
    log = bundle_log.BundleLog(witnessed=False)
    log.register("none-1")
    for _ in range(25):
        log.event("none-1")
    log.seal()
    log.event("none-1")

    claims = told(log, keys.ACTOR, (ISSUER, "usr_1"), shown=())

    assert "and 5 more" in "".join(claims.limits)
    assert "25 times" in "".join(claims.limits)
    assert "only the log's own word" in whole(claims)


def test_by_the_senders_clock_the_slack_is_told(log: Any) -> None:
    at = log.events[0].occurred_us
    data = log.bundle(
        keys.ACTOR,
        (ISSUER, "usr_1"),
        at,
        at + 1,
        clock="occurred",
        early_us=10**7,
        late_us=10**6,
        filter="outcome:succeeded",
    )

    claims = claims_of_answer(verify_bundle(data))

    assert "more than 1 s after it, or 10 s before" in whole(claims)
    assert "claimed to have happened" in claims.proved[0]
    assert "meet the filter outcome:succeeded" in claims.proved[0]


def test_erasures_and_missing_seals_are_told(bundle_log: Any) -> None:
    log = bundle_log.BundleLog()
    log.register("none-1")
    log.erase(log.event("none-1"), ["person"])
    log.seal()
    log.event("none-1")
    period = log.recorded(0), log.recorded(log.covered - 1) + 1

    claims = claims_of_answer(
        verify_bundle(build_bundle(log.ask(keys.ACTOR, (ISSUER, "usr_1"), *period)))
    )

    assert "erased: gdpr-17, REQ-12" in whole(claims)
    assert "The file has no seal" in whole(claims)
