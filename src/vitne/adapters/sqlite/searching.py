"""Finding events among the hot rows (`vitne.ports.Searchable`), by one scan of a log's range."""

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import Row, filtered_query
from vitne.adapters.sqlite.engine.where import row_condition
from vitne.adapters.sqlite.rows import all_row_keys, row_keys, to_part, to_record
from vitne.core.filter.fields import Field, SearchedRecord, target_texts, text_field
from vitne.core.filter.nodes import Filter
from vitne.core.values import LeafIndex, LogId, Parts, Record

NO_LOG = -1
"""Number of a log that does not exist: no row carries it."""

_COLUMNS = frozenset({"type", "actor", "outcome", "target"})
"""Fields that SQL counts by itself (queries `facet_…`), a list of targets as one value."""

_Texts = tuple[str, ...]
"""The values of a field in one event."""


class SqliteSearch:
    """Reads hot rows. A log that does not exist is empty."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[LogId, int] = {}

    def _number(self, log: LogId) -> int:
        """The number of a log, `NO_LOG` if there is none."""
        number = self._numbers.get(log)
        if number is None:
            row = self._database.row("log_no", log)
            # Numbers never change, so what was found is kept; another process may add more.
            number = NO_LOG if row is None else self._numbers.setdefault(log, row[0])
        return number

    def _rows(
        self,
        name: str,
        log: LogId,
        span: tuple[LeafIndex, LeafIndex],
        where: Filter | None,
        *values: int,
    ) -> list[Row]:
        """What a query finds between two indices, where the filter holds."""
        found, keys = row_condition(where), row_keys(self._number(log), *span)
        return self._database.rows(name, *keys, *found.params, *values, where=found.sql)

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        return list(map(to_record, self._rows("scan", log, (start, end), where, max(limit, 0))))

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        return int(self._rows("count", log, (start, end), where, max(most, 0))[0][0])

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        found = row_condition(where)
        wanted = {name: text_field(name) for name in fields}
        others = [field for field in wanted.values() if field.name not in _COLUMNS]
        tallies: dict[str, Counter[_Texts]] = {}
        params = (*row_keys(self._number(log), start, end), *found.params)
        with self._database.reading() as connection, _snapshot(connection):
            for column in _COLUMNS & {field.name for field in wanted.values()}:
                rows = connection.execute(filtered_query(f"facet_{column}", found.sql), params)
                tallies[column] = _count_column(column, rows)
            if others:
                rows = connection.execute(filtered_query("facet_parts", found.sql), params)
                tallies |= _count_parts(others, rows)
        return {name: _commonest(tallies[field.name], most) for name, field in wanted.items()}

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        times = self._rows("claimed_times", log, (start, end), where)[0][0]
        counts = [0] * (len(edges_us) + 1)
        for occurred_us in msgspec.json.decode(times, type=list[int]):
            counts[bisect_right(edges_us, occurred_us)] += 1
        return counts[1:-1]

    def find(self, log: LogId, event_id: bytes) -> Record | None:
        no = self._number(log)
        row = self._database.row("find_seen", no, event_id)
        if row is None:
            row = self._database.row("find_forgotten", *all_row_keys(no), event_id)
        return None if row is None else to_record(row)

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        found = self.records(log, index, LeafIndex(index + 1))
        return found[0] if found else None

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        rows = self._database.rows("records", *row_keys(self._number(log), start, end))
        return list(map(to_record, rows))


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements inside see the same rows, whatever is appended or dropped meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _count_column(column: str, rows: Iterable[Row]) -> Counter[_Texts]:
    if column == "target":
        return Counter({target_texts(value): number for value, number in rows})
    return Counter({(value,): number for value, number in rows})


def _count_parts(fields: Sequence[Field], rows: Iterable[Row]) -> dict[str, Counter[_Texts]]:
    """How often each field has just these values: counted whole, as most events share a few."""
    tallies = {field.name: Counter[_Texts]() for field in fields}
    for row in rows:
        reading = SearchedRecord(_facet_record(row))
        for field in fields:
            tallies[field.name][tuple(reading.values(field))] += 1
    return tallies


def _commonest(tally: Counter[_Texts], most: int) -> dict[str, int]:
    """The `most` commonest values; an event counts once for a value that it has twice."""
    counts = Counter[str]()
    for texts, number in tally.items():
        for text in set(texts):
            counts[text] += number
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: max(most, 0)])


def _facet_record(row: Row) -> Record:
    """As much of a record as `Reading.values` looks at for what is no column."""
    core, person, core_record, event_id = row
    return Record(
        index=LeafIndex(0),
        recorded_us=0,
        entry=b"",
        event_id=event_id,
        parts=Parts(core=to_part(core), person=to_part(person), core_record=to_part(core_record)),
    )
