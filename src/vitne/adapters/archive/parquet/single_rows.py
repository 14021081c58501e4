"""Single rows of a segment's Parquet file, at the cost of the groups that they are packed in.

The table of row groups stands between the last page and Parquet's own description, where other
readers of Parquet see nothing. Little-endian; for each group of rows, in order, and in it for each
of `RECORD_COLUMNS`:

    u64 offset of its page of distinct values, 0: none · u64 offset of its first page of values ·
    u32 bytes in the file · u32 bytes unpacked

and behind all of them `vitrows1` · u64 log index of the first row · u32 number of rows · u32 CRC-32
of all that stands before it in the table.

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
from msgspec.structs import replace

from vitne.adapters.archive.parquet.columns import PARTS, RECORD_COLUMNS, ROW_GROUP_ROWS, SCHEMA
from vitne.adapters.archive.parquet.damage import damage
from vitne.adapters.archive.parquet.thrift import ENDS, Chunk, Column, Group, describe_groups
from vitne.core.index.gap import MAX_SEGMENT_ENTRIES
from vitne.errors import IntegrityError

_MAGIC: Final = b"vitrows1"
_CHUNK: Final = Layout("<QQII")
_TAIL: Final = Layout("<8sQI")
_SUM: Final = Layout("<I")
_END: Final = Layout("<I4s")
_GROUP_BYTES: Final = _CHUNK.size * len(RECORD_COLUMNS)
_TAIL_BYTES: Final = _TAIL.size + _SUM.size
_MOST: Final = MAX_SEGMENT_ENTRIES // ROW_GROUP_ROWS * _GROUP_BYTES + _TAIL_BYTES
_UUID_BYTES: Final = 16


def _column(name: str) -> Column:
    field = SCHEMA.field(name)
    width = _UUID_BYTES if field.type == pa.uuid() else 0
    return Column(name, width, name in PARTS, field.nullable)


_COLUMNS: Final = [_column(name) for name in RECORD_COLUMNS]


class RowTable(Struct, frozen=True):
    """Where the groups of rows of a file are."""

    start: int
    """Log index of the first row."""
    rows: int
    """How many there are."""
    lines: bytes
    """The table without its tail, as it stands in the file."""

    def group(self, number: int) -> Group:
        """One of the groups. Raises `IntegrityError` if there are not so many."""
        low = number * _GROUP_BYTES
        rows = min(ROW_GROUP_ROWS, self.rows - number * ROW_GROUP_ROWS)
        if number < 0 or rows <= 0:
            raise IntegrityError(f"a segment of {self.rows} rows has no group {number} of them")
        chunks = _CHUNK.iter_unpack(self.lines[low : low + _GROUP_BYTES])
        return Group(rows, [Chunk(*each) for each in chunks])

    def encode(self) -> bytes:
        """As it stands in the file."""
        data = self.lines + _TAIL.pack(_MAGIC, self.start, self.rows)
        return data + _SUM.pack(zlib.crc32(data))


class RowFile:
    """An open segment file. One thread at a time may call; whoever opens it closes it.

    What reads raises `StorageError` if the system refuses to.
    """

    def __init__(self, descriptor: int, where: str) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size
        self._where = where

    @classmethod
    def open(cls, path: Path, where: str) -> Self:
        """Open a file. Raises `FileNotFoundError`."""
        with damage(where):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return cls(descriptor, where)
            except BaseException:
                os.close(descriptor)
                raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def table(self, start: int, end: int) -> RowTable:
        """The table of the groups of a segment [start, end).

        Raises:
            IntegrityError: it is damaged, or the file has none, or that of other rows.
        """
        size = self._size
        length, ends = _END.unpack(self._read(size - _END.size, size))
        place = size - _END.size - length
        data = bytes(self._read(max(place - _MOST, 0), max(place, 0)))
        if ends != ENDS or len(data) < _TAIL_BYTES:
            raise IntegrityError("a segment is damaged: its end is not one", where=self._where)
        magic, first, rows = _TAIL.unpack(data[-_TAIL_BYTES : -_SUM.size])
        if magic != _MAGIC:
            raise IntegrityError(
                "a segment has no table of its rows: it is damaged, or a version before 0.1.0"
                " wrote it",
                where=self._where,
                hint="load the events of that version anew, or restore the file from a backup",
            )
        groups = -(-rows // ROW_GROUP_ROWS)
        lines = data[max(len(data) - _TAIL_BYTES - groups * _GROUP_BYTES, 0) : -_TAIL_BYTES]
        found = RowTable(first, rows, lines)
        whole = len(lines) == groups * _GROUP_BYTES
        if not whole or found.encode() != data[-len(lines) - _TAIL_BYTES :]:
            raise IntegrityError("the table of a segment's rows is damaged", where=self._where)
        if (first, first + rows) != (start, end):
            raise IntegrityError("this is not the segment that it should be", where=self._where)
        return found

    def expect(self, groups: Sequence[Group]) -> None:
        """Have the disk read groups of rows, without waiting for it."""
        if sys.platform == "linux":
            for group in groups:
                low, high = _span(group)
                with suppress(OSError, OverflowError):  # a hint that is not taken changes nothing
                    os.posix_fadvise(self._descriptor, low, high - low, os.POSIX_FADV_WILLNEED)

    def rows(self, groups: Sequence[Group]) -> pa.Table:
        """All rows of some groups, one after another: `RECORD_COLUMNS`, ids as plain bytes.

        Raises:
            IntegrityError: a page is damaged.
        """
        spans = [_span(group) for group in groups]
        self._inside(spans)
        held = bytearray(ENDS + bytes(sum(high - low for low, high in spans)))
        placed: list[Group] = []
        at = len(ENDS)
        for group, (low, high) in zip(groups, spans, strict=True):
            self._read_into(memoryview(held)[at : at + high - low], low)
            placed.append(_moved(group, at - low))
            at += high - low
        with damage(self._where):
            known = pq.read_metadata(pa.BufferReader(describe_groups(_COLUMNS, placed)))
            with pq.ParquetFile(
                pa.BufferReader(pa.py_buffer(held)), metadata=known, page_checksum_verification=True
            ) as file:
                return file.read(use_threads=len(groups) > 1)

    def _inside(self, spans: Sequence[tuple[int, int]]) -> None:
        if any(not 0 <= low <= high <= self._size for low, high in spans):
            raise IntegrityError("a segment is damaged: it was cut short", where=self._where)

    def _read(self, low: int, high: int) -> bytearray:
        self._inside([(low, high)])
        found = bytearray(high - low)
        self._read_into(memoryview(found), low)
        return found

    def _read_into(self, place: memoryview, low: int) -> None:
        with damage(self._where):
            if len(place) and os.preadv(self._descriptor, [place], low) != len(place):
                raise IntegrityError("a segment is damaged: it was cut short", where=self._where)


def add_table(data: bytes, start: int) -> bytes:
    """A Parquet file with the table of its groups in it; its own description stays the last."""
    length, _ = _END.unpack(data[-_END.size :])
    place = len(data) - _END.size - length
    table = table_of(pq.read_metadata(pa.BufferReader(data)), start).encode()
    return b"".join((data[:place], table, data[place:]))


def table_of(known: pq.FileMetaData, start: int) -> RowTable:
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
    return RowTable(start, known.num_rows, b"".join(lines))


def _span(group: Group) -> tuple[int, int]:
    """Bytes of the file that hold a group: nearly all of them are its."""
    starts = [chunk.start for chunk in group.chunks]
    ends = [chunk.start + chunk.packed for chunk in group.chunks]
    return min(starts), max(ends)


def _moved(group: Group, by: int) -> Group:
    chunks = [
        replace(each, dictionary=each.dictionary and each.dictionary + by, data=each.data + by)
        for each in group.chunks
    ]
    return Group(group.rows, chunks)
