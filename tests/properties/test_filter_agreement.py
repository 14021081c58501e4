"""The evaluators of the filter language find the same records, and its text means one filter."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from vitne.adapters.archive.archive import ParquetArchive
from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.sqlite.engine.where import add_functions, row_condition
from vitne.core.entry import entry, keys
from vitne.core.filter.fields import FIELDS, SearchedRecord, core_values, text_field, texts_at
from vitne.core.filter.matches import filter_predicate
from vitne.core.filter.nodes import (
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    pattern_of,
    simplify_filter,
)
from vitne.core.filter.syntax import parse_filter
from vitne.core.values.ids import uuid_text
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex, LogId
from vitne.ports import Segment

LOG = LogId("acme")

encode = msgspec.json.Encoder(order="sorted").encode

# Few values, so that filters often hit; with what breaks quoting, globbing, folding and JSON.
WORDS = st.sampled_from(
    (
        *("usr_7", "usr_77", "Smith", "smith", "\u017fmith", "ÉCOLE", "école", "Øst", "ost", "æøå"),
        *("a*b", "a?b", "[x]", "50%", "under_score", 'say "hi"', "back\\slash", "x/y", "/", "-"),
        *("ﬁne", "ß", "SS", "a b", "OR", "tab\there", "new\nline", "İstanbul", "e", ",", "h:1"),
    )
)
IDS = st.sampled_from(["usr_7", "usr_77", "cus_1", "cus_1/x", "a*b", "x/y", "50%", "[x]", "école"])
ZEROS = "00000000-0000-0000-0000-000000000000"
TYPES = st.sampled_from(["customer", "order", "cus_1"])


CORRELATIONS = st.fixed_dictionaries(
    {},
    optional={
        "action_id": st.sampled_from([ZEROS, "01010101-0101-7101-8101-010101010101"]),
        "trace_id": st.sampled_from([ZEROS.replace("-", ""), "0af7651916cd43dd8448eb211c80319c"]),
    },
)
TIMES = ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.{:06d}Z", "1970-01-01T00:00:00.{:09d}Z")


@st.composite
def records(draw: st.DrawFn, index: int) -> Record:
    """An event whose parts and facets tell the same, as intake makes it; now and then a control."""
    if draw(st.integers(0, 9)) == 0:
        return Record(LeafIndex(index), 1_000 + index, b"control")
    targets = draw(st.lists(st.fixed_dictionaries({"type": TYPES, "id": IDS}), max_size=3))
    event_id = bytes([draw(st.integers(0, 3))] * 15) + bytes([index])
    occurred_us = draw(st.integers(0, 20))
    core: dict[str, Any] = {
        "id": uuid_text(event_id),
        "type": draw(st.sampled_from(["crm.customer.viewed", "crm.order.made"])),
    }
    core["outcome"] = {"result": draw(st.sampled_from(["succeeded", "denied"]))}
    core["actor"] = {"id": draw(IDS)}
    if targets:
        core["targets"] = [
            target | draw(st.fixed_dictionaries({}, optional={"role": WORDS, "exposure": WORDS}))
            for target in targets
        ]
    person: dict[str, Any] = {}
    for field in FIELDS:
        if field.part == "core" and field.path[0] != "targets" and draw(st.booleans()):
            value: Any = draw(WORDS)
            path = field.path
            if "*" in path:
                path, value = path[: path.index("*")], draw(st.lists(WORDS, min_size=1, max_size=3))
            place = core
            for step in path[:-1]:
                place = place.setdefault(step, {})
            place[path[-1]] = value
        elif field.part == "person" and draw(st.booleans()):
            person[field.pointer.replace("*", "0")] = draw(WORDS)
    if draw(st.booleans()):
        core["correlation"] = core.get("correlation", {}) | draw(CORRELATIONS)
    if draw(st.booleans()):
        core["occurred_at"] = draw(st.sampled_from(TIMES)).format(occurred_us)
    payload = draw(st.dictionaries(st.sampled_from(["/summary", "/extra/x"]), WORDS, max_size=2))
    added = draw(st.fixed_dictionaries({}, optional={"status": WORDS, "warnings": st.lists(WORDS)}))
    raw = draw(
        st.sampled_from([b"", b'{"raw":{"who":["Ada \xc3\x89","x"]}}', b'{"raw":"CEF:0|a"}'])
    )
    gone = draw(st.integers(0, 7)) == 0
    parts = Parts(
        core=encode(core),
        payload=encode(payload),
        person=None if gone else encode(person),
        core_record=encode(added) if added else b"",
        payload_record=raw,
        person_record=None if gone else b"",
    )
    shown = dict.fromkeys(f"{target['type']}/{target['id']}" for target in targets)
    facets = Facets(
        occurred_us=occurred_us,
        type=core["type"],
        actor=core["actor"]["id"],
        outcome=core["outcome"]["result"],
        targets="\n".join(["", *shown, ""]) if shown else "",
    )
    return Record(LeafIndex(index), 1_000 + index, b"entry", event_id, b"k" * 16, parts, facets)


LOGS = st.integers(1, 8).flatmap(lambda n: st.tuples(*(records(index) for index in range(n))))

IDS_AS_TEXT = st.sampled_from(
    (
        *(ZEROS, "01010101-0101-0101-0101-010101010101", "0101", ZEROS.replace("-", "")),
        *("01010101-0101-7101-8101-010101010101", "0af7651916cd43dd8448eb211c80319c", "1970"),
    )
)
VALUES = st.one_of(
    WORDS,
    IDS,
    IDS_AS_TEXT,
    st.sampled_from(["customer/cus_1", "order/x/y", "crm.customer.viewed", "denied", "x", "Ada é"]),
)


def _leaf(name: str) -> st.SearchStrategy[Filter]:
    patterns = st.lists(st.one_of(st.just(""), VALUES), min_size=2, max_size=4).map(pattern_of)
    return st.one_of(
        st.builds(Equals, st.just(name), VALUES), st.builds(Like, st.just(name), patterns)
    )


BOUNDS = st.one_of(st.none(), st.integers(0, 20), st.integers(1_000, 1_010))
LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.sampled_from([field.name for field in FIELDS if field.kind != "int"]).flatmap(_leaf),
    st.builds(Between, st.sampled_from(["occurred", "recorded", "index"]), BOUNDS, BOUNDS),
    st.builds(Text, VALUES),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda some: And(tuple(some))),
        st.lists(inner, max_size=3).map(lambda some: Or(tuple(some))),
    ),
    max_leaves=5,
)


def _sql_finds(log: Sequence[Record], where: Filter) -> list[int]:
    connection = sqlite3.connect(":memory:")
    add_functions(connection)
    connection.execute(
        "CREATE TABLE record (pos INTEGER PRIMARY KEY, recorded_us, occurred_us, type, actor,"
        " outcome, targets, event_id, core, payload, person, core_record, payload_record,"
        " person_record)"
    )
    for record in log:
        parts = (None if p is None else p.decode() for p in msgspec.structs.astuple(record.parts))
        facets = record.facets
        shown = (facets.occurred_us, facets.type, facets.actor, facets.outcome, facets.targets)
        row = (7 << 40 | record.index, record.recorded_us, *shown, record.event_id or None, *parts)
        connection.execute("INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", row)
    condition = row_condition(where)
    rows = connection.execute(
        "SELECT pos & 1099511627775 FROM record"  # noqa: S608 - what is under test
        f" WHERE event_id IS NOT NULL AND ({condition.sql}) ORDER BY pos",
        condition.params,
    ).fetchall()
    connection.close()
    return [row[0] for row in rows]


@settings(max_examples=400)
@given(LOGS, FILTERS)
def test_sql_finds_the_hot_rows_that_the_reference_finds(
    log: Sequence[Record], where: Filter
) -> None:
    found = _sql_finds(log, where)

    assert found == [record.index for record in log if filter_predicate(where)(record)]


K = bytes(32)


def _entry(record: Record) -> bytes:
    """The entry of a record, with its lookup keys, and no true commitment."""
    times = (record.recorded_us, record.facets.occurred_us)
    if not record.event_id:
        return entry.encode_entry(
            entry.VoidEntry(
                record.recorded_us, record.recorded_us, b"s" * 16, 1, 1, 128, Hash(bytes(32))
            )
        )
    core = msgspec.json.decode(record.parts.core or b"{}")
    actor = keys.secret(K, keys.ACTOR, core["actor"].get("issuer", ""), core["actor"]["id"])
    targets = [
        keys.secret(K, keys.TARGET, each["type"], each["id"]) for each in core.get("targets", ())
    ]
    found = {keys.key(keys.ACTOR, actor)}
    found |= {keys.key(keys.TARGET, target) for target in targets}
    found |= {keys.pair_key(actor, target) for target in targets}
    found.add(keys.key(keys.EVENT_TYPE, keys.secret(K, keys.EVENT_TYPE, core["type"])))
    action = core.get("correlation", {}).get("action_id")
    if action is not None:
        found.add(keys.key(keys.ACTION, keys.secret(K, keys.ACTION, action)))
    event = entry.EventEntry(*times, b"s" * 16, 1, 1, tuple(sorted(found)), Hash(bytes(32)))
    return entry.encode_entry(event)


class OneLog:
    """The catalog and the published entries of one log."""

    def __init__(self, log: Sequence[Record]) -> None:
        self.log = [msgspec.structs.replace(record, entry=_entry(record)) for record in log]
        self.listed: list[Segment] = []

    def segments(self, log: LogId) -> list[Segment]:
        """See `SegmentCatalog`."""
        del log
        return self.listed

    def add(self, log: LogId, segment: Segment) -> None:
        """See `SegmentCatalog`."""
        del log
        self.listed.append(segment)

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        """Not needed here."""
        raise NotImplementedError

    def entries(self, log: LogId, start: int, end: int) -> list[bytes]:
        """The published entries [start, end)."""
        del log
        return [record.entry for record in self.log[start:end]]


def _key_of(log: LogId, epoch: int, kind: int, parts: tuple[str, ...]) -> bytes | None:
    del log
    return keys.key(kind, keys.secret(K, kind, *parts)) if epoch == 1 else None


@settings(max_examples=150)
@given(LOGS, FILTERS, st.integers(1, 8), st.booleans())
def test_the_archive_finds_the_sealed_rows_that_the_reference_finds(
    log: Sequence[Record], where: Filter, cut: int, with_keys: bool
) -> None:
    """Over two segments, by their indexes or by DuckDB alone; and gives back the same records."""
    with TemporaryDirectory() as folder:
        one = OneLog(log)
        objects = FolderObjects(Path(folder))
        archive = ParquetArchive(
            Path(folder), objects, one, one.entries, **({"key_of": _key_of} if with_keys else {})
        )
        for part in (one.log[:cut], one.log[cut:]):
            if part:
                one.add(LOG, archive.write(LOG, part))
        start, end = LeafIndex(0), LeafIndex(len(log))
        expected = [record for record in one.log if filter_predicate(where)(record)]

        assert archive.records(LOG, start, end) == one.log
        assert archive.scan(LOG, where, start, end, 100) == expected[::-1]
        assert archive.scan(LOG, where, start, end, 2) == expected[::-1][:2]
        assert archive.count(LOG, where, start, end, 100) == len(expected)
        assert archive.count(LOG, where, start, end, 1) == min(len(expected), 1)
        names = [field.name for field in FIELDS if field.kind != "int"]
        facets = archive.facets(LOG, where, start, end, names, 100)
        assert facets == {name: _counted(expected, name) for name in names}
        edges = [3, 6, 9, 12]
        times = [record.facets.occurred_us for record in expected]
        for some in (edges, [0, 5, 6]):
            assert archive.histogram(LOG, where, start, end, some) == [
                sum(low <= at < high for at in times) for low, high in pairwise(some)
            ]
        for record in one.log:
            assert not record.event_id or archive.find(LOG, record.event_id) == record
        archive.close()
        objects.close()


def _counted(log: Sequence[Record], name: str) -> dict[str, int]:
    of = text_field(name)
    return dict(Counter(text for record in log for text in set(SearchedRecord(record).values(of))))


@given(FILTERS)
def test_the_text_of_a_filter_parses_to_the_same_filter(
    filter_text: ModuleType, where: Filter
) -> None:
    checked = _without_unknown_choices(where)

    again = parse_filter(filter_text.format_filter(checked))

    assert again == simplify_filter(checked)
    assert filter_text.format_filter(again) == filter_text.format_filter(checked)


# How a filter is written: each has one text, and the parser makes the same filter of it.


def _without_unknown_choices(where: Filter) -> Filter:
    """The filter as a person could have typed it: closed lists and ids in their own form."""
    choices = {field.name: field.choices for field in FIELDS if field.choices}
    match where:
        case Equals(name, value) if name in choices and value not in choices[name]:
            return Equals(name, choices[name][len(value) % len(choices[name])])
        case Equals("id", value):
            return Equals("id", value.lower())
        case Not(inner):
            return Not(_without_unknown_choices(inner))
        case And(inner):
            return And(tuple(map(_without_unknown_choices, inner)))
        case Or(inner):
            return Or(tuple(map(_without_unknown_choices, inner)))
        case _:
            return where


@given(LOGS, FILTERS)
def test_a_simplified_filter_finds_the_same(log: Sequence[Record], where: Filter) -> None:
    plain = simplify_filter(where)

    assert [filter_predicate(plain)(r) for r in log] == [filter_predicate(where)(r) for r in log]


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["actor", "id", "type", "targets", "role", "roles", "client", "site"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["actor", "targets", "client", "category"]), JSON))
def test_a_field_is_read_alike_by_the_fast_decoder_and_by_walking(core: dict[str, Any]) -> None:
    """Whatever shape a part has: the walk over plain JSON is the definition."""
    values = core_values(encode(core))

    for field, value in zip((f for f in FIELDS if f.part == "core"), values, strict=True):
        place: Any = core
        for step in field.path[: field.path.index("*")] if "*" in field.path else field.path:
            place = place.get(step) if isinstance(place, dict) else None
        assert texts_at(value, field.path) == texts_at(place, field.path)
