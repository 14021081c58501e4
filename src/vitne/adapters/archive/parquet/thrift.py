"""A Parquet file's description of some groups of rows, written small (Thrift compact protocol).

Of a Parquet file's own description PyArrow reads all or nothing: of a segment 160 kB and a
millisecond, for a record of 1 kB. So a description of just the groups and columns that are wanted
is made from their places; PyArrow takes it as it takes the file's own. Only what reading needs is
in it.

Source: the Thrift compact protocol, and `parquet.thrift` of Apache Parquet, whose field numbers
stand here.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_BYTE_ARRAY, _FIXED = 6, 7
_OPTIONAL: Final = 1
_REQUIRED: Final = 0
_UTF8: Final = 0
_ZSTD: Final = 6
_PLAIN: Final = 0
ENDS: Final = b"PAR1"
"""What a Parquet file begins and ends with."""


class Column(Struct, frozen=True):
    """A column of a flat schema."""

    name: str
    width: int = 0
    """Bytes of each value; 0: they vary."""
    text: bool = False
    optional: bool = True


class Chunk(Struct, frozen=True):
    """The values of one column in one group, as they stand in the file. Places are offsets."""

    dictionary: int
    """Where the page of distinct values is; 0: there is none."""
    data: int
    """Where the first page of values is."""
    packed: int
    """Bytes in the file, of both."""
    unpacked: int

    @property
    def start(self) -> int:
        """Where the first byte is."""
        return self.dictionary or self.data


class Group(Struct, frozen=True):
    """Some rows that are packed together."""

    rows: int
    chunks: Sequence[Chunk]
    """Beside the columns."""

    @property
    def bytes(self) -> int:
        """That it takes in memory, packed and unpacked."""
        return sum(chunk.packed + chunk.unpacked for chunk in self.chunks)


def describe_groups(columns: Sequence[Column], groups: Sequence[Group]) -> bytes:
    """A Parquet file of zstd pages without the pages: what stands behind them."""
    root = _struct((4, _text("schema")), (5, _i32(len(columns))))
    whole = _struct(
        (1, _i32(2)),
        (2, _structs([root, *map(_element, columns)])),
        (3, _i64(sum(group.rows for group in groups))),
        (4, _structs([_group(columns, group) for group in groups])),
    )
    return ENDS + whole + len(whole).to_bytes(4, "little") + ENDS


def _element(column: Column) -> bytes:
    fields = [(1, _i32(_kind(column)))]
    if column.width:
        fields.append((2, _i32(column.width)))
    fields += [(3, _i32(_OPTIONAL if column.optional else _REQUIRED)), (4, _text(column.name))]
    if column.text:
        fields.append((6, _i32(_UTF8)))
    return _struct(*fields)


def _group(columns: Sequence[Column], group: Group) -> bytes:
    chunks = [
        _chunk(column, chunk, group.rows)
        for column, chunk in zip(columns, group.chunks, strict=True)
    ]
    size = sum(chunk.unpacked for chunk in group.chunks)
    return _struct((1, _structs(chunks)), (2, _i64(size)), (3, _i64(group.rows)))


def _chunk(column: Column, chunk: Chunk, rows: int) -> bytes:
    described = [
        (1, _i32(_kind(column))),
        (2, _list(_I32, [_varint(_PLAIN << 1)])),  # each page tells its own encoding
        (3, _list(_BINARY, [_string(column.name)])),
        (4, _i32(_ZSTD)),
        (5, _i64(rows)),
        (6, _i64(chunk.unpacked)),
        (7, _i64(chunk.packed)),
        (9, _i64(chunk.data)),
    ]
    if chunk.dictionary:
        described.append((11, _i64(chunk.dictionary)))
    return _struct((2, _i64(0)), (3, (_STRUCT, _struct(*described))))


def _kind(column: Column) -> int:
    return _FIXED if column.width else _BYTE_ARRAY


# ---------------------------------------------------------------- the protocol

_Value = tuple[int, bytes]
"""Its type, and its bytes."""


def _struct(*fields: tuple[int, _Value]) -> bytes:
    """Fields by their numbers, ascending, no two more than 15 apart."""
    parts: list[bytes] = []
    last = 0
    for number, (kind, data) in fields:
        parts += (bytes([(number - last) << 4 | kind]), data)
        last = number
    return b"".join([*parts, b"\0"])


def _i32(value: int) -> _Value:
    return _I32, _varint(value << 1)  # zigzag: nothing here is below zero


def _i64(value: int) -> _Value:
    return _I64, _varint(value << 1)


def _text(value: str) -> _Value:
    return _BINARY, _string(value)


def _structs(items: Iterable[bytes]) -> _Value:
    return _list(_STRUCT, list(items))


def _list(kind: int, items: Sequence[bytes]) -> _Value:
    short = len(items) < 15  # noqa: PLR2004 - what four bits hold
    head = bytes([len(items) << 4 | kind]) if short else bytes([0xF0 | kind]) + _varint(len(items))
    return _LIST, head + b"".join(items)


def _string(value: str) -> bytes:
    data = value.encode()
    return _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - what seven bits hold
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
