"""The hot rows of all logs (`vitne.ports.RecordStore`)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from vitne.adapters.sqlite.appending import SqliteAppend, to_stream
from vitne.adapters.sqlite.engine.queries import query, repeated_query
from vitne.adapters.sqlite.rows import Row, all_row_keys, row_key, row_keys
from vitne.adapters.sqlite.searching import SqliteSearch
from vitne.core.values import LeafIndex, LogId, Origin, TreeSize, uuid_time_prefix
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import Aside, CountReport, LogInfo, StreamState

STEP_ROWS = 2000
"""Rows that one transaction of `drop` or `forget` deletes, so that intake waits a few ms only."""


class SqliteRecords(SqliteSearch):
    """Tails, hot rows and what is kept beside them. Unknown logs are empty to every reader."""

    def create_log(self, log: LogId, origin: Origin, created_us: int) -> None:
        with self._database.writing() as connection:
            found = connection.execute(query("log_origins"), (log, origin)).fetchall()
            if found == [(log, origin)]:
                return
            if found:
                known, its_origin = found[0]
                raise ConflictError(f"log {known!r} exists with the origin {its_origin!r}")
            connection.execute(query("create_log"), (log, origin, created_us))

    def logs(self) -> list[LogInfo]:
        with self._database.reading() as connection:
            return [_info(row) for row in connection.execute(query("logs"))]

    def log(self, log: LogId) -> LogInfo:
        with self._database.reading() as connection:
            row = connection.execute(query("log"), (log,)).fetchone()
        if row is None:
            raise NotFoundError(f"there is no log {log!r}")
        return _info(row)

    def unpublished(self) -> list[LogInfo]:
        with self._database.reading() as connection:
            return [_info(row) for row in connection.execute(query("unpublished"))]

    @contextmanager
    def append(self) -> Iterator[SqliteAppend]:
        with self._database.writing() as connection:
            transaction = SqliteAppend(connection)
            try:
                yield transaction
            finally:
                transaction.close()
            if transaction.broken is not None:
                raise transaction.broken

    def entries(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        with self._reading(log) as (connection, no):
            rows = connection.execute(query("entries"), row_keys(no, start, end)).fetchall()
        return [entry for (entry,) in rows]

    def first_index(self, log: LogId) -> LeafIndex | None:
        lowest = self._lowest(log)
        return None if lowest is None else LeafIndex(lowest[0])

    def oldest_hot_us(self, log: LogId) -> int | None:
        lowest = self._lowest(log)
        return None if lowest is None else lowest[1]

    def _lowest(self, log: LogId) -> tuple[int, int] | None:
        with self._reading(log) as (connection, no):
            row = connection.execute(query("lowest"), all_row_keys(no)).fetchone()
        return None if row is None else (row[0] - row_key(no, 0), row[1])

    def drop(self, log: LogId, end: LeafIndex) -> int:
        dropped = 0
        with self._reading(log) as (_, no):
            low, high = row_keys(no, 0, end)
        while True:
            with self._database.writing() as connection:
                lowest = connection.execute(query("lowest"), (low, high)).fetchone()
                if lowest is None:
                    return dropped
                low = min(lowest[0] + STEP_ROWS, high)
                dropped += connection.execute(query("drop"), (lowest[0], low)).rowcount

    def forget(self, before_us: int, most: int) -> int:
        forgotten = 0
        while forgotten < most:
            step = min(STEP_ROWS, most - forgotten)
            with self._database.writing() as connection:
                values = (before_us, uuid_time_prefix(before_us), step)
                old = connection.execute(query("forgettable"), values).fetchall()
                went = len(old)
                if went:
                    connection.executemany(query("forget"), old)
                    connection.execute(query("note_forgotten"), (before_us,))
            forgotten += went
            if went < step:
                break
        return forgotten

    def counts(self, log: LogId) -> dict[tuple[str, str, str], int]:
        with self._reading(log) as (connection, no):
            rows = connection.execute(query("counts"), (no,)).fetchall()
        return {(source, type_, reason): number for source, type_, reason, number in rows}

    def unreported_counts(self) -> dict[LogId, dict[tuple[str, str, str], int]]:
        with self._database.reading() as connection:
            rows = connection.execute(query("unreported_counts")).fetchall()
        found: dict[LogId, dict[tuple[str, str, str], int]] = {}
        for log, source, type_, reason, number in rows:
            found.setdefault(LogId(log), {})[source, type_, reason] = number
        return found

    def begun_reports(self) -> dict[LogId, CountReport]:
        with self._database.reading() as connection:
            rows = connection.execute(query("begun_reports")).fetchall()
        return {LogId(log): CountReport(event, _counts(counts)) for log, event, counts in rows}

    def begin_reports(self, reports: Mapping[LogId, CountReport]) -> None:
        with self._database.writing() as connection:
            for log, report in reports.items():
                if connection.execute(query("log_no"), (log,)).fetchone() is None:
                    raise NotFoundError(f"there is no log {log!r}")
                rows = [(*key, number) for key, number in report.counts.items()]
                values = (log, report.event, msgspec.json.encode(rows).decode())
                if connection.execute(query("begin_reports"), values).rowcount != 1:
                    raise ConflictError(f"the log {log!r} has begun a report")

    def end_reports(self, logs: Sequence[LogId]) -> None:
        with self._database.writing() as connection:
            for log in logs:
                for (counts,) in connection.execute(query("begun_report"), (log,)).fetchall():
                    for key, number in _counts(counts).items():
                        connection.execute(query("add_reported"), (number, log, *key))
                connection.execute(query("end_reports"), (log,))

    def asides(self, log: LogId) -> list[Aside]:
        with self._reading(log) as (connection, no):
            rows = connection.execute(query("asides"), (no,)).fetchall()
        return [Aside(*row) for row in rows]

    def streams(self, log: LogId) -> list[StreamState]:
        with self._reading(log) as (connection, no):
            return [to_stream(row) for row in connection.execute(query("streams"), (no,))]

    def stream(self, log: LogId, stream_id: bytes) -> StreamState | None:
        with self._reading(log) as (connection, no):
            row = connection.execute(repeated_query("some_streams", 1), (no, stream_id)).fetchone()
        return None if row is None else to_stream(row)

    def silent_streams(self, before_us: int, most: int) -> list[tuple[LogId, StreamState]]:
        with self._database.reading() as connection:
            rows = connection.execute(query("silent_streams"), (before_us, max(most, 0))).fetchall()
        return [(LogId(row[-1]), to_stream(row)) for row in rows]

    def logs_announcing(self, key: bytes) -> list[LogId]:
        with self._database.reading() as connection:
            return [LogId(log) for (log,) in connection.execute(query("logs_announcing"), (key,))]


def _counts(text: str) -> dict[tuple[str, str, str], int]:
    rows = msgspec.json.decode(text, type=list[tuple[str, str, str, int]])
    return {(source, type_, reason): number for source, type_, reason, number in rows}


def _info(row: Row) -> LogInfo:
    log, origin, created_us, next_index, last_recorded_us, head_size, sealed_end = row
    return LogInfo(
        log=LogId(log),
        origin=Origin(origin),
        created_us=created_us,
        next_index=LeafIndex(next_index),
        last_recorded_us=last_recorded_us,
        head_size=TreeSize(head_size),
        sealed_end=LeafIndex(sealed_end),
    )
