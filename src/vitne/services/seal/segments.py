"""Seal: published hot rows become segments, and small segments become fewer.

For one range: a job writes the segment's files, reads them back and describes the run (`worker`);
the index log lists the run and is published; an entry of the log itself records that; the catalog
lists the segment; the hot rows go. A range is listed only once, so what is listed is finished
first.

| killed after | left behind | repaired by |
|---|---|---|
| the job | files that nobody names | removed at start; the next job may take another range |
| listing | a record whose tree is not signed, or without its entry | published, the entry written |
| the entry | a run that the catalog does not know | its files are checked, or made again, equal |
| the catalog | hot rows that nobody reads any more | dropped |

A merge is the same with files of lower runs in the place of rows. Readers go over to it once a
checkpoint that they can prove by covers its record (`covered`); until then the lower runs stay.
"""

from collections.abc import Callable, Iterator, Sequence
from threading import RLock

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.control import SegmentEntry
from vitne.core.entry.entry import SEGMENT, ControlEntry, decode_entry
from vitne.core.tree.merkle import leaf_hash
from vitne.core.values import LeafIndex, LogId, TreeSize
from vitne.errors import IntegrityError, VitneError
from vitne.ports import LogInfo, Ports, SealedRun, Segment
from vitne.services.log import Published, parse_checkpoint
from vitne.services.seal.due import USUAL_LIMITS, SealLimits, aged_range, full_range, merge_range
from vitne.services.seal.index_log import IndexLog
from vitne.services.seal.worker import Sealed, SealJob, SealRunner

_HOLD_OFF_US = 10_000_000
_MOST_HOLD_OFF_US = 3_600_000_000
_SEGMENTS = "segments/"
_READ_AT_ONCE = 4096


class SealReport(Struct, frozen=True):
    """What one round did."""

    sealed: list[tuple[LogId, Segment]]
    merged: list[tuple[LogId, Segment]]
    failed: dict[LogId, VitneError]
    """Each log is tried again later; its rows stay hot and are searched as ever."""


class _Hold(Struct):
    until_us: int
    next_us: int = _HOLD_OFF_US


