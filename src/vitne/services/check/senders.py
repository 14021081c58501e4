"""Checking what senders signed: registrations, batches, beats and voids, and the key of each.

The root of a batch is computed again from the stored records, so a part that was changed shows
here even if the entry was changed along with it.
"""

from collections.abc import Iterator

from vitne.core.entry.commit import sender_root
from vitne.core.entry.control import SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import (
    BEAT_ABANDONED,
    NO_SIGNATURE,
    BatchEntry,
    BeatEntry,
    ControlEntry,
    VoidEntry,
)
from vitne.core.entry.keyring import leaves_of
from vitne.core.entry.sender import SignedMode, batch_message, message_hash, verify_sender, view_of
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import parse_vkey
from vitne.core.values import Hash, Record
from vitne.errors import DecodeError, VerificationError

_STREAM = slice(26, 42)


class _Signed:
    """A stream whose sender signs."""

    def __init__(self, entry: StreamEntry) -> None:
        self.entry = entry
        self.chain = bytes(32)
        self.views: list[Hash] = []
        """Leaf hashes of the sender's views since the last batch."""


class SenderCheck:
    """Reads the records of one log in index order."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._streams: dict[bytes, _Signed] = {}
        self._keys: set[tuple[str, bytes]] = set()

    def event(self, record: Record) -> Iterator[str]:
        """Note an event of a signed stream."""
        stream = self._streams.get(record.entry[_STREAM])
        if stream is None:
            return
        try:
            signed = sender_root(leaves_of(record))
        except DecodeError:
            yield "what its sender signed cannot be computed again"
            signed = Hash(bytes(32))
        mode: SignedMode = "full" if stream.entry.mode == "full" else "body"
        stream.views.append(leaf_hash(view_of(record.entry, signed, mode)))

    def control(self, entry: ControlEntry) -> Iterator[str]:
        """Every fault of a control entry that a sender signed."""
        match entry:
            case SigningKeyEntry(role="source"):
                key = entry.name, parse_vkey(entry.vkey).public_key
                (self._keys.add if entry.state == "add" else self._keys.discard)(key)
            case StreamEntry() if entry.mode != "none":
                if (entry.source, entry.key) not in self._keys:
                    yield "the stream is signed with a key that the log does not name"
                yield from self._verify(entry, entry.key)
                self._streams[entry.stream_id] = _Signed(entry)
            case BatchEntry():
                yield from self._batch(entry)
            case BeatEntry():
                yield from self._beat(entry)
            case VoidEntry() if entry.sig != NO_SIGNATURE:
                stream = self._streams.get(entry.stream_id)
                yield from self._verify(entry, stream.entry.key if stream else b"")
            case _:
                pass

    def _batch(self, entry: BatchEntry) -> Iterator[str]:
        stream = self._streams.get(entry.stream_id)
        if stream is None:
            yield "a batch of a stream that is not signed"
            return
        yield from self._verify(entry, stream.entry.key)
        if entry.prev != stream.chain:
            yield "the batch does not follow on the one before"
        if (
            len(stream.views) != entry.last - entry.first + 1
            or merkle_root(stream.views) != entry.root
        ):
            yield "the events before the batch are not those that were signed"
        stream.chain = message_hash(batch_message(self._origin, entry))
        stream.views = []

    def _beat(self, entry: BeatEntry) -> Iterator[str]:
        stream = self._streams.get(entry.stream_id)
        if stream is None:
            yield "a heartbeat of a stream that is not signed"
            return
        if entry.state != BEAT_ABANDONED:
            yield from self._verify(entry, stream.entry.key)
        if entry.prev != stream.chain:
            yield "the heartbeat names another batch than the newest"

    def _verify(
        self, entry: StreamEntry | BatchEntry | BeatEntry | VoidEntry, key: bytes
    ) -> Iterator[str]:
        try:
            verify_sender(self._origin, entry, key)
        except (VerificationError, DecodeError):
            yield "the sender's signature does not hold"

    def unsigned(self) -> Iterator[str]:
        """Signed streams that end with events that no batch covers."""
        for stream in self._streams.values():
            if stream.views:
                yield f"stream {stream.entry.name} ends with events that no batch covers"
