"""Records as rows of the table `record`, and back."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import astuple

from vitne.adapters.sqlite.engine.queries import Row, query
from vitne.core.values import Facets, LeafIndex, LogId, Parts, Record
from vitne.errors import NotFoundError

INDEX_BITS = 40
"""pos = log number << 40 | index: 2^40 entries in each of 2^23 logs."""

_INDEX_MASK = (1 << INDEX_BITS) - 1

STATEMENT_ROWS = tuple(1 << power for power in range(10, -1, -1))
"""Rows of one statement: 1024, 512, … 1."""

_NO_PARTS = (None,) * 6
_CONTROL_PARTS = Parts()


def log_row(connection: sqlite3.Connection, name: str, log: LogId) -> Row:
    """The row of a query that asks for one log. Raises `NotFoundError` if there is none."""
    row: Row | None = connection.execute(query(name), (log,)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no log {log!r}")
    return row


def row_key(log_no: int, index: int) -> int:
    """Row key of an index; one that lies outside all logs is moved to the end of this one."""
    return (log_no << INDEX_BITS) + min(max(index, 0), 1 << INDEX_BITS)


def row_keys(log_no: int, start: int, end: int) -> tuple[int, int]:
    """Row keys [low, high) of the indices [start, end)."""
    return row_key(log_no, start), row_key(log_no, end)


def all_row_keys(log_no: int) -> tuple[int, int]:
    """Row keys [low, high) of all of a log."""
    return log_no << INDEX_BITS, (log_no + 1) << INDEX_BITS


def record_row(log_no: int, record: Record) -> Row:
    """The values of one row, in the order of `insert_records`."""
    parts = record.parts
    head = (
        log_no << INDEX_BITS | record.index,
        record.recorded_us,
        *astuple(record.facets),
        record.event_id or None,
        record.keyring,
        record.entry,
    )
    if not record.event_id:
        return head + _NO_PARTS
    # Written out, as this runs for every event: a loop over six parts takes twice the time.
    core, payload, person = parts.core, parts.payload, parts.person
    core_record, payload_record = parts.core_record, parts.payload_record
    person_record = parts.person_record
    return (
        *head,
        None if core is None else core.decode(),
        None if payload is None else payload.decode(),
        None if person is None else person.decode(),
        None if core_record is None else core_record.decode(),
        None if payload_record is None else payload_record.decode(),
        None if person_record is None else person_record.decode(),
    )


def to_part(text: str | None) -> bytes | None:
    """A part as bytes; None if it is gone."""
    return None if text is None else text.encode()


def to_record(row: Row) -> Record:
    """The record of one row, columns in the order of the query `records`."""
    pos, recorded_us, *facets = row[:7]
    event_id, keyring, entry, *texts = row[7:]
    return Record(
        index=LeafIndex(pos & _INDEX_MASK),
        recorded_us=recorded_us,
        entry=entry,
        event_id=event_id or b"",
        keyring=keyring,
        parts=_CONTROL_PARTS if event_id is None else Parts(*map(to_part, texts)),
        facets=Facets(*facets),
    )


def statement_sizes(total: int) -> Iterator[tuple[int, int]]:
    """Cut `total` rows into the few sizes of statement that are kept prepared.

    Preparing a statement costs more than running it; running few large ones means few waits for
    the interpreter lock.
    """
    done = 0
    for size in STATEMENT_ROWS:
        while total - done >= size:
            yield done, done + size
            done += size


def flat_values(rows: Sequence[Row]) -> list[Any]:
    """The values of several rows in one list, as a multi-row statement takes them."""
    values: list[Any] = []
    for row in rows:
        values += row
    return values
