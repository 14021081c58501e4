"""… its index log: every run computed again from the entries, then records, tiles and signature."""

from collections.abc import Sequence

from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.index_record import (
    Coverage,
    IndexRecord,
    describe_run,
    parse_record,
    wrong_members,
)
from vitne.core.tree.tile import TILE_WIDTH
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import LeafIndex
from vitne.errors import VitneError
from vitne.ports import LogInfo, Segment
from vitne.services.check.findings import Stores, Tell
from vitne.services.check.tree import TreeCheck
from vitne.services.log import Published, index_log_id, log_key


class IndexCheck:
    """The index log of one log; `damage` is told of each fault."""

    def __init__(self, stores: Stores, info: LogInfo, damage: Tell) -> None:
        self._log = info.log
        self._origin = info.origin
        self._store = stores.ports.index_log
        self._archive = stores.ports.archive
        self._database = stores.database
        self._damage = damage
        signer = stores.logs.index_signer(info.origin).verifier
        self._tree = TreeCheck(stores, index_log_id(info.log), signer, damage)
        self._entries = Published(stores.ports.objects, info.log)

    def run(self, segments: Sequence[Segment]) -> None:
        """Check it, and that the catalog's segments are those that it lists."""
        data = self._store.records(self._log, 0, self._store.size(self._log))
        self._check_tree(data)
        records = self._parsed(data)
        self._check_tiling(records)
        self._check_segments(segments, records)
        self._check_runs(records)

    # ---------------------------------------------------------------- the tree

    def _check_tree(self, data: Sequence[bytes]) -> None:
        size = self._tree.size
        if len(data) < size:
            what = f"the index log ends at {len(data)}, but size {size} was signed"
            self._damage(self._database, None, what)
            return
        for start in range(0, size, TILE_WIDTH):
            bundle = data[start : min(start + TILE_WIDTH, size)]
            self._tree.feed(start // TILE_WIDTH, bundle)
        self._tree.finish()

    # ---------------------------------------------------------------- the records

    def _parsed(self, data: Sequence[bytes]) -> list[IndexRecord | None]:
        found: list[IndexRecord | None] = []
        for at, record in enumerate(data):
            try:
                found.append(parse_record(record))
            except VitneError as error:
                found.append(None)
                self._damage(self._database, None, f"record {at} of the index log: {error}")
        return found

    def _check_tiling(self, records: Sequence[IndexRecord | None]) -> None:
        end, seen = 0, set[tuple[int, int, int]]()
        for at, record in enumerate(records):
            if record is None:
                continue
            key = record.level, record.start, record.end
            if key in seen or (record.level == 0 and record.start != end):
                self._damage(self._database, record.start, f"record {at} does not tile the log")
            seen.add(key)
            end = record.end if record.level == 0 else end

    def _check_segments(
        self, segments: Sequence[Segment], records: Sequence[IndexRecord | None]
    ) -> None:
        for segment in segments:
            known = records[segment.record] if 0 <= segment.record < len(records) else None
            listed = known and (known.start, known.end, known.gap_count, known.run_root)
            own = segment.start, segment.end, segment.gap_count, segment.run_root
            if listed != own:
                self._damage(segment.key, segment.start, "the segment is not what its record lists")

    def _check_runs(self, records: Sequence[IndexRecord | None]) -> None:
        """Every record against the entries; those above level 0 stand behind what they cover."""
        counter = CoverageCounter()
        counts: dict[LeafIndex, Coverage] = {}
        for at, record in enumerate(records):
            if record is None:
                continue
            if record.level and record.end not in counts:
                if None not in records[:at]:
                    self._damage(
                        self._database, record.start, f"record {at} comes before what it covers"
                    )
                continue
            entries = self._read(record.start, record.end)
            if entries is None and not record.level:
                return
            if entries is None:
                continue
            if not record.level:
                for entry in entries:
                    counter.add(entry)
                counts[record.end] = counter.coverage()
            made = describe_run(
                self._origin,
                record.start,
                entries,
                log_root=TileReader(self._entries.get, record.end).root(),
                run=self._archive.run_of(record.start, entries),
                coverage=counts[record.end],
                level=record.level,
            )
            wrong = wrong_members(record, made)
            if wrong:
                names = ", ".join(wrong)
                what = f"record {at} of the index log is not what the entries say: {names}"
                self._damage(self._database, record.start, what)

    def _read(self, start: LeafIndex, end: LeafIndex) -> list[bytes] | None:
        try:
            return self._entries.entries(start, end)
        except VitneError as error:
            self._damage(log_key(self._log, "tile/entries"), start, f"not to be read: {error}")
            return None
