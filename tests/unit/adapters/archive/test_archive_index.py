"""The index beside each segment: what it holds, how it answers, and what it says of damage."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.archive.index.build import build_index
from vitne.adapters.archive.index.lookup import Lookup
from vitne.core.entry import entry as entries
from vitne.core.index.gap import build_run
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof, multiproof_root
from vitne.core.values.types import Hash
from vitne.errors import IntegrityError

NOTHING = (frozenset[str](), frozenset[str]())


def event(index: int, *, keys: Sequence[bytes] = (), recorded_us: int | None = None) -> bytes:
    """The entry of an event under these keys; nothing else about it matters here."""
    found = tuple(sorted({*keys, b"\x05" + bytes(16)}))
    head = entries.HEADER.pack(
        *(entries.MAGIC, entries.EVENT, 0, 1, len(found)),
        *(1_000 + index if recorded_us is None else recorded_us, 500 + index, b"s" * 16, index + 1),
    )
    return head + b"".join(found) + bytes(32)


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
    held = [event(at, keys=some) for at, some in enumerate(keys)]
    held.append(
        entries.encode_entry(entries.BeatEntry(9, 9, b"t" * 16, 3, 0, Hash(bytes(32)), bytes(64)))
    )
    ids = [at.to_bytes(16, "big") for at in range(len(keys))]

    lookup = Lookup(build_index(start, held, [*ids, b""], *NOTHING).data)

    run = build_run(start, held)
    leaves = dict(zip((leaf.key for leaf in run.leaves), run.postings, strict=True))
    for key, postings in leaves.items():
        assert [start + at for at in lookup.positions(key)] == postings
    assert lookup.positions(b"\x02" + b"\xff" * 16) == ()
    assert all(at in lookup.find(event_id) for at, event_id in enumerate(ids))
    assert (lookup.head.start, lookup.head.end) == (start, start + len(held))


@given(
    st.integers(0, 600),
    st.lists(st.integers(0, 3), min_size=1, max_size=700),
    st.integers(-2, 2_200),
)
def test_a_moment_is_found_within_one_bundle(start: int, steps: list[int], asked: int) -> None:
    """Whatever the segment begins with, and however many entries were recorded in one moment."""
    times = list(accumulate(steps))
    held = [event(at, recorded_us=1_000 + time) for at, time in enumerate(times)]
    lookup = Lookup(build_index(start, held, [b""] * len(held), *NOTHING).data)

    low, high = lookup.around(1_000 + asked)

    first = start + bisect_left(times, asked)
    assert start <= low <= first <= high <= start + len(held)
    assert low == high or low // 256 == (high - 1) // 256


def test_a_key_that_many_entries_hold_is_found_with_all_of_them() -> None:
    """Counts of 255 and more stand elsewhere; so do the keys behind them."""
    common, rare = b"\x01" + b"c" * 16, b"\x02" + b"r" * 16
    held = [event(at, keys=[common, *([rare] if at % 300 == 7 else [])]) for at in range(900)]

    lookup = Lookup(build_index(0, held, [b""] * 900, *NOTHING).data)

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
    held = [event(at, keys=[b"\x01" + (at * 77).to_bytes(16, "big")]) for at in range(700)]
    ids = [at.to_bytes(16, "big") for at in range(700)]
    data = build_index(9, held, ids, frozenset({"x"}), frozenset()).data
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
        event(at, keys=[bytes((1,)) + (at * at * 7_919 % 2**61).to_bytes(16, "little")])
        for at in range(9_000)
    ]
    held = [
        entry if at % 3 else event(at, keys=[bytes((6,)) + at.to_bytes(16, "little")])
        for at, entry in enumerate(held)
    ]
    held += [event(at, keys=[b"\x02" + at.to_bytes(16, "big")]) for at in range(9_000)]

    index = build_index(5, held, [b""] * len(held), *NOTHING)
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
    held = [event(at) for at in range(max(len(ids), 1))]

    made = build_index(0, held, ids or [b""], *NOTHING)
    lookup = Lookup(made.data)

    for end in {*ends, *others, 0, 2**32 - 1}:
        expected = [at for at, each in enumerate(ends) if each == end]
        assert sorted(lookup.find(bytes(12) + end.to_bytes(4, "big"))) == expected


def test_keys_that_begin_alike_are_found_across_blocks() -> None:
    """Blocks are found by the first 8 bytes of their first key."""
    keys = [b"\x01" + b"a" * 12 + at.to_bytes(4, "big") for at in range(0, 1_000, 2)]
    held = [event(at, keys=[key]) for at, key in enumerate(keys)]

    lookup = Lookup(build_index(0, held, [b""] * len(held), *NOTHING).data)

    run = build_run(0, held)
    for at in range(-1, 1_001):
        key = b"\x01" + b"a" * 12 + max(at, 0).to_bytes(4, "big")
        assert lookup.find_leaf(key) == run.find(key)
        assert list(lookup.positions(key)) == ([max(at, 0) // 2] if key in keys else [])


def test_an_index_of_another_version_is_told_from_a_damaged_one() -> None:
    data = build_index(0, [event(0)], [b""], *NOTHING).data

    with pytest.raises(IntegrityError, match="another version") as error:
        Lookup(data.replace(b"vitidx4", b"vitidx3", 1))

    assert "fsck --rebuild" in error.value.hint


def test_a_segment_takes_no_more_entries_than_positions_can_name() -> None:
    with pytest.raises(IntegrityError):
        build_index(0, [event(0)] * 65_537, [b""] * 65_537, *NOTHING)


@pytest.mark.parametrize("cut", [1, 8, 64, 400])
def test_an_index_that_lacks_bytes_in_the_middle_is_damaged(cut: int) -> None:
    held = [event(at, keys=[bytes([1]) + bytes([at]) * 16]) for at in range(40)]
    data = build_index(0, held, [b""] * 40, *NOTHING).data
    middle = len(data) // 2

    with pytest.raises(IntegrityError):
        Lookup(data[:middle] + data[middle + cut :])


def test_an_empty_file_is_damage_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "it.idx").write_bytes(b"")

    with pytest.raises(IntegrityError, match="empty"):
        Lookup.open(tmp_path / "it.idx")
