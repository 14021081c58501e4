"""The files of segments: how they are written, and how rows come out of them."""

import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from vitne.adapters.archive.columns import FORMAT, ROW_GROUP_ROWS
from vitne.adapters.archive.decode import to_records
from vitne.adapters.archive.lookup import Lookup
from vitne.adapters.archive.newest import Newest
from vitne.adapters.archive.rows import RowFile, RowTable, table_of
from vitne.core.record import Record
from vitne.core.tile import TILE_WIDTH
from vitne.core.types import LeafIndex, LogId
from vitne.errors import IntegrityError
from vitne.ports import Segment

_TABLES: Final = 1024
"""Tables of rows that are kept, some 15 kB each."""
_OPEN_INDEXES: Final = 4096
"""Each holds a descriptor, so at most half of those that the process may have."""
_GROUPS: Final = 16
"""Groups of rows that are unpacked together, by several threads: some megabytes."""
_OPEN_FILES: Final = 128
_THREADS: Final = 4
"""That read the segments of one answer."""

EntrySource = Callable[[LogId, LeafIndex, LeafIndex], list[bytes]]
"""(log, start, end) → the entries [start, end) from the published bundles."""


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
        self._tables: Newest[str, RowTable] = Newest(_TABLES)
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
        self._tables.drop(segment.key)
        self._lookups.drop(segment.index_key)

    def holds(self, segment: Segment, table: pa.Table) -> bool:
        """Whether the file, read back, has just these rows: compared group by group of rows."""
        with damage(segment.key):
            file = pq.ParquetFile(self.path(segment), page_checksum_verification=True)
            rows = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            starts = [sum(rows[:at]) for at in range(len(rows))]
            with RowFile.open(self.path(segment), segment.key) as found:
                told = found.table(sum(rows)) == table_of(file.metadata)
            return (
                told
                and sum(rows) == table.num_rows
                and all(
                    file.read_row_group(at, use_threads=False).equals(
                        table.slice(starts[at], rows[at])
                    )
                    for at in range(len(rows))
                )
            )

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

        The disk is asked for what all of them need before one is waited for.

        Args:
            log: whose.
            wanted: segments with ascending positions in each.
            known: entries by log index, of all these positions; None: they are read.
        """
        found: list[Record] = []
        for low in range(0, len(wanted), _OPEN_FILES):
            found += self._fetch(log, wanted[low : low + _OPEN_FILES], known)
        return found

    def _fetch(
        self,
        log: LogId,
        wanted: Sequence[tuple[Segment, Sequence[int]]],
        known: Mapping[int, bytes] | None,
    ) -> list[Record]:
        def records(segment: Segment, positions: Sequence[int], file: RowFile) -> list[Record]:
            indices = [segment.start + position for position in positions]
            entries = (
                self._entries_at(log, segment, positions)
                if known is None
                else [known[index] for index in indices]
            )
            return to_records(self._rows(segment, positions, file), indices, entries)

        with ExitStack() as stack:
            files = [
                stack.enter_context(RowFile.open(self.path(segment), segment.key))
                for segment, _ in wanted
            ]
            parts = [(*each, file) for each, file in zip(wanted, files, strict=True) if each[1]]
            if not parts:
                return []
            # Reading and unpacking let other threads run.
            spread = stack.enter_context(ThreadPoolExecutor(_THREADS)).map if parts[1:] else map
            list(spread(self._expect, *zip(*parts, strict=True)))
            return [row for part in spread(records, *zip(*parts, strict=True)) for row in part]

    def columns(self, segment: Segment, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows."""
        with (
            damage(segment.key),
            pq.ParquetFile(self.path(segment), page_checksum_verification=True) as file,
        ):
            schema = file.schema_arrow
            told = (schema.metadata or {}).get(b"format")
            rows = file.metadata.num_rows
            if told != FORMAT.encode() or rows != segment.end - segment.start:
                raise IntegrityError("this is not the segment that it should be", where=segment.key)
            return file.read(list(names), use_threads=False)

    def entry(self, log: LogId, segment: Segment, position: int) -> bytes:
        """One entry, without its record."""
        return self._entries_at(log, segment, [position])[0]

    def _table(self, segment: Segment, file: RowFile) -> RowTable:
        return self._tables.get(segment.key, lambda: file.table(segment.end - segment.start))

    def _expect(self, segment: Segment, positions: Sequence[int], file: RowFile) -> None:
        """Have the disk read the groups of rows that are wanted first."""
        numbers = list(dict.fromkeys(at // ROW_GROUP_ROWS for at in positions))
        table = self._table(segment, file)
        file.expect([table.group(number) for number in numbers[:_GROUPS]])

    def _rows(self, segment: Segment, positions: Sequence[int], file: RowFile) -> pa.Table:
        """The rows at ascending positions; a few groups of rows are unpacked at a time."""
        groups: dict[int, list[int]] = {}
        for position in positions:
            groups.setdefault(position // ROW_GROUP_ROWS, []).append(position % ROW_GROUP_ROWS)
        numbers, table = list(groups), self._table(segment, file)
        parts = [numbers[at : at + _GROUPS] for at in range(0, len(numbers), _GROUPS)]
        with damage(segment.key):
            return pa.concat_tables([_take(file, table, part, groups) for part in parts])

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
    file: RowFile, table: RowTable, part: Sequence[int], groups: Mapping[int, Sequence[int]]
) -> pa.Table:
    """Some rows of some groups; only the last group of a file has fewer rows than others."""
    rows = [at * ROW_GROUP_ROWS + row for at, group in enumerate(part) for row in groups[group]]
    whole = file.rows([table.group(number) for number in part])
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
