"""What becomes of events in a log: one case at a time. The properties hold it against the rules."""

from hashlib import sha256

import pytest
from msgspec.structs import replace

from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    BEAT_ALIVE,
    BEAT_CLOSED,
    NO_SIGNATURE,
    VOID_QUARANTINED,
    VOID_REJECTED,
    BatchEntry,
    BeatEntry,
    EventEntry,
    StreamEntry,
    VoidEntry,
    decode_entry,
    encode_entry,
)
from vitne.core.entry.keys import EVENT_TYPE, key, secret
from vitne.core.values.record import Facets, Parts
from vitne.core.values.types import Hash, LeafIndex, LogId
from vitne.ports import ERASED_DIGEST, AnnouncedKey, Seen, SenderState, StreamState, Tail
from vitne.services.writer.control_entries import untimed
from vitne.services.writer.plan import EventPlanner
from vitne.services.writer.planned_log import PlannedLog
from vitne.services.writer.prepared import (
    LogBatch,
    PlannedBatch,
    PreparedEvent,
    PreparedVoid,
    SignedBatch,
    StreamAct,
    StreamRef,
)
from vitne.services.writer.stream_acts import StreamActPlanner

ACME = LogId("acme")
NOW_US = 1_795_000_000_000_000
HOUR_US = 3_600_000_000
START = 100
TAIL = Tail(LeafIndex(START), NOW_US - 1)
OWN = StreamRef(b"\x01" * 16, "crm/bff", "pod-1", by_sender=True)
SERVERS = StreamRef(b"\x02" * 16, "crm/bff", "server/k1", by_sender=False)
SIGNED = StreamRef(b"\x03" * 16, "crm/bff", "signed-1", by_sender=True)
PUBLIC_KEY, OTHER_KEY, CHAIN = b"\x07" * 32, b"\x08" * 32, b"\x09" * 32
SIGNATURE = b"\x05" * 64
ENTRY = encode_entry(
    EventEntry(
        1, 1, b"\x01" * 16, 1, 1, (key(EVENT_TYPE, secret(bytes(32), EVENT_TYPE, "a.b.c")),),
        Hash(bytes(32)),
    )
)  # fmt: skip


def event(name: str, seq: int = 0, stream: StreamRef = SERVERS, **fields: object) -> PreparedEvent:
    """Content and id follow from the name."""
    digest = sha256(name.encode()).digest()[:16]
    made = PreparedEvent(
        0, name, name.encode().ljust(16), digest, stream, seq, ENTRY, bytes(16), Parts(),
        Facets(occurred_us=NOW_US), name.encode(),
    )  # fmt: skip
    return replace(made, **fields)


def quarantined(body: bytes, seq: int = 1) -> PreparedVoid:
    return PreparedVoid(
        0, "id", VOID_QUARANTINED, sha256(body).digest(), OWN, seq, "clock_ahead", body
    )


def seen(name: str, index: int = 7, digest: bytes | None = None) -> Seen:
    return Seen(LeafIndex(index), event(name).digest if digest is None else digest, 1)


def signed_state(**fields: object) -> StreamState:
    """The signed stream as the log has it: events 1 to 4, and no beat yet."""
    sender = SenderState("body", PUBLIC_KEY, SIGNATURE, LeafIndex(3), LeafIndex(2), chain=CHAIN)
    state = StreamState(SIGNED.stream_id, SIGNED.source, SIGNED.name, "sender", 4, sender=sender)
    return replace(state, **fields)


def signed_log(**fields: object) -> PlannedLog:
    return PlannedLog(
        TAIL,
        NOW_US,
        {SIGNED.stream_id: signed_state(**fields)},
        {PUBLIC_KEY: AnnouncedKey(LeafIndex(2))},
    )


def place(log: PlannedLog, *events: PreparedEvent, **known: object) -> PlannedBatch:
    return EventPlanner(log, **known).place(LogBatch(ACME, events))  # type: ignore[arg-type]  # as its parameters


def types_of(log: PlannedLog) -> list[str]:
    return [type(decode_entry(record.entry)).__name__ for record in log.writes().records]


# ------------------------------------------------------------------ plain events


def test_a_stream_opens_before_its_first_event_and_the_server_numbers_on() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = place(log, event("a"), event("b"))

    assert types_of(log) == ["StreamEntry", "EventEntry", "EventEntry"]
    assert (planned.first, len(planned.accepted)) == (START + 1, 2)
    numbers = [decode_entry(entry) for entry in planned.entries]
    assert [entry.stream_seq for entry in numbers if isinstance(entry, EventEntry)] == [1, 2]
    assert log.writes().streams[0].last_seq == 2


def test_an_event_that_the_log_remembers_is_a_double_and_adds_nothing() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = place(log, event("a"), seen={event("a").event_id: seen("a")})

    assert [(double.id, known.index) for double, known in planned.doubles] == [("a", 7)]
    assert not log.writes().records


def test_an_event_twice_in_a_request_is_stored_once_and_doubles_point_at_it() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = place(log, event("a"), event("a", position=1))

    assert [(double.position, known.index) for double, known in planned.doubles] == [
        (1, planned.first)
    ]
    assert len(planned.entries) == 1


