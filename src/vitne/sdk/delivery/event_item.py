"""An event in the queue or the spool: its bytes, and what the sender needs beside them."""

import struct
import zlib
from concurrent.futures import Future
from typing import Literal

from msgspec import Struct
from msgspec.json import Decoder

MAGIC = b"vitspl1\n"
KEYED_MAGIC = b"vitspk1\n"
RECORD_KEY_BYTES = 16
_HEAD = struct.Struct(">IIQ")
HEAD_BYTES = _HEAD.size
MAX_BODY_BYTES = 2 * 1024 * 1024


def encode_frame(ordinal: int, body: bytes) -> bytes:
    """One frame; `body` is at most `MAX_BODY_BYTES`."""
    rest = ordinal.to_bytes(8, "big") + body
    return _HEAD.pack(len(body), zlib.crc32(rest), ordinal) + body


class Frames(Struct, frozen=True):
    """What was read from a piece of a segment."""

    bodies: list[tuple[int, bytes]]
    """(ordinal, body) of every whole frame, in order."""
    next_offset: int
    """Where the frame after these begins, counted from the piece's start."""
    damaged: int
    """Frames that were skipped because their checksum failed."""


def read_frames(piece: bytes, most: int, most_bytes: int) -> Frames:
    """Up to `most` frames and about `most_bytes` of bodies from a piece that starts at a frame.

    At least one frame is returned if one is whole. Stops before a frame that the piece does not
    hold to its end; the caller knows if more can follow or if the tail is cut.
    """
    bodies: list[tuple[int, bytes]] = []
    at = taken = damaged = 0
    while at + HEAD_BYTES <= len(piece) and len(bodies) < most:
        length, crc, ordinal = _HEAD.unpack_from(piece, at)
        end = at + HEAD_BYTES + length
        if length > MAX_BODY_BYTES or end > len(piece) or (bodies and taken + length > most_bytes):
            break
        if zlib.crc32(piece[at + 8 : end]) == crc:
            bodies.append((ordinal, piece[at + HEAD_BYTES : end]))
            taken += length
        else:
            damaged += 1
        at = end
    return Frames(bodies, at, damaged)


KeptState = Literal["queued", "logged", "spooled", "folded", "lost", "refused"]
"""Where an event is: waiting in memory; in the log with a receipt; on disk; counted as a repeat
of an earlier view; lost, because queue and spool were full (counted and reported); or refused
before it got a number, since it breaks the schema and so cannot be signed."""


class Recorded(Struct, frozen=True):
    """What `record` returns at once."""

    id: str
    """The event's id; of a folded view, that of the event it repeats."""
    action_id: str
    kept: KeptState


class EventItem(Struct):
    """One encoded event; its bytes never change once an attempt to send it was made."""

    ordinal: int
    """1, 2, 3, … over all streams of a run; 0 for an event of an earlier run."""
    event_id: str
    tenant: str
    body: bytes
    waiter: "Future[KeptState] | None" = None
    """Resolved once the event is durable: by a receipt, or by a committed spool."""
    due_at: float = 0.0
    """Monotonic time at which a waiting event is spooled instead."""
    seq: int = 0
    """Its number in its stream."""
    stream: str = ""
    """Name of that stream."""
    record_key: bytes = b""
    """16 random bytes, if its stream is signed."""


class _Tenant(Struct, frozen=True):
    id: str = ""


class _Stream(Struct, frozen=True):
    id: str = ""
    seq: int = 0


class _Head(Struct, frozen=True):
    id: str = ""
    tenant: _Tenant = _Tenant()
    stream: _Stream = _Stream()


_heads = Decoder(_Head)

SPOOLED = b',"spooled":true}}'


def mark_spooled(body: bytes) -> bytes:
    """The event with `stream.spooled`, for one that no attempt was made to send.

    `stream` is the last member of every event that the SDK encodes, so the mark goes before the
    two closing braces.
    """
    return body if body.endswith(SPOOLED) else body[:-2] + SPOOLED


def read_spooled_item(ordinal: int, body: bytes, *, keyed: bool = False) -> EventItem:
    """The item of a spooled event; `keyed` if its record key stands before it.

    Raises:
        msgspec.DecodeError: the bytes are no JSON object.
    """
    record_key = b""
    if keyed:
        record_key, body = body[:RECORD_KEY_BYTES], body[RECORD_KEY_BYTES:]
        record_key = record_key if any(record_key) else b""
    head = _heads.decode(body)
    return EventItem(
        ordinal,
        head.id,
        head.tenant.id,
        body,
        seq=head.stream.seq,
        stream=head.stream.id,
        record_key=record_key,
    )
