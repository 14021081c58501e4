"""What a server has proven about a question, before it is a bundle: the input of `bundle_build`."""

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from vitne.answers.question import Question
from vitne.core.index.index_record import Coverage
from vitne.core.values import Origin, Record, Section
from vitne.evidence.bundle.document import (
    DetectionMember,
    LimitMember,
    SenderMember,
    StampMember,
    StreamMember,
)


class GapFacts(Struct, frozen=True):
    """What one run says about the question's keys."""

    record: int
    """Position of the run's record in the index log."""
    leaves: Sequence[tuple[int, bytes]]
    """(position, 114 bytes) of the gap leaves that answer; ascending, each once."""
    path: Sequence[bytes]
    """Their multiproof in the run's tree."""
    postings: Mapping[int, Sequence[int]]
    """Position of a leaf whose key is asked about → all log indices that hold it, ascending."""


class OpenedFacts(Struct, frozen=True):
    """The record of one entry, and what of it is shown."""

    record: Record
    shown: Collection[Section]
    """Sections to open; of the others only the leaves are given. Erased ones cannot be opened."""
    erased: Mapping[Section, int] = {}
    """Erased sections → index of the erase entry that lists them; it must be in `entries`."""


class CoverageFacts(Struct, frozen=True):
    """The counts of the last record, and the streams that make them."""

    record: int
    """Position of the last record, by its range, in the index log."""
    counts: Coverage
    streams: Sequence[StreamMember]
    """Streams with any of the four; they sum to the counts."""


class BundleFacts(Struct, frozen=True, kw_only=True):
    """Everything that goes into a bundle."""

    origin: Origin
    range: tuple[int, int]
    """[a, b): the entries that were searched."""
    question: Question
    log_policy: str
    index_policy: str
    """Texts of the policies (C2SP tlog-policy) under which the exporter took the checkpoints."""
    log_checkpoint: str
    index_checkpoint: str
    """Signed notes."""
    entries: Mapping[int, bytes]
    """Results, tail, the four boundaries, key entries, registrations, batches, erase entries, and
    the receipt key's entry, without which nobody can check the seal."""
    path: Sequence[bytes]
    """Multiproof of `entries` in the log."""
    link: Sequence[bytes]
    """Consistency proof from the last record's end to the log checkpoint; empty without records."""
    records: Sequence[tuple[int, bytes]]
    """(position in the index log, bytes), ascending by position."""
    index_path: Sequence[bytes]
    """Multiproof of `records` in the index log."""
    gaps: Sequence[GapFacts]
    """One per record, in the same order."""
    opened: Sequence[OpenedFacts]
    """Every result, and entries that bind a key to its value; ascending by index."""
    senders: Sequence[SenderMember] = ()
    coverage: CoverageFacts | None = None
    detections: Sequence[DetectionMember] = ()
    stamps: Sequence[StampMember] = ()
    limits: Sequence[LimitMember] = ()
