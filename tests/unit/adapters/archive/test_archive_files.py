"""What the archive writes, how it reads it back, and what it says of damage."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.archive.archive import ParquetArchive, to_parquet
from vitne.adapters.archive.parquet.columns import HELD
from vitne.adapters.archive.parquet.damage import damage
from vitne.adapters.archive.parquet.encode import to_records, to_table
from vitne.adapters.archive.parquet.single_rows import RowFile
from vitne.adapters.objects.folder import FolderObjects
from vitne.core.entry import entry as entries
from vitne.core.event.sections import facets_of
from vitne.core.filter.nodes import Equals
from vitne.core.index.source_summary import summarize_sources
from vitne.core.values.ids import uuid_text
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import IntegrityError, StorageError, VitneError
from vitne.ports import Segment

ACME = LogId("acme")
encode = msgspec.json.Encoder(order="sorted").encode


def event(
    index: int, *, keys: Sequence[bytes] = (), core: dict[str, object] | None = None
) -> Record:
    """An event with an entry under these keys; nothing else about it matters here."""
    event_id = index.to_bytes(16, "big")
    known = {"actor": {"id": f"usr_{index % 3}"}, "id": uuid_text(event_id), "type": "crm.a.viewed"}
    found = tuple(sorted({*keys, b"\x05" + bytes(16)}))
    head = entries.HEADER.pack(
        *(entries.MAGIC, entries.EVENT, 0, 1, len(found)),
        *(1_000 + index, 500 + index, b"s" * 16, index + 1),
    )
    return Record(
        LeafIndex(index),
        1_000 + index,
        head + b"".join(found) + bytes(32),
        event_id,
        b"k" * 16,
        Parts(core=encode(known | (core or {}))),
        facets_of(encode(known | (core or {})), 500 + index),
    )


class Shelf:
    """One log in a folder: its entries, its catalog, and an archive over both."""

    def __init__(self, folder: Path, records: Sequence[Record]) -> None:
        self.folder = folder
        self.records = records
        self.listed: list[Segment] = []
        self.objects = FolderObjects(folder)
        self.archive = ParquetArchive(
            folder,
            self.objects,
            self,  # type: ignore[arg-type]  # no merging here
            lambda _log, start, end: [record.entry for record in self.records[start:end]],
        )

    def segments(self, log: LogId) -> list[Segment]:
        """See `SegmentCatalog`."""
        return self.listed if log == ACME else []

    def seal(self, start: int, end: int) -> Segment:
        """Write a segment and list it."""
        self.listed.append(self.archive.write(ACME, self.records[start:end]))
        return self.listed[-1]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path, [event(index) for index in range(300)])
    yield made
    made.archive.close()
    made.objects.close()


def test_writing_the_same_records_again_gives_the_same_segment(shelf: Shelf) -> None:
    first, files = shelf.seal(0, 100), _files(shelf.folder)

    assert shelf.archive.write(ACME, shelf.records[:100]) == first
    assert _files(shelf.folder) == files


def test_records_that_differ_from_what_is_published_are_not_written(shelf: Shelf) -> None:
    forged = msgspec.structs.replace(shelf.records[5], entry=shelf.records[6].entry)

    with pytest.raises(IntegrityError):
        shelf.archive.write(ACME, [*shelf.records[:5], forged])
    assert _files(shelf.folder) == {}


def test_records_come_back_one_by_one_in_runs_and_across_segments(shelf: Shelf) -> None:
    for span in ((0, 100), (100, 101), (101, 300)):
        shelf.seal(*span)

    for index in (0, 99, 100, 101, 299):
        assert shelf.archive.record(ACME, LeafIndex(index)) == shelf.records[index]
    for start, end in ((0, 300), (90, 110), (100, 101), (250, 400)):
        assert shelf.archive.records(ACME, LeafIndex(start), LeafIndex(end)) == list(
            shelf.records[start:end]
        )
    assert shelf.archive.record(ACME, LeafIndex(300)) is None
    assert shelf.archive.records(LogId("none"), LeafIndex(0), LeafIndex(9)) == []


def test_every_changed_byte_of_a_segment_is_noticed_or_changes_nothing(shelf: Shelf) -> None:
    """Checksums cover pages, the table of rows and the index; the rest is held to a schema."""
    segment = shelf.seal(0, 300)
    noticed = 0
    for key in (segment.key, segment.index_key):
        path = shelf.folder / key
        whole = path.read_bytes()
        for at in range(0, len(whole), max(len(whole) // 150, 1)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            noticed += _is_noticed(shelf)
        path.write_bytes(whole)

    assert noticed > 200
    assert not _is_noticed(shelf)


def _is_noticed(shelf: Shelf) -> bool:
    """Whether reading everything raises; if it does not, it must give what was written."""
    fresh = Shelf(shelf.folder, shelf.records)
    fresh.listed = shelf.listed
    try:
        found = fresh.archive.records(ACME, LeafIndex(0), LeafIndex(300))
        one = fresh.archive.find(ACME, shelf.records[7].event_id)
        summary = fresh.archive.summary(ACME, LeafIndex(0), LeafIndex(300))
    except IntegrityError:
        return True
    finally:
        fresh.archive.close()
    assert found == list(shelf.records)
    assert one == shelf.records[7]
    assert summary == summarize_sources(0, shelf.records)
    return False


def test_an_id_is_looked_for_in_no_file_but_that_of_its_segment(shelf: Shelf) -> None:
    """Each would cost a cold disk a read; here the others are not even there."""
    first, _ = shelf.seal(0, 100), shelf.seal(100, 200)
    (shelf.folder / first.key).unlink()

    assert shelf.archive.find(ACME, shelf.records[150].event_id) == shelf.records[150]


def test_the_index_of_another_segment_is_damage(shelf: Shelf) -> None:
    first, second = shelf.seal(0, 100), shelf.seal(100, 300)
    shutil.copy(shelf.folder / second.index_key, shelf.folder / first.index_key)
    fresh = Shelf(shelf.folder, shelf.records)
    fresh.listed = shelf.listed

    with pytest.raises(IntegrityError, match="another segment"):
        fresh.archive.around(ACME, first, 1_050)
    with pytest.raises(IntegrityError, match="another segment"):
        fresh.archive.find(ACME, shelf.records[7].event_id)
    fresh.archive.close()


def test_an_index_that_the_system_does_not_read_is_no_damage(shelf: Shelf) -> None:
    """A folder stands in its place; too many open files are told alike."""
    segment = shelf.seal(0, 100)
    fresh = Shelf(shelf.folder, shelf.records)
    fresh.listed = shelf.listed
    (shelf.folder / segment.index_key).unlink()
    (shelf.folder / segment.index_key).mkdir()

    with pytest.raises(StorageError, match="directory"):
        fresh.archive.around(ACME, segment, 1_050)
    fresh.archive.close()


def test_too_little_memory_is_no_damage() -> None:
    with pytest.raises(StorageError), damage("here"):
        raise pa.ArrowMemoryError("malloc failed")


def test_a_file_of_other_columns_sums_up_nothing(shelf: Shelf) -> None:
    """A name in Parquet's own description, which has no checksum, was changed."""
    segment = shelf.seal(0, 300)
    path = shelf.folder / segment.key
    data = path.read_bytes()
    place = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:place] + data[place:].replace(b"service", b"servicf"))

    with pytest.raises(IntegrityError):
        shelf.archive.summary(ACME, LeafIndex(0), LeafIndex(300))


