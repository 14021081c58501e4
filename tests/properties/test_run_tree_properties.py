"""The fast index of a segment against the definition of gap leaves, over random entries."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vitne.adapters.archive.index.build import build_index, run_of
from vitne.adapters.archive.index.lookup import Lookup
from vitne.core.entry.control import ConfigEntry, SegmentEntry
from vitne.core.entry.entry import BeatEntry, EventEntry, VoidEntry, encode_entry
from vitne.core.index.gap import build_run, keys_of
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof, multiproof_root
from vitne.core.values.types import Hash

# Few values, so that keys are held by several entries, and alike in their first bytes.
ids = st.sampled_from([bytes((n,)) * 16 for n in range(1, 6)] + [b"\x01" * 15 + b"\x02"])
kinds = st.sampled_from([1, 2, 3, 6])


@st.composite
def events(draw: st.DrawFn) -> bytes:
    found = {bytes((kind,)) + draw(ids) for kind in draw(st.sets(st.sampled_from([1, 2, 3, 6])))}
    actors, targets = (sum(key[0] == kind for key in found) for kind in (1, 2))
    if actors > 1 or sum(key[0] == 3 for key in found) != actors * targets:
        found = {key for key in found if key[0] in (2, 6)}
    keys = tuple(sorted(found | {b"\x05" + draw(ids)}))
    return encode_entry(
        EventEntry(5, 4, draw(ids), draw(st.integers(1, 9)), 1, keys, Hash(draw(ids) * 2))
    )


def _beat(stream: bytes, last: int) -> bytes:
    return encode_entry(BeatEntry(5, 4, stream, last, 0, Hash(bytes(32)), bytes(64)))


def _void(stream: bytes, number: int) -> bytes:
    return encode_entry(VoidEntry(5, 5, stream, number, number, 128, Hash(bytes(32))))


controls = st.one_of(
    st.builds(_beat, ids, st.integers(0, 9)),
    st.builds(_void, ids, st.integers(1, 9)),
    st.just(encode_entry(ConfigEntry(5, "publish", {"max_delay_s": 1}))),
    st.builds(lambda n: encode_entry(SegmentEntry(5, n, Hash(bytes(32)))), st.integers(0, 3)),
)
logs = st.lists(st.one_of(events(), events(), controls), min_size=1, max_size=120)
any_key = st.builds(lambda kind, value: bytes((kind,)) + value, st.integers(1, 8), ids)


@settings(max_examples=60)
@given(logs, st.integers(0, 1 << 40), st.lists(any_key, min_size=1, max_size=5))
def test_the_index_is_that_of_the_definition(
    entries: list[bytes], start: int, asked: list[bytes]
) -> None:
    """Root, every leaf, every posting, and a proof for whatever is asked."""
    run = build_run(start, entries)
    ids_of = [bytes(16) for _ in entries]

    index = build_index(start, entries, ids_of, frozenset(), frozenset())
    lookup = Lookup(index.data)

    assert (index.gap_count, index.run_root) == (len(run.leaves), run.root())
    assert run_of(start, entries) == (index.gap_count, index.run_root)
    assert lookup.leaves(0, lookup.leaf_count) == [leaf.encode() for leaf in run.leaves]
    for leaf, postings in zip(run.leaves, run.postings, strict=True):
        assert [start + at for at in lookup.positions(leaf.key)] == postings
    places = sorted({lookup.find_leaf(key) for key in asked})
    assert places == sorted({run.find(key) for key in asked})
    path = multiproof(lookup.node, lookup.leaf_count, places)
    leaves = [(place, leaf_hash(lookup.leaf(place))) for place in places]
    assert multiproof_root(lookup.leaf_count, leaves, path) == run.root()


@given(logs)
def test_a_lookup_finds_exactly_the_entries_that_hold_a_key(entries: list[bytes]) -> None:
    index = build_index(7, entries, [b""] * len(entries), frozenset(), frozenset())
    lookup = Lookup(index.data)

    for key in {key for entry in entries for key in keys_of(entry)}:
        held = [at for at, entry in enumerate(entries) if key in keys_of(entry)]
        assert list(lookup.positions(key)) == held
