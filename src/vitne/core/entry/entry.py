"""The bytes of a leaf: header, lookup keys and tail (transparency-log §3).

`encode` and `decode` are inverse, and strict: whatever decodes encodes to the same bytes again.
An event's entry is built fast by `assemble`; here is its definition.
"""

from struct import Struct as Layout
from typing import Final

from msgspec import Struct

from vitne.core.entry import control, keys
from vitne.core.entry.control import (
    ConfigEntry,
    EraseEntry,
    IndexSecretEntry,
    JsonEntry,
    PruneEntry,
    SegmentEntry,
    SigningKeyEntry,
    StreamEntry,
)
from vitne.core.values import MAX_INT, Hash, canonical, encode_canonical, encode_trusted
from vitne.errors import BadInputError, DecodeError, UnknownEntryTypeError

MAGIC: Final = b"vit1"
HEADER: Final = Layout(">4sBBHHQQ16sQ")
HEADER_BYTES: Final = HEADER.size
MAX_ENTRY_BYTES: Final = 65_535
MAX_KEYS: Final = 1024

EVENT: Final = 1
BATCH: Final = 2
BEAT: Final = 3
VOID: Final = 4
STREAM: Final = 5
KEY: Final = 6
ERASE: Final = 7
SEGMENT: Final = 8
CONFIG: Final = 9
PRUNE: Final = 10

NO_STREAM: Final = bytes(16)
NO_SIGNATURE: Final = bytes(64)

BEAT_ALIVE: Final = 0
BEAT_CLOSED: Final = 1
BEAT_ABANDONED: Final = 2

VOID_SPOOL_FULL: Final = 1
VOID_SPOOL_LOST: Final = 2
VOID_BY_POLICY: Final = 3
VOID_REJECTED: Final = 128
VOID_QUARANTINED: Final = 129
VOID_DROPPED: Final = 130
_SENDER_REASONS = (VOID_SPOOL_FULL, VOID_SPOOL_LOST, VOID_BY_POLICY)
_LOG_REASONS = (VOID_REJECTED, VOID_QUARANTINED, VOID_DROPPED)

FLAGS: Final = 0b1111
_BATCH_TAIL = Layout(">Q32s32s64s")
_BEAT_TAIL = Layout(">B32s64s")
_VOID_TAIL = Layout(">QB32s64s")
_ROOT_BYTES = 32


class EventEntry(Struct, frozen=True):
    """Type 1: one event."""

    recorded_us: int
    occurred_us: int
    stream_id: bytes
    stream_seq: int
    key_epoch: int
    keys: tuple[bytes, ...]
    """Tagged keys of 17 bytes, strictly ascending."""
    body_root: Hash
    flags: int = 0


class BatchEntry(Struct, frozen=True):
    """Type 2: the sender's signature over its events first..last."""

    recorded_us: int
    occurred_us: int
    stream_id: bytes
    first: int
    last: int
    prev: Hash
    root: Hash
    sig: bytes


class BeatEntry(Struct, frozen=True):
    """Type 3: a stream is alive, closed, or (by the log) abandoned."""

    recorded_us: int
    occurred_us: int
    stream_id: bytes
    last: int
    """Last number issued; 0 if none was."""
    state: int
    prev: Hash
    sig: bytes


class VoidEntry(Struct, frozen=True):
    """Type 4: numbers first..last will never come as events, and why."""

    recorded_us: int
    occurred_us: int
    stream_id: bytes
    first: int
    last: int
    reason: int
    digest: Hash
    sig: bytes = NO_SIGNATURE


Entry = EventEntry | BatchEntry | BeatEntry | VoidEntry | JsonEntry
ControlEntry = BatchEntry | BeatEntry | VoidEntry | JsonEntry


# ---------------------------------------------------------------- encode


def encode_entry(entry: Entry) -> bytes:
    """The bytes of an entry.

    Raises:
        BadInputError: a value is not what the entry's type allows; `where` names the member.
    """
    try:
        data = _encode(entry)
        same = decode_entry(data) == entry
    except DecodeError as error:
        raise BadInputError(error.message, where=error.where) from None
    if not same:
        raise BadInputError("the values of an entry do not survive encoding")
    return data


