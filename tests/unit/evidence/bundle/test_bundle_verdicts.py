"""What a bundle's answer says: every row of the verdict table, and what gives each reason."""

from typing import Any

import pytest

from vitne.answers.verdict_and_reasons import REASONS
from vitne.core.entry import keys
from vitne.evidence.bundle.answer import Answer
from vitne.evidence.bundle.document import LimitMember
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


# ---------------------------------------------------------------- the rows


def test_hits_without_a_reason_prove_exactly_these(log: Any) -> None:
    hit = log.event("full-1")
    log.batch("full-1")

    found = answer(log, keys.TARGET, TARGET, *closed(log))

    assert (found.verdict, found.exact, codes(found)) == ("proved", True, [])
    assert [(one.index, one.signed, one.attribution) for one in found.hits] == [
        (hit, "full", "token")
    ]
    assert (found.binding, found.trust) == ("sender", "given")


def test_hits_with_a_reason_prove_at_least_these(log: Any) -> None:
    log.event("none-1")

    found = answer(log, keys.TARGET, TARGET, log.recorded(0), log.now_us + 1)

    assert (found.verdict, found.exact) == ("proved", False)
    assert codes(found) == ["open_end", "no_coverage", "tail_uncovered"]


def test_no_hit_and_no_reason_disproves(log: Any) -> None:
    log.event("none-1", "usr_2", ("cus_2",))

    found = with_key(log, keys.TARGET, TARGET, *closed(log))

    assert (found.verdict, found.exact, codes(found), found.hits) == ("disproved", True, [], ())


def test_no_hit_but_a_reason_is_undecidable(log: Any) -> None:
    log.event("none-1", "usr_2", ("cus_2",))

    found = answer(log, keys.TARGET, TARGET, *closed(log))

    assert (found.verdict, codes(found)) == ("undecidable", ["unbound_key"])


def test_a_window_without_any_entry_can_be_disproved(log: Any) -> None:
    log.event("none-1")
    log.now_us += 10**9
    log.event("none-1")
    log.seal()
    log.event("none-1")
    between = log.events[0].recorded_us + 1

    found = with_key(log, keys.TARGET, TARGET, between, between + 10)

    assert found.range[0] == found.range[1]
    assert found.verdict == "disproved"


# ---------------------------------------------------------------- reasons


