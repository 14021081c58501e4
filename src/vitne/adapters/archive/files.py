"""The files of segments: how they are written, and how rows come out of them."""

import resource
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from vitne.adapters.archive.columns import FORMAT, RECORD_COLUMNS, ROW_GROUP_ROWS, SCHEMA
from vitne.adapters.archive.decode import to_records
from vitne.adapters.archive.lookup import Lookup
from vitne.core.record import Record
from vitne.core.tile import TILE_WIDTH
from vitne.core.types import LeafIndex, LogId
from vitne.errors import IntegrityError
from vitne.ports import Segment

_DESCRIBED: Final = 32
"""Descriptions of files that are kept, some 2 MB each."""
_OPEN_INDEXES: Final = 4096
"""Each holds a descriptor, so at most half of those that the process may have."""
_GROUPS: Final = 16
"""Groups of rows that are unpacked together, by several threads: some megabytes."""

EntrySource = Callable[[LogId, LeafIndex, LeafIndex], list[bytes]]
"""(log, start, end) → the entries [start, end) from the published bundles."""

Key = TypeVar("Key")
Item = TypeVar("Item")


class Newest(Generic[Key, Item]):
    """The items used last, at most so many; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[Key, Item] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Item]) -> Item:
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

    def drop(self, key: Key) -> None:
        """Forget one."""
        with self._lock:
            self._items.pop(key, None)


def _open_indexes() -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _OPEN_INDEXES
    return min(_OPEN_INDEXES, max(descriptors // 2, 16))


class SegmentFiles:
    """Rows and indexes of segments in a folder.

    Args:
        root: folder of the object store; segments are below it by their keys.
        entries: where the entries come from.
    """

    def __init__(self, root: Path, entries: EntrySource) -> None:
        self._root = root
        self._entries = entries
        self._described: Newest[str, pq.FileMetaData] = Newest(_DESCRIBED)
        self._lookups: Newest[str, Lookup] = Newest(_open_indexes())

    def path(self, segment: Segment) -> Path:
        """Where a segment file is."""
        return self._root / segment.key

    def lookup(self, segment: Segment) -> Lookup:
        """Its index. Raises `FileNotFoundError`, `IntegrityError`."""
        return self._lookups.get(
            segment.index_key, lambda: Lookup.open(self._root / segment.index_key)
        )

    def forget(self, segment: Segment) -> None:
        """Close the files of a segment that is gone."""
        self._described.drop(segment.key)
        self._lookups.drop(segment.index_key)

    def holds(self, segment: Segment, table: pa.Table) -> bool:
        """Whether the file, read back, has just these rows: compared group by group of rows."""
        with damage(segment.key):
            file = pq.ParquetFile(self.path(segment), page_checksum_verification=True)
            rows = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            starts = [sum(rows[:at]) for at in range(len(rows))]
            return sum(rows) == table.num_rows and all(
                file.read_row_group(at, use_threads=False).equals(table.slice(starts[at], rows[at]))
                for at in range(len(rows))
            )

    def range(self, log: LogId, segment: Segment, start: int, end: int) -> list[Record]:
        """The records at log indices [start, end), which lie in the segment, ascending."""
        first, last = start - segment.start, end - segment.start
        rows = self._rows(segment, range(first, last))
        entries = self._entries(log, LeafIndex(start), LeafIndex(end))
        return to_records(rows, range(start, end), entries)

    def fetch(self, log: LogId, segment: Segment, positions: Sequence[int]) -> list[Record]:
        """The records at some positions of the segment, which ascend, in that order."""
        if not positions:
            return []
        rows = self._rows(segment, positions)
        indices = [segment.start + position for position in positions]
        return to_records(rows, indices, self._entries_at(log, segment, positions))

    def columns(self, segment: Segment, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows."""
        with damage(segment.key):
            known = self._described.get(segment.key, lambda: self._describe(segment))
            with pq.ParquetFile(
                self.path(segment), metadata=known, page_checksum_verification=True
            ) as file:
                return file.read(list(names), use_threads=False)

    def entry(self, log: LogId, segment: Segment, position: int) -> bytes:
        """One entry, without its record."""
        return self._entries_at(log, segment, [position])[0]

    def _rows(self, segment: Segment, positions: Sequence[int]) -> pa.Table:
        """The rows at ascending positions; a few groups of rows are unpacked at a time."""
        groups: dict[int, list[int]] = {}
        for position in positions:
            groups.setdefault(position // ROW_GROUP_ROWS, []).append(position % ROW_GROUP_ROWS)
        parts = [list(groups)[at : at + _GROUPS] for at in range(0, len(groups), _GROUPS)]
        with damage(segment.key):
            # A reader serves one thread at a time, so each call has its own; what is expensive to
            # read, the description of the file, is shared.
            known = self._described.get(segment.key, lambda: self._describe(segment))
            with pq.ParquetFile(
                self.path(segment),
                metadata=known,
                pre_buffer=len(groups) > 1,  # for single groups it costs more than it saves
                page_checksum_verification=True,
            ) as file:
                return pa.concat_tables([_take(file, part, groups) for part in parts])

    def _describe(self, segment: Segment) -> pq.FileMetaData:
        # Not by `FileMetaData.schema`, which ties the two into a cycle: megabytes until the
        # collector comes round.
        with pq.ParquetFile(self.path(segment)) as file:
            found, schema = file.metadata, file.schema_arrow
        known = schema.equals(SCHEMA) and (schema.metadata or {}).get(b"format") == FORMAT.encode()
        if not known or found.num_rows != segment.end - segment.start:
            raise IntegrityError("this is not the segment that it should be", where=segment.key)
        return found

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


def _take(
    file: pq.ParquetFile, part: Sequence[int], groups: Mapping[int, Sequence[int]]
) -> pa.Table:
    """Some rows of some groups; only the last group of a file has fewer rows than others."""
    rows = [at * ROW_GROUP_ROWS + row for at, group in enumerate(part) for row in groups[group]]
    whole = file.read_row_groups(part, list(RECORD_COLUMNS), use_threads=len(part) > 1)
    return whole.take(pa.array(rows, pa.int64()))


@contextmanager
def damage(where: str) -> Iterator[None]:
    """Raise `IntegrityError` for a file that cannot be read as what it should be."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError) as error:
        raise IntegrityError(f"a segment is damaged: {error}", where=where) from error
