"""The append transaction: the only way that entries are written."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec
from msgspec.structs import astuple

from vitne.adapters.sqlite.engine.queries import Row, query, repeated_query
from vitne.adapters.sqlite.rows import flat_values, log_row, record_row, statement_sizes
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import IntegrityError
from vitne.ports import AnnouncedKey, Aside, Seen, SenderState, StreamState, Tail


def insert_many(connection: sqlite3.Connection, name: str, rows: Sequence[Row]) -> None:
    """Insert rows by a few multi-row statements.

    `executemany` would take and release Python's interpreter lock once a row, and under a second
    busy thread wait for it up to 5 ms each time. One statement of many rows runs without it.
    """
    for first, last in statement_sizes(len(rows)):
        connection.execute(repeated_query(name, last - first), flat_values(rows[first:last]))


def select_many(
    connection: sqlite3.Connection, name: str, log_no: int, keys: Sequence[bytes]
) -> list[Row]:
    """Rows of a query of the form `… log_no = ? AND … IN (VALUES (?), …)`."""
    found: list[Row] = []
    for first, last in statement_sizes(len(keys)):
        found += connection.execute(repeated_query(name, last - first), (log_no, *keys[first:last]))
    return found


def to_stream(row: Row) -> StreamState:
    """A stream's state, of a row of the query `streams`."""
    missing, sender = row[5], row[14]
    values: Row = (
        *row[:5],
        msgspec.json.decode(missing, type=tuple[tuple[int, int], ...]),
        *map(bool, row[6:9]),
        *row[9:14],
        None if sender is None else msgspec.json.decode(sender, type=SenderState),
    )
    return StreamState(*values)


class SqliteAppend:
    """One open append transaction (`vitne.ports.AppendTransaction`).

    It lives inside `Database.writing`. A failed write may have stored part of its rows, so it
    breaks the transaction: `broken` is then raised again by whoever wants to commit.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tails: dict[LogId, tuple[int, Tail]] = {}
        self._open = True
        self.broken: Exception | None = None

    def close(self) -> None:
        """The block is left: whatever is called from now on fails."""
        self._open = False

    def _tail(self, log: LogId) -> tuple[int, Tail]:
        if not self._open:
            raise RuntimeError("the append transaction is over")
        known = self._tails.get(log)
        if known is None:
            no, *tail = log_row(self._connection, "tail", log)
            known = no, Tail(*tail)
            self._tails[log] = known
        return known

    def tail(self, log: LogId) -> Tail:
        return self._tail(log)[1]

    def seen(self, log: LogId, event_ids: Sequence[bytes]) -> dict[bytes, Seen]:
        rows = select_many(self._connection, "seen", self._tail(log)[0], event_ids)
        return {event_id: Seen(*rest) for event_id, *rest in rows}

    def streams(self, log: LogId, stream_ids: Sequence[bytes]) -> dict[bytes, StreamState]:
        rows = select_many(self._connection, "some_streams", self._tail(log)[0], stream_ids)
        return {state.stream_id: state for state in map(to_stream, rows)}

    def announced_keys(self, log: LogId) -> dict[bytes, AnnouncedKey]:
        rows = self._connection.execute(query("announced_keys"), (self._tail(log)[0],))
        return {key: AnnouncedKey(LeafIndex(index), bool(retired)) for key, index, retired in rows}

    def announce_keys(self, log: LogId, keys: Mapping[bytes, AnnouncedKey]) -> None:
        no = self._tail(log)[0]
        rows = [(no, key, told.index, int(told.retired)) for key, told in keys.items()]
        self._write("announce_keys", rows)

    def insert(self, log: LogId, records: Sequence[Record], digests: Sequence[bytes]) -> None:
        no, tail = self._tail(log)
        with self._unbroken():
            _continue(tail, records)
            remembered = [
                (no, record.event_id, record.index, digest, record.recorded_us)
                for record, digest in zip(records, digests, strict=True)
                if record.event_id
            ]
            insert_many(self._connection, "insert_seen", remembered)
            insert_many(self._connection, "insert_records", [record_row(no, r) for r in records])
            if records:
                after = Tail(LeafIndex(records[-1].index + 1), records[-1].recorded_us)
                self._connection.execute(
                    query("move_tail"), (after.next_index, after.last_recorded_us, no)
                )
                self._tails[log] = no, after

    def save_streams(self, log: LogId, states: Sequence[StreamState]) -> None:
        no = self._tail(log)[0]
        self._write("save_streams", [_stream_row(no, state) for state in states])

    def keep_aside(self, log: LogId, asides: Sequence[Aside]) -> None:
        no = self._tail(log)[0]
        self._write(
            "keep_aside",
            [(no, a.index, a.source, a.reason, a.body, a.at_us, a.digest) for a in asides],
        )

    def kept_aside(self, log: LogId, digests: Sequence[bytes]) -> dict[bytes, LeafIndex]:
        rows = select_many(self._connection, "kept_aside", self._tail(log)[0], digests)
        return dict(rows)

    def add_counts(self, log: LogId, counts: Mapping[tuple[str, str, str], int]) -> None:
        no = self._tail(log)[0]
        self._write("add_counts", [(no, *key, number) for key, number in counts.items()])

    def _write(self, name: str, rows: Sequence[Row]) -> None:
        with self._unbroken():
            insert_many(self._connection, name, rows)

    @contextmanager
    def _unbroken(self) -> Iterator[None]:
        """A write that fails inside breaks the transaction."""
        try:
            yield
        except sqlite3.IntegrityError as error:
            self.broken = IntegrityError(f"an event id or index is stored already: {error}")
            raise self.broken from error
        except Exception as error:
            self.broken = error
            raise


def _continue(tail: Tail, records: Sequence[Record]) -> None:
    expected = tail.next_index
    for record in records:
        if record.index != expected:
            raise IntegrityError(f"index {record.index} does not continue a log of {expected}")
        expected = LeafIndex(expected + 1)


def _stream_row(no: int, state: StreamState) -> Row:
    values = astuple(state)
    missing = msgspec.json.encode(state.missing).decode()
    sender = None if state.sender is None else msgspec.json.encode(state.sender).decode()
    return (no, *values[:5], missing, *values[6:14], sender)