def _encode(entry: Entry) -> bytes:
    match entry:
        case EventEntry():
            head = (entry.recorded_us, entry.occurred_us, entry.stream_id, entry.stream_seq)
            start = _header(EVENT, *head, entry.flags, entry.key_epoch, len(entry.keys))
            return b"".join((start, *entry.keys, entry.body_root))
        case BatchEntry():
            head = (entry.recorded_us, entry.occurred_us, entry.stream_id, entry.last)
            _check_u64(entry.first)
            tail = _BATCH_TAIL.pack(entry.first, entry.prev, entry.root, entry.sig)
            return _header(BATCH, *head) + tail
        case BeatEntry():
            head = (entry.recorded_us, entry.occurred_us, entry.stream_id, entry.last)
            _check_u64(entry.state, 0xFF)
            return _header(BEAT, *head) + _BEAT_TAIL.pack(entry.state, entry.prev, entry.sig)
        case VoidEntry():
            head = (entry.recorded_us, entry.occurred_us, entry.stream_id, entry.last)
            _check_u64(entry.first)
            _check_u64(entry.reason, 0xFF)
            tail = _VOID_TAIL.pack(entry.first, entry.reason, entry.digest, entry.sig)
            return _header(VOID, *head) + tail
        case _:
            return _encode_json(entry)


def _encode_json(entry: JsonEntry) -> bytes:
    stream_id = entry.stream_id if isinstance(entry, StreamEntry) else NO_STREAM
    start = _header(_TYPE_OF[type(entry)], entry.recorded_us, entry.recorded_us, stream_id, 0)
    return start + encode_canonical(control.tail_members(entry))


_TYPE_OF: Final[dict[type, int]] = {
    EventEntry: EVENT,
    BatchEntry: BATCH,
    BeatEntry: BEAT,
    VoidEntry: VOID,
    StreamEntry: STREAM,
    IndexSecretEntry: KEY,
    SigningKeyEntry: KEY,
    EraseEntry: ERASE,
    SegmentEntry: SEGMENT,
    ConfigEntry: CONFIG,
    PruneEntry: PRUNE,
}


def times_of(entry: bytes) -> tuple[int, int]:
    """recorded_us and occurred_us of an entry's header."""
    _, _, _, _, _, recorded_us, occurred_us, _, _ = HEADER.unpack_from(entry)
    return recorded_us, occurred_us


def _check_u64(value: int, most: int = MAX_INT) -> None:
    if not 0 <= value <= most:
        raise DecodeError(f"expected a number of 0 to {most}")


def _header(  # noqa: PLR0913, PLR0917 - the header has these fields
    type_: int,
    recorded_us: int,
    occurred_us: int,
    stream_id: bytes,
    stream_seq: int,
    flags: int = 0,
    key_epoch: int = 0,
    key_count: int = 0,
) -> bytes:
    for value in (recorded_us, occurred_us, stream_seq):
        _check_u64(value)
    for value, most in ((flags, 0xFF), (key_epoch, 0xFFFF), (key_count, MAX_KEYS)):
        _check_u64(value, most)
    return HEADER.pack(
        MAGIC, type_, flags, key_epoch, key_count, recorded_us, occurred_us, stream_id, stream_seq
    )


# ---------------------------------------------------------------- decode


def decode_entry(data: bytes) -> Entry:
    """Read an entry, refusing every byte that its type does not allow (transparency-log §3.5).

    Raises:
        UnknownEntryTypeError: an entry of a later version, undecidable here.
        DecodeError: no entry.
    """
    if not HEADER_BYTES <= len(data) <= MAX_ENTRY_BYTES:
        raise DecodeError(f"an entry has 50 to 65,535 bytes, got {len(data)}")
    magic, type_, flags, epoch, count, recorded_us, occurred_us, stream_id, seq = (
        HEADER.unpack_from(data)
    )
    if magic != MAGIC:
        raise DecodeError("no entry: another magic")
    if not EVENT <= type_ <= PRUNE:
        raise UnknownEntryTypeError(f"undecidable: entry type {type_}")
    if not 0 < recorded_us <= MAX_INT or occurred_us > MAX_INT or seq > MAX_INT:
        raise DecodeError("a number of an entry's header is out of range")
    if type_ <= STREAM and stream_id == NO_STREAM:
        raise DecodeError("an entry of a stream names none")
    if type_ == EVENT:
        found = _decode_keys(data, flags, count)
        root = Hash(data[-_ROOT_BYTES:])
        if not seq:
            raise DecodeError("an event's number starts at 1")
        return EventEntry(recorded_us, occurred_us, stream_id, seq, epoch, found, root, flags)
    if flags or epoch or count:
        raise DecodeError("a control entry with flags, epoch or keys")
    if type_ <= VOID:
        return _decode_stream_tail(type_, recorded_us, occurred_us, stream_id, seq, data)
    return _decode_json(type_, recorded_us, occurred_us, stream_id, seq, data)