def test_entries_long_after_the_quorum_give_a_reason(log: Any) -> None:
    log.event("none-1")
    period = closed(log)
    heads = log.heads
    late = type(log).heads

    log.heads = lambda size: late(log, size, log.now_us // 1_000_000 - 301)
    found = answer(log, keys.TARGET, TARGET, *period)
    log.heads = heads

    assert codes(found) == ["after_quorum", "after_quorum"]


def test_without_witnesses_no_quorum_is_late(bundle_log: Any) -> None:
    log = bundle_log.BundleLog(witnessed=False)
    log.register("none-1")
    log.event("none-1")

    found = answer(log, keys.TARGET, TARGET, *closed(log))

    assert (found.exact, found.log_head.quorum_s, found.log_head.cosigned) == (True, None, ())


def test_an_entry_of_a_later_version_is_undecidable(log: Any) -> None:
    log.event("none-1", "usr_2", ("cus_2",))
    later = bytearray(log.entries[-1])
    later[4], later[10:18] = 77, log.tick().to_bytes(8, "big")
    log.add_bytes(bytes(later))

    found = with_key(log, keys.TARGET, TARGET, log.recorded(0), log.now_us + 1)

    assert found.verdict == "undecidable"
    assert codes(found)[0] == "unknown_entry_type"
    assert "of type 77" in found.reasons[0].where


def test_withheld_erased_and_pruned_cores_are_told_apart(log: Any) -> None:
    for _ in range(2):
        log.event("none-1")
    log.erase(log.events[0].index, ["core"])
    period = closed(log)

    assert codes(answer(log, keys.TARGET, TARGET, *period)) == ["core_erased"]
    hidden = with_key(log, keys.TARGET, TARGET, *period, shown=())
    assert codes(hidden) == ["core_erased", "core_withheld"]
    assert hidden.verdict == "undecidable"

    log.prune(log.events[1].index + 1)
    pruned = with_key(log, keys.TARGET, TARGET, *period, shown=())
    assert codes(pruned) == ["core_erased", "core_pruned"]


def test_an_event_filed_under_a_value_that_it_does_not_name_is_no_hit(log: Any) -> None:
    log.event("none-1", core={"targets": [{"type": "customer", "id": "cus_7"}]})

    found = with_key(log, keys.TARGET, TARGET, *closed(log))

    assert (found.verdict, codes(found)) == ("undecidable", ["other_value"])


def test_an_event_that_claims_another_time_than_its_entry_is_no_hit(log: Any) -> None:
    log.event("none-1", core={"occurred_at": "2020-01-01T00:00:00.000Z"})

    found = with_key(log, keys.TARGET, TARGET, *closed(log))

    assert (found.verdict, codes(found)) == ("undecidable", ["other_time"])


def test_a_very_long_list_of_targets_may_hold_the_one_in_question(log: Any) -> None:
    log.event("none-1", targets=("cus_5",), overflow="customer")
    period = closed(log)

    for kind, parts in ((keys.TARGET, TARGET), (keys.ACTOR_TARGET, (ISSUER, "usr_1", *TARGET))):
        found = with_key(log, kind, parts, *period)
        assert (found.verdict, codes(found)) == ("undecidable", ["overflow"])
    other = with_key(log, keys.ACTOR_TARGET, (ISSUER, "usr_2", *TARGET), *period)
    assert other.verdict == "disproved"


def test_what_the_filter_excludes_needs_no_look_at_a_long_list(log: Any) -> None:
    log.event("none-1", targets=("cus_5",), overflow="customer")

    found = with_key(log, keys.TARGET, TARGET, *closed(log), filter="type:crm.customer.exported")

    assert found.verdict == "disproved"


def test_a_filter_narrows_the_hits(log: Any) -> None:
    wanted = log.event("none-1", outcome="denied")
    log.event("none-1")

    found = answer(log, keys.TARGET, TARGET, *closed(log), filter="outcome:denied -type:x.*")

    assert [one.index for one in found.hits] == [wanted]
    assert found.exact


def test_the_clock_of_the_question_decides_the_time(log: Any) -> None:
    hit = log.event("none-1", late_us=60_000_000)
    log.event("none-1", late_us=0)
    log.seal()
    log.event("none-1")
    happened = log.events[0].occurred_us

    found = answer(
        log, keys.TARGET, TARGET, happened, happened + 1, clock="occurred", late_us=60_500_000
    )

    assert [one.index for one in found.hits] == [hit]
    assert found.window == (happened, happened + 60_500_001)


def test_a_silent_source_an_abandoned_one_and_lost_numbers_each_give_their_reason(log: Any) -> None:
    log.register("beats", beat_s=1)
    log.event("full-1", skip=2)
    log.event("none-1")
    log.now_us += 4_000_000
    log.abandon("none-1")
    log.void("none-1", 5, 6)
    log.event("body-1", "usr_2", ("cus_2",))
    period = closed(log)

    found = with_key(log, keys.TARGET, ("customer", "nobody"), *period)

    assert found.verdict == "undecidable"
    assert sorted(codes(found)) == [
        "abandoned_stream", "missing_numbers", "missing_numbers", "silent_source", "voided_numbers",
    ]  # fmt: skip


def test_what_is_wrong_with_a_stream_outside_of_the_window_limits_nothing(log: Any) -> None:
    log.event("full-1", skip=2)
    period = closed(log)

    def earlier(stream: Any) -> Any:
        values = {name: getattr(stream, name) for name in stream.__struct_fields__}
        return type(stream)(**values | {"from_us": 0, "to_us": 1})

    found = answer(log, keys.TARGET, TARGET, *period, wrong=earlier)

    assert found.exact
    assert [(one.missing, one.to_us) for one in found.streams] == [(2, 1)]


def test_a_limit_that_the_exporter_states_weakens_the_answer(log: Any) -> None:
    log.event("none-1")
    period = closed(log)
    facts = log.ask(keys.TARGET, ("customer", "nobody"), *period)
    limits = [
        LimitMember("undeclared_event", "crm/bff", period[0], period[0] + 1, "An event of …"),
        LimitMember("silent_source", "pos/till", 0, 1, "Long before."),
    ]
    values = {name: getattr(facts, name) for name in facts.__struct_fields__}
    limited = log.sealed(type(facts)(**values | {"limits": limits}))

    found = verify_bundle(limited, log.policies(log.index_secrets))

    assert (found.verdict, codes(found)) == ("undecidable", ["limit:undeclared_event"])
    assert found.limits == found.reasons
    assert verify_bundle(log.sealed(facts), log.policies(log.index_secrets)).verdict == "disproved"
