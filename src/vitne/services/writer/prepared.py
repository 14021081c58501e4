"""What travels from preparation to the writer, and where the writer placed it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from vitne.core.entry.sender import SignedMode
from vitne.core.event.event import Problem
from vitne.core.values import Facets, LeafIndex, LogId, Parts
from vitne.ports import Seen, Standing

SERVER_STREAM = "server/"
"""Streams that the log numbers are called so; no sender may."""


class StreamRef(Struct, frozen=True, array_like=True):
    """The stream that an event names, or the one that the server keeps for its key."""

    stream_id: bytes
    source: str
    name: str
    by_sender: bool
    """Whether the sender numbers it."""


class PreparedEvent(Struct, frozen=True, array_like=True, gc=False):
    """One event, ready for the log but for its index, its time and a server-kept number."""

    position: int
    """Place of its result in the request."""
    id: str
    event_id: bytes
    digest: bytes
    stream: StreamRef
    seq: int
    """The sender's number; 0: the server numbers."""
    entry: bytes
    """`recorded_us` is 0 in it, and the number, if the server gives it."""
    keyring: bytes
    parts: Parts
    facets: Facets
    raw: bytes
    """As it was sent; needed only if it is refused."""
    warnings: tuple[str, ...] = ()


class PreparedVoid(Struct, frozen=True, array_like=True):
    """One event that is not stored as such: its number, if it has one, is accounted for."""

    position: int
    id: str
    reason: int
    """`VOID_REJECTED` or `VOID_QUARANTINED`."""
    digest: bytes
    """SHA-256 of the bytes as sent."""
    stream: StreamRef
    seq: int
    """0: the server numbers (quarantined only)."""
    code: str = ""
    """Why it is quarantined."""
    body: bytes = b""
    """The bytes to keep aside; of quarantined events only."""


class SignedBatch(Struct, frozen=True, array_like=True):
    """What a sender signed of a `LogBatch`; its signature and root have been checked."""

    stream: StreamRef
    mode: SignedMode
    key: bytes
    """32 bytes, under which the signature holds; the planner asks whether it is the stream's."""
    entry: bytes
    """Of type 2, `control_entries.untimed`."""
    first: int
    last: int
    prev: bytes
    message_hash: bytes
    """`prev` of the batch that follows."""


class StreamAct(Struct, frozen=True, array_like=True):
    """A control entry about one stream; its signature, if it bears one, has been checked."""

    kind: Literal["open", "beat", "void", "abandon", "retire"]
    entry: bytes
    """`control_entries.untimed`."""
    key: bytes = b""
    """The source's public key that it was checked with, or that is retired."""
    key_entry: bytes = b""
    """Names that key in the log; stands before a stream's registration if the log has none."""
    before_us: int = 0
    """For `abandon`: only if nothing has named the stream since then."""


class Refusal(Struct, frozen=True, array_like=True):
    """Why the planner did not take what a sender signed."""

    problem: Problem
    stream: str = ""
    stand: Standing | None = None
    """Where the stream stands, if that is what they disagree about."""
    incident: bool = False
    """It is told in the log."""


class LogBatch(Struct, frozen=True, array_like=True):
    """What one request brings to one log."""

    log: LogId
    events: Sequence[PreparedEvent]
    voids: Sequence[PreparedVoid] = ()
    archived: Mapping[bytes, Seen] = {}
    """Those of the events' ids that the log has forgotten, but that are sealed in a segment."""
    controls: Sequence[bytes] = ()
    """Entries of the log's own as `control_entries.untimed`, placed first, in order."""
    acts: Sequence[StreamAct] = ()
    """About streams whose senders sign."""
    signed: SignedBatch | None = None
    """The events are exactly those of it, in order; without events, the voids are faults in it."""


class RefusedEvent(NamedTuple):
    """One event that the planner did not take."""

    position: int
    id: str
    problem: Problem


class PlannedBatch(Struct, frozen=True):
    """What became of one `LogBatch`."""

    accepted: Sequence[PreparedEvent]
    quarantined: Sequence[PreparedVoid]
    """Those not kept aside before."""
    first: LeafIndex
    """Index of the first accepted event; the others follow, then the quarantined ones' voids."""
    entries: Sequence[bytes]
    """Of that whole run."""
    doubles: Sequence[tuple[PreparedEvent, Seen]] = ()
    """Events that are in the log already."""
    kept: Sequence[tuple[PreparedVoid, LeafIndex]] = ()
    """Quarantined before: a retry of bytes that are kept aside already."""
    refused: Sequence[RefusedEvent] = ()
    """Repeats and conflicts."""
    conflicts: Sequence[PreparedEvent] = ()
    """Those of `refused` that came under the id of another event."""
    controls: Sequence[LeafIndex] = ()
    """Where the batch's control entries and acts stand; what is done already, where it stood."""
    signed: SignedBatch | None = None
    """It was stored: its entry follows on the accepted events, and is the last of `entries`."""
    again: LeafIndex | None = None
    """The batch may be stored already, from this index on: whoever reads entries finds out."""
    refusal: Refusal | None = None
