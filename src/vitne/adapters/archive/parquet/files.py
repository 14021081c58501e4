"""The files of segments: how they are written, and how rows come out of them."""

import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from vitne.adapters.archive.index.lookup import Lookup
from vitne.adapters.archive.parquet.columns import FORMAT, ROW_GROUP_ROWS, SCHEMA
from vitne.adapters.archive.parquet.damage import damage
from vitne.adapters.archive.parquet.encode import to_records
from vitne.adapters.archive.parquet.single_rows import RowFile, RowTable, table_of
from vitne.adapters.archive.parquet.thrift import Group
from vitne.core.tree.tile import TILE_WIDTH
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import IntegrityError
from vitne.ports import Segment

Item = TypeVar("Item")


class Newest(Generic[Item]):
    """The items used last, at most so many; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._lock = threading.Lock()  # guards: _items

    def get(self, key: str, make: Callable[[], Item]) -> Item:
        """The item of a key, made if it is not there."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        item = make()  # outside the lock: two threads may make it, one of the two is kept
        with self._lock:
            item = self._items.setdefault(key, item)
            while len(self._items) > self._most:
                self._items.popitem(last=False)
        return item

    def drop(self, key: str) -> None:
        """Forget one."""
        with self._lock:
            self._items.pop(key, None)


_TABLES: Final = 1024
"""Tables of rows that are kept, some 15 kB each."""
_OPEN_INDEXES: Final = 4096
"""Each holds a descriptor, so at most half of those that the process may have."""
_GROUPS: Final = 16
"""Groups of rows that are unpacked together, by several threads, …"""
_GROUP_BYTES: Final = 16 * 2**20
"""… and bytes of them, as long as it is more than one group."""
_OPEN_FILES: Final = 128
"""Segments that are read together; at most an eighth of the descriptors that there may be."""
_THREADS: Final = 4
"""That read the segments of one answer."""

EntrySource = Callable[[LogId, LeafIndex, LeafIndex], list[bytes]]
"""(log, start, end) → the entries [start, end) from the published bundles."""


