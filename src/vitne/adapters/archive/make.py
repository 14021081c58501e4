"""Making a segment: records in, the bytes of its two files out."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from vitne.adapters.archive.index.build import Index, Values, build_index
from vitne.adapters.archive.parquet.columns import DELTA, DICTIONARY, ROW_GROUP_ROWS
from vitne.adapters.archive.parquet.encode import to_table
from vitne.adapters.archive.parquet.single_rows import add_table
from vitne.core.filter.fields import target_texts
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.ports import Segment

_AT_ONCE: Final = 4 * ROW_GROUP_ROWS
"""Records that are held in memory at once, as Python knows them."""
_ZSTD_LEVEL: Final = 3


class Made(Struct, frozen=True):
    """A segment that is not written yet."""

    segment: Segment
    table: pa.Table
    data: bytes
    """Of the Parquet file."""
    index: bytes
    """Of the index file."""
    entries: list[bytes]


def make_segment(log: LogId, records: Sequence[Record]) -> Made:
    """The files of consecutive records: always the same for the same records."""
    tables: list[pa.Table] = []
    entries: list[bytes] = []
    ids: list[bytes] = []
    shown: set[str] = set()
    for low in range(0, len(records), _AT_ONCE):
        some = records[low : low + _AT_ONCE]
        tables.append(to_table(some))
        entries += [record.entry for record in some]
        ids += [record.event_id for record in some]
        shown |= {record.facets.targets for record in some}
    table = pa.concat_tables(tables)
    data = to_parquet(table)
    start = table.column("index")[0].as_py()
    values = Values(_issuers(table), _target_types(shown))
    index = build_index(start, entries, ids, values)
    return Made(
        segment=_segment(log, table, data, index),
        table=table,
        data=data,
        index=index.data,
        entries=entries,
    )


def to_parquet(table: pa.Table) -> bytes:
    """The bytes of a segment file: the same for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=DICTIONARY,
        column_encoding=dict.fromkeys(DELTA, "DELTA_BINARY_PACKED"),
        write_statistics=list(DELTA),
        write_page_checksum=True,
    )
    return add_table(bytes(sink.getvalue()), table.column("index")[0].as_py())


def _issuers(table: pa.Table) -> frozenset[str]:
    return frozenset(issuer or "" for issuer in table.column("issuer").unique().to_pylist())


def _target_types(shown: Iterable[str]) -> frozenset[str]:
    return frozenset(text.partition("/")[0] for targets in shown for text in target_texts(targets))


def _segment(log: LogId, table: pa.Table, data: bytes, index: Index) -> Segment:
    indices, recorded = table.column("index"), table.column("recorded_us")
    start, end = LeafIndex(indices[0].as_py()), LeafIndex(indices[-1].as_py() + 1)
    times = table.column("occurred_us").filter(table.column("event_id").is_valid())
    occurred = times.to_pylist()
    key = f"segments/{log}/{start}-{end}"
    return Segment(
        start=start,
        end=end,
        key=f"{key}.parquet",
        file_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        events=len(occurred),
        recorded_us=(recorded[0].as_py(), recorded[-1].as_py()),
        occurred_us=(min(occurred), max(occurred)) if occurred else (0, 0),
        index_key=f"{key}.idx",
        gap_count=index.gap_count,
        run_root=index.run_root,
    )
