"""What a store remembers of the counts that were told: none is told twice, none is left out."""

from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import RecordStore, Telling

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")
KEY, OTHER = ("crm/bff", "a.b.viewed", "rejected.missing"), ("crm/bff", "", "dropped.no_human")


def _count(records: RecordStore, log: LogId, counts: dict[tuple[str, str, str], int]) -> None:
    with records.append() as tx:
        tx.add_counts(log, counts)


def test_counts_that_nobody_told_are_untold(records: RecordStore) -> None:
    assert records.untold() == {}

    _count(records, BETA, {KEY: 2})
    _count(records, ACME, {KEY: 1, OTHER: 3})
    _count(records, ACME, {KEY: 4})

    assert records.untold() == {ACME: {KEY: 5, OTHER: 3}, BETA: {KEY: 2}}
    assert list(records.untold()) == [ACME, BETA]


def test_what_was_told_is_not_untold_any_more_and_the_counters_stay(records: RecordStore) -> None:
    _count(records, ACME, {KEY: 5, OTHER: 3})
    _count(records, BETA, {KEY: 2})

    records.begin_telling({ACME: Telling(b"{}", {KEY: 5, OTHER: 3})})
    assert records.untold()[ACME] == {KEY: 5, OTHER: 3}
    _count(records, ACME, {KEY: 1})
    records.end_telling([ACME])

    assert records.untold() == {ACME: {KEY: 1}, BETA: {KEY: 2}}
    assert records.counts(ACME) == {KEY: 6, OTHER: 3}


def test_what_is_begun_is_kept_with_its_event_until_it_is_ended(
    stores: Any, other: Any, records: RecordStore
) -> None:
    """Also for the next process: it sends the same event again."""
    telling = Telling(b'{"id":"1"}', {KEY: 5})
    _count(records, ACME, {KEY: 5})
    records.begin_telling({ACME: telling, BETA: Telling(b"b", {})})

    assert other.records.tellings() == {ACME: telling, BETA: Telling(b"b", {})}
    other.records.end_telling([ACME, BETA])

    assert stores.records.tellings() == {}
    assert stores.records.untold() == {}


def test_a_log_tells_one_thing_at_a_time(records: RecordStore) -> None:
    records.begin_telling({ACME: Telling(b"first", {})})

    with pytest.raises(ConflictError):
        records.begin_telling({BETA: Telling(b"b", {}), ACME: Telling(b"second", {})})

    assert records.tellings() == {ACME: Telling(b"first", {})}


def test_a_log_that_does_not_exist_tells_nothing(records: RecordStore) -> None:
    with pytest.raises(NotFoundError):
        records.begin_telling({ACME: Telling(b"a", {}), NONE: Telling(b"n", {})})

    records.end_telling([NONE, BETA])
    assert records.tellings() == {}
