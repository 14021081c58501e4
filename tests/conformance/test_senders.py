"""What stores remember of streams whose senders sign, and of the keys that they sign with."""

from typing import Any

import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import AnnouncedKey, RecordStore, SenderState, SourceKey, StateStore, StreamState

ACME, BETA = LogId("acme"), LogId("beta")
KEY = SourceKey("crm/bff", "crm/bff+0+x", b"\x01" * 32, 7)
STREAM = StreamState(
    b"\x02" * 16,
    "crm/bff",
    "pod-1",
    "sender",
    last_seq=9,
    missing=((3, 4), (7, 7)),
    abandoned=True,
    followed=True,
    beat_s=60,
    named_us=1_000,
    voided=2,
    late=3,
    late_max_us=4,
    sender=SenderState("full", b"\x01" * 32, b"\x05" * 64, LeafIndex(4), LeafIndex(3), b"\x06" * 16,
                       12, b"\x07" * 32, LeafIndex(8), 99, LeafIndex(10)),
)  # fmt: skip


@pytest.fixture
def store(stores: Any) -> RecordStore:
    """With the logs `acme` and `beta`."""
    return stores.records


def save(store: RecordStore, log: LogId, *states: StreamState) -> None:
    with store.append() as tx:
        tx.save_streams(log, states)


def changed(**values: Any) -> StreamState:
    whole = {name: getattr(STREAM, name) for name in STREAM.__struct_fields__}
    return StreamState(**{**whole, **values})


def test_a_stream_comes_back_whole(store: RecordStore) -> None:
    save(store, ACME, STREAM)

    assert store.stream(ACME, STREAM.stream_id) == STREAM
    assert store.streams(ACME) == [STREAM]
    assert store.stream(BETA, STREAM.stream_id) is None
    with store.append() as tx:
        assert tx.streams(ACME, [STREAM.stream_id]) == {STREAM.stream_id: STREAM}


def test_silent_streams_are_open_promised_beats_and_were_named_before(store: RecordStore) -> None:
    def stream(number: int, **values: Any) -> StreamState:
        plain = {"closed": False, "abandoned": False, "followed": False}
        return changed(stream_id=bytes([number]) * 16, **plain | values)

    save(store, ACME, stream(1, named_us=5), stream(2, closed=True), stream(3, followed=True))
    save(store, BETA, stream(4, named_us=3), stream(5, beat_s=0), stream(6, named_us=10))

    found = store.silent_streams(10, 9)

    assert [(log, state.stream_id[0]) for log, state in found] == [(BETA, 4), (ACME, 1)]
    assert len(store.silent_streams(10, 1)) == 1
    assert store.silent_streams(3, 9) == []


def test_a_log_remembers_which_source_keys_it_names(store: RecordStore) -> None:
    with store.append() as tx:
        assert tx.announced_keys(ACME) == {}
        tx.announce_keys(
            ACME,
            {b"\x01" * 32: AnnouncedKey(LeafIndex(3)), b"\x02" * 32: AnnouncedKey(LeafIndex(4))},
        )
        tx.announce_keys(BETA, {b"\x01" * 32: AnnouncedKey(LeafIndex(5))})
        assert tx.announced_keys(BETA) == {b"\x01" * 32: AnnouncedKey(LeafIndex(5))}

    assert store.logs_announcing(b"\x01" * 32) == [ACME, BETA]

    with store.append() as tx:
        tx.announce_keys(ACME, {b"\x01" * 32: AnnouncedKey(LeafIndex(3), retired=True)})
        assert tx.announced_keys(ACME)[b"\x01" * 32].retired

    assert store.logs_announcing(b"\x01" * 32) == [BETA]
    assert store.logs_announcing(b"\x03" * 32) == []


def test_what_a_transaction_tells_of_keys_goes_with_it(store: RecordStore) -> None:
    with pytest.raises(ZeroDivisionError), store.append() as tx:  # noqa: PT012 - both belong in it
        tx.announce_keys(ACME, {b"\x01" * 32: AnnouncedKey(LeafIndex(3))})
        raise ZeroDivisionError

    assert store.logs_announcing(b"\x01" * 32) == []


def test_a_source_key_is_registered_once_and_stays_when_it_is_retired(stores: Any) -> None:
    state: StateStore = stores.state
    state.add_source_key(KEY)

    with pytest.raises(ConflictError):
        state.add_source_key(SourceKey("pos/till", "other", KEY.public_key, 9))
    state.retire_source_key(KEY.public_key, 20)
    state.retire_source_key(KEY.public_key, 30)

    [kept] = state.source_keys()
    assert (kept.source, kept.vkey, kept.added_us, kept.retired_us) == (
        KEY.source, KEY.vkey, 7, 20
    )  # fmt: skip
    with pytest.raises(NotFoundError):
        state.retire_source_key(b"\x09" * 32, 20)


def test_source_keys_are_listed_by_source_and_time(stores: Any) -> None:
    state: StateStore = stores.state
    for source, at_us in (("b/b", 1), ("a/a", 9), ("a/a", 2)):
        state.add_source_key(SourceKey(source, f"{source}{at_us}", bytes([at_us]) * 32, at_us))

    assert [(key.source, key.added_us) for key in state.source_keys()] == [
        ("a/a", 2), ("a/a", 9), ("b/b", 1)
    ]  # fmt: skip
