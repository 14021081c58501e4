"""Finding events among the hot rows (`vitne.ports.Searchable`), by one scan of a log's range."""

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from vitne.adapters.sqlite.database import Database
from vitne.adapters.sqlite.queries import filtered, query
from vitne.adapters.sqlite.rows import span, to_record, whole
from vitne.core.fields import Reading, text_field
from vitne.core.filter import Filter, predicate
from vitne.core.record import Record
from vitne.core.types import LeafIndex, LogId

NO_LOG = -1
"""Number of a log that does not exist: no row carries it."""


class SqliteSearch:
    """Reads hot rows. A log that does not exist is empty."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[LogId, int] = {}

    @contextmanager
    def _reading(self, log: LogId) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A reading connection, and the number of the log (`NO_LOG` if there is none)."""
        with self._database.reading() as connection:
            number = self._numbers.get(log)
            if number is None:
                row = connection.execute(query("log_no"), (log,)).fetchone()
                # Numbers never change, so what was found is kept; another process may add more.
                number = NO_LOG if row is None else self._numbers.setdefault(log, row[0])
            yield connection, number

    def _matching(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex
    ) -> Iterator[Record]:
        test = predicate(where)
        with self._reading(log) as (connection, no):
            rows = connection.execute(filtered("scan", "1"), (*span(no, start, end), -1))
            yield from (record for record in map(to_record, rows) if test(record))

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        """See the port."""
        return list(islice(self._matching(log, where, start, end), limit))

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        """See the port."""
        return sum(1 for _ in islice(self._matching(log, where, start, end), most))

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        """See the port."""
        wanted = [(name, text_field(name), Counter[str]()) for name in fields]
        for record in self._matching(log, where, start, end):
            reading = Reading(record)
            for _, field, counter in wanted:
                counter.update(set(reading.values(field)))
        return {
            name: dict(sorted(counter.items(), key=lambda item: (-item[1], item[0]))[:most])
            for name, _, counter in wanted
        }

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        """See the port."""
        counts = [0] * (len(edges_us) + 1)
        for record in self._matching(log, where, start, end):
            counts[bisect_right(edges_us, record.facets.occurred_us)] += 1
        return counts[1:-1]

    def find(self, log: LogId, event_id: bytes) -> Record | None:
        """See the port."""
        with self._reading(log) as (connection, no):
            row = connection.execute(query("find_seen"), (no, event_id)).fetchone()
            if row is None:
                row = connection.execute(query("find_forgotten"), (*whole(no), event_id)).fetchone()
        return None if row is None else to_record(row)

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        """See the port."""
        found = self.records(log, index, LeafIndex(index + 1))
        return found[0] if found else None

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        """See the port."""
        with self._reading(log) as (connection, no):
            rows = connection.execute(query("records"), span(no, start, end)).fetchall()
        return [to_record(row) for row in rows]
