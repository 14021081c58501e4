"""The hot rows of all logs, and the only way that entries are written."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from vitne.core.entry.sender import SignedMode
from vitne.core.values import LeafIndex, LogId, Origin, Record, TreeSize
from vitne.ports.searching import Searchable

Count = tuple[str, str, str]
"""(source, event type, reason), as `AppendTransaction.add_counts` takes it."""


class Tail(Struct, frozen=True):
    """The growing end of a log."""

    next_index: LeafIndex
    last_recorded_us: int


ERASED_DIGEST = b"\x00"
"""What is remembered in the place of an erased event's digest."""


class Seen(Struct, frozen=True, gc=False):
    """What is remembered of an event id inside the dedupe window."""

    index: LeafIndex
    digest: bytes
    """16 bytes over the event's canonical parts, to tell a retry from an id conflict.
    `ERASED_DIGEST` once a part was erased: then whatever comes under the id counts as a retry."""
    recorded_us: int


class AnnouncedKey(Struct, frozen=True):
    """A source's key as a log names it."""

    index: LeafIndex
    """Of the entry that says that it is in use."""
    retired: bool = False


class SenderState(Struct, frozen=True):
    """What is known of the sender of a stream that is signed."""

    mode: SignedMode
    key: bytes
    """32-byte Ed25519 key that its registration names."""
    sig: bytes
    """64 bytes over the registration: the same registration again is no other one."""
    opened: LeafIndex
    """Of the registration."""
    key_entry: LeafIndex
    """Of the entry that names the key."""
    prev: bytes = b""
    """16-byte id of the stream that it follows; empty: none is named."""
    prev_last: int = 0
    chain: bytes = bytes(32)
    """Hash of the newest batch message; zeros before the first."""
    beat: LeafIndex = LeafIndex(-1)
    """Of the newest beat; -1: none came."""
    beat_us: int = 0
    """What the newest beat says of its time."""
    void: LeafIndex = LeafIndex(-1)
    """Of the newest void by the sender; -1: none came."""


class Standing(Struct, frozen=True, array_like=True):
    """Where a stream stands, as its sender is told."""

    last: int
    chain: bytes
    closed: bool


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
    """Largest number that an entry states."""
    missing: tuple[tuple[int, int], ...] = ()
    """Ranges [first, last] up to `last_seq` that have not come, ascending."""
    closed: bool = False
    """Ended by its sender, or given up by the log."""
    abandoned: bool = False
    """Given up by the log."""
    followed: bool = False
    """A later stream names it as the one before."""
    beat_s: int = 0
    """Seconds between heartbeats that its sender promised; 0: none."""
    named_us: int = 0
    """`recorded_us` of the newest entry that names it."""
    voided: int = 0
    """Numbers that are void for another reason than that no event is meant to be there."""
    late: int = 0
    """Events that came later than the bound after they happened, by their senders' word."""
    late_max_us: int = 0
    """The latest of them came so long after."""
    sender: SenderState | None = None
    """None: the stream is not signed."""


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


class CountReport(Struct, frozen=True):
    """Counts that an event is about to report. Kept before it is sent: each is reported once."""

    event: bytes
    """The event as it is sent, with its id: sent again after a crash, it is the same one."""
    counts: dict[tuple[str, str, str], int]
    """What it reports, by the keys of `AppendTransaction.add_counts`."""


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

    def announced_keys(self, log: LogId) -> dict[bytes, AnnouncedKey]:
        """Source keys (32 bytes) that the log's entries name."""

    def announce_keys(self, log: LogId, keys: Mapping[bytes, AnnouncedKey]) -> None:
        """Note which source keys the log's entries name now; replaces what was noted of them."""

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

    def unreported_counts(self) -> dict[LogId, dict[tuple[str, str, str], int]]:
        """Per log what its counters have grown by since they were last reported; no zeros."""

    def begun_reports(self) -> dict[LogId, CountReport]:
        """Those that were begun and not ended, by log."""

    def begin_reports(self, reports: Mapping[LogId, CountReport]) -> None:
        """Keep, durably, what is about to be reported: all, or none.

        Raises:
            NotFoundError: one of the logs was never created.
            ConflictError: one of them has begun a report already.
        """

    def end_reports(self, logs: Sequence[LogId]) -> None:
        """What was begun of these logs is done: its counts are reported.

        All in one durable step. A log that has begun nothing is passed over.
        """

    def asides(self, log: LogId) -> list[Aside]:
        """Quarantined events, oldest first."""

    def streams(self, log: LogId) -> list[StreamState]:
        """Every stream of a log, by source and name."""

    def stream(self, log: LogId, stream_id: bytes) -> StreamState | None:
        """One stream of a log; None if it knows none of that id."""

    def silent_streams(self, before_us: int, most: int) -> list[tuple[LogId, StreamState]]:
        """Up to `most` open streams that promised heartbeats and were last named before then.

        Open: neither closed nor followed. The longest silent first; cheap with many streams.
        """

    def logs_announcing(self, key: bytes) -> list[LogId]:
        """Logs whose entries name this source key as one in use, by id."""
