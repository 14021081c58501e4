"""What a sender signs: its view of an event, and the messages of its signatures (§3.6)."""

from hashlib import sha256
from typing import Literal

from vitne.core.entry.commit import OVERFLOW_FLAG
from vitne.core.entry.control import StreamEntry, tail_members
from vitne.core.entry.entry import (
    EVENT,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    BatchEntry,
    BeatEntry,
    EventEntry,
    VoidEntry,
)
from vitne.core.tree.signature import verify_ed25519
from vitne.core.values import Hash, encode_canonical, length_prefixed

SignedMode = Literal["full", "body"]


def sender_view(entry: EventEntry, sender_root: bytes, mode: SignedMode) -> bytes:
    """The entry as its sender knew it; its leaf hash stands in the sender's batch tree.

    Args:
        entry: as the log has it.
        sender_root: `commit.sender_root` of the record.
        mode: `full`: with epoch and lookup keys; `body`: from a sender without K.
    """
    full = mode == "full"
    header = HEADER.pack(
        MAGIC,
        EVENT,
        entry.flags & 8,
        entry.key_epoch if full else 0,
        len(entry.keys) if full else 0,
        0,
        entry.occurred_us,
        entry.stream_id,
        entry.stream_seq,
    )
    return b"".join((header, *(entry.keys if full else ()), sender_root))


def view_of(entry: bytes, root: bytes, mode: SignedMode) -> bytes:
    """`sender_view` from the bytes of an event's entry, without decoding them.

    Args:
        entry: as the log has it, or as `assemble` makes it; its keys count in mode `full` only.
        root: `commit.sender_root` of the record.
        mode: how the stream is registered.
    """
    head = entry[:5] + bytes((entry[5] & OVERFLOW_FLAG,))
    if mode == "full":
        return b"".join((head, entry[6:10], bytes(8), entry[18:-32], root))
    return b"".join((head, bytes(12), entry[18:HEADER_BYTES], root))


def batch_message(origin: str, entry: BatchEntry) -> bytes:
    """What the signature of a batch entry is over."""
    numbers = _u64(entry.first) + _u64(entry.last)
    return _start("batch", origin, entry.stream_id) + numbers + entry.prev + entry.root


def beat_message(origin: str, entry: BeatEntry) -> bytes:
    """What the signature of a beat entry is over."""
    numbers = _u64(entry.last) + _u64(entry.occurred_us) + bytes((entry.state,))
    return _start("beat", origin, entry.stream_id) + numbers + entry.prev


def void_message(origin: str, entry: VoidEntry) -> bytes:
    """What the signature of a void entry is over."""
    numbers = _u64(entry.first) + _u64(entry.last) + bytes((entry.reason,))
    return _start("void", origin, entry.stream_id) + numbers + entry.digest


def open_message(origin: str, entry: StreamEntry) -> bytes:
    """What the signature of a stream's registration is over."""
    registration = {name: value for name, value in tail_members(entry).items() if name != "sig"}
    return _start("open", origin, entry.stream_id) + sha256(encode_canonical(registration)).digest()


def message_hash(message: bytes) -> Hash:
    """`prev` of the next batch or beat: the hash of the last batch message."""
    return Hash(sha256(message).digest())


def verify_sender(
    origin: str, entry: BatchEntry | BeatEntry | VoidEntry | StreamEntry, public_key: bytes
) -> None:
    """Check a sender's signature on an entry.

    Args:
        origin: of the log that the entry stands in.
        entry: of a stream whose mode is not `none`, and not made by the log.
        public_key: 32 bytes, the source's.

    Raises:
        VerificationError: it does not hold.
        DecodeError: the key is no safe public key.
    """
    message = _message(origin, entry)
    verify_ed25519(public_key, message, entry.sig)


def _message(origin: str, entry: BatchEntry | BeatEntry | VoidEntry | StreamEntry) -> bytes:
    match entry:
        case BatchEntry():
            return batch_message(origin, entry)
        case BeatEntry():
            return beat_message(origin, entry)
        case VoidEntry():
            return void_message(origin, entry)
        case StreamEntry():
            return open_message(origin, entry)


def _start(what: str, origin: str, stream_id: bytes) -> bytes:
    return f"vitne-{what}/v1\n".encode() + length_prefixed(origin) + stream_id


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "big")
