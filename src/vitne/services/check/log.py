"""Checking one log whole: rows, segments, tree, signatures."""

from collections.abc import Callable, Sequence
from hashlib import sha256

from vitne.core.entry.assemble import Assembler
from vitne.core.tree.tile import TILE_WIDTH
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import IntegrityError, NotFoundError, VitneError
from vitne.ports import LogInfo
from vitne.services.check.findings import FsckReport, Stores
from vitne.services.check.index_log import IndexCheck
from vitne.services.check.records import RecordCheck
from vitne.services.check.tree import TreeCheck
from vitne.services.log import FIRST_EPOCH

_STEP = 8 * TILE_WIDTH

Progress = Callable[[LogId, int, int], None]
"""(log, entries checked, entries in all)."""


class LogCheck:
    """One log. Rows are read as they are; a server may append meanwhile, never change."""

    def __init__(
        self, stores: Stores, info: LogInfo, report: FsckReport, progress: Progress | None
    ) -> None:
        self._stores = stores
        # The head first: a log that grows meanwhile then ends at or above it.
        signer = stores.logs.log_signer(info.origin).verifier
        self._tree = TreeCheck(stores, info.log, signer, self._damage)
        self._info = stores.ports.store.log(info.log)
        self._report = report
        self._progress = progress
        self._records = RecordCheck(info.origin, self._assembler())
        self._segments = stores.ports.segments.segments(info.log)
        self._size = self._tree.size
        self._waiting: list[bytes] = []

    def run(self) -> None:
        """Check everything, in the order of the module's docstring."""
        end = self._info.next_index
        self._check_segments()
        for start in range(0, end, _STEP):
            last = min(start + _STEP, end)
            self._check_range(LeafIndex(start), LeafIndex(last))
            if self._progress:
                self._progress(self._info.log, last, end)
        for index, what in self._records.unexplained():
            self._damage(self._file_of(index), index, what)
        if end < self._size:
            self._damage(self._stores.database, end, f"rows end below the signed size {self._size}")
        else:
            self._tree.finish()
        IndexCheck(self._stores, self._info, self._damage).run(self._segments)
        # Rows come in while we read; states and asides are compared only if none did.
        if self._stores.ports.store.log(self._info.log).next_index == end:
            self._check_asides()
            for what in self._records.compare_streams(
                self._stores.ports.store.streams(self._info.log)
            ):
                self._damage(self._stores.database, None, what)
        self._report.entries += end
        self._report.events += self._records.events
        self._report.published += min(self._size, end)
        self._report.segments += len(self._segments)

    def _damage(self, where: str, index: int | None, what: str) -> None:
        self._report.add(self._info.log, where, index, what)

    def _assembler(self) -> Assembler | None:
        try:
            key = self._stores.logs.known_index_secret(self._info.log)
        except NotFoundError:
            return None
        return Assembler(self._info.origin, key, FIRST_EPOCH, self._stores.cache)

    # ---------------------------------------------------------------- records

    def _check_segments(self) -> None:
        """The files of the catalog: there, whole, and one after the other."""
        before = 0
        for segment in self._segments:
            if segment.start != before:
                self._damage(segment.key, before, f"the segments do not cover index {before}")
            before = segment.end
            try:
                faults = self._stores.ports.archive.faults(self._info.log, segment)
            except (IntegrityError, NotFoundError) as error:
                faults = [(segment.key, str(error))]
            for key, what in faults:
                self._damage(key, segment.start, what)

    def _file_of(self, index: int) -> str:
        for segment in self._segments:
            if segment.start <= index < segment.end:
                return segment.key
        return self._stores.database

    def _check_range(self, start: LeafIndex, end: LeafIndex) -> None:
        hot = {
            record.index: record
            for record in self._stores.ports.store.records(self._info.log, start, end)
        }
        sealed = self._sealed(start, end)
        entries: list[bytes | None] = []
        for at in range(start, end):
            index = LeafIndex(at)
            record = sealed.get(index) or hot.get(index)
            if record is None:
                self._damage(self._file_of(index), index, "the record is missing")
                entries.append(None)
                continue
            where = self._file_of(index) if index in sealed else self._stores.database
            for what in self._records.check(record):
                self._damage(where, index, what)
            if index in sealed and index in hot and hot[index] != record:
                self._damage(self._stores.database, index, "the row is not the sealed record")
            entries.append(record.entry)
        self._feed(start, entries)

    def _sealed(self, start: LeafIndex, end: LeafIndex) -> dict[LeafIndex, Record]:
        found: dict[LeafIndex, Record] = {}
        for segment in self._segments:
            if segment.start >= end or segment.end <= start:
                continue
            try:
                records = self._stores.ports.archive.records(
                    self._info.log, max(start, segment.start), min(end, segment.end)
                )
            except VitneError as error:
                self._damage(segment.key, max(start, segment.start), str(error))
                continue
            found.update((record.index, record) for record in records)
        return found

    def _feed(self, start: LeafIndex, entries: Sequence[bytes | None]) -> None:
        """Hand the published part of a range to the tree, bundle by bundle."""
        for at in range(0, min(len(entries), max(self._size - start, 0)), TILE_WIDTH):
            width = min(TILE_WIDTH, len(entries) - at, self._size - start - at)
            self._tree.feed(
                (start + at) // TILE_WIDTH, self._whole(start + at, entries[at : at + width])
            )

    def _whole(self, first: int, entries: Sequence[bytes | None]) -> list[bytes]:
        """Entries with the gaps of missing records filled from the bundles, if they are there."""
        whole: list[bytes] = []
        for index, entry in enumerate(entries, first):
            if entry is not None:
                whole.append(entry)
                continue
            try:
                whole += self._tree.published.entries(LeafIndex(index), LeafIndex(index + 1))
            except VitneError:
                whole.append(b"")
        return whole

    def _check_asides(self) -> None:
        """Bytes of quarantined events against the digests in the tree."""
        voids = self._records.voids
        for aside in self._stores.ports.store.asides(self._info.log):
            gone = not aside.body and aside.digest  # erased: its digest stays in the tree
            found = aside.digest if gone else sha256(aside.body).digest()
            if voids.get(aside.index) != found:
                what = "the bytes kept aside are not those of the void entry"
                self._damage(self._stores.database, aside.index, what)
