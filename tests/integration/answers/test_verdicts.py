"""What is answered: every verdict, every reason, and that an offline verifier says the same."""

from typing import Any

import pytest

from vitne.core.values.types import LogId, Section
from vitne.errors import UnavailableError
from vitne.evidence.bundle import verify as bundle
from vitne.services.erasure.erase import ErasureRequest
from vitne.testing import sample_key

ACME = LogId("acme")
CUSTOMER = "customer/cus_1"


def codes(answered: Any) -> list[str]:
    """Why the answer is not the last word."""
    return [reason.code for reason in answered.answer.reasons]


def offline(answered: Any) -> Any:
    """What somebody finds who has the file and nothing else."""
    return bundle.verify_bundle(answered.bundle)


# ---------------------------------------------------------------- verdicts


def test_what_happened_is_proved_exactly(story: Any) -> None:
    """Every event of the target, and no other; the file alone says so too."""
    found = story.ask("who_accessed", target=CUSTOMER)

    assert (found.answer.verdict, found.answer.exact) == ("proved", True)
    assert [hit.core()["targets"][0]["id"] for hit in found.answer.hits] == ["cus_1"] * 7
    again = offline(found)
    assert (again.verdict, again.exact) == ("proved", True)
    assert [hit.index for hit in again.hits] == list(found.records)


def test_what_did_not_happen_is_disproved(story: Any) -> None:
    """Somebody else did it; this person never did."""
    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)

    assert (found.answer.verdict, codes(found)) == ("disproved", [])
    assert offline(found).verdict == "disproved"
    assert found.bound


def test_a_thing_that_was_done_to_nobody_is_disproved(story: Any) -> None:
    found = story.ask("did_anyone", target=CUSTOMER, category="export")

    assert found.answer.verdict == "disproved"
    assert story.ask("did_anyone", target=CUSTOMER, type="crm.*").answer.verdict == "proved"


@pytest.mark.parametrize(
    ("ask", "members", "hits"),
    [
        ("what_did", {"actor": "usr_1"}, 10),
        ("what_did", {"actor": "usr_1", "outcome": "denied"}, 0),
        ("all_of_type", {"type": "crm.customer.viewed"}, 21),
        ("all_of_stream", {"source": "crm/crm-bff", "stream": "pod-1"}, 20),
        ("did_touch", {"actor": "usr_1", "target": "customer/cus_0"}, 3),
    ],
)
def test_every_kind_of_question_finds_its_events(
    story: Any, ask: str, members: dict[str, str], hits: int
) -> None:
    found = story.ask(ask, **members)

    assert len(found.answer.hits) == hits
    assert found.answer.exact


def test_all_events_of_an_action_are_found(story: Any) -> None:
    core = story.events("crm.customer.viewed")[5]

    found = story.ask("all_of_action", action=core["correlation"]["action_id"])

    assert [hit.core()["id"] for hit in found.answer.hits] == [core["id"]]


def test_a_period_holds_what_was_recorded_in_it(story: Any) -> None:
    times = [hit.recorded_us for hit in story.ask("what_did", actor="usr_1").answer.hits]

    found = story.ask("what_did", actor="usr_1", from_=times[2], to=times[5])

    assert [hit.recorded_us for hit in found.answer.hits] == times[2:5]
    assert found.answer.exact


def test_by_the_senders_clock_a_late_event_is_found_in_its_own_time(story: Any) -> None:
    """It happened in the night and was sent in the morning."""
    night = story.clock.now_us()
    late = story.event(21, actor="usr_9", target=CUSTOMER)
    story.later(8)
    story.send([late])
    story.later(24 * 8)
    story.send([story.event(22)])
    period = {"from_": night - 1000, "to": night + 1000, "clock": "occurred"}

    within = story.ask("what_did", actor="usr_9", **period)
    beyond = story.ask("what_did", actor="usr_9", **period, late="1h")
    recorded = story.ask("what_did", actor="usr_9", from_=night - 1000, to=night + 1000)

    assert (within.answer.verdict, within.answer.exact) == ("proved", True)
    assert beyond.answer.verdict == recorded.answer.verdict == "disproved"
    assert "at most 1 h after it" in " ".join(beyond.statement.sentences)


# ---------------------------------------------------------------- reasons


def test_a_gap_in_a_stream_turns_disproved_into_undecidable_where_it_lies(story: Any) -> None:
    """Numbers 21 and 22 never came; the years before are not in doubt."""
    before = story.clock.now_us()
    story.later()
    story.send([story.event(23, actor="usr_3", target="customer/cus_2")])
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    earlier = story.ask("did_touch", actor="usr_3", target=CUSTOMER, to=before - 3_600_000_001)

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["missing_numbers"])
    assert codes(found) == [reason.code for reason in offline(found).reasons]
    (stream,) = found.statement.streams
    assert (stream.name, stream.missing, stream.ranges) == ("pod-1", 2, [(21, 22)])
    assert stream.in_window
    assert earlier.answer.verdict == "disproved"
    assert any("2 numbers missing (21 to 22)" in one for one in found.statement.sentences)


def test_a_late_number_closes_the_gap(story: Any) -> None:
    story.send([story.event(22)])
    story.later()
    assert "missing_numbers" in codes(story.ask("what_did", actor="usr_3"))

    story.send([story.event(21)])
    story.later()

    assert codes(story.ask("what_did", actor="usr_3")) == []


