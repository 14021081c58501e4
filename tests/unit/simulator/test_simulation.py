"""The simulated vendor is repeatable, valid, and holds the story that it says it holds."""

import itertools
import os
from collections import Counter
from typing import Any

import msgspec
import pytest

from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.core.values.times import parse_utc
from vitne.simulator import Simulation, source_registrations
from vitne.simulator.rota import day_of, midnight_us, shift, weekday
from vitne.simulator.story import Plot
from vitne.simulator.world import Person

START_US = 1_763_942_400_000_000  # Monday 2025-11-24
DAY_US = 86_400_000_000

Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def month() -> Events:
    return list(Simulation(7, START_US).events())


def at_work(person: Person, time_us: int) -> bool:
    """Whether the person's shift covers a moment, lunch included."""
    worked, second = shift(person, day_of(time_us)), time_us // 1_000_000
    start = midnight_us(day_of(time_us)) // 1_000_000
    return worked is not None and worked.start_s <= second - start < worked.end_s


def by_id(events: Events, ids: tuple[str, ...]) -> Events:
    found = {event["id"]: event for event in events}
    return [found[one] for one in ids]


def moment(event: dict[str, Any]) -> int:
    found = parse_utc(event["occurred_at"])
    assert found is not None
    return found


# ---------------------------------------------------------------- the simulation


def test_the_same_seed_gives_the_same_events_byte_for_byte() -> None:
    first, second = (
        [msgspec.json.encode(event) for event in Simulation(3, START_US, 8).events()]
        for _ in range(2)
    )

    assert first == second
    assert len(first) > 1000


def test_another_seed_gives_another_history_of_the_same_people() -> None:
    one, other = Simulation(1, START_US, 2), Simulation(2, START_US, 2)

    assert [p.id for p in one.world.people] == [p.id for p in other.world.people]
    assert [e["id"] for e in one.events()] != [e["id"] for e in other.events()]


def test_an_earlier_end_cuts_the_same_history_short() -> None:
    simulation = Simulation(3, START_US, 3)
    noon_us = START_US + DAY_US * 3 // 2
    whole = list(simulation.events())

    part = list(simulation.events(until_us=noon_us))

    assert part == whole[: len(part)]
    assert 0 < len(part) < len(whole)


@pytest.mark.parametrize("seed", [0, 7, 123_456])
def test_every_event_is_complete_and_valid(seed: int) -> None:
    context = IntakeContext(
        now_us=START_US + 60 * DAY_US,
        registration=SourceRegistration("any", "any", may_import=True),
        fresh=os.urandom,
        pseudonym=lambda _tenant, _plain: "0" * 32,
    )

    for event in Simulation(seed, START_US, 15).events():
        valid = validate_event(msgspec.json.encode(event), context)
        assert isinstance(valid, ValidEvent), (event, valid)
        assert valid.filled == ()
        assert valid.warnings == ()
        assert len(msgspec.json.encode(event)) < 4096


def test_events_come_in_the_order_of_time_with_ids_of_their_own(month: Events) -> None:
    times = [moment(event) for event in month if "repeat" not in event]

    assert times == sorted(times)
    assert len({event["id"] for event in month}) == len(month)
    first_us = midnight_us(day_of(START_US))
    assert first_us <= times[0]
    assert times[-1] < first_us + 30 * 86_400_000_000


def test_numbers_run_without_gap_but_at_the_flaky_source(month: Events) -> None:
    seqs: dict[tuple[str, str], list[int]] = {}
    for event in month:
        stream = event["stream"]
        seqs.setdefault((stream["id"], event["tenant"]["id"]), []).append(stream["seq"])

    holes = {
        name: missing
        for (name, _), numbers in seqs.items()
        if (missing := set(range(1, max(numbers) + 1)) - set(numbers))
    }

    assert all(numbers == sorted(set(numbers)) for numbers in seqs.values())
    assert holes
    assert all(name.startswith("pim/pim-app/") for name in holes)


def test_only_the_flaky_source_spools_and_only_it_ends_no_stream(month: Events) -> None:
    spooled = {e["source"]["service"] for e in month if e["stream"].get("spooled")}
    ended = {e["source"]["service"] for e in month if e["stream"].get("end")}

    assert spooled == {"pim-app"}
    assert ended == {service for _, service, _ in source_registrations()} - {"pim-app"}
    assert all(e["clock"]["sync"] == "unknown" for e in month if e["stream"].get("spooled"))


def test_the_vendor_has_forty_people_and_three_logs(month: Events) -> None:
    people = Simulation(7, START_US).world.people
    actors = {e["actor"]["id"] for e in month if e["actor"]["type"] == "user"}

    assert len(people) == 40
    assert actors == {person.id for person in people}
    assert {e["tenant"]["id"] for e in month} == {"fjordkjokken", "badbolig", "nordvare"}
    assert len({e["type"] for e in month}) >= 50


