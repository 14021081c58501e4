"""The append transaction: whole or not at all, one at a time, in log order."""

import contextlib
import threading
from typing import Any

import pytest

from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import IntegrityError, NotFoundError
from vitne.ports import Aside, RecordStore, Seen, StreamState, Tail

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")
START, END = LeafIndex(0), LeafIndex(1 << 40)


def test_a_new_log_has_its_tail_at_zero(records: RecordStore) -> None:
    with records.append() as tx:
        assert tx.tail(ACME) == Tail(LeafIndex(0), 0)


def test_a_log_that_was_never_created_can_neither_be_read_nor_written(
    records: RecordStore, make: Any
) -> None:
    stream = StreamState(b"s" * 16, "crm/bff", "s1", "sender")
    aside = Aside(LeafIndex(0), "crm/bff", "bad", b"{}", 1)
    with records.append() as tx:
        for call in (
            lambda: tx.tail(NONE),
            lambda: tx.seen(NONE, [b"i" * 16]),
            lambda: tx.streams(NONE, [b"s" * 16]),
            lambda: tx.insert(NONE, make.events(0, 1), [b"d" * 16]),
            lambda: tx.save_streams(NONE, [stream]),
            lambda: tx.keep_aside(NONE, [aside]),
            lambda: tx.kept_aside(NONE, [b"d" * 32]),
            lambda: tx.add_counts(NONE, {("s", "t", "r"): 1}),
        ):
            with pytest.raises(NotFoundError):
                call()


def test_the_tail_moves_to_the_index_after_the_last_and_its_time(
    records: RecordStore, make: Any
) -> None:
    with records.append() as tx:
        tx.insert(ACME, [*make.events(0, 2), make.control(2)], [b"a" * 16, b"b" * 16, b""])
        assert tx.tail(ACME) == Tail(LeafIndex(3), 1_000_002)

    with records.append() as tx:
        assert tx.tail(ACME) == Tail(LeafIndex(3), 1_000_002)
        assert tx.tail(BETA) == Tail(LeafIndex(0), 0)


def test_what_is_inserted_comes_back_byte_for_byte(records: RecordStore, make: Any) -> None:
    """Text in any script, long parts, empty record parts, and parts that were erased."""
    awkward = Record(
        index=LeafIndex(2),
        recorded_us=2**53 - 1,
        entry=bytes(range(256)) * 200,
        event_id=make.event_id(9),
        keyring=b"",
        parts=Parts(
            core='{"name":"Søren \\u0000 \\"x\\" 名前 🦉"}'.encode(),
            payload=None,
            person=b'{"long":"' + b"x" * 60_000 + b'"}',
            core_record=b"",
            payload_record=None,
            person_record=b'{"peer_ip":"::1"}',
        ),
        facets=Facets(2**53 - 1, "crm.customer.viewed", "Ærlig'; --", "denied", "\na/b\nc/é\n"),
    )
    erased = Record(
        LeafIndex(3), 2**53 - 1, b"e", make.event_id(10), b"salts", Parts(*[None] * 6), Facets()
    )
    stored = [make.event(0), make.control(1), awkward, erased]

    make.insert(records, ACME, stored)

    assert records.records(ACME, START, END) == stored


def test_an_insert_of_nothing_moves_nothing(records: RecordStore) -> None:
    with records.append() as tx:
        tx.insert(ACME, [], [])
        assert tx.tail(ACME).next_index == 0


@pytest.mark.parametrize("first", [1, 3, 5])
def test_indices_that_do_not_continue_the_log_are_refused(
    records: RecordStore, make: Any, first: int
) -> None:
    make.insert(records, ACME, make.events(0, 2))

    with pytest.raises(IntegrityError), records.append() as tx:
        tx.insert(ACME, make.events(first, 1), [b"d" * 16])

    assert records.log(ACME).next_index == 2


def test_a_hole_inside_one_insert_is_refused(records: RecordStore, make: Any) -> None:
    with pytest.raises(IntegrityError), records.append() as tx:
        tx.insert(ACME, [make.event(0), make.event(2)], [b"a" * 16, b"b" * 16])

    assert records.records(ACME, START, END) == []


def test_an_event_id_that_is_remembered_is_refused(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, make.events(0, 3))
    again = make.event(3)
    again = Record(again.index, again.recorded_us, b"e", make.event_id(1), b"k" * 16)

    with pytest.raises(IntegrityError), records.append() as tx:
        tx.insert(ACME, [again], [b"d" * 16])

    assert len(records.records(ACME, START, END)) == 3


def test_an_event_id_twice_in_one_insert_is_refused(records: RecordStore, make: Any) -> None:
    twice = [Record(LeafIndex(i), 1, b"e", make.event_id(1), b"k" * 16) for i in (0, 1)]

    with pytest.raises(IntegrityError), records.append() as tx:
        tx.insert(ACME, twice, [b"d" * 16] * 2)

    assert make.seen(records, ACME, make.event_id(1)) is None


