"""Someone replays, forges or drops what senders sign; and a log that lies about it shows."""

import json
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import msgspec
import pytest

from vitne.core.entry.assemble import Assembler, event_root
from vitne.core.entry.batch import BatchHead, encode_batch
from vitne.core.entry.entry import VOID_REJECTED, EventEntry, StreamEntry, VoidEntry, encode_entry
from vitne.core.entry.keys import EVENT_TYPE, key, secret, stream_id
from vitne.core.entry.sender import batch_message, view_of
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext
from vitne.core.event.validate import validate_event
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.gap import build_run
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer
from vitne.core.values import encode_base64
from vitne.core.values.types import Hash, LeafIndex, LogId
from vitne.errors import SenderRefusedError, StreamConflictError
from vitne.services.access.audit_events import Caller
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import (
    TEST_START_US,
    sample_key,
    temporary_server,
)
from vitne.wire.streams import HeartbeatRequest, OpenStreamRequest, VoidRequest
from vitne.wiring import Server

ACME, GLOBEX = LogId("acme"), LogId("globex")
THIEF = Signer("crm/crm-bff", b"\x66" * 32)


@pytest.fixture
def server(signing: ModuleType) -> Iterator[Server]:
    with temporary_server(Settings(server_name="audit.test", free_bytes_min=0)) as made:
        for log in (ACME, GLOBEX, LogId("vitne")):
            made.writer.create(log)
        made.senders.source_keys.add(signing.source_signer().vkey, Caller(id="uid:0"))
        yield made


@pytest.fixture
def opened(signing: ModuleType) -> Any:
    """Makes a sender and opens its stream."""

    def make(server: Server, name: str = "pod-1", **how: Any) -> Any:
        sender = signing.SigningSender(server, name, **how)
        sender.open()
        return sender

    return make


def post(server: Server, head: BatchHead, events: Sequence[bytes]) -> Any:
    body = encode_batch(head, list(events))
    key_ = sample_key("acme", "globex")
    return server.intake.requests.submit(body, "batch", key_, Arrival()).result(20)


def refused_with(error: Any) -> list[str]:
    return [problem.code for problem in error.value.problems]


def told(server: Server, log: LogId = ACME) -> list[str]:
    """Types of the events that Vitne itself wrote into a log."""
    records = server.adapters.store.records(log, LeafIndex(0), LeafIndex(10_000))
    return [r.facets.type for r in records if r.facets.type.startswith("system.")]


# ---------------------------------------------------------------- replays


@pytest.mark.parametrize(
    "elsewhere",
    [{"tenant": "globex"}, {"stream": "pod-2"}, {"first": 2}, {"prev": Hash(b"\1" * 32)}],
)
def test_a_batch_does_not_stand_in_another_log_stream_place_or_chain(
    server: Server, opened: Any, elsewhere: dict[str, Any]
) -> None:
    sender = opened(server)
    opened(server, "pod-2")
    opened(server, tenant="globex")
    batch = sender.sign([sender.event(1)])

    with pytest.raises(SenderRefusedError) as refused:
        post(server, msgspec.structs.replace(batch.head, **elsewhere), batch.events)

    assert refused_with(refused) == ["bad_signature"]
    log = LogId(str(elsewhere.get("tenant", "acme")))
    assert told(server, log) == ["system.pipeline.signature_refused"]


def test_an_old_batch_cannot_be_put_behind_a_newer_one(server: Server, opened: Any) -> None:
    sender = opened(server)
    withheld = sender.sign([sender.event(1)])  # signed, and held back by somebody on the way
    sender.send(2)

    with pytest.raises(StreamConflictError) as refused:
        sender.post(withheld)

    assert refused_with(refused) == ["wrong_prev"]


