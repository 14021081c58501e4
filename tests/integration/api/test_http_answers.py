"""`POST /v1/answers` on a real server: answers, bundles, refusals, and what is logged of them."""

import json
from typing import Any

import pytest

from vitne.evidence.bundle import verify as bundle
from vitne.evidence.policy import parse_policy

BUNDLE = "application/vnd.vitne.bundle+json"
TARGET = "customer/cus_asked"


@pytest.fixture(scope="module")
def asked(served: Any) -> Any:
    """A server on which usr_asked has been at one customer."""
    event = {
        "type": "crm.customer.viewed",
        "actor": {"id": "usr_asked", "name": "Kari Nordmann"},
        "target": TARGET,
    }
    with served.client() as client:
        assert client.post("/v1/events", json=event).status_code == 200
    return served


def _ask(asked: Any, question: dict[str, Any], **headers: str) -> Any:
    with asked.client(**headers) as client:
        return client.post("/v1/answers", json=question)


def test_an_answer_says_verdict_events_coverage_and_what_it_rests_on(asked: Any) -> None:
    reply = _ask(asked, {"ask": "who_accessed", "target": TARGET})

    answer = reply.json()
    assert (reply.status_code, answer["verdict"]) == (200, "proved")
    (action,) = answer["actions"]
    assert (action["actor"]["id"], action["targets"]) == ("usr_asked", [TARGET])
    assert (action["grade"], action["signed"], answer["grade"]) == ("D", "log", "D")
    assert action["event"]["actor"]["name"] == "Kari Nordmann"
    assert answer["headline"].startswith("Proved")
    assert answer["question"]["clock"] == "recorded"
    assert answer["question"]["from"].startswith("1970-01-01")
    assert len(answer["coverage"]["sources"]) == 1
    assert answer["coverage"]["sentences"]
    assert answer["claims"]["not_proved"]
    assert answer["trust"]["log"]["size"] == answer["published"] >= answer["high_water"]


def test_the_bundle_verifies_offline_with_the_keys_of_the_log(asked: Any) -> None:
    """With nothing but the file and the log's public keys; the name says what it is."""
    reply = _ask(asked, {"ask": "did_touch", "actor": "usr_asked", "target": TARGET}, Accept=BUNDLE)

    assert reply.headers["content-type"].partition(";")[0] == BUNDLE
    assert ".vitne" in reply.headers["content-disposition"]
    texts = json.loads(reply.content)["policy"]
    own = bundle.Policies(parse_policy(texts["log"]), parse_policy(texts["index"]))
    answer = bundle.verify_bundle(reply.content, own)
    assert answer.verdict == "proved"
    assert answer.trust == "given"
    with asked.client() as client:
        (tenant,) = client.get("/v1/tenants").json()["tenants"]
    assert tenant["log"]["log_key"] in texts["log"]


def test_answer_and_bundle_come_together_if_that_is_asked(asked: Any) -> None:
    """The bundle stands in the reply byte for byte."""
    reply = _ask(asked, {"ask": "who_accessed", "target": TARGET, "with_bundle": True})

    answer = reply.json()
    start = reply.content.index(b'"bundle":') + len(b'"bundle":')
    data = reply.content[start : start + answer["bundle_bytes"]]
    assert bundle.verify_bundle(data).verdict == answer["verdict"] == "proved"


def test_a_withheld_section_is_in_neither(asked: Any) -> None:
    question = {"ask": "who_accessed", "target": TARGET, "withhold": ["person"]}

    answer = _ask(asked, question)
    data = _ask(asked, question, Accept=BUNDLE).content

    assert "Kari" not in answer.text
    assert b"Kari" not in data
    assert answer.json()["actions"][0]["withheld"] == ["person"]


def test_what_never_happened_is_disproved_or_says_why_not(asked: Any) -> None:
    """Up to a moment that the index covers: the questions before have seen to that."""
    now = _ask(asked, {"ask": "who_accessed", "target": TARGET}).json()
    covered = now["actions"][0]["recorded_at"]

    answer = _ask(
        asked, {"ask": "did_anyone", "target": TARGET, "category": "export", "to": covered}
    )

    assert (answer.json()["verdict"], answer.json()["reasons"]) == ("disproved", [])


@pytest.mark.parametrize(
    ("question", "paths"),
    [
        ({}, {"$.ask"}),
        ({"ask": "who_touched", "foo": 1}, {"$.ask", "$.foo"}),
        (
            {"ask": "did_touch", "target": "nothing", "from": "never"},
            {"$.actor", "$.target", "$.from"},
        ),
        (
            {"ask": "what_did", "actor": "u", "tenant": 5, "with_bundle": 1},
            {"$.tenant", "$.with_bundle"},
        ),
    ],
)
def test_all_faults_of_a_question_are_told_at_once(
    asked: Any, question: dict[str, Any], paths: set[str]
) -> None:
    reply = _ask(asked, question)

    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (422, "bad_question")
    assert {one["path"] for one in problem["problems"]} == paths


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'"x"', b"\xff", b"[" * 9_000])
def test_what_is_no_question_at_all_is_unreadable(asked: Any, body: bytes) -> None:
    with asked.client(**{"Content-Type": "application/json"}) as client:
        reply = client.post("/v1/answers", content=body)

    assert (reply.status_code, reply.json()["code"]) == (400, "unreadable")


def test_a_body_that_is_too_large_or_of_another_type_is_refused(asked: Any) -> None:
    with asked.client(**{"Content-Type": "text/plain"}) as client:
        other = client.post("/v1/answers", content=b"{}")
    large = _ask(asked, {"ask": "what_did", "actor": "u" * 20_000})

    assert (other.status_code, other.json()["code"]) == (415, "unsupported_media")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


def test_who_may_not_read_gets_no_answer_and_learns_nothing(asked: Any) -> None:
    """Neither with a key that only writes, nor without one."""
    writer = asked.add_key("--tenant", "acme", "--role", "write", "--source", "crm/bff")
    for key, status in ((writer, 403), ("", 401)):
        with asked.client(key) as client:
            reply = client.post("/v1/answers", json={"ask": "nonsense"})
        assert reply.status_code == status


def test_a_question_about_another_tenants_log_stands_in_the_operators_log(asked: Any) -> None:
    reply = _ask(asked, {"ask": "who_accessed", "target": TARGET, "tenant": "globex"})

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    told = [core for _, core, _ in asked.events("vitne") if core["type"] == "audit.log.viewed"]
    assert told[-1]["targets"][0]["id"] == "globex"
    assert told[-1]["outcome"]["result"] == "denied"


def test_question_and_answer_stand_in_the_log_with_the_purpose(asked: Any) -> None:
    _ask(
        asked,
        {"ask": "did_touch", "actor": "usr_asked", "target": TARGET},
        **{"Audit-Purpose": "complaint:CASE-77"},
    )

    mine = [
        (core["type"], payload)
        for _, core, payload in asked.events()
        if core.get("purpose", {}).get("reference") == "CASE-77"
    ]
    assert [kind for kind, _ in mine] == ["audit.log.asked", "audit.log.answered"]
    assert "usr_asked touch customer/cus_asked" in mine[0][1]["/query"]["text"]
    assert mine[1][1]["/extra"]["verdict"] == "proved"
    assert mine[1][1]["/query"]["shown"]["total"] == 1


def test_answers_are_counted_by_verdict(asked: Any) -> None:
    _ask(asked, {"ask": "who_accessed", "target": TARGET})

    with asked.client() as client:
        figures = client.get("/metrics").text

    assert 'vitne_answers_total{verdict="proved"}' in figures
    assert "vitne_answer_seconds_bucket" in figures
