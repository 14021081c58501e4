"""What the services need of the world, as promises in prose.

Each sentence of a promise is tested by `tests/conformance`, which every adapter passes whole.
Nothing here knows SQL, S3 or HTTP. All calls are synchronous and may come from any thread unless
a docstring says otherwise. A store never retries: its caller decides. A full, read-only or
failing disk surfaces as `StorageError`; nothing of the failed call is then stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from vitne.core.filter import Filter
from vitne.core.record import Record
from vitne.core.source import SourceRegistration
from vitne.core.types import Hash, LeafIndex, LogId, Origin, TreeSize

# ---------------------------------------------------------------- clock, ids, keys


class Clock(Protocol):
    """The time of day."""

    def now_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; may step back when the machine's clock does."""


class IdSource(Protocol):
    """Where fresh unpredictable bytes come from."""

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes from the operating system's generator."""


KeyRole = Literal["log", "receipt", "index-log"]


class KeyVault(Protocol):
    """Private keys and index keys. Neither is ever logged, exported or shown by `repr`."""

    def seed(self, origin: Origin, role: KeyRole) -> bytes:
        """The 32-byte Ed25519 seed of a log's key; the same at every call, after a restart too."""

    def index_key(self, log: LogId, epoch: int) -> bytes:
        """The 32 random bytes K of an epoch.

        Raises:
            NotFoundError: no such epoch, or its key was destroyed.
        """

    def create_index_key(self, log: LogId, epoch: int) -> bytes:
        """Make K of a new epoch, durably; the same bytes if it exists already."""


# ---------------------------------------------------------------- reading: hot rows and segments


class Histogram(Struct, frozen=True):
    """Counts of events by claimed time: bucket i covers [edges_us[i], edges_us[i+1])."""

    edges_us: list[int]
    counts: list[int]


