"""The archive (`vitne.ports.Archive`): segments as Parquet files, with an index beside each."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct
from msgspec.structs import replace

from vitne.adapters.archive.answers import SegmentAnswers
from vitne.adapters.archive.find.duck import Duck
from vitne.adapters.archive.find.plan import KeyOf
from vitne.adapters.archive.find.segment_list import Listed
from vitne.adapters.archive.index.build import Index, build_index, run_of
from vitne.adapters.archive.index.lookup import Lookup
from vitne.adapters.archive.parquet.columns import DELTA, DICTIONARY, ROW_GROUP_ROWS
from vitne.adapters.archive.parquet.encode import to_table
from vitne.adapters.archive.parquet.files import EntrySource, SegmentFiles
from vitne.adapters.archive.parquet.single_rows import add_table
from vitne.core.filter.fields import target_texts
from vitne.core.tree.multiproof import multiproof
from vitne.core.values import Hash, LeafIndex, LogId, Record
from vitne.errors import IntegrityError, NotFoundError, VitneError
from vitne.ports import GapAnswer, ObjectStore, Segment, SegmentCatalog

_AT_ONCE: Final = 4 * ROW_GROUP_ROWS
"""Records that are held in memory at once, as Python knows them."""
_ZSTD_LEVEL: Final = 3


class Made(Struct, frozen=True):
    """A segment that is not written yet."""

    segment: Segment
    table: pa.Table
    data: bytes
    """Of the Parquet file."""
    index: bytes
    """Of the index file."""
    entries: list[bytes]


def make_segment(log: LogId, records: Sequence[Record]) -> Made:
    """The files of consecutive records: always the same for the same records."""
    tables: list[pa.Table] = []
    entries: list[bytes] = []
    ids: list[bytes] = []
    shown: set[str] = set()
    for low in range(0, len(records), _AT_ONCE):
        some = records[low : low + _AT_ONCE]
        tables.append(to_table(some))
        entries += [record.entry for record in some]
        ids += [record.event_id for record in some]
        shown |= {record.facets.targets for record in some}
    table = pa.concat_tables(tables)
    data = to_parquet(table)
    start = table.column("index")[0].as_py()
    index = build_index(start, entries, ids, _issuers(table), _target_types(shown))
    return Made(
        segment=_segment(log, table, data, index),
        table=table,
        data=data,
        index=index.data,
        entries=entries,
    )


def to_parquet(table: pa.Table) -> bytes:
    """The bytes of a segment file: the same for the same rows."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=DICTIONARY,
        column_encoding=dict.fromkeys(DELTA, "DELTA_BINARY_PACKED"),
        write_statistics=list(DELTA),
        write_page_checksum=True,
    )
    return add_table(bytes(sink.getvalue()), table.column("index")[0].as_py())


def _issuers(table: pa.Table) -> frozenset[str]:
    return frozenset(issuer or "" for issuer in table.column("issuer").unique().to_pylist())


def _target_types(shown: Iterable[str]) -> frozenset[str]:
    return frozenset(text.partition("/")[0] for targets in shown for text in target_texts(targets))


def _segment(log: LogId, table: pa.Table, data: bytes, index: Index) -> Segment:
    indices, recorded = table.column("index"), table.column("recorded_us")
    start, end = LeafIndex(indices[0].as_py()), LeafIndex(indices[-1].as_py() + 1)
    times = table.column("occurred_us").filter(table.column("event_id").is_valid())
    occurred = times.to_pylist()
    key = f"segments/{log}/{start}-{end}"
    return Segment(
        start=start,
        end=end,
        key=f"{key}.parquet",
        file_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        events=len(occurred),
        recorded_us=(recorded[0].as_py(), recorded[-1].as_py()),
        occurred_us=(min(occurred), max(occurred)) if occurred else (0, 0),
        index_key=f"{key}.idx",
        gap_count=index.gap_count,
        run_root=index.run_root,
    )


def next_key(key: str) -> str:
    """The object key of a segment's file when it is rewritten: `0-64.parquet`, `0-64-1.parquet`."""
    name, dot, ending = key.rpartition(".")
    folder, slash, span = name.rpartition("/")
    start, end, *times = span.split("-")
    again = int(times[0]) + 1 if times else 1
    return f"{folder}{slash}{start}-{end}-{again}{dot}{ending}"


