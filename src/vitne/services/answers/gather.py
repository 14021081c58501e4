"""Gathers what proves an answer: which entries were searched, what the index says, what is shown.

One `EvidenceGatherer` serves one question. It reads the published tiles and the files of segments,
and rows of a database only for records that are not sealed yet, so that the two checkpoints that it
was given cover everything it returns.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import takewhile
from typing import Final

from msgspec import Struct

from vitne.answers.question import Question
from vitne.core.entry import keys
from vitne.core.entry.entry import EVENT, times_of
from vitne.core.index.gap import keys_of
from vitne.core.index.index_record import IndexRecord, parse_record
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LeafIndex, LogId, Record
from vitne.errors import AnswerTooLargeError, IntegrityError, UnavailableError
from vitne.evidence.bundle.facts import GapFacts
from vitne.ports import ObjectStore, Ports, Segment
from vitne.services.log import Published, parse_checkpoint

HITS_MAX: Final = 10_000
"""Events that one answer may show: about as many as a bundle holds."""
NOT_INDEXED_MAX: Final = 131_072
"""Entries that no record of the index covers, and that an answer may give whole."""
_TILES: Final = 2_048


class Heads(Struct, frozen=True):
    """The two checkpoints that an answer stands under."""

    log_note: str
    index_note: str
    index_newest: int = 0
    """Size of the newest head of the index log, whoever signed it."""
    lacking: Sequence[str] = ()
    """Names of those who have not cosigned that one."""

    @property
    def log(self) -> Checkpoint:
        """That of the log."""
        return parse_checkpoint(self.log_note)

    @property
    def index(self) -> Checkpoint:
        """That of the index log."""
        return parse_checkpoint(self.index_note)

    @property
    def uncosigned(self) -> str:
        """That records are not used for want of cosignatures, in a sentence; `""`: all are."""
        more = self.index_newest - self.index.size
        if more <= 0 or not self.lacking:
            return ""
        names = ", ".join(self.lacking)
        return f"The newest {more:,} records of the index are not used: no cosignature by {names}."


class SearchedSegment(Struct, frozen=True):
    """A segment, its record in the index log, and what it says about the question."""

    segment: Segment
    data: bytes
    record: IndexRecord
    gap: GapFacts

    def held(self, low: int, high: int) -> list[int]:
        """Log indices in [low, high) that hold a key that was looked up."""
        return sorted(
            {at for held in self.gap.postings.values() for at in held if low <= at < high}
        )


def tagged(question: Question) -> tuple[list[bytes], list[bytes]]:
    """The keys of the value, and those of its type's pseudo-target."""
    value: list[bytes] = []
    pseudo: list[bytes] = []
    for one in question.keys:
        anything = one.kind in (keys.TARGET, keys.ACTOR_TARGET) and one.parts[-1] == keys.ANY_TARGET
        (pseudo if anything else value).append(one.key)
    return value, pseudo


