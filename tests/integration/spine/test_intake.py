"""From the bytes of a request to durable entries, over a folder."""

import json
from contextlib import closing
from typing import Any

import pytest

from vitne.core.entry.control import IndexSecretEntry, SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import EventEntry, VoidEntry, decode_entry
from vitne.core.entry.receipt import open_receipt
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Verifier
from vitne.core.values.types import LogId
from vitne.errors import NotAllowedError, OverloadedError, UnreadableBodyError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import TEST_START_US, sample_event, sample_key, temporary_server
from vitne.wire.events import IntakeReply

ACME = LogId("acme")
MINIMAL = b'{"type":"crm.customer.viewed","actor":{"id":"usr_77"},"target":"customer/cus_90331"}'


def statuses(reply: IntakeReply) -> list[str]:
    return [result.status for result in reply.results]


def test_a_log_begins_with_its_keys(spine: Any) -> None:
    first = [decode_entry(entry) for entry in spine.entries()]

    assert [type(entry) for entry in first] == [*[SigningKeyEntry] * 3, IndexSecretEntry]
    assert [entry.role for entry in first[:3]] == ["log", "receipt", "index-log"]
    assert first[0].vkey == spine.server.logs.log_signer(spine.server.logs.origin(ACME)).vkey


def test_creating_a_log_twice_changes_nothing(spine: Any) -> None:
    before = spine.entries()

    spine.server.writer.create(ACME)

    assert spine.entries() == before


def test_a_minimal_event_is_filled_numbered_and_receipted(spine: Any) -> None:
    reply = spine.send(MINIMAL)

    result = reply.results[0]
    assert (result.status, result.log, result.index, result.receipt) == ("accepted", "acme", 5, 0)
    stream, event = (decode_entry(entry) for entry in spine.entries()[4:])
    assert isinstance(stream, StreamEntry)
    assert (stream.numbers, stream.name) == ("server", "server/" + "k" * 12)
    assert (event.stream_id, event.stream_seq) == (stream.stream_id, 1)


def test_a_receipt_covers_exactly_the_events_of_the_request(spine: Any) -> None:
    reply = spine.send([sample_event(n) for n in (1, 2, 3)])

    verifier = Verifier(spine.server.logs.receipt_signer(spine.server.logs.origin(ACME)).vkey)
    receipt = open_receipt(reply.receipts[0], verifier)
    indices = [result.index for result in reply.results]
    assert indices == list(range(receipt.first, receipt.first + receipt.count))
    assert receipt.root == merkle_root([leaf_hash(spine.entries()[index]) for index in indices])


def test_a_retry_gets_the_same_indices_and_receipt_and_stores_nothing(spine: Any) -> None:
    events = [sample_event(n) for n in range(1, 6)]
    first = spine.send(events)
    before = spine.entries()
    spine.clock.advance(5_000_000)

    again = spine.send(events)

    assert statuses(again) == ["duplicate"] * 5
    assert [r.index for r in again.results] == [r.index for r in first.results]
    assert again.receipts == first.receipts
    assert spine.entries() == before


def test_two_requests_of_one_transaction_are_retried_apart(spine: Any) -> None:
    first = spine.put([sample_event(n) for n in (1, 2)])
    second = spine.put([sample_event(n) for n in (3, 4, 5)])
    spine.write()

    again = spine.send([sample_event(n) for n in (3, 4, 5)])

    assert again.receipts == second.result().receipts
    assert again.receipts != first.result().receipts


def test_a_retry_that_waits_beside_its_first_try_stores_one(spine: Any) -> None:
    first, second = spine.put([sample_event(1)]), spine.put([sample_event(1)])

    spine.write()

    assert statuses(first.result()) == ["accepted"]
    assert statuses(second.result()) == ["duplicate"]
    assert second.result().receipts == first.result().receipts


def test_an_event_twice_in_one_request_is_stored_once(spine: Any) -> None:
    reply = spine.send([sample_event(1), sample_event(2), sample_event(1)])

    assert statuses(reply) == ["accepted", "accepted", "duplicate"]
    assert reply.results[2].index == reply.results[0].index


