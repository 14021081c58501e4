"""Building the index of a segment (its form is told in `lookup`), column-wise for speed.

`vitne.core.gap.build_run` is the plain form of the same sorting; a test holds one to the other.
"""

import zlib
from array import array
from collections.abc import Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from vitne.adapters.archive.lookup import (
    BLOCK_KEYS,
    FRAGMENT_BYTES,
    MAGIC,
    MANY,
    PREFIX,
    Head,
    need_little_endian,
)
from vitne.core.entry import EVENT, HEADER_BYTES
from vitne.core.gap import MAX_SEGMENT_ENTRIES, keys_of
from vitne.core.keys import TAGGED_BYTES
from vitne.errors import IntegrityError

_MOST_VALUES: Final = 256
_STREAM_TAG: Final = b"\x04"


class Values(Struct, frozen=True):
    """The plain values that the keys of a segment were made from."""

    issuers: frozenset[str]
    """Of the actors; `""`: none named."""
    target_types: frozenset[str]


def build(start: int, entries: Sequence[bytes], ids: Sequence[bytes], values: Values) -> bytes:
    """The index of a segment.

    Args:
        start: log index of the first entry.
        entries: 1 to 65,536, consecutive.
        ids: beside them, the event ids; empty for control entries.
        values: issuers and target types of the events.
    """
    need_little_endian()
    if not 0 < len(entries) <= MAX_SEGMENT_ENTRIES:
        raise IntegrityError(f"a segment has 1 to {MAX_SEGMENT_ENTRIES} entries")
    held, positions = _keys(entries)
    order = pc.array_sort_indices(held)  # stable: positions of equal keys go on ascending
    distinct = held.take(order).value_counts()
    keys = distinct.field("values").cast(pa.binary())
    counts: list[int] = distinct.field("counts").to_pylist()
    ends = pc.cumulative_sum(distinct.field("counts")).to_pylist()
    known = sorted(
        int.from_bytes(event_id[12:], "big") << 16 | at
        for at, event_id in enumerate(ids)
        if event_id
    )
    sections = {
        "keys": _fragments(keys),
        "counts": bytes([min(MANY, count) for count in counts]),
        "blocks": array("I", [0, *ends[BLOCK_KEYS - 1 :: BLOCK_KEYS]]).tobytes(),
        "postings": array("H", positions.take(order).to_pylist()).tobytes(),
        "ids": array("I", [each >> 16 for each in known]).tobytes(),
        "id_positions": array("H", [each & 0xFFFF for each in known]).tobytes(),
    }
    epochs = {entry[6:8] for entry in entries if entry[4] == EVENT}
    head = Head(
        start=start,
        end=start + len(entries),
        epochs=tuple(sorted(int.from_bytes(epoch, "big") for epoch in epochs)),
        issuers=_few(values.issuers),
        target_types=_few(values.target_types),
        kinds=_kinds(keys),
        many={str(at): count for at, count in enumerate(counts) if count >= MANY},
        sections={},
    )
    return _file(sections, head)


def _keys(entries: Sequence[bytes]) -> tuple[pa.Array, pa.Array]:
    """Every key of every entry, entry by entry, and beside it the position of its entry."""
    blobs: list[bytes] = []
    positions: list[int] = []
    for position, entry in enumerate(entries):
        if entry[4] == EVENT:
            count = entry[8] << 8 | entry[9]
            end = HEADER_BYTES + TAGGED_BYTES * count
            blobs.append(b"".join((entry[HEADER_BYTES:end], _STREAM_TAG, entry[26:42])))
            positions += [position] * (count + 1)
        else:
            keys = keys_of(entry)
            blobs += keys
            positions += [position] * len(keys)
    blob = pa.py_buffer(b"".join(blobs))
    keys_array = pa.Array.from_buffers(pa.binary(TAGGED_BYTES), len(positions), [None, blob])
    return keys_array, pa.array(positions, pa.uint16())


def _fragments(keys: pa.Array) -> bytes:
    """The first bytes of each key behind its kind, as little-endian numbers."""
    cut = pc.binary_slice(keys, 1, 1 + FRAGMENT_BYTES)
    numbers = array("I", b"".join(cut.to_pylist()))
    numbers.byteswap()
    return numbers.tobytes()


def _kinds(keys: pa.Array) -> dict[str, tuple[int, int]]:
    """Kind → range of its keys, which ascend."""
    found: dict[str, tuple[int, int]] = {}
    start = 0
    for each in pc.binary_slice(keys, 0, 1).value_counts().to_pylist():
        found[str(each["values"][0])] = (start, start + each["counts"])
        start += each["counts"]
    return found


def _few(values: frozenset[str]) -> tuple[str, ...] | None:
    return tuple(sorted(values)) if len(values) <= _MOST_VALUES else None


def _file(sections: dict[str, bytes], head: Head) -> bytes:
    body = bytearray()
    places = {}
    for name, data in sections.items():
        places[name] = (len(body), len(data))
        body += data + bytes(-len(data) % 8)
    text = msgspec.json.encode(msgspec.structs.replace(head, sections=places))
    rest = text + b" " * (-len(text) % 8) + bytes(body)
    length = len(rest) - len(body)
    return PREFIX.pack(MAGIC, length, zlib.crc32(rest)) + rest
