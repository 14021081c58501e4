"""Single rows of a segment's Parquet file, at the cost of the groups that they are packed in.

The table of row groups stands between the last page and Parquet's own description, where other
readers of Parquet see nothing. Little-endian; for each group of rows, in order, and in it for each
of `RECORD_COLUMNS`:

    u64 offset of its page of distinct values, 0: none · u64 offset of its first page of values ·
    u32 bytes in the file · u32 bytes unpacked

and behind all of them `vitrows1` · u32 number of groups · u32 CRC-32 of what stands before.

The pages have checksums of their own.
"""

import os
import sys
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from struct import Struct as Layout
from typing import Final, Self

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from vitne.adapters.archive.columns import PARTS, RECORD_COLUMNS, ROW_GROUP_ROWS, SCHEMA
from vitne.adapters.archive.thrift import Chunk, Column, Group, describe
from vitne.errors import IntegrityError

__all__ = ["RowFile", "RowTable", "add_table", "table_of"]

_MAGIC: Final = b"vitrows1"
_CHUNK: Final = Layout("<QQII")
_TAIL: Final = Layout("<8sII")
_ENDS: Final = b"PAR1"
_END: Final = Layout("<I4s")
_GROUP_BYTES: Final = _CHUNK.size * len(RECORD_COLUMNS)
_MOST: Final = 65_536 // ROW_GROUP_ROWS * _GROUP_BYTES + _TAIL.size
_UUID_BYTES: Final = 16


def _column(name: str) -> Column:
    field = SCHEMA.field(name)
    width = _UUID_BYTES if field.type == pa.uuid() else 0
    return Column(name, width, name in PARTS, field.nullable)


_COLUMNS: Final = [_column(name) for name in RECORD_COLUMNS]


class RowTable(Struct, frozen=True):
    """Where the groups of rows of a file are."""

    data: bytes
    """The table without its tail, as it stands in the file."""
    rows: int
    """How many there are."""

    def group(self, number: int) -> Group:
        """One of the groups."""
        low = number * _GROUP_BYTES
        chunks = [Chunk(*each) for each in _CHUNK.iter_unpack(self.data[low : low + _GROUP_BYTES])]
        return Group(min(ROW_GROUP_ROWS, self.rows - number * ROW_GROUP_ROWS), chunks)


class RowFile:
    """An open segment file. For one thread; whoever opens it closes it."""

    def __init__(self, descriptor: int, where: str) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._where = where

    @classmethod
    def open(cls, path: Path, where: str) -> Self:
        """Open a file. Raises `FileNotFoundError`."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), where)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def table(self, rows: int) -> RowTable:
        """The table of its groups, which is as it was written.

        Raises:
            IntegrityError: it is damaged, or the file has none, or another number of rows.
        """
        size = self._size
        length, ends = _END.unpack(self._read(size - _END.size, size))
        end = size - _END.size - length
        data = self._read(max(end - _MOST, 0), max(end, 0))
        if ends != _ENDS or len(data) < _TAIL.size:
            raise IntegrityError("a segment is damaged: its end is not one", where=self._where)
        magic, groups, crc = _TAIL.unpack(data[-_TAIL.size :])
        if magic != _MAGIC:
            raise IntegrityError(
                "a segment has no table of its rows: another version wrote it", where=self._where
            )
        lines = data[max(len(data) - _TAIL.size - groups * _GROUP_BYTES, 0) : -_TAIL.size]
        if groups != -(-rows // ROW_GROUP_ROWS) or zlib.crc32(lines) != crc:
            raise IntegrityError("the table of a segment's rows is damaged", where=self._where)
        return RowTable(lines, rows)

    def expect(self, groups: Sequence[Group]) -> None:
        """Have the disk read groups of rows, without waiting for it."""
        if sys.platform == "linux":
            for group in groups:
                low, high = _span(group)
                with suppress(OSError):  # a hint that is not taken changes nothing
                    os.posix_fadvise(self._descriptor, low, high - low, os.POSIX_FADV_WILLNEED)

    def rows(self, groups: Sequence[Group]) -> pa.Table:
        """All rows of some groups, one after another: `RECORD_COLUMNS`, ids as plain bytes.

        Raises:
            IntegrityError: a page is damaged.
        """
        parts: list[bytes] = [_ENDS]
        placed: list[Group] = []
        at = len(_ENDS)
        for group in groups:
            low, high = _span(group)
            parts.append(self._read(low, high))
            placed.append(_moved(group, at - low))
            at += high - low
        known = pq.read_metadata(pa.BufferReader(describe(_COLUMNS, placed)))
        with pq.ParquetFile(
            pa.BufferReader(b"".join(parts)), metadata=known, page_checksum_verification=True
        ) as file:
            return file.read(use_threads=len(groups) > 1)

    def _read(self, low: int, high: int) -> bytes:
        inside = 0 <= low < high <= self._size
        found = os.pread(self._descriptor, high - low, low) if inside else b""
        if len(found) != high - low:
            raise IntegrityError("a segment is damaged: it was cut short", where=self._where)
        return found


def add_table(data: bytes) -> bytes:
    """A Parquet file with the table of its groups in it; its own description stays the last."""
    length, _ = _END.unpack(data[-_END.size :])
    place = len(data) - _END.size - length
    known = pq.read_metadata(pa.BufferReader(data))
    lines = table_of(known).data
    tail = _TAIL.pack(_MAGIC, known.num_row_groups, zlib.crc32(lines))
    return b"".join((data[:place], lines, tail, data[place:]))


def table_of(known: pq.FileMetaData) -> RowTable:
    """The table of the groups that a file's own description tells."""
    first = known.row_group(0)
    names = [first.column(at).path_in_schema for at in range(known.num_columns)]
    places = [names.index(name) for name in RECORD_COLUMNS]
    lines = [
        _CHUNK.pack(
            chunk.dictionary_page_offset or 0,
            chunk.data_page_offset,
            chunk.total_compressed_size,
            chunk.total_uncompressed_size,
        )
        for group in map(known.row_group, range(known.num_row_groups))
        for chunk in map(group.column, places)
    ]
    return RowTable(b"".join(lines), known.num_rows)


def _span(group: Group) -> tuple[int, int]:
    """Bytes of the file that hold a group: nearly all of them are its."""
    starts = [chunk.start for chunk in group.chunks]
    ends = [chunk.start + chunk.packed for chunk in group.chunks]
    return min(starts), max(ends)


def _moved(group: Group, by: int) -> Group:
    return Group(
        group.rows,
        [
            Chunk(
                chunk.dictionary and chunk.dictionary + by,
                chunk.data + by,
                chunk.packed,
                chunk.unpacked,
            )
            for chunk in group.chunks
        ],
    )