def test_duplicates_of_several_batches_get_one_receipt_for_each_run(spine: Any) -> None:
    firsts = []
    for n in (1, 2):
        firsts.append(spine.send([sample_event(n)]))
        spine.clock.advance(1_000)

    reply = spine.send([sample_event(2), sample_event(3), sample_event(1)])

    assert statuses(reply) == ["duplicate", "accepted", "duplicate"]
    of = [reply.receipts[result.receipt] for result in reply.results]
    assert (of[2], of[0]) == (firsts[0].receipts[0], firsts[1].receipts[0])
    assert of[1] not in (of[0], of[2])


def test_one_request_for_two_tenants_is_one_transaction_with_a_receipt_each(spine: Any) -> None:
    events = [sample_event(1), sample_event(1, tenant="globex", stream="pod-2")]

    reply = spine.send(events, key=sample_key())

    assert [(r.log, r.receipt) for r in reply.results] == [("acme", 0), ("globex", 1)]
    assert ["/log/acme" in reply.receipts[0], "/log/globex" in reply.receipts[1]] == [True, True]


def test_another_event_under_a_taken_id_is_refused_and_told_in_the_log(spine: Any) -> None:
    spine.send([sample_event(1)])
    other = sample_event(2) | {"id": sample_event(1)["id"]}

    reply = spine.send([other])
    spine.send([other])

    assert statuses(reply) == ["rejected"]
    assert reply.results[0].problems[0].code == "id_conflict"
    told = spine.adapters.store.scan(ACME, None, 0, 99, 99)
    conflicts = [record for record in told if record.facets.type == "system.id.conflict"]
    assert len(conflicts) == 1
    assert sample_event(1)["id"].encode() in conflicts[0].parts.core


def test_the_number_of_a_refused_event_is_accounted_for_once(spine: Any) -> None:
    broken = sample_event(1) | {"category": "no such category"}

    replies = [spine.send([broken]), spine.send([broken])]

    assert [statuses(reply) for reply in replies] == [["rejected"], ["rejected"]]
    voids = [e for e in map(decode_entry, spine.entries()) if isinstance(e, VoidEntry)]
    assert [(void.first, void.last, void.reason) for void in voids] == [(1, 1, 128)]
    assert spine.adapters.store.streams(ACME)[0].last_seq == 1


def test_a_number_used_before_is_refused(spine: Any) -> None:
    spine.send([sample_event(1)])
    other = sample_event(2)
    other["stream"]["seq"] = 1

    reply = spine.send([other])

    assert reply.results[0].problems[0].code == "seq_repeat"


def test_a_gap_is_recorded_and_closed_by_the_late_event(spine: Any) -> None:
    spine.send([sample_event(1), sample_event(4)])
    gap = spine.adapters.store.streams(ACME)[0].missing

    late = spine.send([sample_event(3)])

    assert gap == ((2, 3),)
    assert statuses(late) == ["accepted"]
    assert spine.adapters.store.streams(ACME)[0].missing == ((2, 2),)


def ahead(number: int) -> dict[str, Any]:
    """An event from the day after tomorrow."""
    return sample_event(number, at_us=TEST_START_US + 2 * 86_400_000_000)


def test_a_quarantined_event_is_kept_aside_with_its_digest_in_the_tree(spine: Any) -> None:
    reply = spine.send([sample_event(1), ahead(2)])

    assert statuses(reply) == ["accepted", "quarantined"]
    assert reply.results[1].reason == "clock_ahead"
    void = decode_entry(spine.entries()[reply.results[1].index])
    assert (void.reason, void.first, void.last) == (129, 2, 2)
    (aside,) = spine.adapters.store.asides(ACME)
    assert (aside.digest, aside.index) == (void.digest, reply.results[1].index)
    assert json.loads(aside.body)["id"] == ahead(2)["id"]


def test_a_quarantined_event_sent_again_gets_its_place_and_receipt_again(spine: Any) -> None:
    first = spine.send([sample_event(1), ahead(2)])
    before = spine.entries()

    again = spine.send([sample_event(1), ahead(2)])

    assert statuses(again) == ["duplicate", "quarantined"]
    assert again.receipts == first.receipts
    assert spine.entries() == before
    assert len(spine.adapters.store.asides(ACME)) == 1


