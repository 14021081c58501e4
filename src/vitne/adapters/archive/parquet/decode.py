"""The rows of a segment as records again."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from vitne.adapters.archive.parquet.columns import RECORD_COLUMNS
from vitne.adapters.archive.parquet.encode import restore_core
from vitne.core.entry.entry import times_of
from vitne.core.event.facets import facets_of
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import LeafIndex


def to_records(table: pa.Table, indices: Sequence[int], entries: Sequence[bytes]) -> list[Record]:
    """The records of rows.

    Args:
        table: `RECORD_COLUMNS`, ids as plain bytes.
        indices: log index of each row.
        entries: of each row.

    Raises:
        DecodeError: a core part is none.
    """
    columns = [table.column(name).to_pylist() for name in RECORD_COLUMNS]
    rows = zip(*columns, strict=True)
    return [
        _record(LeafIndex(index), row, entry)
        for index, row, entry in zip(indices, rows, entries, strict=True)
    ]


def _record(index: LeafIndex, row: tuple[Any, ...], entry: bytes) -> Record:
    event_id, action_id, trace_id, keyring, core, *parts = row
    recorded_us, occurred_us = times_of(entry)
    if event_id is None:
        return Record(index, recorded_us, entry, keyring=keyring)
    facets = Facets(occurred_us)
    if core is not None:
        core = restore_core(core, event_id, action_id, trace_id, occurred_us).encode()
        facets = facets_of(core, occurred_us)
    kept = Parts(core, *(None if part is None else part.encode() for part in parts))
    return Record(index, recorded_us, entry, event_id, keyring, kept, facets)
