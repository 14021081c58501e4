"""Gap leaves, index records and stream counts against their definitions, written out plainly."""

from collections import defaultdict
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry import entry as entries
from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import BatchEntry, BeatEntry, Entry, EventEntry, VoidEntry
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter, Ranges
from vitne.core.index.gap import FIRST_KEY, LAST_KEY, GapLeaf
from vitne.core.index.index_record import Coverage, IndexRecord, parse_record
from vitne.core.tree.merkle import leaf_hash, merkle_root, verify_inclusion
from vitne.core.values.strict import MAX_INT
from vitne.core.values.types import Hash, LeafIndex, Origin
from vitne.errors import DecodeError

STREAMS = [bytes((number,)) * 16 for number in (1, 2, 3)]
NUMBERS = st.integers(1, 12)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair)))
ROOT = Hash(bytes(32))
BEAT_S = 10


def key(kind: int, value: int) -> bytes:
    return bytes((kind,)) + bytes((value,)) * 16


class Step(NamedTuple):
    """What happens next in a log."""

    what: str
    stream: bytes
    span: tuple[int, int]
    choice: int
    wait_s: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["event", "event", "event", "batch", "beat", "void", "open"]),
        st.sampled_from(STREAMS),
        SPANS,
        st.integers(0, 2),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=30,
)


def entry_of(step: Step, at_us: int) -> Entry:
    first, last = step.span
    match step.what:
        case "event":
            found = (key(1, step.choice), key(5, step.choice), key(6, last))
            return EventEntry(at_us, at_us, step.stream, last, 1, found, ROOT)
        case "batch":
            return BatchEntry(at_us, at_us, step.stream, first, last, ROOT, ROOT, bytes(64))
        case "beat":
            return BeatEntry(at_us, at_us, step.stream, last, step.choice, ROOT, bytes(64))
        case "void":
            reason = (1, 3, 129)[step.choice]
            return VoidEntry(at_us, at_us, step.stream, first, last, reason, ROOT)
        case _:
            beat_s = BEAT_S if step.choice else 0
            prev = STREAMS[first % 3] if step.choice == 2 else b""
            return StreamEntry(
                at_us, step.stream, "a/b", "n", "none", "sender", beat_s, b"", b"", prev,
                last if prev else 0,
            )  # fmt: skip


def log_of(steps: list[Step]) -> list[Entry]:
    found, at_us = [], 1
    for step in steps:
        at_us += step.wait_s * 1_000_000
        found.append(entry_of(step, at_us))
    return found


# ---------------------------------------------------------------- gap leaves


@given(STEPS, st.integers(0, 1000))
def test_gap_leaves_say_of_every_key_what_a_scan_says(steps: list[Step], start: int) -> None:
    log = log_of(steps)
    data = [entries.encode_entry(entry) for entry in log]
    held: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for index, entry in enumerate(log, start):
        if isinstance(entry, EventEntry):
            for found in entry.keys:
                held[found].append((index, 0))
            held[b"\x04" + entry.stream_id].append((index, entry.stream_seq))
            continue
        number = getattr(entry, "last", 0)
        held[b"\x07" + entry.stream_id].append((index, number))  # type: ignore[union-attr]
        held[b"\x08" + entries.encode_entry(entry)[4:5] + bytes(15)].append((index, 0))

    run = gap.build_run(start, data)

    assert [leaf.key for leaf in run.leaves] == [FIRST_KEY, *sorted(held)]
    assert [leaf.next for leaf in run.leaves] == [*sorted(held), LAST_KEY]
    for leaf, postings in zip(run.leaves[1:], run.postings[1:], strict=True):
        indices, numbers = zip(*held[leaf.key], strict=True)
        assert (leaf.count, leaf.first, leaf.last) == (len(indices), indices[0], indices[-1])
        assert postings == list(indices)
        with_numbers = leaf.key[0] in (4, 7)
        expected = (min(numbers), max(numbers), len(set(numbers))) if with_numbers else (0, 0, 0)
        assert (leaf.seq_min, leaf.seq_max, leaf.seq_distinct) == expected
        postings_leaves = [leaf_hash(index.to_bytes(8, "big")) for index in indices]
        assert leaf.postings_root == merkle_root(postings_leaves)
    assert gap.gap_leaves(start, data) == [leaf.encode() for leaf in run.leaves]
    assert gap.run_root(gap.gap_leaves(start, data)) == run.root()
    assert [GapLeaf.decode(leaf.encode()) for leaf in run.leaves] == run.leaves


@given(STEPS, st.binary(min_size=17, max_size=17))
def test_exactly_one_leaf_answers_for_any_key(steps: list[Step], asked: bytes) -> None:
    run = gap.build_run(0, [entries.encode_entry(entry) for entry in log_of(steps)])
    if not FIRST_KEY < asked < LAST_KEY:
        with pytest.raises(DecodeError):
            run.find(asked)
        return

    answering = [at for at, leaf in enumerate(run.leaves) if leaf.key <= asked < leaf.next]

    assert answering == [run.find(asked)]
    assert run.find(run.leaves[-1].key) == len(run.leaves) - 1


