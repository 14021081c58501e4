"""Answers about senders that sign: who signed, who binds the key, and what their silence hides."""

from types import ModuleType
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.evidence.bundle import verify as bundle
from vitne.services.access.audit_events import Caller

DAY_US = 86_400_000_000


@pytest.fixture
def signing_server(server: Any, signing: ModuleType) -> Any:
    """A server with a source key."""
    server.server.writer.create(LogId("vitne"))
    server.server.senders.source_keys.add(
        signing.source_signer().vkey, Caller(id="uid:0", method="shell")
    )
    return server


@pytest.fixture
def sender(signing_server: Any, signing: ModuleType, full: bool) -> Any:
    """A sender whose stream is open, of mode full unless a test says otherwise."""
    made = signing.SigningSender(signing_server.server, full=full)
    made.open()
    return made


@pytest.fixture
def full() -> bool:
    """Whether the lookup keys are signed too."""
    return True


@pytest.mark.parametrize("full", [True, False])
def test_who_signed_stands_beside_each_event(signing_server: Any, sender: Any, full: bool) -> None:
    """And the bundle alone is bound by the sender, if it signed its index keys too."""
    sender.send(1, 2, 3)
    sender.send(4)
    signing_server.later()

    found = signing_server.ask("what_did", actor="usr_2")

    (hit,) = found.answer.hits
    assert hit.signed == ("full" if full else "body")
    alone = bundle.verify_bundle(found.bundle)
    assert alone.hits[0].signed == hit.signed
    assert alone.binding == ("sender" if full else "log")


def test_events_that_are_not_signed_say_so_beside_those_that_are(
    signing_server: Any, sender: Any
) -> None:
    sender.send(2)
    signing_server.send([signing_server.event(1, stream="loose", actor="usr_2")])
    signing_server.later()

    found = signing_server.ask("what_did", actor="usr_2")

    assert sorted(str(hit.signed) for hit in found.answer.hits) == ["None", "full"]


def test_a_sender_that_beats_and_closes_leaves_nothing_open(
    signing_server: Any, sender: Any
) -> None:
    sender.send(1)
    sender.beat(1, signing_server.clock.now_us())
    signing_server.later(0.01)
    sender.beat(1, signing_server.clock.now_us(), state=1)
    signing_server.later(24)

    found = signing_server.ask("did_touch", actor="usr_1", target="customer/cus_9")

    assert (found.answer.verdict, found.answer.reasons) == ("disproved", ())


def test_a_sender_that_falls_silent_makes_it_undecidable_from_then_on(
    signing_server: Any, sender: Any
) -> None:
    sender.send(1)
    heard = signing_server.clock.now_us()
    signing_server.later(24)

    found = signing_server.ask("did_touch", actor="usr_1", target="customer/cus_9")
    before = signing_server.ask("did_touch", actor="usr_1", target="customer/cus_9", to=heard)

    assert [one.code for one in found.answer.reasons] == ["silent_source"]
    assert found.answer.verdict == "undecidable"
    assert before.answer.verdict == "disproved"


def test_numbers_that_a_beat_names_and_no_event_has_are_missing(
    signing_server: Any, sender: Any
) -> None:
    """The tail of a run was lost; the closing beat tells of it."""
    sender.send(1)
    signing_server.later()
    sender.beat(3, signing_server.clock.now_us(), state=1)
    signing_server.later(24)

    found = signing_server.ask("did_touch", actor="usr_1", target="customer/cus_9")

    assert [one.code for one in found.answer.reasons] == ["missing_numbers"]
    (stream,) = found.statement.streams
    assert (stream.missing, stream.ranges) == (2, [(2, 3)])


def test_numbers_that_a_sender_voids_are_told_as_lost(signing_server: Any, sender: Any) -> None:
    sender.send(1)
    sender.void(2, 4)
    sender.send(5)
    sender.beat(5, signing_server.clock.now_us(), state=1)
    signing_server.later(24)

    found = signing_server.ask("did_touch", actor="usr_1", target="customer/cus_9")

    assert [one.code for one in found.answer.reasons] == ["voided_numbers"]
    assert found.answer.streams[0].voided == 3
