"""Erasures, holds and the deleting of hot rows (`vitne.ports.ErasureStore`)."""

from collections.abc import Sequence

from vitne.adapters.sqlite.engine.database import Database
from vitne.adapters.sqlite.engine.queries import query
from vitne.adapters.sqlite.rows import log_row, record_row
from vitne.core.values import LeafIndex, LogId, Record, Section
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import Hold


class SqliteErasure:
    """Everything in the tables `erasure`, `hold`, `record`, `seen` and `aside`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(
        self,
        log: LogId,
        entry: LeafIndex,
        items: Sequence[tuple[LeafIndex, Section]],
        *,
        pruned: bool = False,
    ) -> None:
        rows = [(log, index, section, entry, pruned) for index, section in items]
        self._database.change_all("note_erasure", rows)

    def pending(self, log: LogId) -> list[tuple[LeafIndex, Section]]:
        return [(index, section) for index, section in self._database.rows("pending_erasures", log)]

    def settle(self, log: LogId, items: Sequence[tuple[LeafIndex, Section]]) -> None:
        self._database.change_all("settle_erasure", [(log, *item) for item in items])

    def reopen(self) -> None:
        self._database.change("reopen_erasures")

    def erased(self, log: LogId, index: LeafIndex) -> dict[Section, LeafIndex]:
        return dict(self._database.rows("erasures_of", log, index))

    def overwrite(self, log: LogId, records: Sequence[Record]) -> None:
        with self._database.writing() as connection:
            (no,) = log_row(connection, "log_no", log)
            for record in records:
                pos, _, *values = record_row(no, record)
                # Without the entry and the event id, which an erasure leaves alone.
                changed = (*values[:5], values[6], *values[8:], pos)
                connection.execute(query("overwrite_record"), changed)
                connection.execute(query("forget_digest"), (no, record.event_id))

    def clear_asides(self, log: LogId, indices: Sequence[LeafIndex]) -> None:
        self._database.change_all("clear_aside", [(log, index) for index in indices])

    def scrub(self) -> None:
        """See the port: pages are zeroed as they are freed; what is left is the write-ahead log."""
        self._database.fold()

    def holds(self, log: LogId) -> list[Hold]:
        return [Hold(id_, log, *rest) for id_, *rest in self._database.rows("holds", log)]

    def add_hold(self, hold: Hold) -> None:
        values = (hold.log, hold.id, hold.where, hold.reason, hold.reference, hold.set_us)
        if not self._database.change("add_hold", *values):
            raise ConflictError(f"there is a hold {hold.id!r} already", where=hold.log)

    def release_hold(self, log: LogId, hold_id: str, at_us: int) -> None:
        if not self._database.change("release_hold", at_us, log, hold_id):
            raise NotFoundError("there is no such hold", where=hold_id)
