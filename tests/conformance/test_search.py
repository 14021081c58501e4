"""Finding events: what every searchable store answers, hot rows and segments alike."""

from typing import Any

import pytest

from vitne.core.filter.matches import filter_predicate
from vitne.core.filter.nodes import And, Between, Equals, Filter, Like, Not, Or, Text
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import FilterSyntaxError

ACME, NONE = LogId("acme"), LogId("none")
START, END = LeafIndex(0), LeafIndex(1 << 40)

VIEWED, MADE = "crm.customer.viewed", "pos.order.made"
ADA = {"id": "usr_ada", "name": "Åda"}

FILTERS: list[Filter] = [
    Equals("type", VIEWED),
    Equals("who", "usr_ada"),
    Equals("actor", "usr_ada' OR 1"),
    Equals("outcome", "denied"),
    Equals("target", "customer/cus_1"),
    Equals("target", "cus_1"),
    Equals("target", "customer/cus_%"),
    Equals("target.type", "order"),
    Equals("category", "view"),
    Equals("purpose", "support_case"),
    Equals("status", "accepted"),
    Equals("id", "00000000-0003-7000-8000-000000000003"),
    Like("type", "crm.*"),
    Like("type", "*.made"),
    Like("target", "customer/*"),
    Like("purpose", "*case"),
    Between("occurred", 20, 50),
    Between("recorded", None, 1_000_004),
    Between("index", 3, None),
    Text("ADA"),
    Text("cus_1"),
    Not(Equals("outcome", "denied")),
    Not(Equals("purpose", "support_case")),
    And((Equals("type", VIEWED), Equals("outcome", "denied"))),
    Or((Equals("type", MADE), Equals("outcome", "denied"))),
    And(()),
    Or(()),
]


@pytest.fixture
def log(make: Any) -> list[Any]:
    """Ten records of all kinds."""
    customer = {"type": "customer", "id": "cus_1"}
    return [
        make.control(0),
        make.event(1, type=VIEWED, actor=ADA, targets=[customer], outcome={"result": "succeeded"}),
        make.event(2, type=VIEWED, targets=[customer, {"type": "order", "id": "o_1"}]),
        make.event(3, type=MADE, actor=ADA, outcome={"result": "denied"}, category="view"),
        make.control(4),
        make.event(5, type=VIEWED, purpose={"code": "support_case"}, outcome={"result": "denied"}),
        make.event(6, type=MADE, targets=[customer, customer]),
        make.event(7, type=VIEWED, actor=ADA, purpose={"code": "CASE"}, at_us=33),
        make.event(8, type="crm.customer.exported", targets=[{"type": "customer", "id": "cus_2"}]),
        make.control(9),
    ]


