"""The sealed segments, and the list of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from vitne.core.index.source_summary import SourceSummary
from vitne.core.values import Hash, LeafIndex, LogId, Record
from vitne.ports.searching import Searchable


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
    level: int = 0
    """0: sealed from hot rows; above: merged from lower ones."""
    record: int = -1
    """Position of its record in the index log; -1: it has none yet."""
    gap_count: int = 0
    """Gap leaves of its run."""
    run_root: bytes = b""
    """Root of their tree."""


class GapAnswer(Struct, frozen=True):
    """What the index of one segment answers for some keys, with the proof against its run root."""

    leaves: list[tuple[int, bytes]]
    """(position, encoded gap leaf), ascending, each once: every key is answered by one of them."""
    path: list[Hash]
    """Their multiproof in the tree of the gap leaves."""
    postings: dict[int, list[int]]
    """Position of a leaf whose key was asked for → all log indices that hold it, ascending."""


class SegmentList(Protocol):
    """Which segments exist. They follow each other from 0 without a hole."""

    def segments(self, log: LogId) -> list[Segment]:
        """All segments, ascending."""


class SegmentCatalog(SegmentList, Protocol):
    """The list of segments, and its changes."""

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

    def replace(self, log: LogId, old: Segment, new: Segment) -> None:
        """Put a rewritten segment in the place of the one of the same range, durably.

        Raises:
            ConflictError: the listed segment is not `old`.
        """


class SegmentStore(Searchable, Protocol):
    """The sealed segments as immutable files, with the sections of records as columns."""

    def write(self, log: LogId, records: Sequence[Record]) -> Segment:
        """Write one segment file and its index, durably, read both back and compare.

        Records are consecutive. Writing the same records again gives the same segment.

        Raises:
            IntegrityError: what was read back differs from what was written.
        """

    def rewrite(self, log: LogId, segment: Segment, records: Sequence[Record]) -> Segment:
        """Write a segment anew under other object keys: the same entries, sections gone.

        The old files stay until `remove`. Errors as `write`, and `IntegrityError` if the records
        are not of the same entries.
        """

    def remove(self, segments: Sequence[Segment]) -> None:
        """Delete the files of replaced segments."""

    def refresh(self, log: LogId) -> None:
        """Forget what is cached of the log's catalog: segments were added or merged."""

    def fetch(
        self,
        log: LogId,
        indices: Sequence[LeafIndex],
        entries: Mapping[int, bytes] | None = None,
    ) -> list[Record]:
        """The records at ascending indices, control entries included; those not held are left out.

        Reads no more of a segment than its rows need, so the indices may lie far apart.

        Args:
            log: whose.
            indices: ascending.
            entries: at these indices, at least, if the caller has them: they are not read again.
        """

    def run_of(self, start: LeafIndex, entries: Sequence[bytes]) -> tuple[int, Hash]:
        """Number of gap leaves of consecutive entries, and the root of their tree.

        The same as `core.index.gap` says, as fast as the store can. At most 65,536 entries.
        """

    def rebuild(self, log: LogId, segment: Segment) -> bool:
        """Make a segment's index file anew from its records, if it is not as it was written.

        Returns:
            Whether it was made anew.

        Raises:
            IntegrityError: what comes of the records is not what the segment lists either.
        """

    def faults(self, log: LogId, segment: Segment) -> list[tuple[str, str]]:
        """Every file of a segment that is not as it was written: (object key, what is wrong).

        Reads the whole segment: the file against its digest, the index against the records.
        """


class SegmentIndex(Protocol):
    """The index beside each segment: which entries have which key, with proofs."""

    def expect(self, segments: Sequence[Segment], keys: Sequence[bytes]) -> None:
        """Begin to read what `postings` and `gaps` of many segments will need; never fails.

        Only to save waiting for the disk once for each.
        """

    def around(self, log: LogId, segment: Segment, at_us: int) -> tuple[int, int]:
        """Log indices [low, high], a bundle apart at most, around a moment in a segment.

        Entries below `low` were recorded before it, those from `high` on at it or later.

        Raises:
            NotFoundError: the segment is gone, merged into another.
        """

    def postings(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> list[int]:
        """Log indices of a segment that hold any of some 17-byte tagged keys, ascending.

        The same as `gaps` says, without its proof.

        Raises:
            NotFoundError: the segment is gone, merged into another.
        """

    def gaps(self, log: LogId, segment: Segment, keys: Sequence[bytes]) -> GapAnswer:
        """What a segment says of keys, from its index alone.

        Args:
            log: whose.
            segment: a listed one.
            keys: tagged, 17 bytes each.

        Raises:
            IntegrityError: the index is damaged.
            NotFoundError: the segment's files are gone: it was merged. Ask the catalog again.
        """


class SegmentSummaries(Protocol):
    """What is known of the sources and actors in segments without searching their records."""

    def summary(self, log: LogId, start: LeafIndex, end: LeafIndex) -> SourceSummary | None:
        """What the sources said in a segment (`source_summary.summarize` of its records).

        Reads a good part of the segment; None if no listed segment has exactly this range.
        """

    def issuers(self, log: LogId) -> frozenset[str] | None:
        """Issuers of all actors in the segments, `""` for those without; None: too many to list."""

    def issuers_of(self, log: LogId, actor: str) -> frozenset[str] | None:
        """Issuers under which the segments hold an actor's id, from their indexes alone.

        None: they cannot say, since some have too many issuers to list, or a key is gone.
        """


class Archive(SegmentStore, SegmentIndex, SegmentSummaries, Protocol):
    """All three, as one adapter offers them."""
