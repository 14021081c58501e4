"""What a store remembers of reported counts: none is reported twice, none is left out."""

from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import CountReport, RecordStore

ACME, BETA, NONE = LogId("acme"), LogId("beta"), LogId("none")
KEY, OTHER = ("crm/bff", "a.b.viewed", "rejected.missing"), ("crm/bff", "", "dropped.no_human")


def _count(records: RecordStore, log: LogId, counts: dict[tuple[str, str, str], int]) -> None:
    with records.append() as tx:
        tx.add_counts(log, counts)


def test_counts_that_nobody_reported_are_unreported(records: RecordStore) -> None:
    assert records.unreported_counts() == {}

    _count(records, BETA, {KEY: 2})
    _count(records, ACME, {KEY: 1, OTHER: 3})
    _count(records, ACME, {KEY: 4})

    assert records.unreported_counts() == {ACME: {KEY: 5, OTHER: 3}, BETA: {KEY: 2}}
    assert list(records.unreported_counts()) == [ACME, BETA]


def test_what_was_reported_is_reported_once_and_the_counters_stay(records: RecordStore) -> None:
    _count(records, ACME, {KEY: 5, OTHER: 3})
    _count(records, BETA, {KEY: 2})

    records.begin_reports({ACME: CountReport(b"{}", {KEY: 5, OTHER: 3})})
    assert records.unreported_counts()[ACME] == {KEY: 5, OTHER: 3}
    _count(records, ACME, {KEY: 1})
    records.end_reports([ACME])

    assert records.unreported_counts() == {ACME: {KEY: 1}, BETA: {KEY: 2}}
    assert records.counts(ACME) == {KEY: 6, OTHER: 3}


def test_what_is_begun_is_kept_with_its_event_until_it_is_ended(
    stores: Any, other: Any, records: RecordStore
) -> None:
    """Also for the next process: it sends the same event again."""
    report = CountReport(b'{"id":"1"}', {KEY: 5})
    _count(records, ACME, {KEY: 5})
    records.begin_reports({ACME: report, BETA: CountReport(b"b", {})})

    assert other.records.begun_reports() == {ACME: report, BETA: CountReport(b"b", {})}
    other.records.end_reports([ACME, BETA])

    assert stores.records.begun_reports() == {}
    assert stores.records.unreported_counts() == {}


def test_a_log_has_one_report_at_a_time(records: RecordStore) -> None:
    records.begin_reports({ACME: CountReport(b"first", {})})

    with pytest.raises(ConflictError):
        records.begin_reports({BETA: CountReport(b"b", {}), ACME: CountReport(b"second", {})})

    assert records.begun_reports() == {ACME: CountReport(b"first", {})}


def test_a_log_that_does_not_exist_reports_nothing(records: RecordStore) -> None:
    with pytest.raises(NotFoundError):
        records.begin_reports({ACME: CountReport(b"a", {}), NONE: CountReport(b"n", {})})

    records.end_reports([NONE, BETA])
    assert records.begun_reports() == {}
