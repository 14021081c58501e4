"""The hot rows of all logs (`vitne.ports.RecordStore`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from vitne.adapters.sqlite.appending import SqliteAppend, to_stream
from vitne.adapters.sqlite.engine.queries import Row, query
from vitne.adapters.sqlite.rows import all_row_keys, log_row, row_key, row_keys
from vitne.adapters.sqlite.searching import SqliteSearch
from vitne.core.values import LeafIndex, LogId, Origin, uuid_time_prefix
from vitne.errors import ConflictError
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
        return [LogInfo(*row) for row in self._database.rows("logs")]

    def log(self, log: LogId) -> LogInfo:
        with self._database.reading() as connection:
            return LogInfo(*log_row(connection, "log", log))

    def unpublished(self) -> list[LogInfo]:
        return [LogInfo(*row) for row in self._database.rows("unpublished")]

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
        keys = row_keys(self._number(log), start, end)
        return [entry for (entry,) in self._database.rows("entries", *keys)]

    def first_index(self, log: LogId) -> LeafIndex | None:
        lowest = self._lowest(log)
        return None if lowest is None else LeafIndex(lowest[0])

    def oldest_hot_us(self, log: LogId) -> int | None:
        lowest = self._lowest(log)
        return None if lowest is None else lowest[1]

    def _lowest(self, log: LogId) -> tuple[int, int] | None:
        no = self._number(log)
        row = self._database.row("lowest", *all_row_keys(no))
        return None if row is None else (row[0] - row_key(no, 0), row[1])

    def drop(self, log: LogId, end: LeafIndex) -> int:
        dropped = 0
        low, high = row_keys(self._number(log), 0, end)
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
        return _by_kind(self._database.rows("counts", self._number(log)))

    def unreported_counts(self) -> dict[LogId, dict[tuple[str, str, str], int]]:
        found: dict[LogId, dict[tuple[str, str, str], int]] = {}
        for log, source, type_, reason, number in self._database.rows("unreported_counts"):
            found.setdefault(log, {})[source, type_, reason] = number
        return found

    def begun_reports(self) -> dict[LogId, CountReport]:
        rows = self._database.rows("begun_reports")
        return {log: CountReport(event, _counts(counts)) for log, event, counts in rows}

    def begin_reports(self, reports: Mapping[LogId, CountReport]) -> None:
        with self._database.writing() as connection:
            for log, report in reports.items():
                log_row(connection, "log_no", log)
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
        return [Aside(*row) for row in self._database.rows("asides", self._number(log))]

    def streams(self, log: LogId) -> list[StreamState]:
        return list(map(to_stream, self._database.rows("streams", self._number(log))))

    def stream(self, log: LogId, stream_id: bytes) -> StreamState | None:
        row = self._database.row("some_streams", self._number(log), stream_id)
        return None if row is None else to_stream(row)

    def silent_streams(self, before_us: int, most: int) -> list[tuple[LogId, StreamState]]:
        rows = self._database.rows("silent_streams", before_us, max(most, 0))
        return [(row[-1], to_stream(row)) for row in rows]

    def logs_announcing(self, key: bytes) -> list[LogId]:
        return [log for (log,) in self._database.rows("logs_announcing", key)]


def _counts(text: str) -> dict[tuple[str, str, str], int]:
    return _by_kind(msgspec.json.decode(text, type=list[tuple[str, str, str, int]]))


def _by_kind(rows: Iterable[Row]) -> dict[tuple[str, str, str], int]:
    return {(source, type_, reason): number for source, type_, reason, number in rows}
