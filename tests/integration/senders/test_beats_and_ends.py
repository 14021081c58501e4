"""Heartbeats, voids, clean ends, the run before, and streams that the log gives up."""

from typing import Any

import pytest

from vitne.core.entry.entry import BeatEntry, SigningKeyEntry, decode_entry
from vitne.core.index.coverage import CoverageCounter
from vitne.core.tree.note import Signer
from vitne.core.values import format_utc
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import BadInputError, ConflictError, SenderRefusedError, StreamConflictError
from vitne.services.access.audit_events import Caller
from vitne.testing import TEST_START_US, sample_key
from vitne.wiring import Server

ACME = LogId("acme")
CALLER = Caller(id="uid:0", method="shell")
SECOND_US = 1_000_000


def report(server: Server, name: str = "pod-1") -> Any:
    return next(one for one in server.senders.streams.report(ACME) if one.name == name)


def coverage(server: Server) -> Any:
    counter = CoverageCounter()
    for entry in server.adapters.store.entries(ACME, LeafIndex(0), LeafIndex(10_000)):
        counter.add(entry)
    return counter.coverage()


def codes(error: Any) -> list[str]:
    return [problem.code for problem in error.value.problems]


def test_a_beat_that_states_more_than_came_shows_what_is_missing(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1, 2)

    sender.beat(5, TEST_START_US)

    assert report(server).missing_ranges == [(3, 5)]
    assert coverage(server).missing == 3
    sender.send(3, 4, 5)
    assert (report(server).missing, coverage(server).missing) == (0, 0)


def test_the_same_beat_again_is_answered_as_before(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()

    told = sender.beat(0, TEST_START_US)

    assert sender.beat(0, TEST_START_US).receipt == told.receipt
    assert sender.beat(0, TEST_START_US + 1).index == told.index + 1


def test_a_closed_stream_takes_late_numbers_and_no_new_ones(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)
    sender.beat(3, TEST_START_US, state=1)

    sender.send(2, 3)
    with pytest.raises(StreamConflictError) as refused:
        sender.send(4)

    assert codes(refused) == ["stream_closed"]
    assert report(server).status == "closed"
    assert coverage(server).open == 0


def test_voids_explain_numbers_by_their_reason(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)

    sender.void(2, 3, reason=1)
    sender.void(4, 4, reason=3)

    assert (report(server).missing, report(server).voided) == (0, 2)
    assert (coverage(server).missing, coverage(server).voided) == (0, 2)


def test_the_same_void_again_is_answered_as_before_and_another_is_refused(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    told = sender.void(1, 3)

    assert sender.void(1, 3).receipt == told.receipt
    with pytest.raises(StreamConflictError) as refused:
        sender.void(2, 3)
    assert codes(refused) == ["replayed"]


def test_a_void_cannot_take_back_an_event(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1, 2)

    with pytest.raises(StreamConflictError) as refused:
        sender.void(2, 3)

    assert codes(refused) == ["seq_repeat"]


def test_the_next_run_names_the_one_before_and_its_last_number(
    server: Server, new_sender: Any
) -> None:
    before = new_sender(server)
    before.open()
    before.send(1, 2)
    after = new_sender(server, "pod-2")

    after.open(prev=before.signs.stream_id, prev_last=4)

    assert report(server).status == "followed"
    assert report(server).missing_ranges == [(3, 4)]
    assert (coverage(server).missing, coverage(server).open) == (2, 1)


def test_a_stream_cannot_follow_itself_or_that_of_another_source(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    pos = Signer("pos/till", b"\x09" * 32)
    server.senders.source_keys.add(pos.vkey, CALLER)
    key = sample_key("acme", application="pos", service="till")
    other = new_sender(server, "till-1", signer=pos, key=key)
    other.open()

    for prev in (sender.signs.stream_id, other.signs.stream_id):
        with pytest.raises(StreamConflictError) as refused:
            sender.open(prev=prev, prev_last=1)
        assert codes(refused) == ["wrong_prev"]


def test_the_same_opening_again_is_answered_as_before_and_another_is_refused(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    told = sender.open()

    assert sender.open().receipt == told.receipt
    with pytest.raises(SenderRefusedError) as refused:
        sender.open(beat_s=30)
    assert codes(refused) == ["wrong_stream"]


def test_silence_shows_after_three_beats(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open(beat_s=60)
    opened_us = server.adapters.clock.now_us()

    server.adapters.clock.advance(181 * SECOND_US)

    assert report(server).status == "silent"
    assert report(server).silent_since == format_utc(opened_us)
    sender.beat(0, server.adapters.clock.now_us())
    assert report(server).status == "open"


def test_the_log_gives_up_a_stream_that_is_silent_for_long(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)
    quiet = new_sender(server, "unbeaten")
    quiet.open(beat_s=0)
    server.adapters.clock.advance(3_600 * SECOND_US)
    assert server.senders.streams.abandon_silent(after_s=7_200) == 0

    server.adapters.clock.advance(3_601 * SECOND_US)

    assert server.senders.streams.abandon_silent(after_s=7_200) == 1
    assert server.senders.streams.abandon_silent(after_s=7_200) == 0
    assert (report(server).status, report(server, "unbeaten").status) == ("abandoned", "open")
    beat = decode_entry(server.adapters.store.entries(ACME, LeafIndex(0), LeafIndex(99))[-1])
    assert isinstance(beat, BeatEntry)
    assert (beat.state, beat.sig, beat.last) == (2, bytes(64), 1)
    assert coverage(server).abandoned == 1
    sender.send(2)  # it was not dead after all: what it sends is taken, and the word stands
    assert report(server).status == "abandoned"


def test_a_retired_key_signs_nothing_any_more_and_each_log_says_so(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)
    other = new_sender(server, tenant="globex")

    server.senders.source_keys.retire(sender.signer.vkey, CALLER)

    for act in (lambda: sender.send(2), new_sender(server, "pod-2").open, other.open):
        with pytest.raises(SenderRefusedError) as refused:
            act()
        assert codes(refused) == ["retired_source_key"]
    found = [
        decode_entry(one)
        for one in server.adapters.store.entries(ACME, LeafIndex(0), LeafIndex(99))
    ]
    keys = [(one.role, one.state) for one in found if isinstance(one, SigningKeyEntry)]
    assert keys[-2:] == [("source", "add"), ("source", "retire")]


def test_the_keys_of_sources_are_checked_when_they_are_registered(server: Server) -> None:
    with pytest.raises(ConflictError):
        server.senders.source_keys.add(Signer("crm/crm-bff", b"\x07" * 32).vkey, CALLER)
    for vkey in (
        "nonsense",
        Signer("crm", b"\x08" * 32).vkey,
        Signer("crm/crm-bff", b"\x08" * 32, 0x04).vkey,
        "crm/crm-bff+4d1a4b2d+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  # small order
    ):
        with pytest.raises(BadInputError):
            server.senders.source_keys.add(vkey, CALLER)


def test_events_that_come_long_after_they_happened_are_counted(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)

    server.adapters.clock.advance(7_200 * SECOND_US)
    sender.send(2, 3)

    [state] = server.adapters.store.streams(ACME)
    assert report(server).late == state.late == 2
    assert state.late_max_us == 7_200 * SECOND_US - 2