class ParquetArchive(SegmentAnswers):
    """Segments of all logs below one folder. Any thread may call.

    Args:
        root: the folder of `objects`, for reading files in place.
        objects: where files are written, durably.
        catalog: which segments there are.
        entries: the entries of a log, from its published bundles.
        key_of: lookup keys of values; without it every search goes through DuckDB.
        memory_mb: bound on DuckDB's memory.
        threads: for DuckDB, and as many for unpacking.
        frugal: rather slower than with memory held back, for a process that seals.
    """

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        root: Path,
        objects: ObjectStore,
        catalog: SegmentCatalog,
        entries: EntrySource,
        *,
        key_of: KeyOf = lambda *_: None,
        memory_mb: int = 200,
        threads: int = 2,
        frugal: bool = False,
    ) -> None:
        pa.set_cpu_count(threads)  # for unpacking; one number for the whole process
        if frugal:
            pa.set_memory_pool(pa.system_memory_pool())
        files = SegmentFiles(root, entries)
        super().__init__(Listed(catalog), files, Duck(root, memory_mb, threads), key_of)
        self._objects = objects
        self._entries = entries

    def write(self, log: LogId, records: Sequence[Record]) -> Segment:
        """See the port.

        Raises:
            IntegrityError: also if an entry differs from the published one.
        """
        made = make_segment(log, records)
        if self._entries(log, made.segment.start, made.segment.end) != made.entries:
            raise IntegrityError("the published entries differ from the records", where=log)
        return self._store(made.segment, made)

    def rewrite(self, log: LogId, segment: Segment, records: Sequence[Record]) -> Segment:
        made = make_segment(log, records)
        new = replace(
            made.segment,
            key=next_key(segment.key),
            index_key=next_key(segment.index_key),
            level=segment.level,
            record=segment.record,
        )
        if (new.start, new.end, new.run_root) != (segment.start, segment.end, segment.run_root):
            raise IntegrityError("these are not the records of the segment", where=segment.key)
        return self._store(new, made)

    def _store(self, segment: Segment, made: Made) -> Segment:
        """Write the files of a segment, and read them back."""
        files = {segment.key: made.data, segment.index_key: made.index}
        # Files of a segment that no catalog lists may be left from a run that was killed, made by
        # another version: they are written over.
        self._objects.replace(files)
        self._files.forget(segment)
        same = all(self._objects.get(key) == data for key, data in files.items())
        if not same or not self._files.holds(segment, made.table):
            raise IntegrityError("a segment reads back otherwise than written", where=segment.key)
        return segment

    def remove(self, segments: Sequence[Segment]) -> None:
        self._objects.delete([key for s in segments for key in (s.key, s.index_key) if key])
        for segment in segments:
            self._files.forget(segment)

    def faults(self, log: LogId, segment: Segment) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        data = self._objects.get(segment.key)
        if data is None:
            found.append((segment.key, "the segment is missing"))
        elif sha256(data).digest() != segment.sha256:
            found.append((segment.key, "the segment is not the one written"))
        index = self._objects.get(segment.index_key) if segment.index_key else None
        if index is None:
            found.append((segment.index_key or segment.key, "the index is missing"))
        if not found and index is not None:
            made = make_segment(log, self.records(log, segment.start, segment.end))
            if made.index != index:
                found.append((segment.index_key, "the index is not that of the records"))
            if not self._files.holds(segment, made.table):
                found.append((segment.key, "what searches go by is not that of the records"))
        return found

    def gaps(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> GapAnswer:
        lookup = self._lookup(log, segment)
        found = {lookup.find_leaf(key): key for key in keys}
        leaves = [(place, lookup.leaf(place)) for place in sorted(found)]
        path = multiproof(lookup.node, lookup.leaf_count, [place for place, _ in leaves])
        asked = set(keys)
        return GapAnswer(
            leaves,
            path,
            {
                place: [segment.start + at for at in lookup.positions(leaf[8:25])]
                for place, leaf in leaves
                if leaf[8:25] in asked
            },
        )

    def expect(self, segments: Sequence[Segment], keys: Sequence[bytes]) -> None:
        for segment in segments:
            # Whoever asks is told what is wrong with it.
            with suppress(OSError, VitneError):
                self._files.lookup(segment).expect(keys)

    def postings(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> list[int]:
        lookup = self._lookup(log, segment)
        return sorted({segment.start + at for key in keys for at in lookup.positions(key)})

    def around(self, log: LogId, segment: Segment, at_us: int) -> tuple[int, int]:
        return self._lookup(log, segment).around(at_us)

    def _lookup(self, log: LogId, segment: Segment) -> Lookup:
        try:
            return self._files.lookup(segment)
        except FileNotFoundError:
            self.refresh(log)
            raise NotFoundError("the segment is gone", where=segment.index_key) from None

    def run_of(self, start: LeafIndex, entries: Sequence[bytes]) -> tuple[int, Hash]:
        return run_of(start, entries)

    def rebuild(self, log: LogId, segment: Segment) -> bool:
        made = make_segment(log, self.records(log, segment.start, segment.end))
        if (made.segment.gap_count, made.segment.run_root) != (segment.gap_count, segment.run_root):
            raise IntegrityError("the records give another index", where=segment.key)
        if self._objects.get(segment.index_key) == made.index:
            return False
        self._objects.replace({segment.index_key: made.index})
        self._files.forget(segment)
        return True

    def refresh(self, log: LogId) -> None:
        self._listed.refresh(log)

    def close(self) -> None:
        """Free memory."""
        self._duck.close()

    def find(self, log: LogId, event_id: bytes) -> Record | None:

        def look(segments: Sequence[Segment]) -> Record | None:
            for segment in reversed(segments):
                positions = sorted(self._files.lookup(segment).find(event_id))
                for record in self._files.fetch(log, [(segment, positions)]):
                    if record.event_id == event_id:
                        return record
            return None

        return self._listed.over_all(log, look)

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        found = self.records(log, index, LeafIndex(index + 1))
        return found[0] if found else None

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:

        def read(segments: Sequence[Segment]) -> list[Record]:
            found: list[Record] = []
            for s in segments:
                found += self._files.range(log, s, max(s.start, start), min(s.end, end))
            return found

        return self._listed.over(log, start, end, read)