class Searchable(Protocol):
    """Events of one log that can be found by a filter. Control entries are never found.

    Both the hot rows and the segments are searchable, and agree with
    `vitne.core.filter.matches`, the reference, on every record (property test). Ranges are log
    indices [start, end); what lies outside the part that this store holds is simply not there.
    """

    def scan(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        """The newest `limit` matching records of [start, end), newest first by log order."""

    def count(
        self, log: LogId, where: Filter | None, start: LeafIndex, end: LeafIndex, most: int
    ) -> int:
        """Number of matches, or `most` once that many were seen."""

    def facets(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        fields: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        """Per field its `most` commonest values with their counts (text fields of `core.fields`).

        A count is a number of events: one that has a value twice counts once. Commonest first,
        equal counts by value.

        Raises:
            FilterSyntaxError: there is no such field, or it is a number.
        """

    def histogram(
        self,
        log: LogId,
        where: Filter | None,
        start: LeafIndex,
        end: LeafIndex,
        edges_us: Sequence[int],
    ) -> list[int]:
        """Matches per bucket of `occurred_us`; matches outside all buckets are not counted."""

    def find(self, log: LogId, event_id: bytes) -> Record | None:
        """The record of one event (16-byte id)."""

    def record(self, log: LogId, index: LeafIndex) -> Record | None:
        """The record at an index, control entries included; None if not in this store."""

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        """All records of [start, end) that this store holds, control entries included, ascending.

        Callers ask for at most a few thousand at a time.
        """


# ---------------------------------------------------------------- the record store


class Tail(Struct, frozen=True):
    """The growing end of a log."""

    next_index: LeafIndex
    last_recorded_us: int


class Seen(Struct, frozen=True, gc=False):
    """What is remembered of an event id inside the dedupe window."""

    index: LeafIndex
    digest: bytes
    """16 bytes over the event's canonical parts, to tell a retry from an id conflict."""
    recorded_us: int


class StreamState(Struct, frozen=True):
    """How far a stream has come (transparency-log §7)."""

    stream_id: bytes
    """16 bytes, as in the entries."""
    source: str
    """`application/service`."""
    name: str
    """The sender's `stream.id`."""
    numbers: Literal["sender", "server"]
    last_seq: int = 0
    """Largest number seen."""
    missing: tuple[tuple[int, int], ...] = ()
    """Ranges [first, last] below `last_seq` that have not come, ascending."""
    closed: bool = False


class Aside(Struct, frozen=True):
    """A quarantined event: its bytes, kept beside the log; their digest is in the tree."""

    index: LeafIndex
    """Of the void entry that holds the digest."""
    source: str
    reason: str
    body: bytes
    at_us: int
    digest: bytes = b""
    """SHA-256 of `body`, as in the void entry: a retry of the same bytes is found by it."""


class Telling(Struct, frozen=True):
    """Counts that an event is about to tell. Kept before it is sent, so that it counts once."""

    event: bytes
    """The event as it is sent, with its id: sent again after a crash, it is the same one."""
    counts: dict[tuple[str, str, str], int]
    """What it tells, by the keys of `AppendTransaction.add_counts`."""


class AppendTransaction(Protocol):
    """One durable transaction over any number of logs; the only way that entries are written.

    Reads see everything committed before and everything written in it. While it is open no
    other append transaction is, in this or another process.
    """

    def tail(self, log: LogId) -> Tail:
        """Where the log ends. Raises `NotFoundError` for a log that was never created."""

    def seen(self, log: LogId, event_ids: Sequence[bytes]) -> dict[bytes, Seen]:
        """Those of the ids that the log remembers."""

    def streams(self, log: LogId, stream_ids: Sequence[bytes]) -> dict[bytes, StreamState]:
        """Those of the streams that the log knows."""

    def insert(self, log: LogId, records: Sequence[Record], digests: Sequence[bytes]) -> None:
        """Store records at their consecutive indices, and remember (id, index, digest) of events.

        `digests` runs beside `records`; `b""` for control entries. The first index must be the
        tail's `next_index`; the tail moves to the last index + 1 and the last `recorded_us`.

        Raises:
            IntegrityError: the indices do not continue the log, or an id is remembered already.
        """

    def save_streams(self, log: LogId, states: Sequence[StreamState]) -> None:
        """Create or replace the states."""

    def keep_aside(self, log: LogId, asides: Sequence[Aside]) -> None:
        """Keep quarantined bytes. Raises `IntegrityError` if some are kept for an index already."""

    def kept_aside(self, log: LogId, digests: Sequence[bytes]) -> dict[bytes, LeafIndex]:
        """Those of the 32-byte digests whose bytes are kept aside, with their void's index."""

    def add_counts(self, log: LogId, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Add to the counters of (source, event type, reason): dropped, rejected, quarantined."""


class LogInfo(Struct, frozen=True):
    """One log as the store knows it."""

    log: LogId
    origin: Origin
    created_us: int
    next_index: LeafIndex
    last_recorded_us: int
    head_size: TreeSize
    """Size of the last signed checkpoint; 0 if none."""
    sealed_end: LeafIndex
    """Hot rows below this are sealed in segments, and may be gone."""


class RecordStore(Searchable, Protocol):
    """The hot rows of all logs, and the tail of each.

    A record is durable when its transaction has been left without an error: it survives a kill
    and a power cut. Leaving with an error undoes all of it.
    """

    def create_log(self, log: LogId, origin: Origin, created_us: int) -> None:
        """Make an empty log; nothing happens if it exists with the same origin.

        Raises:
            ConflictError: it exists with another origin, or another log has this one.
        """

    def logs(self) -> list[LogInfo]:
        """All logs, by id."""

    def log(self, log: LogId) -> LogInfo:
        """One log. Raises `NotFoundError`."""

    def unpublished(self) -> list[LogInfo]:
        """Logs whose `next_index` is above their `head_size`; cheap with thousands of logs."""

    def append(self) -> AbstractContextManager[AppendTransaction]:
        """Open the append transaction; commits durably on a clean exit, undoes on an error.

        A write that failed inside undoes it too, even if its error was caught: the exit raises it
        again. A write of any other kind inside the block would wait for its end: `RuntimeError`.
        """

    def entries(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        """Entry bytes of the hot rows in [start, end), ascending."""

    def first_index(self, log: LogId) -> LeafIndex | None:
        """Lowest index that is still hot; None if no row is."""

    def oldest_hot_us(self, log: LogId) -> int | None:
        """`recorded_us` of the lowest hot row; None if there is none."""

    def recall(self, log: LogId, event_id: bytes) -> Seen | None:
        """What is remembered of one event id, outside a transaction."""

    def drop(self, log: LogId, end: LeafIndex) -> int:
        """Delete hot rows below `end`, in short transactions; how many went."""

    def forget(self, before_us: int, most: int) -> int:
        """Forget up to `most` ids of version 7 that are older than then; how many went.

        Older by both times: that of recording, and the milliseconds in the id's first 6 bytes.
        So whatever is forgotten says of itself that it is old, and is looked for elsewhere when it
        comes again. Ids of other versions (derived ones: imports) are remembered for good, since
        nothing in them says how old they are.
        """

    def counts(self, log: LogId) -> dict[tuple[str, str, str], int]:
        """The counters of `add_counts`."""

    def untold(self) -> dict[LogId, dict[tuple[str, str, str], int]]:
        """Per log what its counters have grown by since they were last told; no zeros."""

    def tellings(self) -> dict[LogId, Telling]:
        """Those that were begun and not ended, by log."""

    def begin_telling(self, tellings: Mapping[LogId, Telling]) -> None:
        """Keep, durably, what is about to be told: all, or none.

        Raises:
            NotFoundError: one of the logs was never created.
            ConflictError: one of them has begun to tell already.
        """

    def end_telling(self, logs: Sequence[LogId]) -> None:
        """What was begun of these logs is told: its counts no longer count as untold.

        All in one durable step. A log that has begun nothing is passed over.
        """

    def asides(self, log: LogId) -> list[Aside]:
        """Quarantined events, oldest first."""

    def streams(self, log: LogId) -> list[StreamState]:
        """Every stream of a log, by source and name."""


# ---------------------------------------------------------------- checkpoints


class Head(Struct, frozen=True):
    """The latest signed checkpoint of a log."""

    size: TreeSize
    root: Hash
    note: str
    """The signed note, verbatim."""


class Swap(Struct, frozen=True):
    """Replace a log's head: `old` must be the stored one (None: the log never published)."""

    log: LogId
    old: Head | None
    new: Head


class CheckpointStore(Protocol):
    """The one mutable cell of each log: its latest signed checkpoint.

    Serialisable, and read-after-write consistent across processes and restarts. A write is
    durable when the call returns.
    """

    def head(self, log: LogId) -> Head | None:
        """Latest checkpoint; None for a log that never published."""

    def swap(self, swaps: Sequence[Swap]) -> None:
        """Swap all, or change nothing.

        Raises:
            CheckpointConflictError: a stored head is not the `old` of its swap.
        """


# ---------------------------------------------------------------- objects


class ObjectStore(Protocol):
    """Tiles, checkpoints, staged files and segments, by slash-separated keys.

    Keys match `[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*`, no part is `.` or `..`, at most 400 bytes;
    another key raises `BadInputError`. A write is durable when the call returns, and a reader
    sees the old bytes or the new, never a part.
    """

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Store immutable objects. Equal bytes under an existing key are no error.

        Raises:
            ObjectConflictError: a key exists with other bytes (objects before it may be stored).
        """

    def replace(self, objects: Mapping[str, bytes]) -> None:
        """Store or overwrite mutable objects: `checkpoint`, partial tiles, staged files."""

    def get(self, key: str) -> bytes | None:
        """The bytes; None if there is no such object."""

    def get_gzip(self, key: str) -> bytes | None:
        """The bytes as a gzip frame, if the store keeps them so; None: ask `get`."""

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; missing ones are no error."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that start with `prefix` (a whole folder: it ends in `/`), in order."""

    def free_bytes(self) -> int:
        """Room that is left."""


# ---------------------------------------------------------------- segments


class Segment(Struct, frozen=True):
    """One sealed range of a log, as its catalog lists it."""

    start: LeafIndex
    end: LeafIndex
    key: str
    """Object key of the Parquet file."""
    file_bytes: int
    sha256: bytes
    events: int
    """Records that are events; the rest are control entries."""
    recorded_us: tuple[int, int]
    """Of the first and the last record."""
    occurred_us: tuple[int, int]
    """Smallest and largest over events; (0, 0) if none."""
    index_key: str = ""
    """Object key of the lookup index beside it."""


class SegmentCatalog(Protocol):
    """Which segments exist. They follow each other from 0 without a hole."""

    def segments(self, log: LogId) -> list[Segment]:
        """All segments, ascending."""

    def add(self, log: LogId, segment: Segment) -> None:
        """Add the next one, durably; from then on its rows are read from the archive.

        Raises:
            ConflictError: it does not start where the last one ended.
        """

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        """Put one segment in the place of those it covers exactly; returns the replaced ones.

        Raises:
            ConflictError: its ends are not ends of listed segments.
        """


class Archive(Searchable, Protocol):
    """The sealed segments: immutable files with the sections as columns, and their index."""

    def write(self, log: LogId, records: Sequence[Record]) -> Segment:
        """Write one segment file and its index, durably, read both back and compare.

        Records are consecutive. Writing the same records again gives the same segment.

        Raises:
            IntegrityError: what was read back differs from what was written.
        """

    def remove(self, segments: Sequence[Segment]) -> None:
        """Delete the files of replaced segments."""

    def refresh(self, log: LogId) -> None:
        """Forget what is cached of the log's catalog: segments were added or merged."""

    def faults(self, log: LogId, segment: Segment) -> list[tuple[str, str]]:
        """Every file of a segment that is not as it was written: (object key, what is wrong).

        Reads the whole segment: the file against its digest, the index against the records.
        """


# ---------------------------------------------------------------- tenants and API keys


class Tenant(Struct, frozen=True):
    """The owner of one log."""

    id: LogId
    name: str
    created_us: int


Role = Literal["write", "read", "admin"]


class ApiKey(Struct, frozen=True):
    """An API key as stored: only a hash of its secret."""

    id: str
    name: str
    secret_sha256: bytes
    roles: tuple[Role, ...]
    tenants: tuple[LogId, ...]
    """Which tenants it is for; empty = all (an operator's key)."""
    source: SourceRegistration | None
    """Needed by role `write`."""
    person: str = ""
    """For readers: the opaque id of the person who holds it; names the actor of read events."""
    created_us: int = 0
    revoked_us: int = 0


class StateStore(Protocol):
    """Tenants and API keys: small, read often, written by people."""

    def add_tenant(self, tenant: Tenant) -> None:
        """Raises `ConflictError` if the id is taken."""

    def tenants(self) -> list[Tenant]:
        """All, by id."""

    def tenant(self, tenant: LogId) -> Tenant | None:
        """One, or None."""

    def add_key(self, key: ApiKey) -> None:
        """Raises `ConflictError` if the id is taken."""

    def keys(self) -> list[ApiKey]:
        """All, revoked ones included, by creation."""

    def key(self, key_id: str) -> ApiKey | None:
        """One, or None."""

    def revoke_key(self, key_id: str, at_us: int) -> None:
        """Mark as revoked. Raises `NotFoundError`; nothing happens if it is revoked already."""
