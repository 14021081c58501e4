"""What answers need of others: the index, witnesses, senders, erasure, sealing, anchors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from vitne.core.index.coverage import CoverageCounter
from vitne.core.values.types import Hash, LeafIndex, LogId, Section
from vitne.evidence.bundle.facts import SenderFacts, StampFacts

__all__ = [
    "Cosigners",
    "FactSources",
    "GapFound",
    "GapSource",
    "IndexedCatalog",
    "IndexedSegment",
    "PolicySource",
]


class IndexedSegment(Protocol):
    """A segment as answers see it (`ports.Segment`)."""

    @property
    def start(self) -> LeafIndex:
        """Index of its first entry."""

    @property
    def end(self) -> LeafIndex:
        """Index behind its last entry."""

    @property
    def recorded_us(self) -> tuple[int, int]:
        """Of the first and the last entry."""

    @property
    def record(self) -> int:
        """Position of its record in the index log."""


class IndexedCatalog(Protocol):
    """The segments of a log (`ports.SegmentCatalog`)."""

    def segments(self, log: LogId) -> Sequence[IndexedSegment]:
        """All, ascending."""


class GapFound(Protocol):
    """What a segment says about some keys."""

    @property
    def leaves(self) -> Sequence[tuple[int, bytes]]:
        """(position, 114 bytes) of the gap leaves that answer; ascending, each once."""

    @property
    def path(self) -> Sequence[Hash]:
        """Their multiproof in the run's tree."""

    @property
    def postings(self) -> Mapping[int, Sequence[int]]:
        """Position of a leaf whose key was asked for → all log indices that hold it, ascending."""


class GapSource(Protocol):
    """The index of the segments (`ports.Archive`)."""

    def expect(self, segments: Sequence[Any], keys: Sequence[bytes]) -> None:
        """Begin to read what the other two will need of many segments."""

    def around(self, log: LogId, segment: Any, at_us: int) -> tuple[int, int]:  # noqa: ANN401 - whatever kind of segment its catalog lists
        """Log indices [low, high] of one segment around a moment (`ports.Archive.around`)."""

    def postings(self, log: LogId, segment: Any, keys: Sequence[bytes]) -> Sequence[int]:  # noqa: ANN401 - whatever kind of segment its catalog lists
        """Log indices of one segment that hold any of some keys, ascending; without a proof."""

    def gaps(self, log: LogId, segment: Any, keys: Sequence[bytes]) -> GapFound:  # noqa: ANN401 - whatever kind of segment its catalog lists
        """What one segment says about 17-byte tagged keys."""


class Cosigners(Protocol):
    """The newest checkpoints that answers may stand under (`services.trust.cosigned_heads`)."""

    def log(self, log: LogId) -> str | None:
        """Of the log; None if there is none yet."""

    def index(self, log: LogId) -> str | None:
        """Of its index log."""


class PolicySource(Protocol):
    """The policies under which they are taken (`services.trust.policies`)."""

    def texts(self, log: LogId) -> tuple[str, str]:
        """Of the log and of its index log."""


class FactSources(Struct, frozen=True):
    """What other services know."""

    cosigned: Cosigners
    policies: PolicySource
    counter: Callable[[LogId, int], CoverageCounter | None]
    """(log, position of a record) → at least the streams that may hide an event, at its end."""
    senders: Callable[[LogId, int], SenderFacts | None]
    """(log, index) → the signed batch that holds an event."""
    erased: Callable[[LogId, int], Mapping[Section, int]]
    """(log, index) → the erase entry of each erased section."""
    seal_on_demand: Callable[[LogId, float], bool]
    """(log, seconds to wait) → whether the index now covers what was published."""
    stamps: Callable[[LogId, str], Sequence[StampFacts]]
    """(log, checkpoint note) → time stamps over it."""
    trouble: Callable[[LogId], str]
    """Why the log is not published any more; `""` if it is."""
    objection: Callable[[LogId], str] = lambda _log: ""
    """What an auditor has against the index; `""`: nothing."""
    behind: Callable[[LogId], tuple[int, Sequence[str]]] = lambda _log: (0, ())
    """Size of the newest head of the index log, and who has not cosigned it yet, by name."""
    nudge: Callable[[], None] = lambda: None
    """Publish now."""
