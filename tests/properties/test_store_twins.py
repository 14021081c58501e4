"""Whatever is done to them, SQLite and a plain model of it answer the same."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vitne.adapters.sqlite.store import SqliteStores
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex, LogId, Origin, TreeSize
from vitne.errors import VitneError
from vitne.ports import Aside, CountReport, Head, Segment, StreamState, Swap

LOGS = st.sampled_from([LogId("acme"), LogId("acme"), LogId("beta"), LogId("none")])
SMALL = st.integers(0, 8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
IDS = st.tuples(st.integers(0, 5), st.sampled_from([4, 7, 7, 8])).map(
    lambda pair: bytes([*[0] * 5, pair[0] // 3, pair[1] << 4, *[pair[0]] * 9])
)
PART = st.one_of(st.none(), st.just(b""), st.just(b"{}"), TEXTS.map(lambda t: f'"{t}"'.encode()))

ROW = st.one_of(
    st.builds(Record, st.just(LeafIndex(0)), st.integers(1, 20), st.binary(max_size=3)),
    st.builds(
        Record,
        st.just(LeafIndex(0)),
        st.integers(1, 20),
        st.binary(max_size=3),
        IDS,
        st.binary(max_size=2),
        st.builds(Parts, PART, PART, PART, PART, PART, PART),
        st.builds(Facets, st.integers(0, 9), TEXTS, TEXTS, TEXTS, st.just("")),
    ),
)
STREAM = st.builds(
    StreamState,
    st.sampled_from([b"s" * 16, b"t" * 16]),
    TEXTS,
    TEXTS,
    st.sampled_from(["sender", "server"]),
    SMALL,
    st.lists(st.tuples(SMALL, SMALL), max_size=2).map(tuple),
    st.booleans(),
)
ASIDE = st.builds(
    Aside, SMALL, TEXTS, TEXTS, st.binary(max_size=3), SMALL, st.sampled_from([b"d", b"e"])
)
HEAD = st.builds(lambda n: Head(TreeSize(n), Hash(bytes([n]) * 32), f"note {n}"), SMALL)
SEGMENT = st.builds(
    lambda a, b: Segment(LeafIndex(a), LeafIndex(b), "k", 1, b"h", 1, (1, 2), (3, 4)), SMALL, SMALL
)

Step = Callable[[Any], Any]
"""One call on the stores; what it answers."""


def _insert(tx: Any, log: LogId, rows: list[Record], skip: int) -> None:
    """Number the rows from the tail on; `skip` makes a mistake now and then."""
    at = tx.tail(log).next_index + skip
    numbered = [
        Record(LeafIndex(at + n), r.recorded_us, r.entry, r.event_id, r.keyring, r.parts, r.facets)
        for n, r in enumerate(rows)
    ]
    tx.insert(log, numbered, [b"d" if row.event_id else b"" for row in rows])


def _tx(calls: list[Step]) -> Step:
    def run(stores: Any) -> list[Any]:
        with stores.records.append() as tx:
            return [_answer(call, tx) for call in calls]

    return run


def _report(stores: Any, log: LogId, number: int) -> None:
    """Count something, and report all there is."""
    with stores.records.append() as tx:
        tx.add_counts(log, {("s", "t", "r"): number})
    grown = stores.records.unreported_counts().get(log, {})
    stores.records.begin_reports({log: CountReport(b"e", grown)})
    stores.records.end_reports([log])


INSERT: st.SearchStrategy[Step] = st.builds(
    lambda log, rows, skip: lambda tx: _insert(tx, log, rows, skip),
    LOGS,
    st.lists(ROW, min_size=1, max_size=4),
    st.sampled_from([0, 0, 0, 0, 1]),
)
INSIDE: st.SearchStrategy[Step] = st.one_of(
    INSERT,
    INSERT,
    st.builds(
        lambda log, all_: lambda tx: tx.save_streams(log, all_), LOGS, st.lists(STREAM, max_size=2)
    ),
    st.builds(
        lambda log, all_: lambda tx: tx.keep_aside(log, all_), LOGS, st.lists(ASIDE, max_size=2)
    ),
    st.builds(
        lambda log, key, n: lambda tx: tx.add_counts(log, {key: n}),
        LOGS,
        st.tuples(TEXTS, TEXTS, TEXTS),
        SMALL,
    ),
    st.builds(lambda log, ids: lambda tx: tx.seen(log, ids), LOGS, st.lists(IDS, max_size=3)),
    st.builds(lambda log: lambda tx: tx.streams(log, [b"s" * 16, b"x" * 16]), LOGS),
    st.builds(lambda log: lambda tx: tx.kept_aside(log, [b"d", b"x"]), LOGS),
    st.builds(lambda log: lambda tx: tx.tail(log), LOGS),
)
FORGET_US = st.one_of(st.integers(0, 21), st.sampled_from([999, 1000, 1001, 2000, 9999]))
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.lists(INSIDE, min_size=1, max_size=4).map(_tx),
    st.lists(INSIDE, min_size=1, max_size=4).map(_tx),
    *[st.lists(INSERT, min_size=1, max_size=2).map(_tx)] * 4,
    st.builds(
        lambda log, name: lambda h: h.records.create_log(log, Origin(name), 3),
        LOGS,
        st.sampled_from(["o/acme", "o/none"]),
    ),
    st.builds(
        lambda log, n: (
            lambda h: h.records.begin_reports(
                {
                    log: CountReport(
                        b"e", h.records.unreported_counts().get(log, {("s", "t", "r"): n})
                    )
                }
            )
        ),
        LOGS,
        SMALL,
    ),
    st.builds(lambda log: lambda h: h.records.end_reports([log]), LOGS),
    st.builds(lambda log, n: lambda h: _report(h, log, n), LOGS, SMALL),
    st.builds(lambda log, end: lambda h: h.records.drop(log, LeafIndex(end)), LOGS, SMALL),
    st.builds(lambda us, most: lambda h: h.records.forget(us, most), FORGET_US, SMALL),
    st.builds(
        lambda log, old, new: lambda h: h.checkpoints.swap([Swap(log, old, new)]),
        LOGS,
        st.one_of(st.none(), HEAD),
        HEAD,
    ),
    st.builds(
        lambda log, new: lambda h: h.checkpoints.swap([Swap(log, h.checkpoints.head(log), new)]),
        LOGS,
        HEAD,
    ),
    st.builds(lambda log, one: lambda h: h.segments.add(log, one), LOGS, SEGMENT),
    st.builds(lambda log, one: lambda h: h.segments.merge(log, one), LOGS, SEGMENT),
)


def _answer(call: Step, on: Any) -> Any:  # whatever the port answers
    """What a call returns, or the class of the error that it raises."""
    try:
        return call(on)
    except VitneError as error:
        return type(error)


def _picture(stores: Any) -> list[Any]:
    """All that can be read."""
    records, found = stores.records, []
    for log in (LogId("acme"), LogId("beta"), LogId("none")):
        found += [
            records.records(log, LeafIndex(0), LeafIndex(99)),
            records.entries(log, LeafIndex(1), LeafIndex(5)),
            records.scan(log, None, LeafIndex(0), LeafIndex(99), 5),
            records.facets(log, None, LeafIndex(0), LeafIndex(99), ["type", "who"], 3),
            (records.first_index(log), records.oldest_hot_us(log)),
            (records.counts(log), records.asides(log), records.streams(log)),
            (stores.checkpoints.head(log), stores.segments.segments(log)),
        ]
    return [
        *found,
        records.logs(),
        records.unpublished(),
        records.unreported_counts(),
        records.begun_reports(),
    ]


@contextmanager
def _twins(store_model: ModuleType) -> Iterator[tuple[Any, SqliteStores]]:
    twin = store_model.StoreModel()
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStores(Path(folder) / "vitne.db") as real,
    ):
        for stores in (twin, real):
            stores.records.create_log(LogId("acme"), Origin("o/acme"), 1)
            stores.records.create_log(LogId("beta"), Origin("o/beta"), 2)
        yield twin, real


@settings(max_examples=150)
@given(steps=st.lists(STEPS, min_size=8, max_size=20))
def test_the_twins_answer_every_call_the_same(store_model: ModuleType, steps: list[Step]) -> None:
    with _twins(store_model) as (twin, real):
        for step in steps:
            assert _answer(step, twin) == _answer(step, real)
            assert _picture(twin) == _picture(real)
