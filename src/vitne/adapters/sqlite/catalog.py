"""Which segments exist (`vitne.ports.SegmentCatalog`)."""

from msgspec.structs import astuple

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import Row, query
from vitne.adapters.sqlite.rows import log_row
from vitne.core.values import LogId
from vitne.errors import ConflictError
from vitne.ports import Segment


class SqliteCatalog:
    """Segments as rows; `log.sealed_end` moves with the last one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def segments(self, log: LogId) -> list[Segment]:
        return [_segment(row) for row in self._database.rows("segments", log)]

    def add(self, log: LogId, segment: Segment) -> None:
        with self._database.writing() as connection:
            no, sealed_end = log_row(connection, "sealed_end", log)
            if segment.start != sealed_end or segment.end <= segment.start:
                raise ConflictError(
                    f"segment [{segment.start}, {segment.end}) does not follow on {sealed_end}",
                    where=log,
                )
            connection.execute(query("add_segment"), _row(no, segment))
            connection.execute(query("set_sealed_end"), (segment.end, no))

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        with self._database.writing() as connection:
            no, _ = log_row(connection, "sealed_end", log)
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
            no, _ = log_row(connection, "sealed_end", log)
            rows = connection.execute(
                query("segments_between"), (no, old.start, old.end)
            ).fetchall()
            same = (old.start, old.end) == (new.start, new.end)
            if len(rows) != 1 or _segment(rows[0]) != old or not same:
                raise ConflictError("the listed segment is another", where=old.key)
            connection.execute(query("remove_segments"), (no, old.start, old.end))
            connection.execute(query("add_segment"), _row(no, new))


def _row(no: int, segment: Segment) -> Row:
    values = astuple(segment)
    return (no, *values[:6], *segment.recorded_us, *segment.occurred_us, *values[8:])


def _segment(row: Row) -> Segment:
    values = (*row[:6], row[6:8], row[8:10], *row[10:])
    return Segment(*values)
