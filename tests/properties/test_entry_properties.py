"""Entries of every type, and what strict decoding owes whoever gets bytes from a stranger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry import entry as entries
from vitne.core.entry.control import (
    ConfigEntry,
    EraseEntry,
    IndexSecretEntry,
    PruneEntry,
    SegmentEntry,
    SigningKeyEntry,
    StreamEntry,
)
from vitne.core.entry.entry import BatchEntry, BeatEntry, Entry, EventEntry, VoidEntry
from vitne.core.tree.note import Signer
from vitne.core.values.strict import MAX_INT
from vitne.core.values.types import SECTIONS
from vitne.errors import DecodeError

U53 = st.integers(0, MAX_INT)
POSITIVE = st.integers(1, MAX_INT)
HASH = st.binary(min_size=32, max_size=32)
SIG = st.binary(min_size=64, max_size=64)
KEY = st.binary(min_size=16, max_size=16)
STREAM_ID = KEY.filter(any)
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
VKEY = Signer("app/svc", bytes(range(32))).vkey


@st.composite
def key_lists(draw: st.DrawFn) -> tuple[bytes, ...]:
    """As many keys of each kind as an event has."""
    actors, actions = draw(st.integers(0, 1)), draw(st.integers(0, 1))
    targets = draw(st.integers(0, 5))
    counts = {1: actors, 2: targets, 3: actors * targets, 5: 1, 6: actions}
    found: set[bytes] = set()
    for kind, count in counts.items():
        keys = draw(st.sets(KEY, min_size=count, max_size=count))
        found |= {bytes((kind,)) + key for key in keys}
    return tuple(sorted(found))


def ranges() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(POSITIVE, POSITIVE).map(lambda pair: (min(pair), max(pair)))


EVENTS = st.builds(
    EventEntry, POSITIVE, U53, STREAM_ID, POSITIVE, st.integers(0, 0xFFFF), key_lists(), HASH,
    st.integers(0, 15),
)  # fmt: skip
BATCHES = st.builds(
    lambda at, when, stream, span, prev, root, sig: BatchEntry(
        at, when, stream, span[0], span[1], prev, root, sig
    ),
    POSITIVE, U53, STREAM_ID, ranges(), HASH, HASH, SIG,
)  # fmt: skip
BEATS = st.one_of(
    st.builds(BeatEntry, POSITIVE, U53, STREAM_ID, U53, st.integers(0, 1), HASH, SIG),
    st.builds(
        lambda at, stream, last, prev: BeatEntry(at, at, stream, last, 2, prev, bytes(64)),
        POSITIVE, STREAM_ID, U53, HASH,
    ),
)  # fmt: skip
VOIDS = st.one_of(
    st.builds(
        lambda at, when, stream, span, reason, digest, sig: VoidEntry(
            at, when, stream, span[0], span[1], reason, digest, sig
        ),
        POSITIVE, U53, STREAM_ID, ranges(), st.integers(1, 3), HASH, SIG,
    ),
    st.builds(
        lambda at, stream, span, reason, digest: VoidEntry(
            at, at, stream, span[0], span[1], reason, digest
        ),
        POSITIVE, STREAM_ID, ranges(), st.integers(128, 130), HASH,
    ),
)  # fmt: skip
STREAMS = st.one_of(
    st.builds(
        StreamEntry, POSITIVE, STREAM_ID, NAMES, NAMES, st.just("none"),
        st.sampled_from(["sender", "server"]), U53,
    ),
    st.builds(
        StreamEntry, POSITIVE, STREAM_ID, NAMES, st.just(""), st.just("none"), st.just("server"),
        st.just(0),
    ),
    st.builds(
        StreamEntry, POSITIVE, STREAM_ID, NAMES, NAMES, st.sampled_from(["full", "body"]),
        st.just("sender"), U53, HASH, SIG, STREAM_ID, U53,
    ),
)  # fmt: skip
INDEX_KEYS = st.builds(
    IndexSecretEntry,
    POSITIVE,
    st.integers(1, 0xFFFF),
    st.sets(st.integers(1, 254), min_size=1).map(lambda kinds: tuple(sorted(kinds))),
    HASH,
)
SIGNING_KEYS = st.builds(
    SigningKeyEntry, POSITIVE,
    st.sampled_from(["log", "index-log", "receipt", "source", "witness", "auditor"]),
    st.just("app/svc"), st.just(VKEY), st.sampled_from(["add", "retire"]),
)  # fmt: skip
ERASES = st.builds(
    EraseEntry,
    POSITIVE,
    st.sets(st.tuples(U53, st.sampled_from(SECTIONS)), min_size=1, max_size=5).map(
        lambda items: tuple(sorted(items))
    ),
    NAMES,
    NAMES,
)
CONFIGS = st.one_of(
    st.builds(ConfigEntry, POSITIVE, NAMES, st.dictionaries(NAMES, U53, max_size=3)),
    st.builds(ConfigEntry, POSITIVE, NAMES, st.none(), HASH),
)
PRUNES = st.builds(PruneEntry, POSITIVE, U53, st.sampled_from(["records", "entries"]), NAMES)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    EVENTS, BATCHES, BEATS, VOIDS, STREAMS, INDEX_KEYS, SIGNING_KEYS, ERASES,
    st.builds(SegmentEntry, POSITIVE, U53, HASH), CONFIGS, PRUNES,
)  # fmt: skip


@given(ENTRIES)
def test_an_entry_of_any_type_decodes_to_what_was_encoded(entry: Entry) -> None:
    data = entries.encode_entry(entry)

    assert entries.decode_entry(data) == entry


@given(ENTRIES, st.data())
def test_a_changed_entry_is_refused_or_says_exactly_what_its_bytes_say(
    entry: Entry, data: st.DataObject
) -> None:
    changed = bytearray(entries.encode_entry(entry))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] ^= data.draw(st.integers(1, 255))

    try:
        decoded = entries.decode_entry(bytes(changed))
    except DecodeError:
        return
    assert entries.encode_entry(decoded) == bytes(changed)


@given(ENTRIES, st.binary(max_size=3), st.integers(0, 60))
def test_an_entry_with_bytes_too_many_or_too_few_is_refused(
    entry: Entry, more: bytes, fewer: int
) -> None:
    data = entries.encode_entry(entry)

    for changed in {data + more, data[: len(data) - fewer], more + data} - {data}:
        with pytest.raises(DecodeError):
            entries.decode_entry(changed)


@given(
    st.binary(max_size=300),
    st.sampled_from(range(1, 12)),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"{}", b"[]", b"null", b'{"role":"index"}', b'{"role":[]}', b'{"what":1}']
        ),
    ),
)
def test_bytes_of_a_stranger_raise_nothing_but_decode_errors(
    junk: bytes, kind: int, tail: bytes
) -> None:
    header = entries.HEADER.pack(b"vit1", kind, 0, 0, 0, 1, 1, bytes(15) + b"\x01", 0)
    zeros = entries.HEADER.pack(b"vit1", kind, 0, 0, 0, 1, 1, bytes(16), 0)

    for data in (junk, b"vit1" + junk, header + tail, zeros + tail, header + junk):
        try:
            decoded = entries.decode_entry(data)
        except DecodeError:
            continue
        assert entries.encode_entry(decoded) == data