@pytest.mark.parametrize("elsewhere", [{"tenant": "globex"}, {"name": "pod-2"}])
def test_a_beat_does_not_stand_for_another_log_or_stream(
    server: Server, opened: Any, elsewhere: dict[str, str]
) -> None:
    sender = opened(server)
    opened(server, "pod-2")
    opened(server, tenant="globex")
    entry = sender.signs.beat(0, 0, TEST_START_US, sender.chain)
    beat = HeartbeatRequest(
        "acme", "pod-1", 0, TEST_START_US, 0, encode_base64(entry.prev), encode_base64(entry.sig)
    )

    with pytest.raises(SenderRefusedError) as refused:
        server.senders.streams.beat(sender.key, msgspec.structs.replace(beat, **elsewhere))

    assert refused_with(refused) == ["bad_signature"]


def test_an_old_beat_does_not_pass_for_a_sign_of_life(server: Server, opened: Any) -> None:
    sender = opened(server)
    sender.beat(0, TEST_START_US)
    sender.beat(0, TEST_START_US + 60_000_000)

    with pytest.raises(StreamConflictError) as refused:
        sender.beat(0, TEST_START_US)

    assert refused_with(refused) == ["replayed"]


def test_an_opening_and_a_void_hold_for_their_own_log_only(server: Server, opened: Any) -> None:
    sender = opened(server)
    opened(server, tenant="globex")
    opening, void = sender.signs.open(60), sender.signs.void(1, 1, 1, TEST_START_US)

    with pytest.raises(SenderRefusedError) as refused:
        server.senders.streams.open(
            sender.key,
            OpenStreamRequest(
                "globex",
                "pod-1",
                "body",
                60,
                encode_base64(sender.signs.key),
                encode_base64(opening.sig),
            ),
        )
    assert refused_with(refused) == ["bad_signature"]
    with pytest.raises(SenderRefusedError) as refused:
        server.senders.streams.void(
            sender.key,
            VoidRequest(
                "globex",
                "pod-1",
                1,
                1,
                TEST_START_US,
                1,
                encode_base64(void.digest),
                encode_base64(void.sig),
            ),
        )
    assert refused_with(refused) == ["bad_signature"]


# ---------------------------------------------------------------- keys


def test_a_stolen_api_key_alone_writes_nothing_into_a_signed_stream(
    server: Server, opened: Any, signing: ModuleType
) -> None:
    sender = opened(server)
    sender.send(1)
    thief = signing.SigningSender(server, signer=THIEF)

    with pytest.raises(SenderRefusedError) as refused:
        thief.send(2)
    assert refused_with(refused) == ["wrong_stream"]
    with pytest.raises(SenderRefusedError) as refused:
        thief.void(2, 9)
    assert refused_with(refused) == ["bad_signature"]
    with pytest.raises(SenderRefusedError) as refused:
        signing.SigningSender(server, "pod-9", signer=THIEF).open()
    assert refused_with(refused) == ["unknown_source_key"]
    unsigned = json.dumps([sender.event(2)]).encode()
    reply = server.intake.requests.submit(unsigned, "json", sender.key, Arrival()).result(20)
    assert [p.code for p in reply.results[0].problems] == ["stream_signed"]
    assert told(server) == ["system.pipeline.signature_refused"] * 2


def test_the_key_of_one_source_opens_no_stream_of_another(
    server: Server, signing: ModuleType
) -> None:
    pos = sample_key("acme", application="pos", service="till")
    sender = signing.SigningSender(server, signer=Signer("pos/till", b"\x07" * 32), key=pos)

    with pytest.raises(SenderRefusedError) as refused:
        sender.open()

    assert refused_with(refused) == ["unknown_source_key"]


