"""What travels from preparation to the writer, and where the writer placed it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from vitne.core.event import Problem
from vitne.core.record import Facets, Parts
from vitne.core.types import LeafIndex, LogId
from vitne.ports import Seen


class StreamRef(Struct, frozen=True, array_like=True):
    """The stream that an event names, or the one that the server keeps for its key."""

    stream_id: bytes
    source: str
    name: str
    by_sender: bool
    """Whether the sender numbers it."""


class Draft(Struct, frozen=True, array_like=True, gc=False):
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


class VoidDraft(Struct, frozen=True, array_like=True):
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


class Sheaf(Struct, frozen=True, array_like=True):
    """What one request brings to one log."""

    log: LogId
    drafts: Sequence[Draft]
    voids: Sequence[VoidDraft] = ()
    archived: Mapping[bytes, Seen] = {}
    """Those of the drafts' ids that the log has forgotten, but that are sealed in a segment."""
    controls: Sequence[bytes] = ()
    """Entries of the log's own as `control_entries.untimed`, placed first, in order."""


class Placed(Struct, frozen=True):
    """What became of one sheaf."""

    accepted: Sequence[Draft]
    quarantined: Sequence[VoidDraft]
    """Those not kept aside before."""
    first: LeafIndex
    """Index of the first accepted event; the others follow, then the quarantined ones' voids."""
    entries: Sequence[bytes]
    """Of that whole run."""
    doubles: Sequence[tuple[Draft, Seen]] = ()
    """Events that are in the log already."""
    kept: Sequence[tuple[VoidDraft, LeafIndex]] = ()
    """Quarantined before: a retry of bytes that are kept aside already."""
    refused: Sequence[tuple[int, str, Problem]] = ()
    """(position, id, why): repeats and conflicts."""
    conflicts: Sequence[Draft] = ()
    """Those of `refused` that came under the id of another event."""
    controls: Sequence[LeafIndex] = ()
    """Where the sheaf's control entries stand."""