def test_a_joint_service_tells_the_same_actions_again_as_backstop(month: Events) -> None:
    by_action: dict[str, list[dict[str, Any]]] = {}
    for event in month:
        if event["type"] == "crm.customer.viewed":
            by_action.setdefault(event["correlation"]["action_id"], []).append(event)

    for events in by_action.values():
        roles = Counter(event["observed"]["role"] for event in events)
        assert roles["primary"] == roles["backstop"] == 1
        targets = {(e["actor"]["id"], e["targets"][0]["id"]) for e in events}
        assert len(targets) == 1


def test_people_of_the_vendor_only_touch_others_data_with_a_grant(month: Events) -> None:
    touched = [
        e
        for e in month
        if e["actor"].get("party") == "vendor"
        and e["tenant"]["id"] != "nordvare"
        and any(t["type"] == "customer" for t in e.get("targets", ()))
    ]

    assert len(touched) > 50
    assert all(e["purpose"]["reference"].startswith("CASE-") for e in touched)
    assert all(e["on_behalf_of"]["approved_by"] for e in touched)


def test_the_rota_keeps_sundays_free_and_shifts_at_eight_hours() -> None:
    people = Simulation(1, START_US).world.people
    monday = day_of(START_US + DAY_US // 2)

    assert weekday(monday) == 0
    for person, day in itertools.product(people, range(monday, monday + 14)):
        worked = shift(person, day)
        if worked is None:
            continue
        assert weekday(day) != 6
        assert worked.end_s - worked.start_s == 8 * 3600
        assert at_work(person, midnight_us(day) + worked.start_s * 1_000_000)
        assert not at_work(person, midnight_us(day) + worked.end_s * 1_000_000)


def test_a_live_continuation_tells_what_the_history_would_have_told() -> None:
    simulation = Simulation(3, START_US, 40)
    from_us = START_US + 2 * DAY_US + DAY_US // 2

    live = [e["id"] for _, e in itertools.islice(simulation.live(from_us), 800)]

    story = {i for ids in msgspec.structs.asdict(simulation.story).values() for i in ids}
    written = Plot(simulation.world, 3, simulation.first_day, simulation.days)
    days = range(simulation.first_day, simulation.first_day + simulation.days)
    plot = {e["id"] for day in days for *_, e in written.rows(day)}  # what `live` leaves out
    history = [e["id"] for e in simulation.events() if moment(e) >= from_us]
    told = [one for one in history if one not in story | plot]
    assert live == told[:800]


def test_scale_multiplies_people() -> None:
    assert len(Simulation(1, START_US, 1, scale=10).world.people) == 400


# ---------------------------------------------------------------- the story


def test_the_seller_looks_only_outside_shifts_from_home_and_without_a_purpose(
    month: Events,
) -> None:
    simulation = Simulation(7, START_US)
    story = simulation.story
    culprit = next(p for p in simulation.world.people if p.id == story.culprit)

    seen = by_id(month, story.evenings)

    assert len(seen) == 13
    for event in seen:
        assert event["actor"]["id"] == story.culprit
        assert f"customer/{event['targets'][0]['id']}" == story.target
        assert not at_work(culprit, moment(event))
        assert event["client"]["ip"] == culprit.home_ip
        assert "purpose" not in event


@pytest.mark.parametrize("later", range(7))
def test_the_colleague_is_off_while_the_colleagues_pin_is_used(later: int) -> None:
    simulation = Simulation(7, START_US + later * DAY_US)
    month = list(simulation.events())
    story = simulation.story
    people = {p.id: p for p in simulation.world.people}

    used = by_id(month, story.till)

    assert len(used) == 4
    for event in used:
        assert event["actor"]["id"] == story.colleague
        assert shift(people[story.colleague], day_of(moment(event))) is None
        assert at_work(people[story.culprit], moment(event))


@pytest.mark.parametrize("later", range(7))
def test_the_innocent_looked_more_often_always_at_work_and_for_one_case(later: int) -> None:
    simulation = Simulation(7, START_US + later * DAY_US)
    month = list(simulation.events())
    story = simulation.story
    innocent = next(p for p in simulation.world.people if p.id == story.innocent)

    explained = by_id(month, story.explained)

    assert len(explained) > len(story.evenings)
    assert len({day_of(moment(e)) for e in explained}) == len(explained)
    for event in explained:
        assert event["purpose"]["reference"] == story.case
        assert at_work(innocent, moment(event))


def test_the_export_is_denied_first_and_then_written_as_intent_and_act(month: Events) -> None:
    story = Simulation(7, START_US).story

    [denied] = by_id(month, story.denied)
    intent, act = by_id(month, story.exported)

    assert denied["outcome"]["result"] == "denied"
    assert intent["phase"] == "intent"
    assert intent["correlation"]["action_id"] == act["correlation"]["action_id"]
    assert act["targets"][0]["exposure"] == "exported"
    assert moment(denied) < moment(intent) < moment(act)


def test_nobody_else_opens_the_customer(month: Events) -> None:
    story = Simulation(7, START_US).story
    kind, _, name = story.target.partition("/")

    actors = {
        event["actor"]["id"]
        for event in month
        if any((t["type"], t["id"]) == (kind, name) for t in event.get("targets", ()))
    }

    assert actors == {story.culprit, story.colleague, story.innocent}
