"""The summary of a segment's sources, from its columns (`vitne.core.index.source_summary`)."""

from collections.abc import Iterable
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from vitne.core.entry.entry import HEADER
from vitne.core.index.source_summary import (
    GRADES,
    Grade,
    Kept,
    SourceSummary,
    Spoken,
    grade_marks,
    quarantined_stream,
)

COLUMNS: Final = ("recorded_us", "event_id", "target", "app", "service", "core", "core_record")
"""What it is made from, beside the entries that are no events."""

# In canonical JSON a quote inside a text is escaped, so this can only be a member; and no other
# member of the core section has that name.
_ATTRIBUTION: Final = r'"attribution":"(?P<grade>[a-z]+)"'


def summary_of(start: int, table: pa.Table, voids: Iterable[bytes]) -> SourceSummary:
    """The summary of a segment, equal to `source_summary.summarize` of its records.

    Args:
        start: log index of the first row.
        table: `COLUMNS` of all rows.
        voids: the entries among them that may be voids, in the order of the log.
    """
    table = table.append_column("at", pa.array(range(len(table)), pa.int64()))
    events = table.filter(table.column("event_id").is_valid())
    return SourceSummary(
        start,
        start + len(table),
        _spoken(events),
        _kept(voids),
        grade_marks(_graded(events), len(table)),
    )


def _spoken(events: pa.Table) -> tuple[Spoken, ...]:
    """Events by source and target type; one that names a type twice counts once."""
    if not len(events):
        return ()
    targets = events.column("target").combine_chunks()
    parents = pc.list_parent_indices(targets)
    types = pc.list_element(pc.split_pattern(pc.list_flatten(targets), "/", max_splits=1), 0)
    empty = pc.equal(pc.fill_null(pc.list_value_length(targets), 0), 0)
    rows = pa.array(range(len(events)), pa.int64())
    without = pc.filter(rows, empty)
    pairs = pa.table(
        {
            "row": pa.concat_arrays([parents.cast(pa.int64()), without]),
            "type": pa.concat_arrays([types, pa.array([""] * len(without), pa.string())]),
        }
    )
    distinct = pairs.group_by(["row", "type"]).aggregate([])
    placed = pa.table(
        {
            "type": distinct.column("type"),
            "source": _sources(events).take(distinct.column("row")),
            "us": events.column("recorded_us").take(distinct.column("row")),
            "undeclared": _undeclared(events).take(distinct.column("row")),
        }
    )
    lacking = _counted(placed.filter(placed.column("undeclared")))
    return tuple(
        Spoken(*of, *told, *lacking.get(of, (0, (0, 0))))
        for of, told in sorted(_counted(placed).items())
    )


def _counted(placed: pa.Table) -> dict[tuple[str, str], tuple[int, tuple[int, int]]]:
    """(source, target type) → how many, and the first and last time."""
    grouped = placed.group_by(["source", "type"])
    rows = grouped.aggregate([([], "count_all"), ("us", "min"), ("us", "max")]).to_pylist()
    return {
        (row["source"], row["type"]): (row["count_all"], (row["us_min"], row["us_max"]))
        for row in rows
    }


def _sources(events: pa.Table) -> pa.ChunkedArray:
    """`application/service` of each event, `""` where one of the two is not there."""
    names = [events.column(name).cast(pa.string()) for name in ("app", "service")]
    return pc.fill_null(pc.binary_join_element_wise(*names, "/"), "")


def _undeclared(events: pa.Table) -> pa.ChunkedArray:
    """Whether the log noted that the source did not declare the type."""
    parts = events.column("core_record").cast(pa.string())
    known = {part: _is_undeclared(part) for part in pc.unique(parts).to_pylist()}
    hits = pa.array([part for part, undeclared in known.items() if undeclared], pa.string())
    return pc.is_in(parts, hits)


def _is_undeclared(part: str | None) -> bool:
    value = msgspec.json.decode(part) if part else {}
    return isinstance(value, dict) and value.get("declared") is False


def _graded(events: pa.Table) -> dict[Grade, list[int]]:
    """Positions of the events of each grade."""
    told = pc.struct_field(pc.extract_regex(events.column("core"), _ATTRIBUTION), "grade")
    places = events.column("at")
    found: dict[Grade, list[int]] = {}
    for value in pc.unique(told).to_pylist():
        same = pc.is_null(told) if value is None else pc.equal(told, value)
        grade = GRADES.get(value or "", "E")
        found.setdefault(grade, []).extend(places.filter(pc.fill_null(same, False)).to_pylist())
    return found


def _kept(voids: Iterable[bytes]) -> tuple[Kept, ...]:
    """Events that were put aside, by stream."""
    found: dict[bytes, Kept] = {}
    for entry in voids:
        stream = quarantined_stream(entry)
        if stream:
            at_us = HEADER.unpack_from(entry)[5]
            old = found.get(stream, Kept(stream, 0, (at_us, at_us)))
            found[stream] = Kept(stream, old.events + 1, (old.recorded_us[0], at_us))
    return tuple(found[stream] for stream in sorted(found))