def _share(most: int, part: int) -> int:
    """So many descriptors, but no more than a part of those that the process may have."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return most
    return min(most, max(descriptors // part, 16))


class SegmentFiles:
    """Rows and indexes of segments in a folder.

    Args:
        root: folder of the object store; segments are below it by their keys.
        entries: where the entries come from.
    """

    def __init__(self, root: Path, entries: EntrySource) -> None:
        self._root = root
        self._entries = entries
        self._tables: Newest[RowTable] = Newest(_TABLES)
        self._lookups: Newest[Lookup] = Newest(_share(_OPEN_INDEXES, 2))
        self._together = _share(_OPEN_FILES, 8)

    def path(self, segment: Segment) -> Path:
        """Where a segment file is."""
        return self._root / segment.key

    def lookup(self, segment: Segment) -> Lookup:
        """Its index. Raises `FileNotFoundError`, `IntegrityError`, `StorageError`."""
        return self._lookups.get(segment.index_key, lambda: self._open_lookup(segment))

    def _open_lookup(self, segment: Segment) -> Lookup:
        with damage(segment.index_key):
            found = Lookup.open(self._root / segment.index_key)
        if (found.head.start, found.head.end) != (segment.start, segment.end):
            raise IntegrityError("this is the index of another segment", where=segment.index_key)
        return found

    def forget(self, segment: Segment) -> None:
        """Close the files of a segment that is gone."""
        self._tables.drop(segment.key)
        self._lookups.drop(segment.index_key)

    def holds(self, segment: Segment, table: pa.Table) -> bool:
        """Whether the file, read back, has just these rows: compared group by group of rows."""
        with (
            damage(segment.key),
            pq.ParquetFile(self.path(segment), page_checksum_verification=True) as file,
            RowFile.open(self.path(segment), segment.key) as rows,
        ):
            told = table_of(file.metadata, segment.start)
            same = rows.table(segment.start, segment.end) == told
            return same and told.rows == len(table) and _equal(file, table)

    def range(self, log: LogId, segment: Segment, start: int, end: int) -> list[Record]:
        """The records at log indices [start, end), which lie in the segment, ascending."""
        entries = self._entries(log, LeafIndex(start), LeafIndex(end))
        wanted = range(start - segment.start, end - segment.start)
        with RowFile.open(self.path(segment), segment.key) as file:
            return to_records(self._rows(segment, wanted, file), range(start, end), entries)

    def fetch(
        self,
        log: LogId,
        wanted: Sequence[tuple[Segment, Sequence[int]]],
        known: Mapping[int, bytes] | None = None,
    ) -> list[Record]:
        """The records at some positions of segments, in their order.

        Of many segments at a time the disk is asked for groups of rows before one is waited for.

        Args:
            log: whose.
            wanted: segments with ascending positions in each.
            known: entries by log index, of all these positions; None: they are read.

        Raises:
            IntegrityError: a file is damaged, or a position is in none of its rows.
        """
        some = [each for each in wanted if each[1]]
        for segment, positions in some:
            if not 0 <= positions[0] <= positions[-1] < segment.end - segment.start:
                raise IntegrityError(
                    "an index names a row that the segment does not have", where=segment.index_key
                )
        found: list[Record] = []
        for low in range(0, len(some), self._together):
            found += self._fetch(log, some[low : low + self._together], known)
        return found

    def _fetch(
        self,
        log: LogId,
        wanted: Sequence[tuple[Segment, Sequence[int]]],
        known: Mapping[int, bytes] | None,
    ) -> list[Record]:
        def records(segment: Segment, positions: Sequence[int], file: RowFile) -> list[Record]:
            rows = self._rows(segment, positions, file)
            indices = [segment.start + position for position in positions]
            if known is None:
                return to_records(rows, indices, self._entries_at(log, segment, positions))
            return to_records(rows, indices, [known[index] for index in indices])

        with ExitStack() as stack:
            files = [
                stack.enter_context(RowFile.open(self.path(segment), segment.key))
                for segment, _ in wanted
            ]
            segments, positions = zip(*wanted, strict=True)
            spread: Callable[..., Iterable[Any]] = map
            if len(wanted) > 1:  # reading and unpacking let other threads run
                pool = ThreadPoolExecutor(_THREADS, "vitne-fetch")
                spread = stack.enter_context(pool).map
            for _ in spread(self._expect, segments, positions, files):
                pass
            parts = spread(records, segments, positions, files)
            return [record for part in parts for record in part]

    def columns(self, segment: Segment, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows."""
        with (
            damage(segment.key),
            pq.ParquetFile(self.path(segment), page_checksum_verification=True) as file,
        ):
            schema, rows = file.schema_arrow, file.metadata.num_rows
            told = (schema.metadata or {}).get(b"format")
            same = schema.equals(SCHEMA) and told == FORMAT.encode()
            if not same or rows != segment.end - segment.start:
                raise IntegrityError("this is not the segment that it should be", where=segment.key)
            return file.read(list(names), use_threads=False)

    def entry(self, log: LogId, segment: Segment, position: int) -> bytes:
        """One entry, without its record."""
        return self._entries_at(log, segment, [position])[0]

    def _table(self, segment: Segment, file: RowFile) -> RowTable:
        return self._tables.get(segment.key, lambda: file.table(segment.start, segment.end))

    def _expect(self, segment: Segment, positions: Sequence[int], file: RowFile) -> None:
        """Have the disk read the groups of rows that are wanted first."""
        table = self._table(segment, file)
        numbers = list(dict.fromkeys(at // ROW_GROUP_ROWS for at in positions))
        file.expect([table.group(number) for number in numbers[:_GROUPS]])

    def _rows(self, segment: Segment, positions: Sequence[int], file: RowFile) -> pa.Table:
        """The rows at ascending positions; a few groups of rows are unpacked at a time."""
        wanted: dict[int, list[int]] = {}
        for position in positions:
            wanted.setdefault(position // ROW_GROUP_ROWS, []).append(position % ROW_GROUP_ROWS)
        table = self._table(segment, file)
        groups = {number: table.group(number) for number in wanted}
        with damage(segment.key):
            return pa.concat_tables(
                [
                    _take(file, [groups[number] for number in part], [wanted[n] for n in part])
                    for part in _parts(groups)
                ]
            )

    def _entries_at(self, log: LogId, segment: Segment, positions: Sequence[int]) -> list[bytes]:
        """The entries at ascending positions; each bundle is read once, and whole."""
        found: list[bytes] = []
        first, run = LeafIndex(0), list[bytes]()
        for position in positions:
            index = segment.start + position
            if not first <= index < first + len(run):
                first = LeafIndex(max(index // TILE_WIDTH * TILE_WIDTH, segment.start))
                bundle_end = (index // TILE_WIDTH + 1) * TILE_WIDTH
                # A full bundle is found under its own name, a part of one is looked for.
                run = self._entries(log, first, LeafIndex(min(bundle_end, segment.end)))
            found.append(run[index - first])
        return found


def _equal(file: pq.ParquetFile, table: pa.Table) -> bool:
    """Whether a file has just the rows of a table: compared group by group."""
    rows = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    starts = accumulate(rows, initial=0)
    return all(
        file.read_row_group(at, use_threads=False).equals(table.slice(start, rows[at]))
        for at, start in zip(range(len(rows)), starts, strict=False)
    )


def _parts(groups: Mapping[int, Group]) -> Iterator[list[int]]:
    """Numbers of groups that are unpacked together."""
    part: list[int] = []
    size = 0
    for number, group in groups.items():
        if part and (len(part) == _GROUPS or size + group.bytes > _GROUP_BYTES):
            yield part
            part, size = [], 0
        part.append(number)
        size += group.bytes
    if part:
        yield part


def _take(file: RowFile, groups: Sequence[Group], wanted: Sequence[Sequence[int]]) -> pa.Table:
    """Some rows of each of some groups."""
    starts = accumulate((group.rows for group in groups), initial=0)
    rows = [start + row for start, some in zip(starts, wanted, strict=False) for row in some]
    return file.rows(groups).take(pa.array(rows, pa.int64()))
