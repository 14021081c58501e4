"""The entries that the log writes about itself while appending: keys, streams, voids."""

from typing import Final, Literal

from msgspec.structs import replace

from vitne.core.entry import keys as lookup_keys
from vitne.core.entry.control import IndexSecretEntry, SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import BatchEntry, BeatEntry, ControlEntry, VoidEntry, encode_entry
from vitne.core.values import Hash, LogId
from vitne.services.log import FIRST_EPOCH, Logs

_NO_TIME: Final = 1
"""Stands for a time that the writer gives; no entry is from 1970."""
_RECORDED, _OCCURRED = slice(10, 18), slice(18, 26)


def untimed(entry: ControlEntry) -> bytes:
    """An entry on its way to the writer, who gives it its time.

    Args:
        entry: its `recorded_us` is not looked at; an `occurred_us` of 0 becomes the writer's time.
    """
    if isinstance(entry, BatchEntry | BeatEntry | VoidEntry):
        occurred_us = entry.occurred_us or _NO_TIME
        return encode_entry(replace(entry, recorded_us=_NO_TIME, occurred_us=occurred_us))
    return encode_entry(replace(entry, recorded_us=_NO_TIME))


def timed(entry: bytes, recorded_us: int) -> bytes:
    """The entry with its time."""
    stamp, no_time = recorded_us.to_bytes(8, "big"), _NO_TIME.to_bytes(8, "big")
    occurred = stamp if entry[_OCCURRED] == no_time else entry[_OCCURRED]
    return entry[: _RECORDED.start] + stamp + occurred + entry[_OCCURRED.stop :]


def untimed_bytes(entry: bytes) -> bytes:
    """An entry without its time and, where the log gives it, that of its claim: to compare two."""
    return entry[: _RECORDED.start] + entry[_OCCURRED.stop :]


def key_entries(logs: Logs, log: LogId, recorded_us: int) -> list[bytes]:
    """The first entries of a log: what it signs with, and the commitment to its index secret."""
    commit, origin = lookup_keys.commit(logs.index_secret(log)), logs.origin(log)
    log_key, receipt_key = logs.log_signer(origin), logs.receipt_signer(origin)
    index_signer = logs.index_signer(origin)
    return [
        encode_entry(SigningKeyEntry(recorded_us, "log", log_key.name, log_key.vkey)),
        encode_entry(SigningKeyEntry(recorded_us, "receipt", receipt_key.name, receipt_key.vkey)),
        encode_entry(
            SigningKeyEntry(recorded_us, "index-log", index_signer.name, index_signer.vkey)
        ),
        encode_entry(IndexSecretEntry(recorded_us, FIRST_EPOCH, lookup_keys.STORED_KINDS, commit)),
    ]


def stream_entry(
    recorded_us: int, stream_id: bytes, source: str, name: str, *, by_sender: bool
) -> bytes:
    """A stream of an unsigned sender opens; it promises no heartbeats."""
    numbers: Literal["sender", "server"] = "sender" if by_sender else "server"
    return encode_entry(
        StreamEntry(recorded_us, stream_id, source, name, "none", numbers, beat_s=0)
    )


def void_entry(
    recorded_us: int, stream_id: bytes, number: int, reason: int, digest: bytes
) -> bytes:
    """One number of a stream is accounted for by the log, with the digest of what came under it."""
    return encode_entry(
        VoidEntry(recorded_us, recorded_us, stream_id, number, number, reason, Hash(digest))
    )
