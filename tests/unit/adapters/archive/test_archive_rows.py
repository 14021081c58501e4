"""The table of a segment's groups of rows: single rows without Parquet's own description."""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.archive.archive import to_parquet
from vitne.adapters.archive.parquet.columns import RECORD_COLUMNS, ROW_GROUP_ROWS
from vitne.adapters.archive.parquet.encode import to_table
from vitne.adapters.archive.parquet.single_rows import RowFile, RowTable, table_of
from vitne.core.entry import entry as entries
from vitne.core.event.sections import facets_of
from vitne.core.values.ids import uuid_text
from vitne.core.values.record import Parts, Record
from vitne.core.values.types import LeafIndex
from vitne.errors import IntegrityError, StorageError

ROWS = 3 * ROW_GROUP_ROWS + 7
GROUPS = 4


def record(index: int) -> Record:
    """One whose texts differ in length, so that no two groups are packed alike."""
    event_id = index.to_bytes(16, "big")
    core = b'{"actor":{"id":"usr_%d"},"id":"%s","note":"%s"}' % (
        *(index % 5, uuid_text(event_id).encode()),
        b"%d " % index * (index % 23),
    )
    head = entries.HEADER.pack(
        *(entries.MAGIC, entries.EVENT, 0, 1, 0, 1_000 + index, 500, b"s" * 16, index + 1)
    )
    parts = Parts(core=core, person=None if index % 3 else b'{"n":%d}' % index)
    keyring = index.to_bytes(16, "little")
    facets = facets_of(core, 500)
    return Record(LeafIndex(index), 1_000 + index, head, event_id, keyring, parts, facets)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rows") / "one.parquet"
    made.write_bytes(to_parquet(to_table([record(index) for index in range(ROWS)])))
    return made


def read(path: Path, groups: Sequence[int]) -> pa.Table:
    with RowFile.open(path, "here") as file:
        table = file.table(0, ROWS)
        chosen = [table.group(number) for number in groups]
        file.expect(chosen)
        return file.rows(chosen)


def whole_of(path: Path, groups: Sequence[int]) -> dict[str, list[object]]:
    """By Parquet's own description; ids as plain bytes."""
    table = pq.ParquetFile(path).read_row_groups(groups, list(RECORD_COLUMNS))
    ids = [name for name in RECORD_COLUMNS if table.schema.field(name).type == pa.uuid()]
    for name in ids:
        chunks = [chunk.storage for chunk in table.column(name).chunks]
        column = pa.chunked_array(chunks, pa.binary(16))
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return {name: table.column(name).to_pylist() for name in RECORD_COLUMNS}


@given(chosen=st.lists(st.integers(0, GROUPS - 1), min_size=1, unique=True))
def test_any_groups_have_the_rows_that_parquet_itself_tells(path: Path, chosen: list[int]) -> None:
    found = read(path, chosen)

    assert {name: found.column(name).to_pylist() for name in RECORD_COLUMNS} == whole_of(
        path, chosen
    )


def test_other_readers_of_parquet_do_not_see_the_table(path: Path) -> None:
    (count,) = duckdb.sql(f"SELECT count(*), max(index) FROM '{path}'").fetchall()  # noqa: S608 - a path of the test

    assert count == (ROWS, ROWS - 1)
    assert pq.read_table(path).equals(to_table([record(index) for index in range(ROWS)]))


def test_a_table_is_that_of_the_description(path: Path) -> None:
    with RowFile.open(path, "here") as file:
        assert file.table(0, ROWS) == table_of(pq.read_metadata(path), 0)


@pytest.mark.parametrize("span", [(0, ROWS - 1), (0, ROWS + 1), (1, ROWS + 1), (256, ROWS + 256)])
def test_the_table_of_other_rows_is_that_of_another_segment(
    path: Path, span: tuple[int, int]
) -> None:
    with RowFile.open(path, "here") as file, pytest.raises(IntegrityError, match="not the segment"):
        file.table(*span)


@pytest.mark.parametrize("number", [-1, GROUPS, 1 << 60])
def test_a_group_that_is_not_there_is_damage(path: Path, number: int) -> None:
    table = table_of(pq.read_metadata(path), 0)

    with pytest.raises(IntegrityError, match="no group"):
        table.group(number)


def test_what_the_system_does_not_read_is_no_damage(tmp_path: Path) -> None:
    """A folder stands in the place of the file."""
    with RowFile.open(tmp_path, "here") as file, pytest.raises(StorageError, match="directory"):
        file.table(0, ROWS)


def test_a_file_without_a_table_is_of_another_version(tmp_path: Path) -> None:
    bare = tmp_path / "bare.parquet"
    pq.write_table(to_table([record(0)]), bare)

    with RowFile.open(bare, "here") as file, pytest.raises(IntegrityError, match="no table"):
        file.table(0, 1)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 12, 400, -1, -9])
def test_a_file_that_was_cut_short_is_damaged(path: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(path.read_bytes()[:size])

    with RowFile.open(cut, "here") as file, pytest.raises(IntegrityError, match="here"):
        file.table(0, ROWS)


def test_each_byte_of_the_table_is_checked(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    table = table_of(pq.read_metadata(path), 0).encode()
    place = data.index(table)
    for at in range(place, place + len(table)):
        copy = tmp_path / "copy.parquet"
        copy.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with RowFile.open(copy, "here") as file, pytest.raises(IntegrityError):
            file.table(0, ROWS)


def test_a_place_beyond_the_file_is_damage_and_no_allocation(path: Path) -> None:
    """Were the table forged, what it names would be read nowhere."""
    far = RowTable(0, ROWS, b"\xff" * (24 * len(RECORD_COLUMNS)))
    descriptor = os.open(path, os.O_RDONLY)

    with RowFile(descriptor, "here") as file, pytest.raises(IntegrityError, match="cut short"):
        file.rows([far.group(0)])
