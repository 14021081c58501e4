"""Random small logs, sealed and merged at random: answers are what a scan of the events says."""

from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitne.core.values.times import format_utc
from vitne.evidence.bundle import verify as bundle

ACTORS, TARGETS = ("a", "b", "c"), ("x", "y", "z")
TYPES = ("crm.customer.viewed", "crm.customer.exported", "crm.order.viewed")


EVENT = st.fixed_dictionaries(
    {
        "actor": st.sampled_from(ACTORS),
        "targets": st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True),
        "type": st.sampled_from(TYPES),
        "late": st.integers(0, 5),
        "denied": st.booleans(),
    }
)
STEPS = st.lists(
    st.one_of(
        st.lists(EVENT, min_size=1, max_size=4),
        st.sampled_from(["seal", "seal", "merge"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=14,
)
QUESTION = st.fixed_dictionaries(
    {
        "ask": st.sampled_from(
            ["who_accessed", "what_did", "did_touch", "did_anyone", "all_of_type", "all_of_stream"]
        ),
        "actor": st.sampled_from([*ACTORS, "nobody"]),
        "target": st.sampled_from([*TARGETS, "nothing"]),
        "type": st.sampled_from(TYPES),
        "clock": st.sampled_from(["recorded", "occurred"]),
        "span": st.tuples(st.integers(0, 12), st.integers(1, 12)),
        "denied": st.booleans(),
    }
)


def _play(server: Any, steps: list[Any]) -> list[dict[str, Any]]:
    """Do the steps; what was logged, with both times."""
    known: list[dict[str, Any]] = []
    for step in steps:
        if step == "seal":
            server.seal()
        elif step == "merge":
            server.merge()
        elif isinstance(step, int):
            server.later(step)
        else:
            _send(server, step, known)
    return known


def _send(server: Any, events: list[dict[str, Any]], known: list[dict[str, Any]]) -> None:
    sent = []
    now_us = server.clock.now_us()
    for one in events:
        occurred_us = now_us - one["late"] * 3_600_000_000
        event = server.event(
            len(known) + len(sent) + 1,
            actor=one["actor"],
            occurred_at=format_utc(occurred_us),
            type=one["type"],
        )
        first = event["targets"][0]
        event["targets"] = [first | {"id": name} for name in one["targets"]]
        event["category"] = "export" if one["type"].endswith("exported") else "view"
        if one["denied"]:
            event["outcome"] = {"result": "denied", "code": "no_right"}
        sent.append((event, one | {"occurred": occurred_us, "recorded": now_us}))
    reply = server.send([event for event, _ in sent])
    known += [
        fact | {"index": result.index}
        for (_, fact), result in zip(sent, reply.results, strict=True)
    ]


def _members(question: dict[str, Any], start_us: int) -> dict[str, Any]:
    low, length = question["span"]
    from_us = start_us + low * 3_600_000_000 - 2 * 3_600_000_000
    members: dict[str, Any] = {
        "ask": question["ask"],
        "from_": from_us,
        "to": from_us + length * 3_600_000_000,
        "clock": question["clock"],
    }
    wanted = {
        "who_accessed": ("target",),
        "what_did": ("actor",),
        "did_touch": ("actor", "target"),
        "did_anyone": ("target", "type"),
        "all_of_type": ("type",),
        "all_of_stream": (),
    }[question["ask"]]
    members |= {name: question[name] for name in wanted}
    if "target" in wanted:
        members["target"] = f"customer/{question['target']}"
    if question["ask"] == "all_of_stream":
        members |= {"source": "crm/crm-bff", "stream": "pod-1"}
    if question["denied"]:
        members["outcome"] = "denied"
    return members


def _scan(known: list[dict[str, Any]], question: dict[str, Any], members: dict[str, Any]) -> Any:
    return [
        one["index"]
        for one in known
        if members["from_"] <= one[question["clock"]] < members["to"]
        and ("actor" not in members or one["actor"] == question["actor"])
        and ("target" not in members or question["target"] in one["targets"])
        and ("type" not in members or one["type"] == question["type"])
        and (not question["denied"] or one["denied"])
    ]


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(STEPS, st.lists(QUESTION, min_size=1, max_size=4))
def test_every_answer_is_what_a_scan_of_the_events_says(
    answer_server: ModuleType, steps: list[Any], questions: list[dict[str, Any]]
) -> None:
    """No question ends in the future, so each verdict is plain: proved or disproved."""
    with answer_server.AnswerServer() as server:
        start_us = server.clock.now_us()
        known = _play(server, steps)
        server.later(24 * 10)  # beyond every window, late events included
        for question in questions:
            members = _members(question, start_us)
            expected = _scan(known, question, members)

            found = server.ask(**members)

            assert [hit.index for hit in found.answer.hits] == expected
            assert found.answer.verdict == ("proved" if expected else "disproved")
            assert found.answer.exact
            alone = bundle.verify_bundle(found.bundle)
            assert alone.hits == found.answer.hits
            assert {one.code for one in alone.reasons} <= {"unbound_key"}
