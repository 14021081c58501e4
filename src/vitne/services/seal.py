"""Seal: published hot rows become segments, and small segments become fewer.

For one range: a job writes the segment's files and reads them back (elsewhere, see `seal_worker`),
the catalog lists the segment, the hot rows go. Killed before the catalog lists it, files are left
that nobody names; the next job for the range writes them again. Killed after it, hot rows are left
that are not read any more; `recover` drops them. Merging is the same, with files of the replaced
segments left over: `recover` removes files that no catalog lists.
"""

from collections.abc import Iterator

from msgspec import Struct

from vitne.core.types import LeafIndex, LogId
from vitne.errors import IntegrityError, VitneError
from vitne.ports import Archive, Clock, LogInfo, ObjectStore, RecordStore, Segment, SegmentCatalog
from vitne.services.seal_policy import USUAL_LIMITS, SealLimits, aged_range, full_range, merge_range
from vitne.services.seal_worker import SealJob, SealRunner

_HOLD_OFF_US = 10_000_000
_MOST_HOLD_OFF_US = 3_600_000_000
_SEGMENTS = "segments/"


class SealReport(Struct, frozen=True):
    """What one round did."""

    sealed: list[tuple[LogId, Segment]]
    merged: list[tuple[LogId, Segment]]
    failed: dict[LogId, VitneError]
    """Each log is tried again later; its rows stay hot and are searched as ever."""


class _Hold(Struct):
    until_us: int
    next_us: int = _HOLD_OFF_US


class Seal:
    """Seals what is due. For one thread.

    Args:
        store: the hot rows.
        catalog: of the segments.
        archive: the segments of this process.
        objects: where their files are, to remove those that nobody lists.
        runner: runs the jobs.
        clock: for ages.
        limits: what is due.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it stands on
        self,
        store: RecordStore,
        catalog: SegmentCatalog,
        archive: Archive,
        objects: ObjectStore,
        runner: SealRunner,
        clock: Clock,
        limits: SealLimits = USUAL_LIMITS,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._archive = archive
        self._objects = objects
        self._runner = runner
        self._clock = clock
        self._limits = limits
        self._due_us: dict[tuple[LogId, int], int] = {}
        self._held: dict[LogId, _Hold] = {}

    def recover(self) -> int:
        """Drop hot rows that are sealed, and files that no catalog lists; how many went.

        Only while nothing is being sealed.
        """
        gone, listed = 0, set()
        for info in self._store.logs():
            first = self._store.first_index(info.log)
            if first is not None and first < info.sealed_end:
                gone += self._store.drop(info.log, info.sealed_end)
            for segment in self._catalog.segments(info.log):
                listed |= {segment.key, segment.index_key}
        orphans = [key for key in self._objects.keys(_SEGMENTS) if key not in listed]
        self._objects.delete(orphans)
        return gone + len(orphans)

    def run_once(self) -> SealReport:
        """Seal every range that is due, and merge where that left too many small segments."""
        report = SealReport([], [], {})
        for info in self._store.logs():
            hold = self._held.get(info.log)
            if info.head_size <= info.sealed_end or (hold and self._now() < hold.until_us):
                continue
            try:
                for job in self._due(info):
                    report.sealed.append((info.log, self.seal(job)))
                    merged = self.merge(info.log)
                    report.merged.extend([] if merged is None else [(info.log, merged)])
                self._held.pop(info.log, None)
            except VitneError as error:
                report.failed[info.log] = error
                self._hold_off(info.log)
        return report

    def seal_now(self, log: LogId) -> Segment | None:
        """Seal what is published of a log, whatever its size and age; None if that is nothing."""
        span = aged_range(self._store.log(log), self._limits)
        return None if span is None else self.seal(SealJob("seal", log, *span))

    def seal(self, job: SealJob) -> Segment:
        """Seal one range that follows on the last segment. Errors as `SealRunner.run`."""
        segment = self._runner.run(job)
        self._check(job, segment)
        self._catalog.add(job.log, segment)
        self._archive.refresh(job.log)
        self._store.drop(job.log, segment.end)
        return segment

    def merge(self, log: LogId) -> Segment | None:
        """Put the newest small segments of a log together, if there are too many."""
        span = merge_range(self._catalog.segments(log), self._limits.entries)
        if span is None:
            return None
        job = SealJob("merge", log, *span)
        merged = self._runner.run(job)
        self._check(job, merged)
        replaced = self._catalog.merge(log, merged)
        self._archive.refresh(log)
        self._archive.remove(replaced)
        return merged

    def _due(self, info: LogInfo) -> Iterator[SealJob]:
        while span := full_range(info, self._limits):
            yield SealJob("seal", info.log, *span)
            info = self._store.log(info.log)
        if (span := aged_range(info, self._limits)) and self._is_old(info):
            yield SealJob("seal", info.log, *span)

    def _is_old(self, info: LogInfo) -> bool:
        """Whether the oldest hot row is old enough, and there is an event among them."""
        place = (info.log, info.sealed_end)
        due_us = self._due_us.get(place)
        if due_us is None:
            oldest_us = self._store.oldest_hot_us(info.log)
            if oldest_us is None:
                return False
            self._due_us = {key: at for key, at in self._due_us.items() if key[0] != info.log}
            self._due_us[place] = due_us = oldest_us + self._limits.age_us
        if self._now() < due_us:
            return False
        end = LeafIndex(info.head_size)
        return bool(self._store.scan(info.log, None, info.sealed_end, end, 1))

    def _hold_off(self, log: LogId) -> None:
        hold = self._held.get(log) or _Hold(0)
        self._held[log] = _Hold(
            self._now() + hold.next_us, min(hold.next_us * 2, _MOST_HOLD_OFF_US)
        )

    def _now(self) -> int:
        return self._clock.now_us()

    @staticmethod
    def _check(job: SealJob, segment: Segment) -> None:
        if (segment.start, segment.end) != (job.start, job.end):
            raise IntegrityError("a job made another segment than asked for", where=job.log)
