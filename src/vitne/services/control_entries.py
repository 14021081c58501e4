"""The entries that the log writes about itself while appending: keys, streams, voids."""

from typing import Literal

from vitne.core import keys as index_keys
from vitne.core.control import IndexKeyEntry, SigningKeyEntry, StreamEntry
from vitne.core.entry import VoidEntry, encode
from vitne.core.types import Hash, LogId, Origin
from vitne.services.logkeys import FIRST_EPOCH, LogKeys


def key_entries(keys: LogKeys, log: LogId, origin: Origin, recorded_us: int) -> list[bytes]:
    """The first entries of a log: what it signs with, and the commitment to its index key."""
    commit = index_keys.commit(keys.index_key(log))
    log_key, receipt_key = keys.log_signer(origin), keys.receipt_signer(origin)
    return [
        encode(SigningKeyEntry(recorded_us, "log", log_key.name, log_key.vkey)),
        encode(SigningKeyEntry(recorded_us, "receipt", receipt_key.name, receipt_key.vkey)),
        encode(IndexKeyEntry(recorded_us, FIRST_EPOCH, index_keys.STORED_KINDS, commit)),
    ]


def stream_entry(
    recorded_us: int, stream_id: bytes, source: str, name: str, *, by_sender: bool
) -> bytes:
    """A stream of an unsigned sender opens; it promises no heartbeats."""
    numbers: Literal["sender", "server"] = "sender" if by_sender else "server"
    return encode(StreamEntry(recorded_us, stream_id, source, name, "none", numbers, beat_s=0))


def void_entry(
    recorded_us: int, stream_id: bytes, number: int, reason: int, digest: bytes
) -> bytes:
    """One number of a stream is accounted for by the log, with the digest of what came under it."""
    return encode(
        VoidEntry(recorded_us, recorded_us, stream_id, number, number, reason, Hash(digest))
    )
