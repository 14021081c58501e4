"""What the store knows of some batches, read before they are planned."""

from collections.abc import Sequence
from typing import NamedTuple

from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import VOID_QUARANTINED, BeatEntry, VoidEntry, decode_entry
from vitne.core.values.types import LeafIndex, LogId
from vitne.ports import AppendTransaction, Seen, StreamState
from vitne.services.writer.prepared import LogBatch, StreamAct


class Known(NamedTuple):
    """What the store knows of some batches."""

    seen: dict[bytes, Seen]
    streams: dict[bytes, StreamState]
    kept: dict[bytes, LeafIndex]


def read_known(tx: AppendTransaction, log: LogId, batches: Sequence[LogBatch]) -> Known:
    """What the store knows of the ids, streams and digests in the batches."""
    ids = [event.event_id for batch in batches for event in batch.events]
    streams = {event.stream.stream_id for batch in batches for event in batch.events}
    voids = [void for batch in batches for void in batch.voids]
    streams.update(void.stream.stream_id for void in voids)
    for batch in batches:
        if batch.signed is not None:
            streams.add(batch.signed.stream.stream_id)
        for act in batch.acts:
            streams.update(_streams_of(act))
    digests = [void.digest for void in voids if void.reason == VOID_QUARANTINED]
    return Known(
        tx.seen(log, ids) if ids else {},
        tx.streams(log, sorted(streams)) if streams else {},
        tx.kept_aside(log, digests) if digests else {},
    )


def _streams_of(act: StreamAct) -> set[bytes]:
    """Ids of the streams that an act is about."""
    entry = decode_entry(act.entry)
    match entry:
        case StreamEntry():
            return {entry.stream_id} | ({entry.prev} if entry.prev else set())
        case BeatEntry() | VoidEntry():
            return {entry.stream_id}
        case _:
            return set()