def test_an_event_filed_under_another_actor_is_refused_in_mode_full(
    server: Server, opened: Any
) -> None:
    """The keys that were signed are those of somebody else; the body is true."""
    sender = opened(server, full=True)
    event = sender.event(1)
    context = IntakeContext(
        TEST_START_US, sender.key.source, bytes, lambda _t, _p: "", default_tenant="acme"
    )  # type: ignore[arg-type]  # the sample key has a source
    valid = validate_event(json.dumps(event).encode(), context)
    assert isinstance(valid, ValidEvent)
    innocent = msgspec.structs.replace(valid, actor=("https://id.vendor.example", "usr_99"))
    origin = server.logs.origin(ACME)
    filed = Assembler(origin, server.logs.index_secret(ACME), 1).prepare(
        innocent, b"", b"", b"", b"\x01" * 16
    )
    leaf = leaf_hash(view_of(filed.entry, event_root(valid, b"\x01" * 16), "full"))
    honest = sender.sign([event])
    head = msgspec.structs.replace(honest.head, root=merkle_root([leaf]))
    message = batch_message(origin, head.entry(sender.signs.stream_id))
    forged = msgspec.structs.replace(head, sig=sender.signer.sign_message(message))

    with pytest.raises(SenderRefusedError) as refused:
        post(server, forged, honest.events)

    assert refused_with(refused) == ["wrong_root"]
    assert told(server) == ["system.pipeline.signature_refused"]


# ---------------------------------------------------------------- what is dropped


def test_a_dropped_tail_shows_once_the_next_run_names_its_last_number(
    server: Server, opened: Any, signing: ModuleType
) -> None:
    sender = opened(server)
    sender.send(1, 2, 3)
    opened(server, "pod-2")

    signing.SigningSender(server, "pod-3").open(prev=sender.signs.stream_id, prev_last=5)

    [before] = [one for one in server.senders.streams.report(ACME) if one.name == "pod-1"]
    assert before.missing_ranges == [(4, 5)]


def _entries(numbers: Sequence[int], voids: Sequence[int] = ()) -> list[bytes]:
    """A log that a liar wrote: whatever numbers it likes."""
    stream = stream_id("o", "crm/bff", "pod-1")
    tag = key(EVENT_TYPE, secret(bytes(32), EVENT_TYPE, "a.b.c"))
    opening = StreamEntry(1, stream, "crm/bff", "pod-1", "none", "sender", 0)
    return [
        encode_entry(opening),
        *(encode_entry(EventEntry(1, 1, stream, n, 1, (tag,), Hash(bytes(32)))) for n in numbers),
        *(
            encode_entry(VoidEntry(1, 1, stream, n, n, VOID_REJECTED, Hash(bytes([n] * 32))))
            for n in voids
        ),
    ]


def test_a_repeated_number_does_not_hide_a_dropped_one() -> None:
    entries = _entries([1, 2, 2, 4])
    counter = CoverageCounter()
    for entry in entries:
        counter.add(entry)

    run = build_run(0, entries)
    leaf = run.leaves[run.find(b"\x04" + stream_id("o", "crm/bff", "pod-1"))]

    assert counter.coverage().missing == 1
    assert leaf.count == leaf.seq_max - leaf.seq_min + 1  # the count alone would be fooled
    assert leaf.seq_distinct < leaf.seq_max - leaf.seq_min + 1


def test_a_void_of_a_number_that_came_is_counted_and_its_digest_stays() -> None:
    """The log says of number 3 that it was rejected: what it got can be held against the digest."""
    entries = _entries([1, 2, 4], voids=[3])
    counter = CoverageCounter()
    for entry in entries:
        counter.add(entry)

    assert (counter.coverage().missing, counter.coverage().voided) == (0, 1)
    assert bytes([3] * 32) in entries[-1]


def test_an_event_held_back_until_after_the_window_is_told_as_late(
    server: Server, opened: Any
) -> None:
    sender = opened(server)
    clock: Any = server.adapters.clock
    clock.advance(3_601_000_000)

    sender.send(1)

    [report] = server.senders.streams.report(ACME)
    assert (report.late, report.late_max_s) == (1, 3_600)
    [state] = server.adapters.store.streams(ACME)
    assert state.late_max_us == 3_601_000_000 - 1