def _decode_keys(data: bytes, flags: int, count: int) -> tuple[bytes, ...]:
    end = HEADER_BYTES + keys.TAGGED_BYTES * count
    if flags & ~FLAGS or not 1 <= count <= MAX_KEYS or len(data) != end + _ROOT_BYTES:
        raise DecodeError("an event's entry with reserved flags or of wrong length")
    found = tuple(
        data[at : at + keys.TAGGED_BYTES] for at in range(HEADER_BYTES, end, keys.TAGGED_BYTES)
    )
    kinds = dict.fromkeys(keys.STORED_KINDS, 0)
    before = b""
    for key in found:
        if key <= before or key[0] not in kinds:
            raise DecodeError("lookup keys are unsorted, repeated or of a kind that is not stored")
        kinds[key[0]] += 1
        before = key
    actors, targets = kinds[keys.ACTOR], kinds[keys.TARGET]
    if (
        actors > 1
        or kinds[keys.ACTION] > 1
        or kinds[keys.EVENT_TYPE] != 1
        or kinds[keys.ACTOR_TARGET] != actors * targets
    ):
        raise DecodeError("the number of lookup keys of a kind is not what an event has")
    return found


def _decode_stream_tail(
    type_: int, recorded_us: int, occurred_us: int, stream_id: bytes, seq: int, data: bytes
) -> BatchEntry | BeatEntry | VoidEntry:
    layout = {BATCH: _BATCH_TAIL, BEAT: _BEAT_TAIL, VOID: _VOID_TAIL}[type_]
    if len(data) != HEADER_BYTES + layout.size:
        raise DecodeError(f"an entry of type {type_} has {HEADER_BYTES + layout.size} bytes")
    tail = layout.unpack_from(data, HEADER_BYTES)
    if type_ == BEAT:
        beat = BeatEntry(recorded_us, occurred_us, stream_id, seq, *tail)
        _check_beat(beat)
        return beat
    if not 1 <= tail[0] <= seq:
        raise DecodeError("expected numbers first..last from 1 on")
    if type_ == BATCH:
        first, prev, root, sig = tail
        return BatchEntry(recorded_us, occurred_us, stream_id, first, seq, prev, root, sig)
    first, reason, digest, sig = tail
    void = VoidEntry(recorded_us, occurred_us, stream_id, first, seq, reason, digest, sig)
    _check_void(void)
    return void


def _check_beat(beat: BeatEntry) -> None:
    if beat.state not in (BEAT_ALIVE, BEAT_CLOSED, BEAT_ABANDONED):
        raise DecodeError("a beat of unknown state")
    if beat.state == BEAT_ABANDONED:
        _check_by_log(beat)


def _check_void(void: VoidEntry) -> None:
    if void.reason in _LOG_REASONS:
        _check_by_log(void)
    elif void.reason not in _SENDER_REASONS:
        raise DecodeError("a void of unknown reason")


def _check_by_log(entry: BeatEntry | VoidEntry) -> None:
    if entry.sig != NO_SIGNATURE or entry.occurred_us != entry.recorded_us:
        raise DecodeError("an entry by the log with a signature or a time of its own")


def _decode_json(
    type_: int, recorded_us: int, occurred_us: int, stream_id: bytes, seq: int, data: bytes
) -> JsonEntry:
    if seq or occurred_us != recorded_us or (type_ != STREAM and stream_id != NO_STREAM):
        raise DecodeError("an entry by the log with a number, stream or time that its type has not")
    raw = data[HEADER_BYTES:]
    tail = canonical.decode(raw, max_bytes=MAX_ENTRY_BYTES)
    if not isinstance(tail, dict) or encode_trusted(tail) != raw:
        raise DecodeError("expected a canonical JSON object", where="tail")
    if type_ == STREAM:
        return control.parse_stream(recorded_us, stream_id, tail)
    return control.PARSERS[type_](recorded_us, tail)