def test_another_event_under_a_taken_id_is_a_conflict_and_its_number_is_accounted_for() -> None:
    log = PlannedLog(TAIL, NOW_US)
    other = event("a", seq=1, stream=OWN, digest=b"x" * 16)
    planned = place(log, other, seen={other.event_id: seen("a")})

    assert [refused.problem.code for refused in planned.refused] == ["id_conflict"]
    assert planned.conflicts == [other]
    void = decode_entry(log.writes().records[-1].entry)
    assert isinstance(void, VoidEntry)
    assert (void.first, void.reason, void.digest) == (1, VOID_REJECTED, sha256(b"a").digest())


def test_whatever_comes_under_the_id_of_an_erased_event_is_its_double() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = place(
        log,
        event("a", digest=b"x" * 16),
        seen={event("a").event_id: seen("a", digest=ERASED_DIGEST)},
    )

    assert len(planned.doubles) == 1
    assert not planned.conflicts


def test_what_a_segment_holds_counts_like_what_the_log_remembers() -> None:
    log = PlannedLog(TAIL, NOW_US)
    batch = LogBatch(ACME, [event("a")], archived={event("a").event_id: seen("a", 9)})

    assert EventPlanner(log).place(batch).doubles[0][1].index == 9


def test_a_number_that_was_used_is_refused_and_a_missing_one_is_taken() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = place(
        log,
        *(event(name, seq, OWN) for name, seq in (("a", 1), ("b", 5), ("c", 5), ("d", 3))),
    )

    assert [accepted.id for accepted in planned.accepted] == ["a", "b", "d"]
    assert [(refused.id, refused.problem.code) for refused in planned.refused] == [
        ("c", "seq_repeat")
    ]
    assert log.writes().streams[0].missing == ((2, 2), (4, 4))


def test_an_unsigned_event_uses_up_no_number_of_a_signed_stream() -> None:
    log = signed_log()
    planned = place(log, event("a", 5, SIGNED))

    assert [refused.problem.code for refused in planned.refused] == ["stream_signed"]
    assert not log.writes().records
    assert not log.writes().streams


@pytest.mark.parametrize(("age_us", "late"), [(HOUR_US + 1, 1), (HOUR_US, 0)])
def test_an_event_is_late_when_it_happened_more_than_an_hour_before(age_us: int, late: int) -> None:
    log = PlannedLog(TAIL, NOW_US)
    place(log, event("a", facets=Facets(occurred_us=NOW_US - age_us)))

    assert log.writes().streams[0].late == late


def test_quarantined_bytes_are_kept_aside_once() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planner = EventPlanner(log)
    first = planner.place(LogBatch(ACME, (), [quarantined(b"a"), quarantined(b"a", seq=2)]))
    again = planner.place(LogBatch(ACME, (), [quarantined(b"a")]))

    assert (len(first.quarantined), [index for _, index in first.kept]) == (1, [first.first])
    assert (len(again.quarantined), [index for _, index in again.kept]) == (0, [first.first])
    assert [aside.body for aside in log.writes().asides] == [b"a"]


def test_what_is_planned_already_wins_over_what_is_learned_later() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planner = EventPlanner(log)
    first = planner.place(LogBatch(ACME, [event("a")]))
    planner.learn({event("a").event_id: seen("a", 7)})
    log.know({SERVERS.stream_id: StreamState(SERVERS.stream_id, "crm/bff", SERVERS.name, "server")})

    assert planner.place(LogBatch(ACME, [event("a")])).doubles[0][1].index == first.first
    assert log.writes().streams[0].last_seq == 1


# ------------------------------------------------------------------ signed batches


def batch_of(*names: str, first: int = 5, **fields: object) -> LogBatch:
    last = first + len(names) - 1
    entry = BatchEntry(1, 1, SIGNED.stream_id, first, last, Hash(CHAIN), Hash(CHAIN), SIGNATURE)
    signed = SignedBatch(
        SIGNED, "body", PUBLIC_KEY, untimed(entry), first, last, CHAIN, b"\x0a" * 32
    )
    events = [event(name, number, SIGNED) for number, name in enumerate(names, first)]
    return LogBatch(ACME, events, signed=replace(signed, **fields))


def test_a_signed_batch_is_placed_whole_with_its_entry_behind_it() -> None:
    log = signed_log()
    planned = EventPlanner(log).place(batch_of("a", "b"))

    assert types_of(log) == ["EventEntry", "EventEntry", "BatchEntry"]
    assert planned.entries[-1] == log.writes().records[-1].entry
    state = log.writes().streams[0]
    assert (state.last_seq, state.sender and state.sender.chain) == (6, b"\x0a" * 32)


def test_the_same_batch_again_is_left_to_whoever_reads_entries() -> None:
    log = signed_log()
    known = {event(n).event_id: seen(n, at) for at, n in enumerate(("a", "b"), 50)}
    planned = EventPlanner(log, known).place(batch_of("a", "b"))

    assert (planned.again, len(planned.entries)) == (50, 0)
    assert not log.writes().records