class EvidenceGatherer:
    """One question, under two checkpoints. For one thread.

    Args:
        ports: where things are read from.
        log: whose.
        question: planned.
        heads: published.
        tiles: of the log at the size of its checkpoint.
    """

    def __init__(
        self,
        ports: Ports,
        log: LogId,
        question: Question,
        heads: Heads,
        tiles: TileReader,
    ) -> None:
        self._ports = ports
        self._log = log
        self._question = question
        self.heads = heads
        self.size = heads.log.size
        self.index_size = heads.index.size
        self.tiles = tiles
        self._index_tiles = open_tiles(ports.objects, LogId(f"{log}/index"), self.index_size)
        self._value_keys, self._pseudo_keys = tagged(question)

    # ------------------------------------------------------------ what is searched

    @property
    def window_us(self) -> tuple[int, int]:
        """Recorded times [low, high)."""
        asked = self._question
        return asked.from_us - asked.early_us, asked.to_us + asked.late_us

    @cached_property
    def range(self) -> tuple[int, int]:
        """Entries [a, b) that were recorded in the window."""
        low, high = self.window_us
        return self._first_at(low), self._first_at(high)

    @cached_property
    def segments(self) -> list[Segment]:
        """Segments that the index checkpoint lists and that cover the range from its start on."""
        a, b = self.range
        return [one for one in self._listed if one.end > a and one.start < max(b, a + 1)]

    @cached_property
    def _listed(self) -> list[Segment]:
        """All segments up to the first that the checkpoints do not cover."""
        return list(
            takewhile(
                lambda one: one.record < self.index_size and one.end <= self.size,
                self._ports.segments.segments(self._log),
            )
        )

    @property
    def covered(self) -> int:
        """c: the index speaks for entries of the range below it, those above are given whole."""
        return self.segments[-1].end if self.segments else self.range[0]

    @property
    def needed_end(self) -> int:
        """Where the index must reach for the answer to be complete.

        It speaks of gaps and silences by a record that holds the first entry of the range, or the
        one behind an empty range.
        """
        a, b = self.range
        return max(b, a + 1) if a < self.size else b

    def times(self, indices: Sequence[int]) -> list[tuple[int, int]]:
        """(index, recorded_us) of entries at ascending indices."""
        found: list[tuple[int, int]] = []
        for low in range(0, len(indices), _TILES):
            some = self.tiles.entries_at(indices[low : low + _TILES])
            found += [(at, times_of(entry)[0]) for at, entry in some.items()]
        return found

    def _first_at(self, at_us: int) -> int:
        """The first entry that was recorded at a time or after it; the size if there is none."""
        listed = self._listed
        place = bisect_left(listed, at_us, key=lambda segment: segment.recorded_us[1])
        low: int = listed[-1].end if listed else 0
        high: int = self.size
        if place < len(listed):
            low, high = self._ports.archive.around(self._log, listed[place], at_us)
        return bisect_left(range(high), at_us, low, high, key=self._time_at)

    def _time_at(self, index: int) -> int:
        return times_of(self.tiles.entry(index))[0]

    # ------------------------------------------------------------ what the index says

    @cached_property
    def runs(self) -> list[SearchedSegment]:
        """What each segment says about the question.

        Raises:
            IntegrityError: the index log and the list of segments disagree.
        """
        self._ports.archive.expect(self.segments, self._value_keys)
        return [self._run(segment) for segment in self.segments]

    def _run(self, segment: Segment) -> SearchedSegment:
        data = self._index_tiles.entry(segment.record)
        record = parse_record(data)
        if (record.start, record.end) != (segment.start, segment.end):
            raise IntegrityError(
                f"record {segment.record} of the index log is not that of the segment",
                where=f"[{segment.start}, {segment.end})",
            )
        wanted = [*self._value_keys, *(self._pseudo_keys if record.overflow else ())]
        found = self._ports.archive.gaps(self._log, segment, wanted)
        gap = GapFacts(segment.record, found.leaves, found.path, found.postings)
        return SearchedSegment(segment, data, record, gap)

    def postings(self, wanted: Sequence[bytes]) -> set[int]:
        """Log indices of all runs that hold some other keys."""
        index, log = self._ports.archive, self._log
        index.expect(self.segments, wanted)
        return {at for one in self.segments for at in index.postings(log, one, wanted)}

    @cached_property
    def not_indexed(self) -> dict[int, bytes]:
        """The entries of the range that no record covers.

        Raises:
            UnavailableError: they are too many.
        """
        start, end = max(self.covered, self.range[0]), self.range[1]
        if end - start > NOT_INDEXED_MAX:
            raise UnavailableError(
                f"the index is {end - start:,} entries behind the log",
                hint=self.heads.uncosigned or "ask again in a minute, or about an earlier period",
                retry_after_s=60,
            )
        return dict(enumerate(self.tiles.entries(start, end), start)) if end > start else {}

    @cached_property
    def candidates(self) -> list[int]:
        """Log indices that hold a key that was looked up, ascending.

        Raises:
            AnswerTooLargeError: more than one answer may show.
        """
        a, b = self.range
        found = {at for run in self.runs for at in run.held(a, b)}
        wanted = {*self._value_keys, *self._pseudo_keys}
        found |= {at for at, entry in self.not_indexed.items() if holds(entry, wanted)}
        if len(found) > HITS_MAX:
            raise too_many(len(found))
        return sorted(found)

    @property
    def records(self) -> list[tuple[int, bytes]]:
        """(position, bytes) of the records of the index log, ascending by position."""
        return sorted((run.segment.record, run.data) for run in self.runs)

    @property
    def index_path(self) -> list[Hash]:
        """Their multiproof."""
        positions = sorted(run.segment.record for run in self.runs)
        return self._index_tiles.roots(multiproof_ranges(self.index_size, positions))

    @property
    def link(self) -> list[Hash]:
        """The consistency proof from the end of the last record to the log's checkpoint."""
        return self.tiles.consistency_proof(self.covered) if self.runs else []

    # ------------------------------------------------------------ what is shown

    def fetch(self, indices: Sequence[int]) -> dict[int, Record]:
        """The records at ascending log indices.

        Raises:
            IntegrityError: one is nowhere, or is not what was published.
        """
        found: dict[int, Record] = {}
        sealed = self._ports.store.log(self._log).sealed_end
        hot = [at for at in indices if at >= sealed]
        for at in hot:
            row = self._ports.store.record(self._log, LeafIndex(at))
            if row is not None:
                found[at] = row
        # A row that was sealed since then is in the archive by now.
        rest = [LeafIndex(at) for at in indices if at not in found]
        entries = self.tiles.entries_at(rest)
        found |= {row.index: row for row in self._ports.archive.fetch(self._log, rest, entries)}
        missing = next((at for at in indices if at not in found), None)
        if missing is not None:
            raise IntegrityError(f"the record of entry {missing} is gone", where=str(self._log))
        return dict(sorted(found.items()))

    def entries(self, wanted: Iterable[int], known: Mapping[int, bytes]) -> dict[int, bytes]:
        """Entries by index, ascending; those that are not known already come from the bundles."""
        needed = sorted(set(wanted))
        read = self.tiles.entries_at(at for at in needed if at not in known)
        return {at: known[at] if at in known else read[at] for at in needed}

    def boundaries(self) -> list[int]:
        """The entries beside both ends of the range, where there are such."""
        a, b = self.range
        return [at for at in (a - 1, a, b - 1, b) if 0 <= at < self.size]

    def path(self, entries: Mapping[int, bytes]) -> list[Hash]:
        """The multiproof of entries in the log."""
        return self.tiles.roots(multiproof_ranges(self.size, list(entries)))


def open_tiles(objects: ObjectStore, tree: LogId, size: int) -> TileReader:
    """The tiles of a log or an index log, of which a gatherer reads many at a time."""
    published = Published(objects, tree)
    return TileReader(published.get, size, _TILES, published.get_all)


def holds(entry: bytes, wanted: set[bytes]) -> bool:
    """Whether an entry is an event with one of some keys, its stream's among them."""
    return entry[4] == EVENT and not wanted.isdisjoint(keys_of(entry))


def too_many(count: int) -> AnswerTooLargeError:
    """What is said instead of an answer that would not fit."""
    return AnswerTooLargeError(
        f"{count:,} events answer this; one answer shows at most {HITS_MAX:,}",
        hint="ask about a shorter period, or narrow it by type, category or outcome",
    )