def test_a_digest_is_needed_for_every_record(records: RecordStore, make: Any) -> None:
    with pytest.raises(ValueError, match="zip"), records.append() as tx:
        tx.insert(ACME, make.events(0, 2), [b"d" * 16])

    assert records.log(ACME).next_index == 0


def test_a_failed_insert_that_is_caught_still_undoes_the_transaction(
    records: RecordStore, make: Any
) -> None:
    """Part of its rows may be in, so it must not be possible to commit them."""

    def append() -> None:
        with records.append() as tx:
            tx.insert(ACME, make.events(0, 2), [b"a" * 16, b"b" * 16])
            with contextlib.suppress(IntegrityError):
                tx.insert(ACME, [make.event(2), make.event(2)], [b"a" * 16, b"b" * 16])

    with pytest.raises(IntegrityError):
        append()

    assert records.records(ACME, START, END) == []
    assert make.seen(records, ACME, make.event_id(1)) is None


def test_logs_do_not_share_indices_or_event_ids(records: RecordStore, make: Any) -> None:
    with records.append() as tx:
        for log in (ACME, BETA):
            tx.insert(log, make.events(0, 2), [b"a" * 16, b"b" * 16])

    assert records.records(ACME, START, END) == records.records(BETA, START, END)


def test_a_transaction_over_two_logs_is_stored_whole(records: RecordStore, make: Any) -> None:
    with records.append() as tx:
        tx.insert(ACME, make.events(0, 3), [b"d" * 16] * 3)
        tx.insert(BETA, make.events(0, 1), [b"d" * 16])

    assert [info.next_index for info in records.logs()] == [3, 1]


def test_an_error_undoes_everything_in_every_log(records: RecordStore, make: Any) -> None:
    class Stop(Exception):  # noqa: N818 - not an error of the store
        pass

    def append() -> None:
        with records.append() as tx:
            tx.insert(ACME, make.events(0, 3), [b"d" * 16] * 3)
            tx.insert(BETA, make.events(0, 1), [b"d" * 16])
            tx.save_streams(ACME, [StreamState(b"s" * 16, "crm/bff", "s1", "sender")])
            tx.keep_aside(ACME, [Aside(LeafIndex(0), "crm/bff", "bad", b"{}", 1)])
            tx.add_counts(ACME, {("crm/bff", "a.b", "rejected"): 1})
            raise Stop

    with pytest.raises(Stop):
        append()

    assert [info.next_index for info in records.logs()] == [0, 0]
    assert records.records(ACME, START, END) == records.records(BETA, START, END) == []
    assert make.seen(records, ACME, make.event_id(1)) is None
    assert (records.streams(ACME), records.asides(ACME), records.counts(ACME)) == ([], [], {})


def test_reads_inside_see_what_was_written_before_in_it(records: RecordStore, make: Any) -> None:
    state = StreamState(b"s" * 16, "crm/bff", "s1", "server", 4)
    with records.append() as tx:
        tx.insert(ACME, make.events(0, 2), [b"a" * 16, b"b" * 16])
        tx.save_streams(ACME, [state])
        tx.keep_aside(ACME, [Aside(LeafIndex(1), "s", "r", b"{}", 1, b"d" * 32)])

        assert tx.seen(ACME, [make.event_id(2)]) == {
            make.event_id(2): Seen(LeafIndex(1), b"b" * 16, 1_000_001)
        }
        assert tx.streams(ACME, [b"s" * 16]) == {b"s" * 16: state}
        assert tx.kept_aside(ACME, [b"d" * 32]) == {b"d" * 32: 1}


def test_reads_outside_see_nothing_of_it_before_its_end(records: RecordStore, make: Any) -> None:
    with records.append() as tx:
        tx.insert(ACME, make.events(0, 2), [b"a" * 16, b"b" * 16])
        inside = (records.log(ACME).next_index, records.entries(ACME, START, END))

    assert inside == (0, [])
    assert (records.log(ACME).next_index, len(records.entries(ACME, START, END))) == (2, 2)


def test_a_transaction_that_was_left_takes_no_more(records: RecordStore, make: Any) -> None:
    with records.append() as tx:
        pass

    with pytest.raises(RuntimeError):
        tx.insert(ACME, make.events(0, 1), [b"d" * 16])


def test_a_transaction_inside_another_is_an_error_and_no_deadlock(records: RecordStore) -> None:
    with records.append(), pytest.raises(RuntimeError), records.append():
        pass


def test_what_was_committed_is_there_after_reopening(
    stores: Any, opener: Any, make: Any, records: RecordStore
) -> None:
    make.insert(records, ACME, make.events(0, 5))
    stores.close()

    again = opener()

    assert again.records.records(ACME, START, END) == make.events(0, 5)
    assert again.records.log(ACME).next_index == 5
    again.close()


