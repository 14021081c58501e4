"""Entries that many answers refer to: the keys that a log announced, and its streams.

They are few and never change, so each log's are remembered. Of sealed entries the index says where
they stand; of the others the entries themselves are looked at, once.
"""

import threading
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from vitne.core.entry import keys
from vitne.core.entry.control import IndexSecretEntry, PruneEntry, SigningKeyEntry, StreamEntry
from vitne.core.entry.entry import HEADER, KEY, PRUNE, STREAM, decode_entry
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import LogId, decode_base64
from vitne.ports import Ports

_TYPES: Final = (STREAM, KEY, PRUNE)
_TAGGED: Final = tuple(bytes((keys.ENTRY_TYPE, type_)) + bytes(15) for type_ in _TYPES)
_AT_ONCE: Final = 16_384


class RegisteredStream(Struct, frozen=True):
    """Where a stream was opened, and by whom."""

    index: int
    source: str
    name: str
    beat_s: int
    signed: bool
    numbers: str


class KeyEntries(Struct):
    """Those of one log, below `upto`."""

    upto: int = 0
    epochs: dict[int, list[int]] = field(default_factory=dict)
    """Epoch → its key entries."""
    receipt: list[int] = field(default_factory=list)
    """Key entries of the receipt key."""
    sources: dict[tuple[str, bytes], int] = field(default_factory=dict)
    """(source, public key) → the key entry that adds it."""
    streams: dict[bytes, RegisteredStream] = field(default_factory=dict)
    prunes: list[int] = field(default_factory=list)

    def read(self, index: int, data: bytes) -> None:
        """Take one entry in, if it is one of these."""
        if data[4] not in _TYPES:
            return
        entry = decode_entry(data)
        match entry:
            case IndexSecretEntry():
                self.epochs.setdefault(entry.epoch, []).append(index)
            case SigningKeyEntry(role="receipt", state="add"):
                self.receipt.append(index)
            case SigningKeyEntry(role="source", state="add"):
                key = decode_base64(entry.vkey.rpartition("+")[2])[1:]
                self.sources.setdefault((entry.name, key), index)
            case PruneEntry():
                self.prunes.append(index)
            case StreamEntry():
                self.streams[entry.stream_id] = RegisteredStream(
                    index,
                    entry.source,
                    entry.name,
                    entry.beat_s,
                    entry.mode != "none",
                    entry.numbers,
                )
            case _:
                pass


class KeyEntryFinder:
    """Finds them. Any thread may ask."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._known: dict[LogId, KeyEntries] = {}
        # It is held while entries are read: two answers would read the same ones.
        self._lock = threading.Lock()  # guards: _known

    def of(self, log: LogId, tiles: TileReader) -> KeyEntries:
        """All that stand below the size of `tiles`, which are those of the log.

        What is returned grows when others ask; nothing in it ever changes.
        """
        with self._lock:
            known = self._known.setdefault(log, KeyEntries())
            if known.upto < tiles.size:
                for segment in self._ports.segments.segments(log):
                    if known.upto < segment.end <= tiles.size:
                        found = self._ports.archive.postings(log, segment, _TAGGED)
                        self._take(known, tiles, found)
                        known.upto = segment.end
                while known.upto < tiles.size:
                    end = min(known.upto + _AT_ONCE, tiles.size)
                    self._take(known, tiles, range(known.upto, end))
                    known.upto = end
            return known

    @staticmethod
    def _take(known: KeyEntries, tiles: TileReader, indices: Iterable[int]) -> None:
        for index in indices:
            if index >= known.upto:
                known.read(index, tiles.entry(index))


def stream_of(entry: bytes) -> bytes:
    """The stream that an entry's header names."""
    stream_id: bytes = HEADER.unpack_from(entry)[7]
    return stream_id
