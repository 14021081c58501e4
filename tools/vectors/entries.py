"""Entries, sections, lookup keys and what senders sign (§3)."""

import hmac
from collections.abc import Mapping, Sequence
from struct import pack
from typing import Any

from .basics import b64, h, jcs, leaf, mth, node, text, u

EVENT, BATCH, BEAT, VOID, STREAM, KEY, ERASE, SEGMENT, CONFIG, PRUNE = range(1, 11)
NO_STREAM = bytes(16)
SECTIONS = ("core", "payload", "person")
FLAGS = {"core": 1, "payload": 2, "person": 4}
OVERFLOW = 8


def entry(
    type_: int,
    recorded_us: int,
    occurred_us: int,
    stream_id: bytes = NO_STREAM,
    seq: int = 0,
    *,
    flags: int = 0,
    epoch: int = 0,
    keys: Sequence[bytes] = (),
    tail: bytes = b"",
) -> bytes:
    """An entry's bytes."""
    head = pack(
        ">4sBBHHQQ16sQ", b"vit1", type_, flags, epoch, len(keys), recorded_us, occurred_us,
        stream_id, seq,
    )  # fmt: skip
    return head + b"".join(keys) + tail


def control(type_: int, at_us: int, tail: Mapping[str, Any], stream_id: bytes = NO_STREAM) -> bytes:
    """A control entry with a JSON tail."""
    return entry(type_, at_us, at_us, stream_id, tail=jcs(tail))


def stream_id(origin: str, source: str, name: str) -> bytes:
    """Of a stream."""
    return h(b"vitstrm1" + text(origin) + text(source) + text(name))[:16]


# ---------------------------------------------------------------- sections


def salt(record_key: bytes, part: str) -> bytes:
    """Of a part."""
    return h(b"vitsalt1" + record_key + part.encode())[:16]


def part_leaf(salt_: bytes, part: str, data: bytes) -> bytes:
    """Leaf of a part's canonical JSON."""
    return h(b"\0" + salt_ + text(part) + data)


def commitment(event: bytes, record: bytes | None) -> bytes:
    """Of a section, from the leaves of its parts."""
    return event if record is None else node(event, record)


def body_root(core: bytes, payload: bytes, person: bytes) -> bytes:
    """From three commitments, or sender_root from three event leaves."""
    return node(node(core, payload), person)


# ---------------------------------------------------------------- lookup keys


def secret(key: bytes, kind: int, parts: Sequence[str]) -> bytes:
    """Secret of one value; a pseudo-target's is public, and asked for with its own function."""
    data = b"".join(u(2, len(p.encode())) + p.encode() for p in parts)
    return hmac.digest(key, b"vitsecr1" + u(1, kind) + data, "sha256")


def public_secret(parts: Sequence[str]) -> bytes:
    """Of the pseudo-target (type, "*")."""
    data = b"".join(u(2, len(p.encode())) + p.encode() for p in parts)
    return h(b"vitsecr1\x02" + data)


def index_key(kind: int, *secrets: bytes) -> bytes:
    """16 bytes, without the kind in front."""
    return h(b"vitikey1" + u(1, kind) + b"".join(secrets))[:16]


def secrets_of(key: bytes, kind: int, parts: Sequence[str]) -> list[bytes]:
    """The one or two secrets of a question's value."""
    if kind == 3:
        return [*secrets_of(key, 1, parts[:2]), *secrets_of(key, 2, parts[2:])]
    if kind == 2 and parts[1] == "*":
        return [public_secret(parts)]
    return [secret(key, kind, parts)]


def value_key(key: bytes, kind: int, parts: Sequence[str]) -> bytes:
    """The 16-byte key of a value of kinds 1, 2, 3, 5, 6."""
    return index_key(kind, *secrets_of(key, kind, parts))


def key_commit(key: bytes) -> bytes:
    """An epoch's commitment to K."""
    return h(b"vitne-index-key/v1\n" + key)


# ---------------------------------------------------------------- what senders sign


def sender_view(data: bytes, sender_root: bytes, mode: str) -> bytes:
    """An event's entry as its sender signed it."""
    count = int.from_bytes(data[8:10], "big")
    keys = data[50 : 50 + 17 * count]
    flags = u(1, data[5] & OVERFLOW)
    if mode == "full":
        return data[:5] + flags + data[6:10] + bytes(8) + data[18:50] + keys + sender_root
    return data[:5] + flags + bytes(4) + bytes(8) + data[18:50] + sender_root


def batch_message(
    origin: str, stream: bytes, first: int, last: int, prev: bytes, root: bytes
) -> bytes:
    """What a batch signature covers; the next `prev` is H of it."""
    numbers = u(8, first) + u(8, last)
    return b"vitne-batch/v1\n" + text(origin) + stream + numbers + prev + root


def beat_message(
    origin: str, stream: bytes, last: int, occurred_us: int, state: int, prev: bytes
) -> bytes:
    """What a heartbeat's signature covers."""
    head = b"vitne-beat/v1\n" + text(origin) + stream
    return head + u(8, last) + u(8, occurred_us) + u(1, state) + prev


def void_message(
    origin: str, stream: bytes, first: int, last: int, reason: int, digest: bytes
) -> bytes:
    """What a void's signature covers."""
    head = b"vitne-void/v1\n" + text(origin) + stream
    return head + u(8, first) + u(8, last) + u(1, reason) + digest


def open_message(origin: str, stream: bytes, registration: Mapping[str, Any]) -> bytes:
    """What a registration's signature covers."""
    unsigned = {k: v for k, v in registration.items() if k != "sig"}
    return b"vitne-open/v1\n" + text(origin) + stream + h(jcs(unsigned))


def receipt_text(origin: str, first: int, entries: Sequence[bytes], recorded_us: int) -> str:
    """Text of a receipt (§3.7)."""
    root = b64(mth([leaf(e) for e in entries]))
    return f"vitne-receipt/v1\n{origin}\n{first} {len(entries)}\n{root}\n{recorded_us}\n"
