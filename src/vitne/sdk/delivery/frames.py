r"""The bytes of a spool segment: a magic, then frames with checksums.

    segment = "vitspl1\n" frame*, or "vitspk1\n" frame* where senders sign
    frame   = u32 length || u32 CRC-32 of the rest || u64 ordinal || body[length]
    body    = the event; in segments of senders that sign, its 16-byte record key before it

A process can be killed in the middle of a write, so the last frame may be cut: it is counted,
never sent. A frame that is whole but damaged is skipped and counted, and reading goes on.
"""

import struct
import zlib

from msgspec import Struct

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
