"""What the in-memory stores contain, and the transaction that changes all of it or nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Origin, Section
from vitne.errors import NotFoundError
from vitne.ports import (
    AnnouncedKey,
    ApiKey,
    Aside,
    CountReport,
    Head,
    Hold,
    SealedRun,
    Seen,
    Segment,
    SourceKey,
    StreamState,
    Tenant,
)

_START = LeafIndex(0)


@dataclass
class LogState:
    """One log."""

    origin: Origin
    created_us: int
    next_index: LeafIndex = _START
    last_recorded_us: int = 0
    head: Head | None = None
    records: list[Record] = field(default_factory=list)
    seen: dict[bytes, Seen] = field(default_factory=dict)
    streams: dict[bytes, StreamState] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)
    counts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    reported: dict[tuple[str, str, str], int] = field(default_factory=dict)
    report: CountReport | None = None
    announced_keys: dict[bytes, AnnouncedKey] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    index_head: Head | None = None
    runs: list[SealedRun] = field(default_factory=list)
    counter: tuple[LeafIndex, bytes] = (_START, b"")
    told_runs: int = 0
    erasures: dict[tuple[LeafIndex, Section], tuple[LeafIndex, bool, bool]] = field(
        default_factory=dict
    )
    holds: dict[str, Hold] = field(default_factory=dict)

    def copy(self) -> "LogState":
        """One that can be changed without changing this one."""
        return replace(
            self,
            records=list(self.records),
            seen=dict(self.seen),
            streams=dict(self.streams),
            asides=list(self.asides),
            counts=dict(self.counts),
            reported=dict(self.reported),
            announced_keys=dict(self.announced_keys),
            segments=list(self.segments),
            runs=list(self.runs),
            erasures=dict(self.erasures),
            holds=dict(self.holds),
        )


class TransactionState:
    """What a transaction has changed so far: whole copies, put in place at its end."""

    def __init__(self, logs: dict[LogId, LogState]) -> None:
        self._logs = logs
        self._open = True
        self.changed: dict[LogId, LogState] = {}
        self.broken: Exception | None = None

    def log(self, log: LogId) -> LogState:
        """The log's copy. Raises `NotFoundError`."""
        if not self._open:
            raise RuntimeError("the transaction is over")
        if log not in self.changed:
            if log not in self._logs:
                raise NotFoundError(f"there is no log {log!r}")
            self.changed[log] = self._logs[log].copy()
        return self.changed[log]

    def close(self) -> None:
        """The block is left: whatever is called from now on fails."""
        self._open = False


class MemoryContents:
    """Logs, tenants and keys. States that readers hold never change; they are replaced."""

    def __init__(self) -> None:
        self.logs: dict[LogId, LogState] = {}
        self.tenants: dict[LogId, Tenant] = {}
        self.keys: dict[str, ApiKey] = {}
        self.source_keys: dict[bytes, SourceKey] = {}
        self.lock = threading.Lock()  # guards: everything here
        self._owner = 0

    def state(self, log: LogId) -> LogState:
        """The log as it is; an empty one if there is none of that id."""
        return self.logs.get(log) or LogState(Origin(""), 0)

    @contextmanager
    def writing(self) -> Iterator[TransactionState]:
        """One transaction at a time; its changes appear when it is left without an error."""
        if self._owner == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction")
        with self.lock:
            self._owner = threading.get_ident()
            draft = TransactionState(self.logs)
            try:
                yield draft
                if draft.broken is not None:
                    raise draft.broken
                self.logs = {**self.logs, **draft.changed}
            finally:
                draft.close()
                self._owner = 0
