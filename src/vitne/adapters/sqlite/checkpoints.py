"""The latest signed checkpoint of each log (`vitne.ports.CheckpointStore`)."""

import sqlite3
from collections.abc import Sequence

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import query
from vitne.adapters.sqlite.rows import log_row
from vitne.core.values import LogId
from vitne.errors import CheckpointConflictError
from vitne.ports import Head, Swap

_INDEX = "/index"
"""Ends the id of an index log's tree; no id of a log holds a slash."""


class SqliteCheckpoints:
    """Heads, swapped in the store's own transactions: all swaps of a call, or none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self, log: LogId) -> Head | None:
        with self._database.reading() as connection:
            return _head(connection, log)

    def swap(self, swaps: Sequence[Swap]) -> None:
        if not swaps:
            return
        with self._database.writing() as connection:
            for swap in swaps:
                _swap(connection, swap)


def _tree(log: LogId) -> tuple[LogId, bool]:
    """The log of a tree, and whether the tree is its index log."""
    name = LogId(log.removesuffix(_INDEX))
    return name, name != log


def _head(connection: sqlite3.Connection, log: LogId) -> Head | None:
    name, of_index = _tree(log)
    row = connection.execute(query("index_head" if of_index else "head"), (name,)).fetchone()
    return None if row is None else Head(*row)


def _swap(connection: sqlite3.Connection, swap: Swap) -> None:
    name, of_index = _tree(swap.log)
    (no,) = log_row(connection, "log_no", name)
    new, old = swap.new, swap.old
    if old is None:
        first = query("first_index_head" if of_index else "first_head")
        changed = connection.execute(first, (no, new.size, new.root, new.note))
    else:
        changed = connection.execute(
            query("swap_index_head" if of_index else "swap_head"),
            (new.size, new.root, new.note, no, old.size, old.root, old.note),
        )
    if changed.rowcount != 1:
        stored = _head(connection, swap.log)
        raise CheckpointConflictError(
            f"the stored checkpoint has size {stored.size if stored else 'none'}, "
            f"the swap expected {old.size if old else 'none'}",
            where=swap.log,
            hint="another publisher was faster, or the store went back; read the head again",
        )
    if not of_index:
        connection.execute(query("set_head_size"), (new.size, no))
