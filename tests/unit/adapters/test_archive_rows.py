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

from vitne.adapters.archive.columns import RECORD_COLUMNS, ROW_GROUP_ROWS
from vitne.adapters.archive.encode import to_table
from vitne.adapters.archive.make import to_parquet
from vitne.adapters.archive.rows import RowFile, RowTable, table_of
from vitne.core import entry as entries
from vitne.core.facets import facets_of
from vitne.core.ids import to_text
from vitne.core.record import Parts, Record
from vitne.core.types import LeafIndex
from vitne.errors import IntegrityError

ROWS = 3 * ROW_GROUP_ROWS + 7
GROUPS = 4


def record(index: int) -> Record:
    """One whose texts differ in length, so that no two groups are packed alike."""
    event_id = index.to_bytes(16, "big")
    core = b'{"actor":{"id":"usr_%d"},"id":"%s","note":"%s"}' % (
        *(index % 5, to_text(event_id).encode()),
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
        table = file.table(ROWS)
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
        assert file.table(ROWS) == table_of(pq.read_metadata(path))


def test_another_number_of_rows_is_another_segment(path: Path) -> None:
    with RowFile.open(path, "here") as file, pytest.raises(IntegrityError, match="damaged"):
        file.table(ROWS - 8)


def test_a_file_without_a_table_is_of_another_version(tmp_path: Path) -> None:
    bare = tmp_path / "bare.parquet"
    pq.write_table(to_table([record(0)]), bare)

    with RowFile.open(bare, "here") as file, pytest.raises(IntegrityError, match="another version"):
        file.table(1)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 12, 400, -1, -9])
def test_a_file_that_was_cut_short_is_damaged(path: Path, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(path.read_bytes()[:size])

    with RowFile.open(cut, "here") as file, pytest.raises(IntegrityError, match="here"):
        file.table(ROWS)


def test_each_byte_of_the_table_is_checked(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    table = table_of(pq.read_metadata(path)).data
    place = data.index(table)
    for at in range(place, place + len(table) + 16):
        copy = tmp_path / "copy.parquet"
        copy.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with RowFile.open(copy, "here") as file, pytest.raises(IntegrityError):
            file.table(ROWS)


def test_a_place_beyond_the_file_is_damage_and_no_allocation(path: Path) -> None:
    """Were the table forged, what it names would be read nowhere."""
    far = RowTable(b"\xff" * (24 * len(RECORD_COLUMNS)), ROWS)
    descriptor = os.open(path, os.O_RDONLY)

    with RowFile(descriptor, "here") as file, pytest.raises(IntegrityError, match="cut short"):
        file.rows([far.group(0)])
