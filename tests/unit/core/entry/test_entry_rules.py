"""What decoding an entry must refuse (transparency-log §3.5), one rule a row."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from vitne.core.entry import entry as entries
from vitne.core.entry.control import (
    ConfigEntry,
    EraseEntry,
    IndexSecretEntry,
    PruneEntry,
    SegmentEntry,
    SigningKeyEntry,
    StreamEntry,
    verify_stream,
)
from vitne.core.entry.entry import BatchEntry, BeatEntry, Entry, EventEntry, VoidEntry
from vitne.core.entry.keys import stream_id
from vitne.core.tree.note import Signer
from vitne.core.values.strict import MAX_INT
from vitne.core.values.types import Hash, LeafIndex
from vitne.errors import BadInputError, DecodeError, UnknownEntryTypeError, VerificationError

ROOT = Hash(b"\x11" * 32)
STREAM = b"\x22" * 16
SIG = b"\x33" * 64
VKEY = Signer("crm/bff", bytes(32)).vkey


def key(kind: int, value: int = 1) -> bytes:
    return bytes((kind,)) + bytes((value,)) * 16


KEYS = (key(1), key(2), key(3), key(5), key(6))
EVENT = EventEntry(1, 1, STREAM, 1, 1, KEYS, ROOT)
HEADER = entries.HEADER_BYTES


def patched(at: int, value: bytes) -> bytes:
    data = entries.encode_entry(EVENT)
    return data[:at] + value + data[at + len(value) :]


def with_keys(*keys: bytes) -> bytes:
    data = bytearray(entries.encode_entry(EVENT))
    data[8:10] = len(keys).to_bytes(2, "big")
    return bytes(data[:HEADER]) + b"".join(keys) + ROOT


BROKEN_EVENTS: dict[str, bytes] = {
    "nothing": b"",
    "49 bytes": entries.encode_entry(EVENT)[:49],
    "another magic": patched(0, b"vit2"),
    "a reserved flag": patched(5, b"\x10"),
    "recorded at 0": patched(10, bytes(8)),
    "recorded beyond 2^53-1": patched(10, (MAX_INT + 1).to_bytes(8, "big")),
    "occurred beyond 2^53-1": patched(18, (MAX_INT + 1).to_bytes(8, "big")),
    "a number beyond 2^53-1": patched(42, (MAX_INT + 1).to_bytes(8, "big")),
    "no stream": patched(26, bytes(16)),
    "number 0": patched(42, bytes(8)),
    "no keys": with_keys(),
    "more keys than it says": with_keys(*KEYS) + key(6, 2),
    "unsorted keys": with_keys(key(2), key(1), key(3), key(5), key(6)),
    "a repeated key": with_keys(key(1), key(2), key(3), key(5), key(5)),
    "a target twice": with_keys(key(2), key(2), key(5)),
    "a key of kind 0": with_keys(key(0), *KEYS),
    "a key of kind 4": with_keys(key(1), key(2), key(3), key(4), key(5)),
    "a key of kind 7": with_keys(key(1), key(2), key(3), key(5), key(7)),
    "a key of kind 8": with_keys(key(5), key(8)),
    "a key of an unknown kind": with_keys(key(5), key(9)),
    "a key of a private kind": with_keys(key(5), key(200)),
    "two actors": with_keys(key(1), key(1, 2), key(5)),
    "two actions": with_keys(key(5), key(6), key(6, 2)),
    "two event types": with_keys(key(5), key(5, 2)),
    "no event type": with_keys(key(1)),
    "a pair too few": with_keys(key(1), key(2), key(5)),
    "a pair too many": with_keys(key(2), key(3), key(5)),
    "1,025 keys": with_keys(
        key(5), *sorted(b"\x02" + number.to_bytes(16, "big") for number in range(1024))
    ),
}


@pytest.mark.parametrize("data", BROKEN_EVENTS.values(), ids=BROKEN_EVENTS.keys())
def test_an_event_that_breaks_a_rule_is_no_entry(data: bytes) -> None:
    with pytest.raises(DecodeError):
        entries.decode_entry(data)


def test_1024_keys_are_an_event() -> None:
    """One type and 1,023 targets without an actor: 82 + 17 * 1,024 bytes."""
    targets = [b"\x02" + number.to_bytes(16, "big") for number in range(1023)]
    data = with_keys(*targets, key(5))

    decoded = entries.decode_entry(data)

    assert len(data) == 82 + 17 * 1024
    assert isinstance(decoded, EventEntry)
    assert len(decoded.keys) == 1024


@pytest.mark.parametrize("kind", [0, 11, 255])
def test_an_entry_of_an_unknown_type_is_undecidable(kind: int) -> None:
    with pytest.raises(UnknownEntryTypeError, match=f"undecidable: entry type {kind}"):
        entries.decode_entry(patched(4, bytes((kind,))))


# ---------------------------------------------------------------- control entries

GOOD: dict[str, Entry] = {
    "batch": BatchEntry(5, 4, STREAM, 1, 9, ROOT, ROOT, SIG),
    "beat": BeatEntry(5, 4, STREAM, 0, 0, ROOT, SIG),
    "abandoned": BeatEntry(5, 5, STREAM, 3, 2, ROOT, bytes(64)),
    "void": VoidEntry(5, 4, STREAM, 2, 2, 1, ROOT, SIG),
    "void by the log": VoidEntry(5, 5, STREAM, 2, 2, 129, ROOT),
    "stream": StreamEntry(5, STREAM, "crm/bff", "pod-1", "none", "sender", 60),
    "stream of the log": StreamEntry(5, STREAM, "crm/bff", "", "none", "server", 0),
    "signed stream": StreamEntry(
        5, STREAM, "crm/bff", "pod-1", "full", "sender", 60, b"k" * 32, SIG, b"p" * 16, 0
    ),
    "index secret": IndexSecretEntry(5, 1, (1, 2, 3, 5, 6), ROOT),
    "key": SigningKeyEntry(5, "source", "crm/bff", VKEY),
    "erase": EraseEntry(5, ((LeafIndex(9), "payload"), (LeafIndex(9), "person")), "gdpr-17", "R-1"),
    "segment": SegmentEntry(5, 0, ROOT),
    "config": ConfigEntry(5, "publish", {"max_delay_s": 60}),
    "config by hash": ConfigEntry(5, "catalog", hash=ROOT),
    "prune": PruneEntry(5, LeafIndex(256), "records", "access-24m"),
}


@pytest.mark.parametrize("entry", GOOD.values(), ids=GOOD.keys())
def test_a_control_entry_comes_back_as_it_was(entry: Entry) -> None:
    assert entries.decode_entry(entries.encode_entry(entry)) == entry


BAD: dict[str, Entry] = {
    "a batch that ends before it starts": BatchEntry(5, 4, STREAM, 9, 1, ROOT, ROOT, SIG),
    "a batch from 0": BatchEntry(5, 4, STREAM, 0, 1, ROOT, ROOT, SIG),
    "a short signature": BatchEntry(5, 4, STREAM, 1, 1, ROOT, ROOT, SIG[:63]),
    "a beat of state 3": BeatEntry(5, 4, STREAM, 0, 3, ROOT, SIG),
    "a beat of state 256": BeatEntry(5, 4, STREAM, 0, 256, ROOT, SIG),
    "an abandoned stream with a signature": BeatEntry(5, 5, STREAM, 3, 2, ROOT, SIG),
    "an abandoned stream at another time": BeatEntry(5, 4, STREAM, 3, 2, ROOT, bytes(64)),
    "a void of reason 4": VoidEntry(5, 4, STREAM, 2, 2, 4, ROOT, SIG),
    "a void of reason 131": VoidEntry(5, 5, STREAM, 2, 2, 131, ROOT),
    "a void by the log with a signature": VoidEntry(5, 5, STREAM, 2, 2, 128, ROOT, SIG),
    "a void from 0": VoidEntry(5, 5, STREAM, 0, 2, 128, ROOT),
    "a void that ends before it starts": VoidEntry(5, 5, STREAM, 3, 2, 128, ROOT),
    "a stream without id": StreamEntry(5, bytes(16), "a/b", "n", "none", "sender", 0),
    "a stream without source": StreamEntry(5, STREAM, "", "n", "none", "sender", 0),
    "a sender's stream without name": StreamEntry(5, STREAM, "a/b", "", "none", "sender", 0),
    "a name of 256 bytes": StreamEntry(5, STREAM, "a/b", "n" * 256, "none", "sender", 0),
    "a signed stream without key": StreamEntry(5, STREAM, "a/b", "n", "full", "sender", 0),
    "an unsigned stream with a key": StreamEntry(
        5, STREAM, "a/b", "n", "none", "sender", 0, b"k" * 32
    ),
    "a stream that follows zeros": StreamEntry(
        5, STREAM, "a/b", "n", "none", "sender", 0, b"", b"", bytes(16), 4
    ),
    "a last number of no stream": StreamEntry(
        5, STREAM, "a/b", "n", "none", "sender", 0, b"", b"", b"", 4
    ),
    "epoch 0": IndexSecretEntry(5, 0, (1,), ROOT),
    "epoch 65,536": IndexSecretEntry(5, 65_536, (1,), ROOT),
    "unsorted kinds": IndexSecretEntry(5, 1, (2, 1), ROOT),
    "no kinds": IndexSecretEntry(5, 1, (), ROOT),
    "a key under another name": SigningKeyEntry(5, "source", "crm/api", VKEY),
    "no vkey": SigningKeyEntry(5, "source", "crm/bff", "crm/bff"),
    "nothing erased": EraseEntry(5, (), "b", "r"),
    "erased twice": EraseEntry(5, ((LeafIndex(1), "core"), (LeafIndex(1), "core")), "b", "r"),
    "no such section": EraseEntry(5, ((LeafIndex(1), "head"),), "b", "r"),  # type: ignore[arg-type]
    "a short leaf": SegmentEntry(5, 0, Hash(bytes(31))),
    "neither value nor hash": ConfigEntry(5, "publish"),
    "value and hash": ConfigEntry(5, "publish", {}, ROOT),
    "a float": ConfigEntry(5, "publish", {"delay": 0.5}),  # type: ignore[dict-item]
    "another prune": PruneEntry(5, LeafIndex(1), "tiles", "r"),  # type: ignore[arg-type]
    "no rule": PruneEntry(5, LeafIndex(1), "records", ""),
    "recorded at 0": SegmentEntry(0, 0, ROOT),
    "recorded before 0": SegmentEntry(-1, 0, ROOT),
    "an event without keys": EventEntry(1, 1, STREAM, 1, 1, (), ROOT),
    "a short body root": EventEntry(1, 1, STREAM, 1, 1, KEYS, Hash(bytes(31))),
    "a short stream id": EventEntry(1, 1, STREAM[:15], 1, 1, KEYS, ROOT),
    "more than 65,535 bytes": ConfigEntry(5, "w", {"v": "x" * 65_535}),
}


@pytest.mark.parametrize("entry", BAD.values(), ids=BAD.keys())
def test_an_entry_that_breaks_a_rule_is_not_encoded(entry: Entry) -> None:
    with pytest.raises(BadInputError):
        entries.encode_entry(entry)


def tail_of(name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    data = entries.encode_entry(GOOD[name])
    tail = json.loads(data[HEADER:])
    change(tail)
    return (
        data[:HEADER]
        + json.dumps(tail, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


BROKEN_TAILS: dict[str, bytes] = {
    "a member too many": tail_of("prune", lambda tail: tail.update(more=1)),
    "a member too few": tail_of("prune", lambda tail: tail.pop("rule")),
    "true for a number": tail_of("segment", lambda tail: tail.update(record=True)),
    "a text for a number": tail_of("segment", lambda tail: tail.update(record="0")),
    "a negative number": tail_of("segment", lambda tail: tail.update(record=-1)),
    "null": tail_of("prune", lambda tail: tail.update(rule=None)),
    "base64 that is not canonical": tail_of(
        "segment", lambda tail: tail.update(leaf=tail["leaf"][:-2] + "F=")
    ),
    "a list for an object": tail_of("config", lambda tail: tail.update(value=[])),
    "kinds that are no list": tail_of("index secret", lambda tail: tail.update(kinds=5)),
    "items that are no pairs": tail_of("erase", lambda tail: tail.update(items=[[1]])),
    "items that are no list": tail_of("erase", lambda tail: tail.update(items="core")),
    "a number for a signature": tail_of("signed stream", lambda tail: tail.update(sig=7)),
    "a mode that is a list": tail_of("stream", lambda tail: tail.update(mode=[])),
    "prev alone": tail_of("signed stream", lambda tail: tail.pop("prev_last")),
    "no JSON": entries.encode_entry(GOOD["prune"])[:HEADER] + b"{",
    "no object": entries.encode_entry(GOOD["prune"])[:HEADER] + b"[]",
    "a space": entries.encode_entry(GOOD["segment"]).replace(b'":', b'": '),
    "a name twice": entries.encode_entry(GOOD["segment"])[:-1] + b',"record":0}',
    "names out of order": entries.encode_entry(GOOD["segment"])[:HEADER]
    + b'{"record":0,"leaf":"ERERERERERERERERERERERERERERERERERERERERERE="}',
}


@pytest.mark.parametrize("data", BROKEN_TAILS.values(), ids=BROKEN_TAILS.keys())
def test_a_tail_that_breaks_a_rule_is_no_entry(data: bytes) -> None:
    with pytest.raises(DecodeError):
        entries.decode_entry(data)


@pytest.mark.parametrize("name", GOOD.keys())
def test_a_control_entry_has_no_flags_epoch_or_keys(name: str) -> None:
    data = entries.encode_entry(GOOD[name])
    for at in (5, 7, 9):
        with pytest.raises(DecodeError):
            entries.decode_entry(data[:at] + b"\x01" + data[at + 1 :])


@pytest.mark.parametrize("name", ["index secret", "key", "erase", "segment", "config", "prune"])
def test_an_entry_about_the_log_has_no_stream_number_or_time_of_its_own(name: str) -> None:
    data = entries.encode_entry(GOOD[name])
    for at in (25, 41, 49):
        with pytest.raises(DecodeError):
            entries.decode_entry(data[:at] + b"\x01" + data[at + 1 :])


def test_a_stream_is_registered_under_the_id_of_its_name() -> None:
    origin = "vitne.local/log/acme"
    right = StreamEntry(
        5, stream_id(origin, "crm/bff", "pod-1"), "crm/bff", "pod-1", "none", "sender", 0
    )

    verify_stream(right, origin)
    with pytest.raises(VerificationError):
        verify_stream(right, "vitne.local/log/other")