def test_a_missing_file_is_named(shelf: Shelf) -> None:
    segment = shelf.seal(0, 300)
    (shelf.folder / segment.key).unlink()

    with pytest.raises(IntegrityError) as caught:
        shelf.archive.records(ACME, LeafIndex(0), LeafIndex(300))

    assert segment.key in str(caught.value)


def test_a_query_over_a_damaged_file_fails_closed(shelf: Shelf) -> None:
    segment = shelf.seal(0, 300)
    (shelf.folder / segment.key).write_bytes(b"PAR1 this is none PAR1")

    with pytest.raises(IntegrityError):
        shelf.archive.scan(ACME, Equals("category", "view"), LeafIndex(0), LeafIndex(300), 5)


def test_a_segment_that_was_merged_away_while_being_read_is_read_from_its_successor(
    shelf: Shelf,
) -> None:
    shelf.seal(0, 100)
    shelf.seal(100, 200)
    assert shelf.archive.count(ACME, None, LeafIndex(0), LeafIndex(200), 999) == 200
    merged = shelf.archive.write(ACME, shelf.records[:200])
    old, shelf.listed = shelf.listed, [merged]

    shelf.archive.remove(old)

    assert shelf.archive.records(ACME, LeafIndex(0), LeafIndex(200)) == list(shelf.records[:200])


