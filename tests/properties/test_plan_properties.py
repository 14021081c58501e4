"""What a group becomes in a log, held against the same rules told one event at a time."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry.entry import (
    HEADER,
    VOID_QUARANTINED,
    VOID_REJECTED,
    EventEntry,
    StreamEntry,
    VoidEntry,
    decode_entry,
    encode_entry,
)
from vitne.core.entry.keys import EVENT_TYPE, key, secret, stream_id
from vitne.core.values.record import Facets, Parts
from vitne.core.values.types import Hash, LeafIndex, LogId
from vitne.ports import Tail
from vitne.services.writer.plan import EventPlanner
from vitne.services.writer.planned_log import PlannedLog
from vitne.services.writer.prepared import (
    LogBatch,
    PlannedBatch,
    PreparedEvent,
    PreparedVoid,
    StreamRef,
)
from vitne.services.writer.receipts import runs

ACME = LogId("acme")
NOW_US = 1_795_000_000_000_000
START = 100
STREAMS = [
    StreamRef(stream_id("o", "crm/bff", name), "crm/bff", name, by_sender=name != "server/k")
    for name in ("pod-1", "pod-2", "server/k")
]
ENTRY = encode_entry(
    EventEntry(
        1, 1, b"\x01" * 16, 1, 1, (key(EVENT_TYPE, secret(bytes(32), EVENT_TYPE, "a.b.c")),),
        Hash(bytes(32)),
    )
)  # fmt: skip


class Sent(NamedTuple):
    """One event as hypothesis thinks of it."""

    kind: str
    """`event`, `rejected` or `quarantined`."""
    id: int
    content: int
    stream: int
    seq: int


SENT = st.builds(
    Sent,
    st.sampled_from(["event"] * 6 + ["rejected", "quarantined"]),
    st.integers(0, 12),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(1, 12),
)
REQUESTS = st.lists(st.lists(SENT, max_size=8), max_size=6)


def batch_of(request: Sequence[Sent]) -> LogBatch:
    events: list[PreparedEvent] = []
    voids: list[PreparedVoid] = []
    for position, sent in enumerate(request):
        stream = STREAMS[sent.stream]
        if sent.kind == "rejected" and not stream.by_sender:
            continue
        seq = sent.seq if stream.by_sender else 0
        body = f"{sent.id}/{sent.content}".encode()
        if sent.kind == "event":
            events.append(
                PreparedEvent(
                    position, str(sent.id), sent.id.to_bytes(16, "big"), sha256(body).digest()[:16],
                    stream, seq, ENTRY, bytes(16), Parts(), Facets(), body,
                )
            )  # fmt: skip
        else:
            quarantined = sent.kind == "quarantined"
            reason = VOID_QUARANTINED if quarantined else VOID_REJECTED
            digest = sha256(body).digest()
            voids.append(
                PreparedVoid(position, str(sent.id), reason, digest, stream, seq, "", body)
            )
    return LogBatch(ACME, events, voids)


def plan_all(
    requests: Sequence[Sequence[Sent]],
) -> tuple[PlannedLog, EventPlanner, list[LogBatch], list[PlannedBatch]]:
    log = PlannedLog(Tail(LeafIndex(START), NOW_US - 1), NOW_US)
    planner, batches = EventPlanner(log), [batch_of(request) for request in requests]
    return log, planner, batches, [planner.place(batch) for batch in batches]


class Rules:
    """The rules, told one event at a time: what becomes of it."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._used: set[tuple[str, int]] = set()
        self._asides: set[bytes] = set()

    def _take(self, stream: StreamRef, seq: int) -> bool:
        new = not seq or (stream.name, seq) not in self._used
        self._used.add((stream.name, seq))
        return new

    def of_event(self, event: PreparedEvent) -> str:
        """`accepted`, `double` or `refused`."""
        if event.event_id not in self._known:
            if not self._take(event.stream, event.seq):
                return "refused"
            self._known[event.event_id] = event.digest
            return "accepted"
        if self._known[event.event_id] == event.digest:
            return "double"
        self._take(event.stream, event.seq)
        return "refused"

    def of_void(self, void: PreparedVoid) -> str:
        """`quarantined`, `kept` or `refused`; `""` for what is only accounted for."""
        if void.reason == VOID_REJECTED:
            self._take(void.stream, void.seq)
            return ""
        if void.digest in self._asides:
            return "kept"
        if not self._take(void.stream, void.seq):
            return "refused"
        self._asides.add(void.digest)
        return "quarantined"