class SegmentSealer:
    """Seals what is due. For one thread.

    Args:
        runner: runs the jobs.
        index_log: lists the runs, and publishes the list.
        tell: appends entries of the log's own (`Writer.control`).
        covered: whether the checkpoint by which readers prove covers a record of the index log.
        limits: what is due.
    """

    def __init__(
        self,
        ports: Ports,
        runner: SealRunner,
        index_log: IndexLog,
        tell: Callable[[LogId, Sequence[ControlEntry]], object],
        covered: Callable[[LogId, int], bool],
        limits: SealLimits = USUAL_LIMITS,
    ) -> None:
        self._ports = ports
        self._runner = runner
        self._index_log = index_log
        self._tell = tell
        self._covered = covered
        self._limits = limits
        self._due_us: dict[tuple[LogId, int], int] = {}
        self._held: dict[LogId, _Hold] = {}
        self._first_open: dict[LogId, int] = {}
        """Per log a position below which every run is settled."""
        self.segments_lock = RLock()  # guards: which segments there are
        """Held while something is sealed or merged; whoever holds it sees segments that stay."""
        self._calm: set[LogId] = set()
        """Logs of which nothing that is listed waits."""

    def recover(self) -> int:
        """Drop hot rows that are sealed, and files that no catalog lists; how many went."""
        with self.segments_lock:
            return self._recover()

    def _recover(self) -> int:
        gone, listed = 0, set()
        for info in self._ports.store.logs():
            first = self._ports.store.first_index(info.log)
            if first is not None and first < info.sealed_end:
                gone += self._ports.store.drop(info.log, info.sealed_end)
            for segment in self._ports.segments.segments(info.log):
                listed |= {segment.key, segment.index_key}
            for run in self._unsettled(info.log):
                listed |= {run.segment.key, run.segment.index_key}
        orphans = [key for key in self._ports.objects.keys(_SEGMENTS) if key not in listed]
        self._ports.objects.delete(orphans)
        return gone + len(orphans)

    def run_once(self) -> SealReport:
        """Seal every range that is due, and merge where that left too many small segments."""
        with self.segments_lock:
            return self._run_once()

    def _run_once(self) -> SealReport:
        report = SealReport([], [], {})
        for info in self._ports.store.logs():
            hold = self._held.get(info.log)
            if hold and self._now() < hold.until_us:
                continue
            try:
                if info.log not in self._calm:
                    report.merged.extend((info.log, run) for run in self.settle(info.log))
                if info.head_size <= info.sealed_end:
                    continue
                for job in self._due(self._shown(info.log)):
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
        with self.segments_lock:
            self.settle(log)
            span = aged_range(self._shown(log), self._limits)
            return None if span is None else self.seal(SealJob("seal", log, *span))

    def seal(self, job: SealJob) -> Segment:
        """Seal one range that follows on the last segment. Errors as `SealRunner.run`."""
        segment = self._list(job.log, self._made(job))
        self._take(job.log, segment)
        return segment

    def merge(self, log: LogId) -> Segment | None:
        """Put the newest small segments of a log together, if there are too many.

        One at a time: while an earlier one waits to be covered, none is begun.
        """
        segments = self._ports.segments.segments(log)
        span = merge_range(segments, self._limits.entries)
        if span is None or self._unsettled(log):
            return None
        covered = [one for one in segments if span[0] <= one.start and one.end <= span[1]]
        level = 1 + max(one.level for one in covered)
        job = SealJob("merge", log, *span, level)
        merged = self._list(log, self._made(job))
        return merged if self._swap(log, merged) else None

    def settle(self, log: LogId) -> list[Segment]:
        """Finish what is listed: runs that the catalog lacks, merges that are covered by now.

        Returns:
            The merged segments that took the place of others.
        """
        self._tell_of(log)
        swapped = []
        for run in self._unsettled(log):
            segment = run.segment
            if segment.level == 0:
                self._take(log, self._made_again(log, run))
            elif self._swap(log, segment):
                swapped.append(segment)
        if not self._unsettled(log):
            self._calm.add(log)
        return swapped

    # ---------------------------------------------------------------- the steps

    def _made(self, job: SealJob) -> Sealed:
        sealed = self._runner.run(job)
        segment = sealed.run.segment
        if (segment.start, segment.end) != (job.start, job.end):
            raise IntegrityError("a job made another segment than asked for", where=job.log)
        return sealed

    def _list(self, log: LogId, sealed: Sealed) -> Segment:
        """The run gets its position; its record is published, and an entry of the log names it."""
        self._calm.discard(log)
        segment = replace(sealed.run.segment, record=self._ports.index_log.size(log))
        run = replace(sealed.run, segment=segment)
        told = self._ports.index_log.told(log)
        self._index_log.append(log, run, sealed.counter)
        if told == segment.record:  # as always, but for what a crash left
            self._tell_one(log, segment.record)
            self._ports.index_log.set_told(log, segment.record + 1)
        else:
            self._tell_of(log)
        return segment

    def _tell_of(self, log: LogId) -> None:
        """A segment entry for every record that has none yet; a crash may have hidden one."""
        told, size = self._ports.index_log.told(log), self._ports.index_log.size(log)
        if told == size:
            return
        self._index_log.publish(log)
        written = self._written(log, told)
        for position in range(max(told, written), size):
            self._tell_one(log, position)
        self._ports.index_log.set_told(log, size)

    def _tell_one(self, log: LogId, position: int) -> None:
        (record,) = self._ports.index_log.records(log, position, position + 1)
        self._tell(log, [SegmentEntry(0, position, leaf_hash(record))])

    def _written(self, log: LogId, told: int) -> int:
        """One more than the newest position that an entry tells of: one may be lost to a crash."""
        start, end = self._ports.store.first_index(log), self._ports.store.log(log).next_index
        found = told
        while start is not None and start < end:
            stop = LeafIndex(min(start + _READ_AT_ONCE, end))
            for data in self._ports.store.entries(log, start, stop):
                if data[4] == SEGMENT:
                    entry = decode_entry(data)
                    found = (
                        max(found, entry.record + 1) if isinstance(entry, SegmentEntry) else found
                    )
            start = stop
        return found

    def _take(self, log: LogId, segment: Segment) -> None:
        """Readers find the records in the segment from now on; the rows go."""
        self._ports.segments.add(log, segment)
        self._ports.archive.refresh(log)
        self._ports.store.drop(log, segment.end)

    def _swap(self, log: LogId, merged: Segment) -> bool:
        """Put a merged segment in the place of those below it, if it is covered."""
        if not self._covered(log, merged.record):
            return False
        replaced = self._ports.segments.merge(log, merged)
        self._ports.archive.refresh(log)
        self._ports.archive.remove(replaced)
        return True

    def _made_again(self, log: LogId, run: SealedRun) -> Segment:
        """A listed run whose files a crash may have left half written: equal ones.

        Raises:
            IntegrityError: the rows give another run than is listed.
        """
        old = run.segment
        again = self._runner.run(SealJob("again", log, old.start, old.end)).run.segment
        if (again.gap_count, again.run_root) != (old.gap_count, old.run_root):
            raise IntegrityError("the rows give another run than is listed", where=log)
        return replace(again, record=old.record)

    def _unsettled(self, log: LogId) -> list[SealedRun]:
        """Listed runs that the catalog has neither itself nor within a later one."""
        segments = self._ports.segments.segments(log)

        def settled(run: SealedRun) -> bool:
            own = run.segment
            return any(
                one.start <= own.start and own.end <= one.end and one.record >= own.record
                for one in segments
            )

        runs = self._ports.index_log.runs_from(log, self._first_open.get(log, 0))
        found = [run for run in runs if not settled(run)]
        known = runs[-1].segment.record + 1 if runs else self._first_open.get(log, 0)
        self._first_open[log] = found[0].segment.record if found else known
        return found

    def _due(self, info: LogInfo) -> Iterator[SealJob]:
        while span := full_range(info, self._limits):
            yield SealJob("seal", info.log, *span)
            info = self._shown(info.log)
        if (span := aged_range(info, self._limits)) and self._is_old(info):
            yield SealJob("seal", info.log, *span)

    def _shown(self, log: LogId) -> LogInfo:
        """The log with the head that its readers see: all of that head's tiles are there.

        A head that was just swapped is ahead of its tiles for as long as writing them takes.
        """
        info, note = self._ports.store.log(log), Published(self._ports.objects, log).checkpoint()
        size = parse_checkpoint(note).size if note else TreeSize(0)
        return replace(info, head_size=min(info.head_size, size))

    def _is_old(self, info: LogInfo) -> bool:
        """Whether the oldest hot row is old enough, and there is an event among them."""
        place = (info.log, info.sealed_end)
        due_us = self._due_us.get(place)
        if due_us is None:
            oldest_us = self._ports.store.oldest_hot_us(info.log)
            if oldest_us is None:
                return False
            self._due_us = {key: at for key, at in self._due_us.items() if key[0] != info.log}
            self._due_us[place] = due_us = oldest_us + self._limits.age_us
        if self._now() < due_us:
            return False
        end = LeafIndex(info.head_size)
        return bool(self._ports.store.scan(info.log, None, info.sealed_end, end, 1))

    def _hold_off(self, log: LogId) -> None:
        hold = self._held.get(log) or _Hold(0)
        self._held[log] = _Hold(
            self._now() + hold.next_us, min(hold.next_us * 2, _MOST_HOLD_OFF_US)
        )

    def _now(self) -> int:
        return self._ports.clock.now_us()