def test_the_archive_reads_nothing_but_segments(shelf: Shelf, tmp_path: Path) -> None:
    """DuckDB is shut in: a path elsewhere is refused even if it got into the catalog."""
    segment = shelf.seal(0, 300)
    away = tmp_path.parent / "away.parquet"
    shutil.copy(tmp_path / segment.key, away)
    shelf.listed = [msgspec.structs.replace(segment, key="../away.parquet")]

    with pytest.raises(VitneError):
        shelf.archive.count(ACME, Equals("category", "view"), LeafIndex(0), LeafIndex(300), 9)


@pytest.mark.parametrize(
    "core",
    [
        {"summary": f"held {HELD} out"},
        {"correlation": {"action_id": HELD}},
        {"correlation": {"action_id": "01981F3E-7C1A-7D34-9B0E-5F4C2A9E1B77"}},
        {
            "correlation": {
                "action_id": "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77",
                "trace_id": "a" * 32,
            }
        },
        {"correlation": {"action_id": uuid_text((3).to_bytes(16, "big")), "trace_id": "A" * 32}},
        {"correlation": {"action_id": 7, "trace_id": ["x"]}},
        {"occurred_at": "1970-01-01T00:00:00.000Z"},
        {"occurred_at": "1970-01-01T00:00:00.000503Z"},
        {"occurred_at": "1970-01-01T00:00:00.000503000Z"},
        {"targets": [{"id": uuid_text((3).to_bytes(16, "big")), "type": "event"}]},
    ],
)
def test_a_core_part_comes_back_to_the_byte_whatever_stands_in_its_ids(
    core: dict[str, object],
) -> None:
    record = event(3, core=core)

    assert _through_a_file(record) == [record]


@given(st.data())
def test_any_parts_come_back_to_the_byte(data: st.DataObject) -> None:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    values = st.recursive(
        st.one_of(text, st.integers(-9, 9), st.booleans()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["id", "action_id", "trace_id", "occurred_at", "x"]), inner
            ),
        ),
        max_leaves=6,
    )
    documents = st.one_of(st.none(), st.dictionaries(st.sampled_from("abc"), values).map(encode))
    correlation = data.draw(st.fixed_dictionaries({}, optional={"action_id": text, "x": values}))
    record = event(3, core={"correlation": correlation, "more": data.draw(values)})
    parts = Parts(
        data.draw(st.sampled_from([record.parts.core, None])),
        *(data.draw(st.one_of(st.just(b""), documents)) for _ in range(5)),
    )
    facets = record.facets if parts.core else Facets(record.facets.occurred_us)
    record = msgspec.structs.replace(record, parts=parts, facets=facets)

    assert _through_a_file(record) == [record]


def test_the_table_is_one_that_other_tools_read(shelf: Shelf) -> None:
    table = to_table(shelf.records[:3])

    assert table.schema.field("event_id").type == pa.uuid()
    assert table.column("index").to_pylist() == [0, 1, 2]
    assert msgspec.json.decode(table.column("core")[1].as_py())["actor"] == {"id": "usr_1"}


def _through_a_file(record: Record) -> list[Record]:
    """A record, written as the one row of a segment and read back."""
    with TemporaryFile() as file:
        file.write(to_parquet(to_table([record])))
        file.flush()
        with RowFile(os.dup(file.fileno()), "here") as rows:
            table = rows.rows([rows.table(record.index, record.index + 1).group(0)])
    return to_records(table, [record.index], [record.entry])


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob("segments/**/*")
        if path.is_file()
    }
