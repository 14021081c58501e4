"""From a request to the question of a bundle: what is refused, and which keys are looked up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.answers.ask import Epoch, plan_question
from vitne.answers.ask_request import KINDS, QuestionRequest, read_question
from vitne.core.entry import keys
from vitne.core.event.event import PROBLEM_CODES, Problem

NOW_US = 1_790_000_000_000_000
DAY_US = 86_400_000_000
ORIGIN = "audit.example/t/acme"
EPOCHS = [Epoch(1, bytes(range(32))), Epoch(2, bytes(32))]
FULL: dict[str, dict[str, Any]] = {
    "who_accessed": {"target": "customer/cus_1"},
    "what_did": {"actor": "usr_77"},
    "did_touch": {"actor": "usr_77", "target": "customer/cus_1"},
    "did_anyone": {"target": "customer/cus_1", "category": "export"},
    "all_of_type": {"type": "crm.customer.exported"},
    "all_of_action": {"action": "01981f3e-7c19-7000-8000-000000000001"},
    "all_of_stream": {"source": "crm/bff", "stream": "pod-1"},
}


def _request(kind: str, **more: Any) -> QuestionRequest:
    found = read_question({"ask": kind, **FULL[kind], **more}, NOW_US)
    assert isinstance(found, QuestionRequest), found
    return found


def _faults(members: dict[str, Any]) -> set[tuple[str, str]]:
    found = read_question(members, NOW_US)
    assert not isinstance(found, QuestionRequest)
    assert {one.code for one in found} <= PROBLEM_CODES.keys()
    return {(one.code, one.path) for one in found}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_question_comes_to_keys(kind: str) -> None:
    question = plan_question(_request(kind), "https://id.example", EPOCHS, ORIGIN)

    assert question.keys
    assert all(
        len(key.key) == keys.TAGGED_BYTES and key.key[0] == key.kind for key in question.keys
    )
    assert question.text.endswith("?")


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_needs_is_missed_by_name(kind: str) -> None:
    needed = set(KINDS[kind])  # type: ignore[index]  # the parameter is one of its names

    assert {("missing", f"$.{name}") for name in needed} <= _faults({"ask": kind})


def test_all_faults_are_told_at_once() -> None:
    found = _faults(
        {"ask": "did_anyone", "actor": 5, "target": "x", "to": "1960-01-01", "foo": 1, "late": "?"}
    )

    assert found == {
        ("unknown_field", "$.foo"),
        ("unknown_field", "$.actor"),
        ("wrong_type", "$.actor"),
        ("bad_format", "$.target"),
        ("out_of_range", "$.to"),
        ("bad_format", "$.late"),
        ("missing", "$.type"),
    }


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"ask": "who_touched"}, ("not_in_list", "$.ask")),
        ({"ask": "who_accessed", "target": "customer/\u202e1"}, ("control_character", "$.target")),
        ({"ask": "who_accessed", "target": "customer/\ud800"}, ("control_character", "$.target")),
        ({"ask": "what_did", "actor": "u" * 129}, ("too_long", "$.actor")),
        ({"ask": "what_did", "actor": ""}, ("bad_format", "$.actor")),
        ({"ask": "all_of_type", "type": "crm.customer.*"}, ("bad_format", "$.type")),
        ({"ask": "what_did", "actor": "u", "type": "Nonsense"}, ("bad_format", "$.type")),
        ({"ask": "what_did", "actor": "u", "category": "look"}, ("not_in_list", "$.category")),
        ({"ask": "what_did", "actor": "u", "withhold": ["core"]}, ("not_in_list", "$.withhold")),
        ({"ask": "what_did", "actor": "u", "late": "7d"}, ("out_of_range", "$.late")),
        ({"ask": "what_did", "actor": "u", "from": "7d", "to": "8d"}, ("out_of_range", "$.to")),
        ({"ask": "who_accessed", "target": "c/1", "issuer": "x"}, ("unknown_field", "$.issuer")),
    ],
)
def test_each_fault_has_its_code_and_path(members: dict[str, Any], fault: tuple[str, str]) -> None:
    assert fault in _faults(members)


def test_a_period_is_from_a_day_to_before_a_day() -> None:
    request = _request("who_accessed", **{"from": "2026-03-01", "to": "2026-04-01"})

    assert request.to_us - request.from_us == 31 * DAY_US
    assert request.window_us == (request.from_us, request.to_us)


def test_the_senders_clock_looks_a_day_earlier_and_a_week_later() -> None:
    """Intake puts an event aside whose clock is a day ahead, so none is missed before."""
    request = _request(
        "who_accessed", clock="occurred", **{"from": "2026-03-01", "to": "2026-04-01"}
    )

    assert request.window_us == (request.from_us - DAY_US, request.to_us + 7 * DAY_US)


def test_nothing_said_of_time_is_everything_until_now() -> None:
    request = _request("what_did")

    assert (request.from_us, request.to_us) == (0, NOW_US)


def test_each_epoch_has_its_key_and_that_of_every_target_of_the_type() -> None:
    question = plan_question(_request("did_touch"), "", EPOCHS, ORIGIN)

    assert [(key.epoch, key.parts[3]) for key in question.keys] == [
        (1, "cus_1"),
        (1, "*"),
        (2, "cus_1"),
        (2, "*"),
    ]
    assert len({key.key for key in question.keys}) == 4


def test_secrets_give_the_keys() -> None:
    for kind in ("what_did", "who_accessed", "all_of_type", "all_of_action"):
        for key in plan_question(_request(kind), "i", EPOCHS, ORIGIN).keys:
            assert keys.key(key.kind, key.secrets[0]) == key.key
    for key in plan_question(_request("did_touch"), "i", EPOCHS, ORIGIN).keys:
        assert keys.pair_key(*key.secrets) == key.key


def test_a_streams_key_is_its_id() -> None:
    (key,) = plan_question(_request("all_of_stream"), "", EPOCHS, ORIGIN).keys

    assert key.key[1:] == keys.stream_id(ORIGIN, "crm/bff", "pod-1")
    assert (key.epoch, key.secrets) == (0, ())


def test_what_narrows_a_question_is_its_filter() -> None:
    request = _request("who_accessed", type="crm.customer.*", category="view", outcome="denied")

    question = plan_question(request, "", EPOCHS, ORIGIN)

    assert question.filter == "type:crm.customer.* category:view outcome:denied"


def test_a_composed_letter_is_the_same_id_however_it_is_typed() -> None:
    assert _request("what_did", actor="A\u030astein") == _request("what_did", actor="\u00c5stein")


def test_no_epoch_shows_its_key() -> None:
    assert EPOCHS[0].index_secret.hex() not in repr(EPOCHS)
    assert repr(EPOCHS[0]) == "Epoch(1, ***)"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *("ask", "actor", "issuer", "target", "type", "category", "outcome", "action"),
        *("from", "to", "source", "stream", "clock", "early", "late", "withhold"),
    ]
)


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON | st.sampled_from(list(KINDS))))
def test_whatever_comes_is_a_wish_or_a_list_of_faults(members: dict[str, Any]) -> None:
    found = read_question(members, NOW_US)

    if isinstance(found, QuestionRequest):
        assert plan_question(found, "", EPOCHS, ORIGIN).keys
    else:
        assert found
        assert all(isinstance(one, Problem) for one in found)
