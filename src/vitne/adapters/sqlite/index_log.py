"""The records of index logs (`vitne.ports.IndexLogStore`)."""

import sqlite3
from collections.abc import Sequence

import msgspec

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import query
from vitne.adapters.sqlite.rows import log_row
from vitne.core.values import LeafIndex, LogId
from vitne.errors import ConflictError
from vitne.ports import SealedRun, Segment


class SqliteIndexLog:
    """Records as rows; segments in them as msgpack."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self, log: LogId) -> int:
        with self._database.reading() as connection:
            _, size = log_row(connection, "index_size", log)
        return int(size)

    def append(self, log: LogId, run: SealedRun, counter: bytes) -> None:
        segment = run.segment
        with self._database.writing() as connection:
            no, size = log_row(connection, "index_size", log)
            if segment.record != size:
                raise ConflictError(
                    f"the index log has {size} records, this is number {segment.record}", where=log
                )
            row = (no, size, run.record, msgspec.msgpack.encode(segment), run.troubles)
            connection.execute(query("add_index_record"), row)
            if segment.level == 0:
                end = _counter(connection, no)[0]
                if segment.start != end:
                    raise ConflictError(
                        f"[{segment.start}, {segment.end}) does not follow on {end}", where=log
                    )
                connection.execute(query("set_index_counter"), (no, segment.end, counter))

    def records(self, log: LogId, start: int, end: int) -> list[bytes]:
        return [record for (record,) in self._database.rows("index_records", log, start, end)]

    def run(self, log: LogId, position: int) -> SealedRun | None:
        found = self._runs(log, position, position + 1)
        return found[0] if found else None

    def runs_from(self, log: LogId, position: int) -> Sequence[SealedRun]:
        return self._runs(log, position, 1 << 53)

    def counter(self, log: LogId) -> tuple[LeafIndex, bytes]:
        with self._database.reading() as connection:
            end, counter, _ = _counter(connection, log_row(connection, "index_size", log)[0])
        return LeafIndex(end), counter

    def told(self, log: LogId) -> int:
        with self._database.reading() as connection:
            return _counter(connection, log_row(connection, "index_size", log)[0])[2]

    def set_told(self, log: LogId, count: int) -> None:
        self._database.change("set_index_told", count, log)

    def _runs(self, log: LogId, start: int, end: int) -> list[SealedRun]:
        return [
            SealedRun(msgspec.msgpack.decode(segment, type=Segment), *rest)
            for segment, *rest in self._database.rows("index_runs", log, start, end)
        ]


def _counter(connection: sqlite3.Connection, no: int) -> tuple[int, bytes, int]:
    row: tuple[int, bytes, int] | None = connection.execute(
        query("index_counter"), (no,)
    ).fetchone()
    return row or (0, b"", 0)
