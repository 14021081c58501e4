"""What a store of erasures remembers, and what is left of a hot row once it is erased."""

from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry.keyring import erase_sections
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Section
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import ERASED_DIGEST, Aside, ErasureStore, Hold

ACME, BETA = LogId("acme"), LogId("beta")
ONE, TWO, NINE = LeafIndex(1), LeafIndex(2), LeafIndex(9)
ITEMS: list[tuple[LeafIndex, Section]] = [(ONE, "person"), (ONE, "payload"), (TWO, "person")]


@pytest.fixture
def store(stores: Any) -> ErasureStore:
    """With the logs `acme` and `beta`."""
    found: ErasureStore = stores.erasure
    return found


def test_what_is_noted_is_pending_by_index_until_it_is_settled(store: ErasureStore) -> None:
    assert store.pending(ACME) == []

    store.note(ACME, NINE, ITEMS)

    assert sorted(store.pending(ACME)) == sorted(ITEMS)
    assert [index for index, _ in store.pending(ACME)] == [ONE, ONE, TWO]
    assert store.pending(BETA) == []
    store.settle(ACME, ITEMS[:1])
    assert sorted(store.pending(ACME)) == sorted(ITEMS[1:])
    store.settle(ACME, ITEMS)
    assert store.pending(ACME) == []


def test_what_is_settled_without_being_noted_is_nothing(store: ErasureStore) -> None:
    store.settle(ACME, ITEMS)

    assert store.pending(ACME) == []
    assert store.erased(ACME, ONE) == {}


def test_of_several_entries_the_first_counts_and_what_is_settled_stays_so(
    store: ErasureStore,
) -> None:
    store.note(ACME, NINE, ITEMS)
    store.settle(ACME, ITEMS)
    store.note(ACME, LeafIndex(10), ITEMS)

    assert store.erased(ACME, ONE) == {"person": NINE, "payload": NINE}
    assert store.pending(ACME) == []


def test_what_is_erased_is_told_by_record_before_and_after_it_is_settled(
    store: ErasureStore,
) -> None:
    store.note(ACME, NINE, ITEMS)
    before = store.erased(ACME, TWO)
    store.settle(ACME, ITEMS)

    assert before == store.erased(ACME, TWO) == {"person": NINE}
    assert store.erased(ACME, NINE) == store.erased(BETA, TWO) == {}


def test_pruned_sections_are_pending_and_not_told_as_erased(store: ErasureStore) -> None:
    store.note(ACME, NINE, ITEMS, pruned=True)

    assert sorted(store.pending(ACME)) == sorted(ITEMS)
    assert store.erased(ACME, ONE) == {}


def test_once_reopened_nothing_is_settled_in_any_log(store: ErasureStore) -> None:
    for log in (ACME, BETA):
        store.note(log, NINE, ITEMS)
        store.settle(log, ITEMS)

    store.reopen()

    assert sorted(store.pending(ACME)) == sorted(store.pending(BETA)) == sorted(ITEMS)
    assert store.erased(ACME, TWO) == {"person": NINE}


def test_what_is_noted_settled_and_held_is_durable(store: ErasureStore, other: Any) -> None:
    hold = Hold("hold-1", ACME, "type:a", "litigation", "CASE-1", 7)
    store.note(ACME, NINE, ITEMS)
    store.settle(ACME, ITEMS[:1])
    store.add_hold(hold)

    assert sorted(other.erasure.pending(ACME)) == sorted(ITEMS[1:])
    assert other.erasure.holds(ACME) == [hold]


def _without(record: Record) -> Record:
    return erase_sections(record, ["core", "payload", "person"])


def test_overwritten_rows_lose_their_sections_and_keep_their_entries(
    stores: Any, make: Any
) -> None:
    records = make.events(0, 3)
    make.insert(stores.records, ACME, records)
    make.insert(stores.records, BETA, records)
    new = [_without(records[n]) for n in (0, 2)]

    stores.erasure.overwrite(ACME, new)

    found = stores.records.records(ACME, LeafIndex(0), LeafIndex(3))
    assert found == [new[0], records[1], new[1]]
    assert [one.entry for one in found] == [one.entry for one in records]
    assert stores.records.records(BETA, LeafIndex(0), LeafIndex(3)) == records


