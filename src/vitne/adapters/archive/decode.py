"""The rows of a segment as records again."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from vitne.adapters.archive.columns import RECORD_COLUMNS
from vitne.adapters.archive.encode import restore
from vitne.core.record import Facets, Parts, Record


def to_records(table: pa.Table, entries: Sequence[bytes]) -> list[Record]:
    """The records of rows (`RECORD_COLUMNS`), given their entries in the same order."""
    columns = [_values(table.column(name)) for name in RECORD_COLUMNS]
    rows = zip(*columns, strict=True)
    return [_record(row, entry) for row, entry in zip(rows, entries, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], pa.binary(16))
    found: list[Any] = column.to_pylist()
    return found


def _record(row: tuple[Any, ...], entry: bytes) -> Record:
    index, recorded_us, occurred_us, event_id, type_, actor, outcome, targets = row[:8]
    action_id, trace_id, keyring, core, *parts = row[8:]
    if event_id is None:
        return Record(index, recorded_us, entry, keyring=keyring)
    if core is not None:
        core = restore(core, event_id, action_id, trace_id, occurred_us).encode()
    shown = "\n".join(("", *targets, "")) if targets else ""
    return Record(
        index,
        recorded_us,
        entry,
        event_id,
        keyring,
        Parts(core, *(None if part is None else part.encode() for part in parts)),
        Facets(occurred_us, type_, actor, outcome, shown),
    )
