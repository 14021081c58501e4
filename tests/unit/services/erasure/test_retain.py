"""What expires, what does not, and what is left to prove it by."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry.control import PruneEntry
from vitne.core.entry.entry import decode_entry
from vitne.core.entry.keyring import erased_sections
from vitne.core.values.ids import parse_uuid
from vitne.core.values.record import Record
from vitne.core.values.types import LogId
from vitne.errors import BadInputError, ConfigurationError
from vitne.evidence.record import verify as record_proof
from vitne.services.access.audit_events import Caller
from vitne.services.erasure.expiry import CLASSES, parse_rules
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import FixedClock, sample_event, sample_key, temporary_server
from vitne.wiring import Server

ACME = LogId("acme")
DAY_US = 86_400_000_000
CALLER = Caller("uid:0")
ACCESS, LOGIN, RIGHTS = range(1, 11), range(11, 21), range(21, 31)


def _event(number: int) -> dict[str, Any]:
    event = sample_event(number)
    if number in LOGIN:
        event["category"] = "authenticate"
    if number in RIGHTS:
        event["category"] = "authorize"
    return event


@pytest.fixture
def clock() -> FixedClock:
    """Stands where the tests put it."""
    return FixedClock()


@pytest.fixture
def server(clock: FixedClock) -> Iterator[Server]:
    """A log with ten events of each of three classes, all sealed, and no thread but the writer."""
    made = temporary_server(
        Settings(free_bytes_min=0, seal_entries=64, retention="access-24m"), clock
    )
    made.writer.start()
    made.writer.create(ACME)
    _send(made, *ACCESS, *LOGIN, *RIGHTS)
    made.seal.segments.seal_now(ACME)
    yield made
    made.writer.close()
    made.close()


def _send(server: Server, *numbers: int) -> None:
    body = json.dumps([_event(n) for n in numbers]).encode()
    reply = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival()).result(60)
    assert reply.accepted == len(numbers), [one.problems for one in reply.results if one.problems]
    _publish(server)


def _publish(server: Server) -> None:
    while server.publish.rounds.run_once().more:
        pass


def _record(server: Server, number: int) -> Record:
    return server.show.by_id(ACME, parse_uuid(sample_event(number)["id"])).record


def _gone(server: Server) -> set[int]:
    """Numbers of the events of which nothing is left."""
    return {n for n in range(1, 31) if len(erased_sections(_record(server, n))) == 3}


def _proof(server: Server, number: int) -> bytes:
    document: bytes = server.show.by_id(ACME, parse_uuid(sample_event(number)["id"])).document()
    return document


def _prunes(server: Server) -> list[PruneEntry]:
    end = server.adapters.store.log(ACME).next_index
    start = server.adapters.store.log(ACME).sealed_end
    found = [decode_entry(data) for data in server.adapters.store.entries(ACME, start, end)]
    return [one for one in found if isinstance(one, PruneEntry)]


@pytest.mark.parametrize(
    ("rules", "days", "gone"),
    [
        ("access-24m", 732, ACCESS),
        ("access-24m", 730, ()),
        ("security-13m", 397, LOGIN),
        ("security-13m", 395, ()),
        ("security-13m=500", 397, ()),
        ("security-13m=500", 501, LOGIN),
        ("rights-7y", 2_000, ()),
        ("rights-7y", 2_558, RIGHTS),
        ("access-24m, security-13m", 732, (*ACCESS, *LOGIN)),
        ("money-10y", 9_999, ()),
    ],
)
def test_of_a_class_goes_what_is_older_than_its_days_and_nothing_else(
    server: Server, clock: FixedClock, rules: str, days: int, gone: Any
) -> None:
    clock.advance(days * DAY_US)

    planned = server.erasure.retain.plan(ACME, parse_rules(rules))
    assert _gone(server) == set()
    done = server.erasure.retain.run(ACME, parse_rules(rules))

    assert _gone(server) == set(gone)
    assert done == planned
    assert sum(len(one.records) for one in done) == len(gone)
    assert server.erasure.retain.run(ACME, parse_rules(rules)) == []


def test_a_prune_entry_says_what_went_under_which_rule(server: Server, clock: FixedClock) -> None:
    clock.advance(732 * DAY_US)

    (done,) = server.erasure.retain.run(ACME, {"access-24m": 731})

    (entry,) = _prunes(server)
    assert (entry.what, entry.rule) == ("records", "retention/access-24m/731d")
    assert entry.min_index == done.min_index
    assert all(_record(server, n).index < entry.min_index for n in ACCESS)


def test_proofs_of_before_and_of_what_is_kept_verify(server: Server, clock: FixedClock) -> None:
    before = {n: _proof(server, n) for n in (1, 11, 21)}
    clock.advance(732 * DAY_US)

    server.erasure.retain.run(ACME, {"access-24m": 731})
    _publish(server)

    for number, proof in before.items():
        told = record_proof.verify_record(proof).event()
        assert told["targets"] == _event(number)["targets"], number
    assert record_proof.verify_record(_proof(server, 21)).withheld == ()
    after = record_proof.verify_record(_proof(server, 1))
    assert set(after.withheld) == {"core", "payload", "person"}
    assert after.erased == {}
    assert server.fsck.run().clean


def test_what_a_hold_covers_is_kept_until_it_is_released(server: Server, clock: FixedClock) -> None:
    target = _event(3)["targets"][0]
    where = f"target:{target['type']}/{target['id']}"
    hold = server.erasure.holds.put(ACME, where, "litigation", "CASE-1", CALLER)
    clock.advance(732 * DAY_US)

    (done,) = server.erasure.retain.run(ACME, {"access-24m": 731})

    assert done.held >= 1
    assert 3 not in _gone(server)
    assert len(_gone(server)) == len(ACCESS) - done.held
    server.erasure.holds.release(ACME, hold.id, CALLER)
    server.erasure.retain.run(ACME, {"access-24m": 731})
    assert _gone(server) == set(ACCESS)


def test_a_hold_on_everything_stops_expiry_and_no_entry_is_written(
    server: Server, clock: FixedClock
) -> None:
    server.erasure.holds.put(ACME, "", "audit", "", CALLER)
    clock.advance(10_000 * DAY_US)

    assert server.erasure.retain.run(ACME, dict(CLASSES)) == []
    assert _gone(server) == set()
    assert _prunes(server) == []


def test_what_is_not_sealed_yet_does_not_expire(server: Server, clock: FixedClock) -> None:
    _send(server, 31)
    clock.advance(732 * DAY_US)

    server.erasure.retain.run(ACME, {"access-24m": 731})

    assert len(erased_sections(_record(server, 31))) == 0


def test_a_segment_with_a_younger_record_waits_as_a_whole(
    server: Server, clock: FixedClock
) -> None:
    _send(server, 31)
    clock.advance(10 * DAY_US)
    _send(server, 32)
    server.seal.segments.seal_now(ACME)
    clock.advance(725 * DAY_US)

    server.erasure.retain.run(ACME, {"access-24m": 731})

    assert _gone(server) == set(ACCESS)
    assert len(erased_sections(_record(server, 31))) == 0


def test_the_setting_expires_in_every_log_and_each_tells_it(
    server: Server, clock: FixedClock
) -> None:
    clock.advance(732 * DAY_US)

    assert server.erasure.expire() == len(ACCESS)
    assert server.erasure.expire() == 0

    end, start = (
        server.adapters.store.log(ACME).next_index,
        server.adapters.store.log(ACME).sealed_end,
    )
    told = [
        one
        for one in server.adapters.store.records(ACME, start, end)
        if one.facets.type == "audit.log.expired"
    ]
    assert [one.facets.actor for one in told] == ["vitne/retention"]
    payload = msgspec.json.decode(told[0].parts.payload or b"{}")
    assert payload["/extra"] == {
        "access_24m_days": 731,
        "access_24m_records": 10,
        "access_24m_held": 0,
        "access_24m_below": int(_prunes(server)[0].min_index),
    }


def test_rules_name_classes_and_may_lengthen_them() -> None:
    assert parse_rules("") == parse_rules(" , ") == {}
    assert parse_rules("access-24m, security-13m=500") == {"access-24m": 731, "security-13m": 500}


@pytest.mark.parametrize(
    "text",
    ["access", "access-24m=", "access-24m=730", "access-24m=x", "rights-7y=²", "a=9999999", "=5"],
)
def test_a_rule_that_is_none_is_refused_and_stops_a_start(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_rules(text)
    with pytest.raises(ConfigurationError, match=r"^retention: "):
        temporary_server(Settings(retention=text))


@given(st.text(max_size=60))
def test_no_text_gives_fewer_days_than_the_floor(text: str) -> None:
    try:
        rules = parse_rules(text)
    except BadInputError:
        return
    assert all(days >= CLASSES[name] for name, days in rules.items())


@given(st.sampled_from(sorted(CLASSES)), st.integers(-10, 10_000_000))
def test_days_count_from_the_floor_on(name: str, days: int) -> None:
    if CLASSES[name] <= days < 1_000_000:
        assert parse_rules(f"{name}={days}") == {name: days}
    else:
        with pytest.raises(BadInputError):
            parse_rules(f"{name}={days}")
