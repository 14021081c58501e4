"""What the archive writes, how it reads it back, and what it says of damage."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.archive.archive import ParquetArchive
from vitne.adapters.archive.columns import HELD
from vitne.adapters.archive.decode import to_records
from vitne.adapters.archive.encode import to_table
from vitne.adapters.archive.index import Values, build
from vitne.adapters.archive.lookup import Lookup
from vitne.adapters.objects.folder import FolderObjects
from vitne.core import entry as entries
from vitne.core.facets import facets_of
from vitne.core.filter import Equals
from vitne.core.gap import build_run
from vitne.core.ids import to_text
from vitne.core.merkle import leaf_hash
from vitne.core.multiproof import multiproof, multiproof_root
from vitne.core.record import Facets, Parts, Record
from vitne.core.types import Hash, LeafIndex, LogId
from vitne.errors import IntegrityError, VitneError
from vitne.ports import Segment

ACME = LogId("acme")
encode = msgspec.json.Encoder(order="sorted").encode


def event(
    index: int, *, keys: Sequence[bytes] = (), core: dict[str, object] | None = None
) -> Record:
    """An event with an entry under these keys; nothing else about it matters here."""
    event_id = index.to_bytes(16, "big")
    known = {"actor": {"id": f"usr_{index % 3}"}, "id": to_text(event_id), "type": "crm.a.viewed"}
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
        self.objects = FolderObjects.open(folder)
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
    """Checksums cover pages, and the index as a whole; what is left is layout that nobody reads."""
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
    except IntegrityError:
        return True
    finally:
        fresh.archive.close()
    assert found == list(shelf.records)
    assert one == shelf.records[7]
    return False


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
        {"correlation": {"action_id": to_text((3).to_bytes(16, "big")), "trace_id": "A" * 32}},
        {"correlation": {"action_id": 7, "trace_id": ["x"]}},
        {"occurred_at": "1970-01-01T00:00:00.000Z"},
        {"occurred_at": "1970-01-01T00:00:00.000503Z"},
        {"occurred_at": "1970-01-01T00:00:00.000503000Z"},
        {"targets": [{"id": to_text((3).to_bytes(16, "big")), "type": "event"}]},
    ],
)
def test_a_core_part_comes_back_to_the_byte_whatever_stands_in_its_ids(
    core: dict[str, object],
) -> None:
    record = event(3, core=core)

    assert to_records(to_table([record]), [3], [record.entry]) == [record]


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

    assert to_records(to_table([record]), [3], [record.entry]) == [record]


KEYS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 6]), st.sampled_from([b"\0\0\0\1", b"abcd", b"abce"]))
    .flatmap(lambda kind: st.sampled_from("xyz").map(lambda end: (kind, end)))
    .map(lambda key: bytes([key[0][0]]) + key[0][1] + key[1].encode() * 12),
    max_size=4,
)


@given(st.lists(KEYS, min_size=1, max_size=12), st.integers(0, 2**40))
def test_the_index_knows_every_posting_of_the_gap_leaves(
    keys: list[list[bytes]], start: int
) -> None:
    """The plain run of gap leaves is the oracle; keys that start alike may add, never hide."""
    held = [event(at, keys=some).entry for at, some in enumerate(keys)]
    held.append(
        entries.encode(entries.BeatEntry(9, 9, b"t" * 16, 3, 0, Hash(bytes(32)), bytes(64)))
    )
    ids = [at.to_bytes(16, "big") for at in range(len(keys))]

    lookup = Lookup(build(start, held, [*ids, b""], Values(frozenset(), frozenset())).data)

    run = build_run(start, held)
    leaves = dict(zip((leaf.key for leaf in run.leaves), run.postings, strict=True))
    for key, postings in leaves.items():
        assert [start + at for at in lookup.positions(key)] == postings
    assert lookup.positions(b"\x02" + b"\xff" * 16) == ()
    assert all(at in lookup.find(event_id) for at, event_id in enumerate(ids))
    assert (lookup.head.start, lookup.head.end) == (start, start + len(held))


def test_a_key_that_many_entries_hold_is_found_with_all_of_them() -> None:
    """Counts of 255 and more stand elsewhere; so do the keys behind them."""
    common, rare = b"\x01" + b"c" * 16, b"\x02" + b"r" * 16
    held = [event(at, keys=[common, *([rare] if at % 300 == 7 else [])]).entry for at in range(900)]

    lookup = Lookup(build(0, held, [b""] * 900, Values(frozenset(), frozenset())).data)

    assert list(lookup.positions(common)) == list(range(900))
    assert list(lookup.positions(rare)) == [7, 307, 607]


def _answers(data: bytes, keys: Sequence[bytes]) -> object:
    """Everything that an index says of some keys and ids."""
    lookup = Lookup(data, "it.idx")
    places = sorted({lookup.find_leaf(key) for key in keys})
    return (
        lookup.head,
        [list(lookup.positions(key)) for key in keys],
        [lookup.leaf(place) for place in places],
        multiproof(lookup.node, lookup.leaf_count, places),
        [lookup.find(at.to_bytes(16, "big")) for at in range(0, 700, 7)],
    )


def test_each_damaged_byte_of_an_index_is_found_or_never_read() -> None:
    """It is checked page by page, as it is read."""
    held = [event(at, keys=[b"\x01" + (at * 77).to_bytes(16, "big")]).entry for at in range(700)]
    ids = [at.to_bytes(16, "big") for at in range(700)]
    data = build(9, held, ids, Values(frozenset({"x"}), frozenset())).data
    keys = [b"\x01" + (at * 77).to_bytes(16, "big") for at in (3, 350, 699, 700)]
    good = _answers(data, keys)

    found = 0
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 0x20
        try:
            assert _answers(bytes(bad), keys) == good, at
        except IntegrityError:
            found += 1
    assert found > len(data) // 2
    for end in (0, 5, 23, 24, 100, 4096, len(data) - 4, len(data) - 1):
        with pytest.raises(IntegrityError) as error:
            Lookup(data[:end], "it.idx")
        assert error.value.where == "it.idx"
    with pytest.raises(IntegrityError):
        Lookup(data + bytes(4))


def test_every_leaf_and_proof_of_a_large_index_is_that_of_the_definition() -> None:
    """So large that its tree has blocks, groups of them, and nodes above."""
    held = [
        event(at, keys=[bytes((1,)) + (at * at * 7_919 % 2**61).to_bytes(16, "little")]).entry
        for at in range(9_000)
    ]
    held = [
        entry if at % 3 else event(at, keys=[bytes((6,)) + at.to_bytes(16, "little")]).entry
        for at, entry in enumerate(held)
    ]
    held += [event(at, keys=[b"\x02" + at.to_bytes(16, "big")]).entry for at in range(9_000)]

    index = build(5, held, [b""] * len(held), Values(frozenset(), frozenset()))
    lookup, run = Lookup(index.data), build_run(5, held)

    assert lookup.leaf_count == len(run.leaves) > 2 << 13
    assert lookup.leaves(0, lookup.leaf_count) == [leaf.encode() for leaf in run.leaves]
    for leaf, postings in list(zip(run.leaves, run.postings, strict=True))[1::97]:
        assert [5 + at for at in lookup.positions(leaf.key)] == postings
        assert lookup.find_leaf(leaf.key) == run.find(leaf.key)
    last = lookup.leaf_count - 1
    for places in ([0], [last], [63, 64], [0, 4_095, 4_096, last], [8_191, 8_192], [5_000, 12_345]):
        leaves = [(place, leaf_hash(lookup.leaf(place))) for place in places]
        path = multiproof(lookup.node, lookup.leaf_count, places)
        assert multiproof_root(lookup.leaf_count, leaves, path) == index.run_root, places


@given(
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 5) | st.just(2**32 - 1), max_size=600),
    st.lists(st.integers(0, 2**32 - 1), max_size=5),
)
def test_event_ids_are_found_however_they_are_spread(ends: list[int], others: list[int]) -> None:
    ids = [bytes(12) + end.to_bytes(4, "big") for end in ends]
    held = [event(at).entry for at in range(max(len(ids), 1))]

    made = build(0, held, ids or [b""], Values(frozenset(), frozenset()))
    lookup = Lookup(made.data)

    for end in {*ends, *others, 0, 2**32 - 1}:
        expected = [at for at, each in enumerate(ends) if each == end]
        assert sorted(lookup.find(bytes(12) + end.to_bytes(4, "big"))) == expected


def test_keys_that_begin_alike_are_found_across_blocks() -> None:
    """Blocks are found by the first 8 bytes of their first key."""
    keys = [b"\x01" + b"a" * 12 + at.to_bytes(4, "big") for at in range(0, 1_000, 2)]
    held = [event(at, keys=[key]).entry for at, key in enumerate(keys)]

    lookup = Lookup(build(0, held, [b""] * len(held), Values(frozenset(), frozenset())).data)

    run = build_run(0, held)
    for at in range(-1, 1_001):
        key = b"\x01" + b"a" * 12 + max(at, 0).to_bytes(4, "big")
        assert lookup.find_leaf(key) == run.find(key)
        assert list(lookup.positions(key)) == ([max(at, 0) // 2] if key in keys else [])


def test_an_index_of_another_version_is_told_from_a_damaged_one() -> None:
    data = build(0, [event(0).entry], [b""], Values(frozenset(), frozenset())).data

    with pytest.raises(IntegrityError, match="another version") as error:
        Lookup(data.replace(b"vitidx3", b"vitidx2", 1))

    assert "fsck --rebuild" in error.value.hint


def test_a_segment_takes_no_more_entries_than_positions_can_name() -> None:
    with pytest.raises(IntegrityError):
        build(0, [event(0).entry] * 65_537, [b""] * 65_537, Values(frozenset(), frozenset()))


def test_the_table_is_one_that_other_tools_read(shelf: Shelf) -> None:
    table = to_table(shelf.records[:3])

    assert table.schema.field("event_id").type == pa.uuid()
    assert table.column("index").to_pylist() == [0, 1, 2]
    assert msgspec.json.decode(table.column("core")[1].as_py())["actor"] == {"id": "usr_1"}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.glob("segments/**/*")
        if path.is_file()
    }