def test_a_gap_leaf_is_proved_against_the_run_root() -> None:
    data = [
        entries.encode_entry(entry_of(Step("event", STREAMS[0], (1, number), 0, 0), 1))
        for number in (1, 2, 3)
    ]
    leaves = [leaf_hash(leaf) for leaf in gap.gap_leaves(7, data)]
    run = gap.build_run(7, data)
    at = run.find(key(5, 0))

    verify_inclusion(
        leaf_hash(run.leaves[at].encode()), at, len(leaves), path(leaves, at), run.root()
    )
    assert (run.leaves[at].count, run.postings[at]) == (3, [7, 8, 9])


def path(leaves: list[Hash], at: int) -> list[Hash]:
    from vitne.core.tree.merkle import inclusion_proof  # noqa: PLC0415 - beside its only use

    return inclusion_proof(leaves, at)


# ---------------------------------------------------------------- stream counts


def counted(log: list[Entry]) -> Coverage:
    """The six counts, word for word as §5.3 defines them."""
    now_us = log[-1].recorded_us
    opened = [entry for entry in log if isinstance(entry, StreamEntry)]
    beats = [entry for entry in log if isinstance(entry, BeatEntry)]
    voids = [entry for entry in log if isinstance(entry, VoidEntry)]
    closed = {beat.stream_id for beat in beats if beat.state}
    named = {entry.prev for entry in opened if entry.prev}
    still_open = {entry.stream_id for entry in opened} - closed - named
    missing = voided = silent = 0
    for stream in STREAMS:
        events = {
            entry.stream_seq
            for entry in log
            if isinstance(entry, EventEntry) and entry.stream_id == stream
        }
        mine = [void for void in voids if void.stream_id == stream]
        excused = {n for void in mine if void.reason == 3 for n in range(void.first, void.last + 1)}
        lost = {n for void in mine if void.reason != 3 for n in range(void.first, void.last + 1)}
        stated = [
            number
            for entry in log
            for number in (
                [entry.stream_seq if isinstance(entry, EventEntry) else getattr(entry, "last", 0)]
                if entry.stream_id == stream  # type: ignore[union-attr]
                else []
            )
        ]
        stated += [entry.prev_last for entry in opened if entry.prev == stream]
        missing += max(stated, default=0) - len(events | excused | lost)
        voided += len(lost - events)
        if stream in still_open:
            beat_s = [entry.beat_s for entry in opened if entry.stream_id == stream][-1]
            newest = max(e.recorded_us for e in log if e.stream_id == stream)  # type: ignore[union-attr]
            silent += beat_s > 0 and now_us - newest > 3 * beat_s * 1_000_000
    return Coverage(
        registered=len(opened),
        open=len(still_open),
        silent=silent,
        abandoned=len({beat.stream_id for beat in beats if beat.state == 2}),
        missing=missing,
        voided=voided,
    )


@given(STEPS, st.integers(0, 30))
def test_stream_counts_are_those_of_the_definition_and_survive_storing(
    steps: list[Step], stored_after: int
) -> None:
    log = log_of(steps)
    counter = CoverageCounter()

    for index, entry in enumerate(log, start=1):
        counter.add(entries.encode_entry(entry))
        if index == stored_after:
            counter = CoverageCounter.decode(counter.encode())
        assert counter.coverage() == counted(log[:index])
    assert counter.size == len(log)


@given(st.lists(SPANS, max_size=20))
def test_ranges_hold_the_numbers_that_a_set_holds(spans: list[tuple[int, int]]) -> None:
    ranges, numbers = Ranges(), set[int]()

    for first, last in spans:
        ranges.add(first, last)
        numbers |= set(range(first, last + 1))
        inside = [
            number
            for low, high in zip(ranges.firsts, ranges.lasts, strict=True)
            for number in range(low, high + 1)
        ]
        assert inside == sorted(numbers)
        assert ranges.count() == len(numbers)
        gaps = zip(ranges.lasts, ranges.firsts[1:], strict=False)
        assert all(low + 1 < high for low, high in gaps)


# ---------------------------------------------------------------- records


def pairs(low: int = 0, high: int = MAX_INT) -> st.SearchStrategy[tuple[int, int]]:
    one = st.integers(low, high)
    return st.tuples(one, one).map(lambda pair: (min(pair), max(pair)))


RECORDS = st.builds(
    lambda level, span, gaps, recorded, occurred, epochs, counts: IndexRecord(
        Origin("vitne.local/log/acme"),
        level,
        LeafIndex(span[0]),
        LeafIndex(span[1]),
        ROOT,
        gaps,
        ROOT,
        recorded,
        occurred,
        epochs,
        0,
        Coverage(*counts),
    ),
    st.integers(0, 63),
    pairs().filter(lambda span: span[0] < span[1]),
    st.integers(2, 2**32 - 1),
    pairs(low=1),
    pairs(),
    pairs(high=0xFFFF),
    st.tuples(*[st.integers(0, MAX_INT)] * 6),
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: IndexRecord) -> None:
    assert parse_record(record.encode()) == record


@given(RECORDS, st.data())
def test_a_changed_record_is_refused_or_says_what_its_bytes_say(
    record: IndexRecord, data: st.DataObject
) -> None:
    changed = bytearray(record.encode())
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] = data.draw(st.integers(0, 255))

    try:
        found = parse_record(bytes(changed))
    except DecodeError:
        return
    assert found.encode() == bytes(changed)