def test_without_a_filter_all_events_are_found_newest_first(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    found = store.scan(ACME, None, START, END, 100)

    assert found == [record for record in reversed(log) if record.event_id]


@pytest.mark.parametrize("where", FILTERS, ids=repr)
def test_the_reference_finds_the_same(fill: Any, log: list[Any], where: Filter) -> None:
    expected = [record for record in reversed(log) if filter_predicate(where)(record)]
    store = fill(log)

    assert store.scan(ACME, where, START, END, 100) == expected
    assert store.count(ACME, where, START, END, 100) == len(expected)


def test_the_filters_tell_records_apart(log: list[Any]) -> None:
    """Else the test above would say little: most filters find some events, and not all."""
    found = [sum(filter_predicate(where)(record) for record in log) for where in FILTERS]

    assert sum(0 < number < 7 for number in found) > 20


@pytest.mark.parametrize(("start", "end"), [(0, 3), (3, 8), (5, 5), (8, 3), (9, 10), (50, 90)])
def test_only_indices_of_the_range_are_looked_at(
    fill: Any, log: list[Any], start: int, end: int
) -> None:
    store = fill(log)
    expected = [r for r in reversed(log) if start <= r.index < end and r.event_id]
    span = (LeafIndex(start), LeafIndex(end))

    assert store.scan(ACME, None, *span, 100) == expected
    assert store.count(ACME, None, *span, 100) == len(expected)
    assert sum(store.facets(ACME, None, *span, ["type"], 9)["type"].values()) == len(expected)
    assert store.histogram(ACME, None, *span, [0, 1000]) == [len(expected)]


@pytest.mark.parametrize("limit", [0, 1, 3, 7, 8])
def test_a_scan_gives_the_newest_and_no_more_than_asked(
    fill: Any, log: list[Any], limit: int
) -> None:
    store = fill(log)
    events = [record for record in reversed(log) if record.event_id]

    assert store.scan(ACME, None, START, END, limit) == events[:limit]
    assert store.count(ACME, None, START, END, limit) == min(limit, len(events))


def test_facets_count_events_commonest_first_then_by_value(fill: Any, log: list[Any]) -> None:
    """The event with one target twice counts once for it; values that lack count nowhere."""
    store = fill(log)

    found = store.facets(ACME, None, START, END, ["type", "target", "outcome", "purpose", "who"], 9)

    assert {name: list(counts.items()) for name, counts in found.items()} == {
        "type": [(VIEWED, 4), (MADE, 2), ("crm.customer.exported", 1)],
        "target": [("customer/cus_1", 3), ("customer/cus_2", 1), ("order/o_1", 1)],
        "outcome": [("denied", 2), ("succeeded", 1)],
        "purpose": [("CASE", 1), ("support_case", 1)],
        "who": [("usr_2", 3), ("usr_ada", 3), ("usr_0", 1)],
    }


def test_facets_keep_to_the_filter_and_to_the_most_common(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    found = store.facets(ACME, Equals("who", "usr_ada"), START, END, ["type", "target.type"], 1)

    assert found == {"type": {VIEWED: 2}, "target.type": {"customer": 1}}


@pytest.mark.parametrize("name", ["occurred", "index", "nonsense"])
def test_facets_of_numbers_and_unknown_fields_are_refused(
    fill: Any, log: list[Any], name: str
) -> None:
    store = fill(log)

    with pytest.raises(FilterSyntaxError):
        store.facets(ACME, None, START, END, [name], 9)


def test_an_unknown_field_in_a_filter_is_refused(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    for search in (
        lambda where: store.scan(ACME, where, START, END, 9),
        lambda where: store.count(ACME, where, START, END, 9),
        lambda where: store.histogram(ACME, where, START, END, [0, 1]),
    ):
        with pytest.raises(FilterSyntaxError):
            search(Equals("nonsense", "x"))


def test_a_histogram_counts_by_claimed_time_lower_edge_included(fill: Any, log: list[Any]) -> None:
    """Claimed at 10, 20, 30, 50, 60, 33, 80; what lies outside the edges is not counted."""
    store = fill(log)

    assert store.histogram(ACME, None, START, END, [20, 30, 50, 61]) == [1, 2, 2]
    assert store.histogram(ACME, Equals("type", VIEWED), START, END, [0, 25, 100]) == [2, 2]


def test_a_histogram_needs_two_edges_to_have_a_bucket(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    assert store.histogram(ACME, None, START, END, [20]) == []
    assert store.histogram(ACME, None, START, END, []) == []


def test_records_and_find_give_single_records(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    assert store.records(ACME, LeafIndex(3), LeafIndex(6)) == log[3:6]
    assert store.record(ACME, LeafIndex(4)) == log[4]
    assert store.record(ACME, LeafIndex(10)) is None
    assert store.find(ACME, log[5].event_id) == log[5]
    assert store.find(ACME, bytes(16)) is None
    assert store.find(ACME, b"") is None


def test_another_log_is_empty(fill: Any, log: list[Any]) -> None:
    store = fill(log)

    assert store.scan(NONE, None, START, END, 9) == []
    assert store.count(NONE, None, START, END, 9) == 0
    assert store.facets(NONE, None, START, END, ["type", "target"], 9) == {"type": {}, "target": {}}
    assert store.histogram(NONE, None, START, END, [0, 9]) == [0]
    assert store.records(NONE, START, END) == []
    assert store.record(NONE, LeafIndex(1)) is None
    assert store.find(NONE, log[1].event_id) is None


def test_an_erased_part_has_no_texts(fill: Any, make: Any) -> None:
    whole = make.event(0, purpose={"code": "support_case"})
    erased = type(whole)(
        whole.index,
        whole.recorded_us,
        whole.entry,
        whole.event_id,
        whole.keyring,
        type(whole.parts)(core=None, payload=None, person=None),
        type(whole.facets)(whole.facets.occurred_us),
    )
    store = fill([erased])

    assert store.scan(ACME, Equals("purpose", "support_case"), START, END, 9) == []
    assert store.scan(ACME, Not(Equals("purpose", "support_case")), START, END, 9) == [erased]
    assert store.facets(ACME, None, START, END, ["purpose"], 9) == {"purpose": {}}