@given(REQUESTS)
def test_each_event_becomes_what_the_rules_say_one_by_one(
    requests: Sequence[Sequence[Sent]],
) -> None:
    _, _, batches, planned = plan_all(requests)
    rules = Rules()

    for batch, one in zip(batches, planned, strict=True):
        expected = {event.position: rules.of_event(event) for event in batch.events}
        expected |= {void.position: rules.of_void(void) for void in batch.voids}
        found = {event.position: "accepted" for event in one.accepted}
        found |= {event.position: "double" for event, _ in one.doubles}
        found |= {position: "refused" for position, _, _ in one.refused}
        found |= {void.position: "quarantined" for void in one.quarantined}
        found |= {void.position: "kept" for void, _ in one.kept}
        assert found == {position: what for position, what in expected.items() if what}


@given(REQUESTS)
def test_records_follow_on_with_one_time_and_a_stream_opens_before_its_first_number(
    requests: Sequence[Sequence[Sent]],
) -> None:
    plan = plan_all(requests)[0].writes()
    opened: set[bytes] = set()
    numbers: list[tuple[bytes, int]] = []

    for index, record in enumerate(plan.records, START):
        entry = decode_entry(record.entry)
        assert (record.index, record.recorded_us, entry.recorded_us) == (index, NOW_US, NOW_US)
        match entry:
            case StreamEntry():
                assert entry.stream_id not in opened
                opened.add(entry.stream_id)
            case EventEntry():
                # The sender's stream stands in its entry already, which here is any one.
                numbers.append((HEADER.unpack_from(record.entry)[7], entry.stream_seq))
            case VoidEntry():
                assert entry.stream_id in opened
                assert entry.first == entry.last
            case _:
                raise AssertionError

    assert {state.stream_id for state in plan.streams} == opened
    assert len(plan.digests) == len(plan.records)
    assert [bool(digest) for digest in plan.digests] == [bool(r.event_id) for r in plan.records]


@given(REQUESTS)
def test_what_a_receipt_promises_is_one_run_of_a_request(
    requests: Sequence[Sequence[Sent]],
) -> None:
    log, _, _, planned = plan_all(requests)
    entries = {record.index: record.entry for record in log.writes().records}

    for one in planned:
        run = range(one.first, one.first + len(one.entries))
        assert [entries[LeafIndex(index)] for index in run] == list(one.entries)
        assert len(one.entries) == len(one.accepted) + len(one.quarantined)


@given(REQUESTS)
def test_a_whole_retry_in_the_same_group_stores_nothing_new(
    requests: Sequence[Sequence[Sent]],
) -> None:
    log, planner, batches, _ = plan_all(requests)
    before = len(log.writes().records)

    again = [planner.place(batch) for batch in batches]

    assert len(log.writes().records) == before
    assert not any(one.accepted or one.quarantined for one in again)


@given(REQUESTS)
def test_a_double_points_at_the_event_it_repeats(requests: Sequence[Sequence[Sent]]) -> None:
    log, _, _, planned = plan_all(requests)
    where = {record.event_id: record.index for record in log.writes().records if record.event_id}

    for one in planned:
        for event, seen in one.doubles:
            assert seen.index == where[event.event_id]


@given(st.lists(st.integers(0, 30)))
def test_runs_hold_exactly_the_indices_and_never_touch(indices: Sequence[int]) -> None:
    found = runs(map(LeafIndex, indices))

    assert [i for start, end in found for i in range(start, end)] == sorted(set(indices))
    assert all(left[1] < right[0] for left, right in pairwise(found))