def test_of_an_overwritten_row_the_digest_is_forgotten_and_the_id_is_not(
    stores: Any, make: Any
) -> None:
    records = make.events(0, 2)
    make.insert(stores.records, ACME, records)

    stores.erasure.overwrite(ACME, [_without(records[0])])

    with stores.records.append() as tx:
        seen = tx.seen(ACME, [one.event_id for one in records])
    assert seen[records[0].event_id].digest == ERASED_DIGEST
    assert seen[records[0].event_id].index == 0
    assert seen[records[1].event_id].digest == make.digest_of(records[1])


def test_rows_that_are_not_hot_are_passed_over(stores: Any, make: Any) -> None:
    records = make.events(0, 3)
    make.insert(stores.records, ACME, records[:2])

    stores.erasure.overwrite(ACME, [_without(one) for one in records[1:]])

    found = stores.records.records(ACME, LeafIndex(0), LeafIndex(2))
    assert found == [records[0], _without(records[1])]
    assert stores.records.record(ACME, LeafIndex(2)) is None


def test_in_a_log_that_is_none_nothing_is_overwritten(stores: Any, make: Any) -> None:
    with pytest.raises(NotFoundError):
        stores.erasure.overwrite(LogId("none"), [_without(make.event(0))])


def test_quarantined_bytes_are_cleared_and_what_tells_of_them_stays(stores: Any) -> None:
    asides = [
        Aside(LeafIndex(n), "crm/bff", "old", b"personal", n, bytes([n]) * 32) for n in (1, 2)
    ]
    for log in (ACME, BETA):
        with stores.records.append() as tx:
            tx.keep_aside(log, asides)

    stores.erasure.clear_asides(ACME, [LeafIndex(1), NINE])

    first = Aside(LeafIndex(1), "crm/bff", "old", b"", 1, b"\x01" * 32)
    assert stores.records.asides(ACME) == [first, asides[1]]
    assert stores.records.asides(BETA) == asides


def test_nothing_deleted_is_left_in_the_files_of_the_store_once_scrubbed(
    stores: Any, make: Any, tmp_path: Path
) -> None:
    record = make.event(0)
    text = record.parts.person
    assert text
    make.insert(stores.records, ACME, [record])

    stores.erasure.overwrite(ACME, [_without(record)])
    stores.erasure.scrub()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if text in path.read_bytes()] == []


def test_holds_are_listed_oldest_first_and_released_ones_too(store: ErasureStore) -> None:
    late = Hold("hold-a", ACME, "", "audit", "", 9)
    early = Hold("hold-b", ACME, "type:a", "litigation", "CASE-1", 7)
    theirs = Hold("hold-a", BETA, "", "audit", "", 1)
    for hold in (late, early, theirs):
        store.add_hold(hold)

    assert store.holds(ACME) == [early, late]
    assert store.holds(BETA) == [theirs]
    store.release_hold(ACME, "hold-b", 20)
    store.release_hold(ACME, "hold-b", 30)
    assert [(one.id, one.released_us) for one in store.holds(ACME)] == [
        ("hold-b", 20),
        ("hold-a", 0),
    ]
    assert store.holds(BETA)[0].released_us == 0


def test_an_id_of_a_hold_is_taken_once_and_an_unknown_one_is_not_found(
    store: ErasureStore,
) -> None:
    hold = Hold("hold-a", ACME, "", "audit", "", 9)
    store.add_hold(hold)

    with pytest.raises(ConflictError):
        store.add_hold(hold)
    with pytest.raises(NotFoundError):
        store.release_hold(ACME, "hold-z", 5)
    with pytest.raises(NotFoundError):
        store.release_hold(BETA, "hold-a", 5)
    assert store.holds(ACME) == [hold]
