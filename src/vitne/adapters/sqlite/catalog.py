"""Which segments exist (`vitne.ports.SegmentCatalog`)."""

import sqlite3

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import query
from vitne.adapters.sqlite.rows import Row
from vitne.core.values import LeafIndex, LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import Segment


class SqliteCatalog:
    """Segments as rows; `log.sealed_end` moves with the last one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def segments(self, log: LogId) -> list[Segment]:
        with self._database.reading() as connection:
            return [_segment(row) for row in connection.execute(query("segments"), (log,))]

    def add(self, log: LogId, segment: Segment) -> None:
        with self._database.writing() as connection:
            no, sealed_end = _sealed(connection, log)
            if segment.start != sealed_end or segment.end <= segment.start:
                raise ConflictError(
                    f"segment [{segment.start}, {segment.end}) does not follow on {sealed_end}",
                    where=log,
                )
            connection.execute(query("add_segment"), _row(no, segment))
            connection.execute(query("set_sealed_end"), (segment.end, no))

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        with self._database.writing() as connection:
            no, _ = _sealed(connection, log)
            rows = connection.execute(
                query("segments_between"), (no, merged.start, merged.end)
            ).fetchall()
            covered = [_segment(row) for row in rows]
            if not covered or (covered[0].start, covered[-1].end) != (merged.start, merged.end):
                raise ConflictError(
                    f"[{merged.start}, {merged.end}) does not cover whole segments", where=log
                )
            connection.execute(query("remove_segments"), (no, merged.start, merged.end))
            connection.execute(query("add_segment"), _row(no, merged))
        return covered

    def replace(self, log: LogId, old: Segment, new: Segment) -> None:
        with self._database.writing() as connection:
            no, _ = _sealed(connection, log)
            rows = connection.execute(
                query("segments_between"), (no, old.start, old.end)
            ).fetchall()
            same = (old.start, old.end) == (new.start, new.end)
            if len(rows) != 1 or not _same(rows[0], old) or not same:
                raise ConflictError("the listed segment is another", where=old.key)
            connection.execute(query("remove_segments"), (no, old.start, old.end))
            connection.execute(query("add_segment"), _row(no, new))


def _same(row: Row, segment: Segment) -> bool:
    return _segment(row) == segment


def _sealed(connection: sqlite3.Connection, log: LogId) -> tuple[int, int]:
    row: tuple[int, int] | None = connection.execute(query("sealed_end"), (log,)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no log {log!r}")
    return row


def _row(no: int, segment: Segment) -> Row:
    return (
        no,
        segment.start,
        segment.end,
        segment.key,
        segment.file_bytes,
        segment.sha256,
        segment.events,
        *segment.recorded_us,
        *segment.occurred_us,
        segment.index_key,
        segment.level,
        segment.record,
        segment.gap_count,
        segment.run_root,
    )


def _segment(row: Row) -> Segment:
    return Segment(
        start=LeafIndex(row[0]),
        end=LeafIndex(row[1]),
        key=row[2],
        file_bytes=row[3],
        sha256=row[4],
        events=row[5],
        recorded_us=(row[6], row[7]),
        occurred_us=(row[8], row[9]),
        index_key=row[10],
        level=row[11],
        record=row[12],
        gap_count=row[13],
        run_root=row[14],
    )