def test_a_source_that_stops_beating_makes_it_undecidable(story: Any) -> None:
    story.beating_stream("till-7")
    heard = story.clock.now_us()
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    earlier = story.ask("did_touch", actor="usr_3", target=CUSTOMER, to=heard - 1)

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["silent_source"])
    (reason,) = offline(found).reasons
    assert (reason.code, reason.where) == ("silent_source", found.answer.reasons[0].where)
    assert earlier.answer.verdict == "disproved"
    (source,) = [one for one in found.statement.sources if one.source == "crm/crm-bff"]
    assert (source.streams, source.silent) == (3, 1)


def test_an_undeclared_event_of_a_source_that_speaks_for_the_target_makes_it_undecidable(
    story: Any,
) -> None:
    careless = sample_key("acme", types=("crm.order.*",))
    story.send([story.event(21, actor="usr_2", target="customer/cus_2")], key=careless)
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    elsewhere = story.ask("did_touch", actor="usr_3", target="invoice/inv_1")

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["limit:undeclared_event"])
    assert codes(found) == [reason.code for reason in offline(found).reasons]
    assert found.answer.reasons[0].where == "crm/crm-bff"
    assert elsewhere.answer.verdict == "disproved"


def test_a_quarantined_event_makes_it_undecidable(story: Any) -> None:
    """Its clock is days ahead: it is kept aside, and may be about this target."""
    story.send([story.event(21, occurred_at="2099-01-01T00:00:00.000Z")], taken=False)
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)

    assert found.answer.verdict == "undecidable"
    assert "limit:quarantined_event" in codes(found)
    assert codes(found) == [reason.code for reason in offline(found).reasons]
    (aside,) = found.statement.quarantined
    assert (aside.source, aside.events) == ("crm/crm-bff", 1)


def test_somebody_unknown_at_the_same_target_makes_it_undecidable(story: Any) -> None:
    """It may have been this very person."""
    unknown = story.event(
        21, target=CUSTOMER, actor="svc_1", attribution="none", type="crm.access.granted"
    )
    story.send([unknown | {"category": "authorize"}])
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    other = story.ask("did_touch", actor="usr_3", target="customer/cus_0")
    proved = story.ask("did_touch", actor="usr_1", target=CUSTOMER)

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["limit:not_attributed"])
    assert found.grade == "E"
    assert other.answer.verdict == "disproved"
    assert (proved.answer.verdict, proved.answer.exact) == ("proved", False)


def test_an_event_on_a_senders_word_at_the_same_target_lowers_the_grade(story: Any) -> None:
    story.send([story.event(21, target=CUSTOMER, actor="usr_2", attribution="asserted")])
    story.later()

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)

    assert (found.answer.verdict, codes(found)) == ("disproved", [])
    assert found.grade == "D"
    assert found.statement.weaker == {"D": 1}
    assert story.ask("did_touch", actor="usr_1", target="customer/cus_0").grade == "A"


def test_a_window_that_ends_in_the_future_has_an_open_end(story: Any) -> None:
    soon = story.clock.now_us() + 1_000_000

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER, to=soon)

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["open_end"])


def test_entries_that_no_record_covers_limit_the_answer(story: Any) -> None:
    """The index may not be brought up to date more than once a minute."""
    story.sealing = False

    long_ago = story.clock.now_us() - 8 * 3_600_000_000

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    earlier = story.ask("did_touch", actor="usr_3", target=CUSTOMER, to=long_ago)

    assert (found.answer.verdict, codes(found)) == ("undecidable", ["tail_uncovered"])
    assert found.statement.tail == found.answer.range[1] - found.answer.covered
    assert earlier.answer.verdict == "disproved"


def test_without_any_index_there_is_no_answer(server: Any) -> None:
    server.sealing = False
    server.send([server.event(1)])

    with pytest.raises(UnavailableError, match="index"):
        server.ask("what_did", actor="usr_1")


def test_a_log_that_is_not_published_any_more_says_so_in_its_answers(story: Any) -> None:
    story.trouble = "a witness has seen more than we have"

    found = story.ask("did_touch", actor="usr_3", target=CUSTOMER)

    assert "limit:log_halted" in codes(found)
    assert found.answer.verdict == "undecidable"


def test_what_is_withheld_is_not_in_the_file_and_the_proof_holds(story: Any) -> None:
    story.send([story.event(21, actor="usr_3", target=CUSTOMER)])
    story.later()

    whole = story.ask("did_touch", actor="usr_3", target=CUSTOMER)
    less = story.ask("did_touch", actor="usr_3", target=CUSTOMER, withhold=["person"])

    assert b"Kari Nordmann" in whole.bundle
    assert b"Kari Nordmann" not in less.bundle
    assert less.answer.exact
    assert [(at, section) for at, section in less.answer.withheld if section == "person"]


@pytest.mark.parametrize("section", ["core", "person"])
def test_an_erased_section_is_told_with_its_entry(story: Any, section: Section) -> None:
    """Without its core nobody can say any more whether the event was the asked one."""
    before = story.ask("who_accessed", target=CUSTOMER)
    first = before.answer.hits[0]
    request = ErasureRequest(
        ACME, (section,), "gdpr-17", "REQ-1", events=(str(first.core()["id"]),)
    )
    story.server.erasure.erase.run(request)
    story.later()

    found = story.ask("who_accessed", target=CUSTOMER)

    assert codes(found) == (["core_erased"] if section == "core" else [])
    assert (found.answer.verdict, found.answer.exact) == ("proved", section != "core")
    ((index, gone, entry),) = found.answer.erased
    assert (index, gone) == (first.index, section)
    assert found.answer.basis[entry] == ("gdpr-17", "REQ-1")
    assert codes(found) == [one.code for one in offline(found).reasons]
    assert offline(before).exact
