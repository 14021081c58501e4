"""Who is meant by a question, what is logged of it, and the coverage statement of its answer."""

from typing import Any

import pytest

from vitne.errors import AnswerTooLargeError, BadInputError, IntegrityError
from vitne.evidence.bundle import verify as bundle
from vitne.testing import sample_key

CUSTOMER = "customer/cus_1"
ISSUER = "https://id.vendor.example"


# ---------------------------------------------------------------- who is meant


def test_an_id_of_two_issuers_is_two_people(story: Any) -> None:
    """Each can be asked about; without an issuer neither is."""
    story.send([story.event(21, actor="usr_1", issuer="https://other.example")])
    story.later()

    with pytest.raises(BadInputError, match="several issuers") as refused:
        story.ask("what_did", actor="usr_1")
    here = story.ask("what_did", actor="usr_1", issuer=ISSUER)
    there = story.ask("what_did", actor="usr_1", issuer="https://other.example")

    assert "https://other.example" in refused.value.hint
    assert (len(here.answer.hits), len(there.answer.hits)) == (10, 1)


def test_the_issuer_of_somebody_who_never_came_is_the_only_one_known(story: Any) -> None:
    """The server has the index secret; who has the file alone cannot tie the key to the name."""
    found = story.ask("what_did", actor="usr_404")

    assert (found.issuer, found.answer.verdict) == (ISSUER, "disproved")
    assert not found.bound
    alone = bundle.verify_bundle(found.bundle)
    assert (alone.verdict, [one.code for one in alone.reasons]) == ("undecidable", ["unbound_key"])


def test_a_personal_id_is_found_under_the_pseudonym_that_stands_for_it(server: Any) -> None:
    """An answer by the plain address would be a false *disproved*: the log never holds it as id."""
    kari, ola = "kari@firma.no", "customer/ola@hjemme.no"
    server.send([server.event(1, actor=kari, target=ola)])
    server.later()

    did, who = server.ask("what_did", actor=kari), server.ask("who_accessed", target=ola)
    both = server.ask("did_touch", actor=kari, target=ola)

    assert [len(one.answer.hits) for one in (did, who, both)] == [1, 1, 1]
    assert did.pseudonyms == (both.answer.hits[0].core()["actor"]["id"],)
    assert len(both.pseudonyms) == 2
    asked = server.events("audit.log.asked")
    assert not any("@" in one["/query"]["text"] for one in asked)


def test_an_actor_without_an_issuer_is_found(server: Any) -> None:
    server.send([{"type": "crm.customer.viewed", "actor": {"id": "usr_5"}, "target": CUSTOMER}])
    server.later()

    found = server.ask("what_did", actor="usr_5")

    assert (found.issuer, len(found.answer.hits)) == ("", 1)
    assert found.grade == "D"


# ---------------------------------------------------------------- logged, whole, refused


def test_question_and_answer_are_events_of_the_log_in_that_order(story: Any) -> None:
    found = story.ask("did_touch", actor="usr_1", target=CUSTOMER)

    asked, answered = story.events("audit.log.asked", "audit.log.answered")

    assert asked["type"] == "audit.log.asked"
    assert asked["/query"]["text"] == found.answer.question.text
    assert asked["purpose"]["reference"] == "CASE-1"
    assert answered["/extra"]["verdict"] == "proved"
    assert answered["/query"]["shown"]["total"] == len(found.answer.hits)
    assert answered["/query"]["shown"]["ids"] == [hit.core()["id"] for hit in found.answer.hits]


def test_an_answer_that_does_not_verify_is_no_answer(story: Any) -> None:
    """The hashes of a tile were changed on disk."""
    story.ask("what_did", actor="usr_1")
    published = story.published()
    tile, data = published.read(0, 0)
    key = f"log/acme/{tile.path}"
    story.server.adapters.objects.replace({key: bytes(byte ^ 1 for byte in data)})

    with pytest.raises(IntegrityError):
        story.ask("what_did", actor="usr_1")


@pytest.mark.slow
def test_too_many_events_are_an_error_that_says_how_many(server: Any) -> None:
    for start in range(1, 10_002, 1_000):
        server.send([server.event(start + n, actor="usr_1") for n in range(1_000)])
    server.later()

    with pytest.raises(AnswerTooLargeError, match="11,000 events"):
        server.ask("what_did", actor="usr_1")


# ---------------------------------------------------------------- coverage statement


def test_the_statement_names_the_sources_that_speak_for_the_target(story: Any) -> None:
    order = sample_key("acme", application="order", service="order-api")
    sale = story.event(1, stream="order-1", target="order/o_1")
    source = {"application": "order", "service": "order-api"}
    story.send(
        [sale | {"source": sale["source"] | source, "type": "order.order.viewed"}], key=order
    )
    story.later()

    customer = story.ask("who_accessed", target=CUSTOMER).statement
    everything = story.ask("what_did", actor="usr_3").statement

    assert [one.source for one in customer.sources] == ["crm/crm-bff"]
    assert {one.source for one in everything.sources} >= {"crm/crm-bff", "order/order-api"}
    (crm,) = customer.sources
    assert (crm.events, crm.in_window, crm.numbered, crm.beats) == (21, True, True, False)
    assert any("No heartbeats are promised by crm/crm-bff" in one for one in customer.sentences)
    assert customer.counts["registered"] >= 2


def test_a_target_that_no_source_speaks_for_is_said_to_be_so(story: Any) -> None:
    found = story.ask("who_accessed", target="spaceship/1")

    assert found.answer.verdict == "disproved"
    assert any("nobody speaks for it" in one for one in found.statement.sentences)


def test_what_intake_did_not_take_is_counted(story: Any) -> None:
    story.send([story.event(21, type="Nonsense")], taken=False)
    story.later()

    found = story.ask("who_accessed", target=CUSTOMER)

    assert sum(found.statement.not_taken.values()) == 1


def test_merged_segments_give_the_same_answer(story: Any) -> None:
    story.seal()
    before = story.ask("who_accessed", target=CUSTOMER)

    story.merge()
    after = story.ask("who_accessed", target=CUSTOMER, to=before.answer.question.to_us)

    assert [hit.index for hit in after.answer.hits] == [hit.index for hit in before.answer.hits]
    assert after.answer.exact