def test_a_sender_cannot_write_into_a_stream_of_the_server(spine: Any) -> None:
    spine.send(MINIMAL)

    reply = spine.send([sample_event(5, stream="server/" + "k" * 12)])

    assert reply.results[0].problems[0].path == "$.stream.id"
    assert spine.adapters.store.streams(ACME)[0].last_seq == 1


def test_what_is_only_counted_is_counted_durably(spine: Any) -> None:
    reply = spine.send([{"type": "crm.customer.viewed"}])

    assert statuses(reply) == ["rejected"]
    assert sum(spine.adapters.store.counts(ACME).values()) == 1
    assert len(spine.entries()) == 4


def test_a_tenant_that_does_not_exist_is_refused(spine: Any) -> None:
    reply = spine.send([sample_event(1, tenant="nobody")], key=sample_key())

    assert reply.results[0].problems[0].code == "tenant_not_allowed"


def test_a_body_that_is_no_json_stores_nothing(spine: Any) -> None:
    with pytest.raises(UnreadableBodyError):
        spine.put(b"\xff", key=sample_key("acme"))

    assert not spine.server.writer.queue.events


def test_a_key_that_may_not_write_is_refused(spine: Any) -> None:
    reader = sample_key("acme")

    with pytest.raises(NotAllowedError):
        spine.put(MINIMAL, key=type(reader)("r", "r", b"", ("read",), (ACME,), None))
    with pytest.raises(NotAllowedError):
        spine.put(b"", form="import")


def test_an_import_keeps_the_original(spine: Any) -> None:
    line = {"event": sample_event(1), "raw": "2026-09-21 kari åpnet kunde 7"}

    reply = spine.send(
        json.dumps(line).encode(), form="import", key=sample_key("acme", may_import=True)
    )

    record = spine.adapters.store.record(ACME, reply.results[0].index)
    assert json.loads(record.parts.payload_record) == {"raw": line["raw"]}


def test_when_too_much_waits_a_request_is_refused_whole() -> None:
    key = sample_key("acme")

    def body(*numbers: int) -> bytes:
        return json.dumps([sample_event(number) for number in numbers]).encode()

    with closing(temporary_server(Settings(free_bytes_min=0, queue_events_max=5))) as server:
        server.writer.create(ACME)
        first = server.intake.requests.submit(body(1, 2, 3), "json", key, Arrival())
        with pytest.raises(OverloadedError) as refusal:
            server.intake.requests.submit(body(4, 5, 6), "json", key, Arrival())
        server.writer.write(server.writer.queue.take(99))

        assert refusal.value.retry_after_s >= 1
        assert first.result(timeout=0).accepted == 3
        assert server.adapters.store.log(ACME).next_index == 4 + 1 + 3


def test_the_time_never_goes_back_and_the_clamp_is_counted(spine: Any) -> None:
    spine.send([sample_event(1)])
    spine.clock.advance(-2_000_000)

    spine.send([sample_event(2)])

    events = [e for e in map(decode_entry, spine.entries()) if isinstance(e, EventEntry)]
    assert events[0].recorded_us == events[1].recorded_us
    stats = spine.server.writer.stats
    assert (stats.clamps, stats.clamp_alarms, stats.clamp_max_us) == (1, 1, 2_000_000)


def test_an_event_forgotten_by_the_window_is_found_among_the_segments(spine: Any) -> None:
    spine.send([sample_event(1), sample_event(2)])
    store, archive = spine.adapters.store, spine.adapters.archive
    spine.publish()
    segment = archive.write(ACME, store.records(ACME, 0, 7))
    spine.adapters.segments.add(ACME, segment)
    store.drop(ACME, 7)
    spine.clock.advance(8 * 86_400_000_000)
    store.forget(spine.clock.now_us() - 7 * 86_400_000_000, 100)
    other = sample_event(3) | {"id": sample_event(2)["id"]}

    reply = spine.send([sample_event(1), other])

    assert statuses(reply) == ["duplicate", "rejected"]
    assert reply.results[0].index == 5
    assert reply.results[1].problems[0].code == "id_conflict"
