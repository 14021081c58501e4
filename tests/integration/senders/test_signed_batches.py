"""Signed batches: stored whole with their entry, or not at all; and again with the same receipt."""

import json
from typing import Any

import pytest

from vitne.core.entry.batch import encode_batch
from vitne.core.entry.commit import sender_root
from vitne.core.entry.entry import (
    BatchEntry,
    EventEntry,
    SigningKeyEntry,
    StreamEntry,
    VoidEntry,
    decode_entry,
)
from vitne.core.entry.keyring import leaves_of
from vitne.core.entry.receipt import Receipt
from vitne.core.entry.sender import sender_view, verify_sender
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.tree.note import parse_note
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import SenderRefusedError, StreamConflictError, UnreadableBodyError
from vitne.services.writer.pending_request import Arrival
from vitne.testing import sample_event
from vitne.wiring import Server

ACME = LogId("acme")


def entries(server: Server) -> list[Any]:
    return [
        decode_entry(one)
        for one in server.adapters.store.entries(ACME, LeafIndex(0), LeafIndex(1000))
    ]


def codes(error: Any) -> list[str]:
    return [problem.code for problem in error.value.problems]


def test_the_key_is_named_before_the_first_stream_that_is_signed_with_it(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    new_sender(server, "pod-2").open()

    found = [one for one in entries(server) if isinstance(one, SigningKeyEntry | StreamEntry)]

    assert [type(one).__name__ for one in found[-3:]] == [
        "SigningKeyEntry", "StreamEntry", "StreamEntry"
    ]  # fmt: skip
    assert (found[-3].role, found[-3].vkey) == ("source", sender.signer.vkey)


def test_a_batch_is_followed_by_its_entry_and_one_receipt_promises_both(
    server: Server, new_sender: Any, mode: str
) -> None:
    sender = new_sender(server, full=mode == "full")
    sender.open()

    reply = sender.send(1, 2, 3)

    first = reply.results[0].index or 0
    stored = entries(server)[first : first + 4]
    assert [type(one) for one in stored] == [EventEntry] * 3 + [BatchEntry]
    verify_sender(sender.signs.origin, stored[-1], sender.signs.key)
    [note] = reply.receipts
    receipt = Receipt.parse(parse_note(note)[0])
    assert (receipt.first, receipt.count) == (first, 4)
    raw = server.adapters.store.entries(ACME, LeafIndex(first), LeafIndex(first + 4))
    assert receipt.root == merkle_root([leaf_hash(one) for one in raw])


def test_the_log_says_who_signed_an_event(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    index = sender.send(1).results[0].index

    record = server.adapters.store.record(ACME, LeafIndex(index or 0))

    assert record is not None
    said = json.loads(record.parts.core_record or b"{}")
    assert said["signed_by"] == sender.signer.verifier.key_id.hex()
    assert "filled" not in said


def test_every_event_of_a_batch_is_proved_to_be_the_senders(
    server: Server, new_sender: Any, mode: str
) -> None:
    sender = new_sender(server, full=mode == "full")
    sender.open()
    reply = sender.send(*range(1, 8))
    server.publish.rounds.run_once()

    for result in reply.results:
        index = LeafIndex(result.index or 0)
        found = server.senders.batches.sender_proof(ACME, index)
        record = server.adapters.store.record(ACME, index)
        assert found is not None
        assert record is not None
        entry, batch = decode_entry(record.entry), entries(server)[found.batch]
        view = sender_view(entry, sender_root(leaves_of(record)), mode)
        at = entry.stream_seq - batch.first
        size = batch.last - batch.first + 1
        assert multiproof_root(size, [(at, leaf_hash(view))], found.path) == batch.root


def test_the_same_batch_again_gets_the_same_receipt_and_stores_nothing(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    batch = sender.sign([sender.event(number) for number in (1, 2)])
    first = sender.post(batch)
    sender.send(3)
    size = server.adapters.store.log(ACME).next_index

    again = sender.post(batch)

    assert again.receipts == first.receipts
    assert [(r.status, r.index) for r in again.results] == [
        ("duplicate", r.index) for r in first.results
    ]
    assert server.adapters.store.log(ACME).next_index == size


def test_a_late_batch_fills_a_gap_and_nothing_is_missing_any_more(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(4, 5)
    assert server.senders.streams.report(ACME)[0].missing_ranges == [(1, 3)]

    sender.send(1, 2, 3)

    assert server.senders.streams.report(ACME)[0].missing == 0


@pytest.mark.parametrize("numbers", [(2, 3), (1, 2), (2,), (1, 2, 3, 4)])
def test_a_batch_with_a_number_that_was_used_is_refused_whole(
    server: Server, new_sender: Any, numbers: tuple[int, ...]
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(2, 3) if numbers != (2,) else sender.send(1, 2)
    size = server.adapters.store.log(ACME).next_index
    other = [
        sender.event(number) | {"id": f"01981f3e-7c1a-7d34-9b0e-{number:012d}"}
        for number in numbers
    ]

    with pytest.raises(StreamConflictError) as refused:
        sender.post(sender.sign(other))

    assert codes(refused) == ["seq_repeat"]
    assert refused.value.stand.last == 3 - (numbers == (2,))
    assert server.adapters.store.log(ACME).next_index == size


def test_a_batch_with_the_id_of_another_event_is_refused_whole(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)
    event = sender.event(2) | {"id": sender.event(1)["id"]}

    with pytest.raises(StreamConflictError) as refused:
        sender.post(sender.sign([event]))

    assert codes(refused) == ["id_conflict"]


def test_events_that_are_not_complete_are_refused_with_their_places(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    good, bad = sender.event(1), sender.event(2)
    batch = sender.sign([good, bad])
    del bad["observed"]
    broken = encode_batch(batch.head, [batch.events[0], json.dumps(bad).encode()])

    with pytest.raises(SenderRefusedError) as refused:
        server.intake.requests.submit(broken, "batch", sender.key, Arrival()).result(20)

    assert {problem.path for problem in refused.value.problems} == {
        "$[1].observed.layer", "$[1].observed.role", "$[1].observed.seen"
    }  # fmt: skip
    assert not [one for one in entries(server) if isinstance(one, EventEntry | BatchEntry)]


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("extra", {"card": "4111 1111 1111 1111"}, "forbidden_content"),
        ("actor", {"id": "per@vendor.example", "type": "user", "party": "vendor",
                   "attribution": "token", "issuer": "i"}, "forbidden_content"),
        ("summary", "e\u0301", "control_character"),
        ("type", "nonsense", "bad_format"),
    ],
)  # fmt: skip
def test_what_must_be_removed_is_refused_and_its_number_accounted_for(
    server: Server, new_sender: Any, member: str, value: Any, code: str
) -> None:
    sender = new_sender(server)
    sender.open()
    batch = sender.sign([sender.event(1)])
    event = json.dumps(sender.event(1) | {member: value}, ensure_ascii=False).encode()

    with pytest.raises(SenderRefusedError) as refused:
        server.intake.requests.submit(
            encode_batch(batch.head, [event]), "batch", sender.key, Arrival()
        ).result(20)

    assert code in codes(refused)
    [void] = [one for one in entries(server) if isinstance(one, VoidEntry)]
    assert (void.first, void.last, void.reason) == (1, 1, 128)
    assert server.senders.streams.report(ACME)[0].voided == 1


def test_a_quarantined_event_keeps_its_bytes_and_the_others_can_go_on(
    server: Server, new_sender: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    ahead = sender.event(2) | {"occurred_at": "2030-01-01T00:00:00.000Z"}
    batch = sender.sign([sender.event(1), sender.event(2), sender.event(3)])
    bodies = [batch.events[0], json.dumps(ahead).encode(), batch.events[2]]

    with pytest.raises(SenderRefusedError) as refused:
        server.intake.requests.submit(
            encode_batch(batch.head, bodies), "batch", sender.key, Arrival()
        ).result(20)
    sender.send(1)
    sender.send(3)

    assert codes(refused) == ["quarantined"]
    assert [aside.reason for aside in server.adapters.store.asides(ACME)] == ["clock_ahead"]
    report = server.senders.streams.report(ACME)[0]
    assert (report.last, report.missing, report.voided) == (3, 0, 1)


def test_events_that_change_on_the_way_are_refused_and_told(
    server: Server, new_sender: Any, mode: str
) -> None:
    sender = new_sender(server, full=mode == "full")
    sender.open()
    batch = sender.sign([sender.event(1), sender.event(2)])
    event = json.loads(batch.events[1])
    event["targets"][0]["id"] = "cus_of_somebody_else"
    forged = encode_batch(batch.head, [batch.events[0], json.dumps(event).encode()])

    for _ in range(2):
        with pytest.raises(SenderRefusedError) as refused:
            server.intake.requests.submit(forged, "batch", sender.key, Arrival()).result(20)
        assert codes(refused) == ["wrong_root"]

    told = [
        one
        for one in server.adapters.store.records(ACME, LeafIndex(0), LeafIndex(99))
        if one.event_id
    ]
    assert [record.facets.type for record in told] == ["system.pipeline.signature_refused"]
    assert sender.post(batch).accepted == 2  # the true one goes on


def test_a_record_key_that_changes_on_the_way_is_refused(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    batch = sender.sign([sender.event(1)])
    head = type(batch.head)(
        **{name: getattr(batch.head, name) for name in batch.head.__struct_fields__}
        | {"record_keys": bytes(16)}
    )

    with pytest.raises(SenderRefusedError) as refused:
        server.intake.requests.submit(
            encode_batch(head, batch.events), "batch", sender.key, Arrival()
        ).result(20)

    assert codes(refused) == ["wrong_root"]


def test_unsigned_events_cannot_stand_in_a_signed_stream(server: Server, new_sender: Any) -> None:
    sender = new_sender(server)
    sender.open()
    sender.send(1)
    body = json.dumps([sender.event(2), {"nonsense": 1, "stream": {"id": "pod-1", "seq": 3}}])

    reply = server.intake.requests.submit(body.encode(), "json", sender.key, Arrival()).result(20)

    assert [p.code for p in reply.results[0].problems] == ["stream_signed"]
    report = server.senders.streams.report(ACME)[0]
    assert (report.last, report.voided) == (1, 0)  # no number is used up


def test_a_stream_that_was_sent_unsigned_cannot_be_opened_as_signed(
    server: Server, new_sender: Any
) -> None:
    body = json.dumps([sample_event(1)]).encode()
    sender = new_sender(server)
    server.intake.requests.submit(body, "json", sender.key, Arrival()).result(20)

    with pytest.raises(SenderRefusedError) as refused:
        sender.open()

    assert codes(refused) == ["wrong_stream"]


def test_a_batch_of_a_stream_that_is_not_open_is_refused(server: Server, new_sender: Any) -> None:
    with pytest.raises(SenderRefusedError) as refused:
        new_sender(server).send(1)

    assert codes(refused) == ["wrong_stream"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda body: body[:-1],
        lambda body: body + b"{}\n",
        lambda body: b" " + body,
        lambda body: body.replace(b'"first":1', b'"first":01'),
        lambda body: body.replace(b'"first":1', b'"first":1.0'),
        lambda body: body.replace(b'"mode":"body"', b'"mode":"none"'),
        lambda body: body.replace(b'"epoch":0', b'"epoch":1'),
        lambda body: body.replace(b'"batch":', b'"batch":"vitne-batch/v1","batch":'),
        lambda body: body.replace(b"vitne-batch/v1", b"vitne-batch/v2"),
        lambda body: body.replace(b'"tenant":"acme"', b'"tenant":7'),
        lambda body: body.replace(b"\n", b"\r\n"),
    ],
)
def test_what_is_no_batch_is_refused_as_unreadable(
    server: Server, new_sender: Any, spoil: Any
) -> None:
    sender = new_sender(server)
    sender.open()
    batch = sender.sign([sender.event(1)])

    with pytest.raises(UnreadableBodyError):
        server.intake.requests.submit(
            spoil(encode_batch(batch.head, batch.events)), "batch", sender.key, Arrival()
        )