@pytest.mark.parametrize(
    ("batch", "code", "incident"),
    [
        (batch_of("a", prev=bytes(32)), "wrong_prev", False),
        (batch_of("a", first=4), "seq_repeat", False),
        (batch_of("a", "a"), "id_conflict", False),
        (batch_of("a", mode="full"), "wrong_stream", True),
        (batch_of("a", key=OTHER_KEY), "wrong_stream", True),
    ],
)
def test_a_batch_that_does_not_follow_on_leaves_nothing(
    batch: LogBatch, code: str, *, incident: bool
) -> None:
    log = signed_log()
    refusal = EventPlanner(log).place(batch).refusal

    assert refusal is not None
    assert (refusal.problem.code, refusal.incident) == (code, incident)
    assert not log.writes().records


def test_a_closed_stream_takes_no_further_numbers() -> None:
    refusal = EventPlanner(signed_log(closed=True)).place(batch_of("a")).refusal

    assert refusal is not None
    assert refusal.problem.code == "stream_closed"
    assert refusal.stand is not None
    assert refusal.stand.closed


# ------------------------------------------------------------------ acts


def beat(at_us: int = NOW_US, last: int = 4, state: int = BEAT_ALIVE) -> StreamAct:
    entry = BeatEntry(1, at_us, SIGNED.stream_id, last, state, Hash(CHAIN), SIGNATURE)
    return StreamAct("beat", untimed(entry), PUBLIC_KEY)


def opening(name: str = "signed-2", stream_id: bytes = b"\x04" * 16) -> StreamAct:
    entry = StreamEntry(
        1, stream_id, "crm/bff", name, "body", "sender", 60, OTHER_KEY, SIGNATURE, b"", 0
    )
    return StreamAct("open", untimed(entry), OTHER_KEY, untimed(entry))


def test_a_key_is_announced_before_the_first_stream_that_it_signs_and_only_then() -> None:
    log = PlannedLog(TAIL, NOW_US)
    planned = StreamActPlanner(log).place([opening(), opening("signed-3", b"\x06" * 16), opening()])

    assert planned.controls == [START + 1, START + 2, START + 1]
    assert log.writes().announced_keys == {OTHER_KEY: AnnouncedKey(LeafIndex(START))}
    assert len(log.writes().records) == 3


def test_a_retired_key_opens_no_stream_and_its_streams_take_nothing() -> None:
    log = PlannedLog(
        TAIL,
        NOW_US,
        {SIGNED.stream_id: signed_state()},
        {
            OTHER_KEY: AnnouncedKey(LeafIndex(1), retired=True),
            PUBLIC_KEY: AnnouncedKey(LeafIndex(2), retired=True),
        },
    )
    acts = StreamActPlanner(log)

    for act in (opening(), beat()):
        refusal = acts.place([act]).refusal
        assert refusal is not None
        assert refusal.problem.code == "retired_source_key"
    assert not log.writes().records


def test_acts_are_placed_up_to_the_first_that_is_refused() -> None:
    log = signed_log()
    planned = StreamActPlanner(log).place([beat(), beat(NOW_US - 1), beat(NOW_US + 1)])

    assert planned.controls == [START]
    assert planned.refusal is not None
    assert planned.refusal.problem.code == "replayed"


def test_the_same_beat_again_stands_where_it_stood() -> None:
    planned = StreamActPlanner(signed_log()).place([beat(), beat()])

    assert planned.controls == [START, START]


def test_a_beat_says_which_numbers_were_given_out_and_the_last_one_closes() -> None:
    log = signed_log()
    StreamActPlanner(log).place([beat(last=6, state=BEAT_CLOSED)])

    state = log.writes().streams[0]
    assert (state.last_seq, state.missing, state.closed) == (6, ((5, 6),), True)


@pytest.mark.parametrize(("named_us", "given_up"), [(NOW_US - 10, True), (NOW_US - 5, False)])
def test_a_stream_is_given_up_only_if_nothing_has_named_it_since(
    named_us: int, *, given_up: bool
) -> None:
    log = signed_log(named_us=named_us)
    entry = BeatEntry(1, 1, SIGNED.stream_id, 4, BEAT_ABANDONED, Hash(CHAIN), NO_SIGNATURE)
    planned = StreamActPlanner(log).place(
        [StreamAct("abandon", untimed(entry), before_us=NOW_US - 5)]
    )

    assert (planned.refusal is None) == given_up
    assert [state.abandoned for state in log.writes().streams] == [True] * given_up


def test_a_void_of_the_sender_uses_up_its_numbers_once() -> None:
    log = signed_log()
    entry = VoidEntry(1, 1, SIGNED.stream_id, 5, 6, 1, Hash(bytes(32)), SIGNATURE)
    act = StreamAct("void", untimed(entry), PUBLIC_KEY)
    planned = StreamActPlanner(log).place([act, act])

    assert planned.controls == [START, START]
    assert log.writes().streams[0].last_seq == 6
