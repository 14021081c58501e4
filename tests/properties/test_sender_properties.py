"""The fast forms of what senders sign, held against the definitions; and the batch's frame."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry import commit
from vitne.core.entry.assemble import Assembler, event_root
from vitne.core.entry.batch import BatchHead, encode_batch, split_batch
from vitne.core.entry.entry import EventEntry, decode_entry
from vitne.core.entry.sender import SignedMode, sender_view, view_of
from vitne.core.event.event import ValidEvent
from vitne.core.values.record import Facets, Parts
from vitne.core.values.types import Hash, Origin
from vitne.errors import TooLargeError, UnreadableBodyError
from vitne.ports import StreamState
from vitne.sdk.signing.ledger import Ledger, StreamDescription
from vitne.services.writer.stream_numbers import StreamCursor

parts = st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 9), max_size=3).map(
    lambda value: msgspec.json.encode(value, order="sorted")
)
modes = st.sampled_from(["full", "body"])
keys16 = st.binary(min_size=16, max_size=16)
hashes = st.binary(min_size=32, max_size=32).map(Hash)


@st.composite
def events(draw: st.DrawFn) -> ValidEvent:
    return ValidEvent(
        event_id=bytes(16),
        tenant="acme",
        type="crm.customer.viewed",
        category="view",
        occurred_us=draw(st.integers(1, 2**50)),
        actor=("i", draw(st.sampled_from(["", "usr_1"]))),
        targets=draw(st.sampled_from([(), (("customer", "c1"),), (("a", "1"), ("b", "2"))])),
        overflow_type=draw(st.sampled_from(["", "customer"])),
        action_id=draw(st.sampled_from(["", "a1"])),
        source_id="crm/bff",
        stream_name="pod-1",
        stream_seq=draw(st.integers(1, 2**53 - 1)),
        core=draw(parts),
        payload=draw(parts),
        person=draw(parts),
        digest=bytes(16),
        facets=Facets(),
    )


@given(events(), keys16, modes, parts | st.just(b""))
def test_the_view_of_an_entrys_bytes_is_that_of_the_definition(
    event: ValidEvent, record_key: bytes, mode: SignedMode, record_part: bytes
) -> None:
    made = Assembler(Origin("o"), bytes(32), 1).prepare(event, record_part, b"", b"", record_key)
    leaves = commit.section_leaves(
        record_key, Parts(event.core, event.payload, event.person, record_part)
    )
    stamped = made.entry[:10] + (1).to_bytes(8, "big") + made.entry[18:]
    entry = decode_entry(stamped)
    assert isinstance(entry, EventEntry)

    signed = event_root(event, record_key)

    assert signed == commit.sender_root(leaves)
    assert view_of(made.entry, signed, mode) == sender_view(entry, signed, mode)
    assert view_of(stamped, signed, mode) == view_of(made.entry, signed, mode)


@st.composite
def heads(draw: st.DrawFn) -> BatchHead:
    count, mode = draw(st.integers(1, 5)), draw(modes)
    return BatchHead(
        draw(st.text(min_size=1, max_size=8, alphabet="abc-.")),
        draw(st.text(min_size=1, max_size=20, alphabet="abc/ø")),
        mode,
        draw(st.integers(1, 65_535)) if mode == "full" else 0,
        draw(st.integers(1, 2**53 - 2000)),
        count,
        draw(hashes),
        draw(st.binary(min_size=16 * count, max_size=16 * count)),
        draw(hashes),
        draw(hashes),
        draw(st.binary(min_size=64, max_size=64)),
    )


@given(heads())
def test_a_batch_comes_back_as_it_was_framed(head: BatchHead) -> None:
    items = [b'{"n":%d}' % number for number in range(head.count)]

    assert split_batch(encode_batch(head, items)) == (head, items)


@given(heads(), st.data())
def test_one_changed_byte_of_the_frame_is_another_batch_or_none(
    head: BatchHead, data: st.DataObject
) -> None:
    body = bytearray(encode_batch(head, [b"{}"] * head.count))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))

    try:
        found = split_batch(bytes(body))
    except (UnreadableBodyError, TooLargeError):
        return
    assert found != (head, [b"{}"] * head.count)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        split_batch(body)


steps = st.lists(
    st.tuples(st.sampled_from(["take", "all", "reach"]), st.integers(1, 12), st.integers(0, 5)),
    max_size=12,
)


@given(steps)
def test_a_cursor_knows_what_a_set_of_numbers_knows(
    steps: list[tuple[str, int, int]],
) -> None:
    cursor = StreamCursor(StreamState(bytes(16), "a/b", "s", "sender"))
    used: set[int] = set()
    largest = 0

    for what, first, more in steps:
        numbers = set(range(first, first + more + 1))
        if what == "reach":
            cursor.reach(first)
            largest = max(largest, first)
            continue
        if what == "take":
            numbers = {first}
        new = numbers.isdisjoint(used)
        assert cursor.are_new(min(numbers), max(numbers)) == new
        assert cursor.are_old(min(numbers), max(numbers)) == (numbers <= used)
        taken = cursor.take(first) if what == "take" else cursor.take_all(first, max(numbers))
        assert taken == new
        if new:
            used |= numbers
            largest = max(largest, *numbers)

    missing = {n for first, last in cursor.state().missing for n in range(first, last + 1)}
    assert cursor.last == largest
    assert missing == set(range(1, largest + 1)) - used


moves = st.lists(
    st.sampled_from(["send", "answer", "refuse", "account", "open", "beat", "close"]), max_size=12
)


@given(moves, st.integers(0, 1))
def test_a_ledger_comes_back_as_it_was_left_whatever_was_torn(
    tmp_path_factory: pytest.TempPathFactory, moves: list[str], torn: int
) -> None:
    """A slot that was half written when the process died leaves the state before it."""
    path = tmp_path_factory.mktemp("ledger") / "one.led"
    ledger = Ledger(path, StreamDescription("run", "acme", "crm/bff/run", "vkey"))
    before = after = ledger.state
    for at, move in enumerate(moves, 1):
        ledger.issue(at)
        before = ledger.state
        {
            "send": lambda at=at: ledger.sending(at, at, bytes([at]) * 32),
            "answer": ledger.answered,
            "refuse": ledger.refused,
            "account": lambda at=at: ledger.accounted(at),
            "open": ledger.opened,
            "beat": lambda at=at: ledger.beaten(at),
            "close": ledger.closed,
        }[move]()
        after = ledger.state
    ledger.close()
    if torn and moves:
        data = bytearray(path.read_bytes())
        data[(64, 256)[after.turn % 2] + 20] ^= 1
        path.write_bytes(data)

    again = Ledger(path)

    assert again.issued == len(moves)
    assert again.state == (before if torn and moves else after)
    assert again.about.name == "crm/bff/run"
    again.close(remove=True)