def test_only_one_transaction_is_open_at_a_time_in_all_processes(
    stores: Any, other: Any, make: Any
) -> None:
    """Each writer appends at the tail that it reads; were two inside, one would be refused."""
    failures: list[BaseException] = []

    def write(store: RecordStore, times: int) -> None:
        try:
            for _ in range(times):
                with store.append() as tx:
                    at = tx.tail(ACME).next_index
                    tx.insert(ACME, make.events(at, 2), [b"d" * 16] * 2)
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)

    four = [stores.records, stores.records, other.records, other.records]
    threads = [threading.Thread(target=write, args=(store, 10)) for store in four]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert stores.records.records(ACME, START, END) == make.events(0, 80)


def test_a_large_batch_is_remembered_whole(records: RecordStore, make: Any) -> None:
    """More rows than any single statement of a database would take."""
    batch = make.events(0, 3_001)
    ids = [record.event_id for record in batch]
    make.insert(records, ACME, batch)

    with records.append() as tx:
        seen = tx.seen(ACME, [*ids, make.event_id(99_999)])

    assert seen == {
        record.event_id: Seen(record.index, make.digest_of(record), record.recorded_us)
        for record in batch
    }
    assert records.records(ACME, START, END) == batch


def test_asking_for_no_ids_finds_none(records: RecordStore) -> None:
    with records.append() as tx:
        assert (tx.seen(ACME, []), tx.streams(ACME, []), tx.kept_aside(ACME, [])) == ({}, {}, {})


def test_control_entries_are_not_remembered(records: RecordStore, make: Any) -> None:
    make.insert(records, ACME, [make.control(0), make.control(1)])

    with records.append() as tx:
        assert tx.seen(ACME, [b""]) == {}
    assert make.seen(records, ACME, b"") is None
    assert records.find(ACME, b"") is None


def test_a_stream_state_is_replaced_by_the_next(records: RecordStore) -> None:
    before = StreamState(b"s" * 16, "crm/bff", "s1", "sender", 9, ((2, 3), (5, 5)))
    after = StreamState(b"s" * 16, "crm/bff", "s1", "sender", 2**53 - 1, (), closed=True)

    with records.append() as tx:
        tx.save_streams(ACME, [before])
    assert records.streams(ACME) == [before]
    with records.append() as tx:
        tx.save_streams(ACME, [after])

    assert records.streams(ACME) == [after]


def test_streams_are_listed_by_source_and_name(records: RecordStore) -> None:
    states = [
        StreamState(bytes([n]) * 16, source, name, "server")
        for n, (source, name) in enumerate([("b/x", "1"), ("a/x", "2"), ("a/x", "1"), ("b/x", "0")])
    ]
    with records.append() as tx:
        tx.save_streams(ACME, states)

    assert [(s.source, s.name) for s in records.streams(ACME)] == [
        ("a/x", "1"),
        ("a/x", "2"),
        ("b/x", "0"),
        ("b/x", "1"),
    ]
    assert records.streams(BETA) == []


def test_quarantined_bytes_are_kept_oldest_first_and_found_by_digest(
    records: RecordStore,
) -> None:
    asides = [
        Aside(LeafIndex(index), "crm/bff", "old", bytes([index, 0, 255]), 7, bytes([index]) * 32)
        for index in (3, 8)
    ]
    with records.append() as tx:
        tx.keep_aside(ACME, asides[1:])
        tx.keep_aside(ACME, asides[:1])

    assert records.asides(ACME) == asides
    assert records.asides(BETA) == []
    with records.append() as tx:
        assert tx.kept_aside(ACME, [bytes([8]) * 32, b"none" * 8]) == {bytes([8]) * 32: 8}


def test_only_one_body_is_kept_for_an_index(records: RecordStore) -> None:
    aside = Aside(LeafIndex(3), "crm/bff", "old", b"{}", 7, b"d" * 32)
    with records.append() as tx:
        tx.keep_aside(ACME, [aside])

    def keep_again() -> None:
        with records.append() as tx:
            tx.add_counts(ACME, {("crm/bff", "a.b", "rejected"): 1})
            with contextlib.suppress(IntegrityError):
                tx.keep_aside(ACME, [aside])

    with pytest.raises(IntegrityError):
        keep_again()

    assert records.asides(ACME) == [aside]
    assert records.counts(ACME) == {}


def test_counters_add_up(records: RecordStore) -> None:
    for number in (1, 41):
        with records.append() as tx:
            tx.add_counts(ACME, {("crm/bff", "a.b", "rejected"): number})
            tx.add_counts(ACME, {("crm/bff", "", "dropped"): 2})

    assert records.counts(ACME) == {
        ("crm/bff", "a.b", "rejected"): 42,
        ("crm/bff", "", "dropped"): 4,
    }
    assert records.counts(BETA) == {}
