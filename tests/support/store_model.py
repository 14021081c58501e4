"""A plain model of the record, checkpoint and segment stores, for SQLite to be compared with.

Simple and obviously right: a search goes through all records, and a transaction changes copies
that are put in place at its end.
"""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from vitne.core.filter.fields import SearchedRecord, text_field
from vitne.core.values.ids import uuid_time_us, uuid_version
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Origin, TreeSize
from vitne.errors import CheckpointConflictError, ConflictError, IntegrityError, NotFoundError
from vitne.ports import (
    Aside,
    Count,
    CountReport,
    Head,
    LogInfo,
    Seen,
    Segment,
    StreamState,
    Swap,
    Tail,
)

DATED_VERSION = 7
"""UUIDs of this version carry their time: no honest sender makes an old one again."""


@dataclass
class LogModel:
    """One log."""

    origin: Origin
    created_us: int
    next_index: LeafIndex = LeafIndex(0)  # noqa: RUF009 - a number
    last_recorded_us: int = 0
    head: Head | None = None
    records: list[Record] = field(default_factory=list)
    seen: dict[bytes, Seen] = field(default_factory=dict)
    streams: dict[bytes, StreamState] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)
    counts: dict[Count, int] = field(default_factory=dict)
    reported: dict[Count, int] = field(default_factory=dict)
    report: CountReport | None = None
    segments: list[Segment] = field(default_factory=list)

    def copy(self) -> "LogModel":
        """One that can be changed without changing this one."""
        return LogModel(*(copy.copy(getattr(self, one.name)) for one in fields(self)))

    def info(self, log: LogId) -> LogInfo:
        """What the store says of it."""
        return LogInfo(
            log=log,
            origin=self.origin,
            created_us=self.created_us,
            next_index=self.next_index,
            last_recorded_us=self.last_recorded_us,
            head_size=TreeSize(self.head.size if self.head else 0),
            sealed_end=LeafIndex(self.segments[-1].end if self.segments else 0),
        )


class Draft:
    """`vitne.ports.AppendTransaction`: copies of all logs."""

    def __init__(self, logs: Mapping[LogId, LogModel]) -> None:
        self.logs = {log: state.copy() for log, state in logs.items()}
        self.broken: IntegrityError | None = None

    def log(self, log: LogId) -> LogModel:
        if log not in self.logs:
            raise NotFoundError(f"there is no log {log!r}")
        return self.logs[log]

    def _break(self, why: str) -> IntegrityError:
        self.broken = IntegrityError(why)
        return self.broken

    def tail(self, log: LogId) -> Tail:
        return Tail(self.log(log).next_index, self.log(log).last_recorded_us)

    def seen(self, log: LogId, event_ids: Sequence[bytes]) -> dict[bytes, Seen]:
        known = self.log(log).seen
        return {event_id: known[event_id] for event_id in event_ids if event_id in known}

    def streams(self, log: LogId, stream_ids: Sequence[bytes]) -> dict[bytes, StreamState]:
        known = self.log(log).streams
        return {stream_id: known[stream_id] for stream_id in stream_ids if stream_id in known}

    def insert(self, log: LogId, records: Sequence[Record], digests: Sequence[bytes]) -> None:
        state = self.log(log)
        for record, digest in zip(records, digests, strict=True):
            if record.index != state.next_index:
                raise self._break(f"index {record.index} does not continue the log")
            if record.event_id in state.seen:
                raise self._break("an event id is in the log already")
            if record.event_id:
                state.seen[record.event_id] = Seen(record.index, digest, record.recorded_us)
            state.records.append(record)
            state.next_index = LeafIndex(record.index + 1)
            state.last_recorded_us = record.recorded_us

    def save_streams(self, log: LogId, states: Sequence[StreamState]) -> None:
        self.log(log).streams.update({state.stream_id: state for state in states})

    def keep_aside(self, log: LogId, asides: Sequence[Aside]) -> None:
        kept = self.log(log).asides
        for aside in asides:
            if any(other.index == aside.index for other in kept):
                raise self._break(f"something is kept for {aside.index} already")
            kept.append(aside)

    def kept_aside(self, log: LogId, digests: Sequence[bytes]) -> dict[bytes, LeafIndex]:
        newest_first = sorted(self.log(log).asides, key=lambda aside: -aside.index)
        return {aside.digest: aside.index for aside in newest_first if aside.digest in digests}

    def add_counts(self, log: LogId, counts: Mapping[Count, int]) -> None:
        known = self.log(log).counts
        for key, number in counts.items():
            known[key] = known.get(key, 0) + number


class Contents:
    """All logs, by id. A state that somebody holds never changes; it is replaced."""

    def __init__(self) -> None:
        self.logs: dict[LogId, LogModel] = {}

    def state(self, log: LogId) -> LogModel:
        """The log as it is; an empty one if there is none of that id."""
        return self.logs.get(log) or LogModel(Origin(""), 0)

    @contextmanager
    def writing(self) -> Iterator[Draft]:
        """Its changes appear when it is left without an error."""
        draft = Draft(self.logs)
        yield draft
        if draft.broken is not None:
            raise draft.broken
        self.logs = draft.logs


class RecordModel:
    """`vitne.ports.RecordStore`, as far as the test goes."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self.append = contents.writing

    def create_log(self, log: LogId, origin: Origin, created_us: int) -> None:
        for known, state in self._contents.logs.items():
            if (known == log) != (state.origin == origin):
                raise ConflictError(f"log {known!r} exists with the origin {state.origin!r}")
        self._contents.logs.setdefault(log, LogModel(origin, created_us))

    def logs(self) -> list[LogInfo]:
        return [state.info(log) for log, state in sorted(self._contents.logs.items())]

    def unpublished(self) -> list[LogInfo]:
        return [info for info in self.logs() if info.next_index > info.head_size]

    def records(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        return [one for one in self._contents.state(log).records if start <= one.index < end]

    def entries(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        return [record.entry for record in self.records(log, start, end)]

    def _events(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[Record]:
        return [record for record in self.records(log, start, end) if record.event_id]

    def scan(
        self, log: LogId, _where: None, start: LeafIndex, end: LeafIndex, limit: int
    ) -> list[Record]:
        return self._events(log, start, end)[::-1][:limit]

    def facets(
        self,
        log: LogId,
        _where: None,
        start: LeafIndex,
        end: LeafIndex,
        names: Sequence[str],
        most: int,
    ) -> dict[str, dict[str, int]]:
        readings = [SearchedRecord(record) for record in self._events(log, start, end)]
        found: dict[str, dict[str, int]] = {}
        for name in names:
            counts = Counter(value for r in readings for value in set(r.values(text_field(name))))
            found[name] = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])
        return found

    def first_index(self, log: LogId) -> LeafIndex | None:
        return next((record.index for record in self._contents.state(log).records), None)

    def oldest_hot_us(self, log: LogId) -> int | None:
        return next((record.recorded_us for record in self._contents.state(log).records), None)

    def drop(self, log: LogId, end: LeafIndex) -> int:
        if log not in self._contents.logs:
            return 0
        with self._contents.writing() as draft:
            before = draft.log(log).records
            left = [record for record in before if record.index >= end]
            draft.log(log).records = left
        return len(before) - len(left)

    def forget(self, before_us: int, most: int) -> int:
        with self._contents.writing() as draft:
            old = sorted(
                (seen.recorded_us, log, event_id)
                for log, state in draft.logs.items()
                for event_id, seen in state.seen.items()
                if seen.recorded_us < before_us
                if uuid_version(event_id) == DATED_VERSION and uuid_time_us(event_id) < before_us
            )[:most]
            for _, log, event_id in old:
                del draft.log(log).seen[event_id]
        return len(old)

    def counts(self, log: LogId) -> dict[Count, int]:
        return self._contents.state(log).counts

    def unreported_counts(self) -> dict[LogId, dict[Count, int]]:
        grown = {
            log: {
                key: number - state.reported.get(key, 0)
                for key, number in state.counts.items()
                if number > state.reported.get(key, 0)
            }
            for log, state in self._contents.logs.items()
        }
        return {log: counts for log, counts in grown.items() if counts}

    def begun_reports(self) -> dict[LogId, CountReport]:
        return {log: state.report for log, state in self._contents.logs.items() if state.report}

    def begin_reports(self, reports: Mapping[LogId, CountReport]) -> None:
        with self._contents.writing() as draft:
            for log, report in reports.items():
                if draft.log(log).report is not None:
                    raise ConflictError(f"the log {log!r} has begun a report")
                draft.log(log).report = report

    def end_reports(self, logs: Sequence[LogId]) -> None:
        with self._contents.writing() as draft:
            for state in (draft.logs[log] for log in logs if log in draft.logs):
                for key, number in (state.report.counts if state.report else {}).items():
                    if key in state.counts:
                        state.reported[key] = state.reported.get(key, 0) + number
                state.report = None

    def asides(self, log: LogId) -> list[Aside]:
        return sorted(self._contents.state(log).asides, key=lambda aside: aside.index)

    def streams(self, log: LogId) -> list[StreamState]:
        states = self._contents.state(log).streams.values()
        return sorted(states, key=lambda one: (one.source, one.name, one.stream_id))


class CheckpointModel:
    """`vitne.ports.CheckpointStore`, without index logs."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def head(self, log: LogId) -> Head | None:
        return self._contents.state(log).head

    def swap(self, swaps: Sequence[Swap]) -> None:
        with self._contents.writing() as draft:
            for swap in swaps:
                if draft.log(swap.log).head != swap.old:
                    raise CheckpointConflictError("the stored head is another", where=swap.log)
                draft.log(swap.log).head = swap.new


class SegmentModel:
    """`vitne.ports.SegmentCatalog`, as far as the test goes."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def segments(self, log: LogId) -> list[Segment]:
        return self._contents.state(log).segments

    def add(self, log: LogId, segment: Segment) -> None:
        with self._contents.writing() as draft:
            known = draft.log(log).segments
            end = known[-1].end if known else 0
            if segment.start != end or segment.end <= segment.start:
                raise ConflictError(f"segment [{segment.start}, …) does not follow on {end}")
            known.append(segment)

    def merge(self, log: LogId, merged: Segment) -> list[Segment]:
        with self._contents.writing() as draft:
            known = draft.log(log).segments
            starts, ends = [one.start for one in known], [one.end for one in known]
            if merged.start not in starts or merged.end not in ends or merged.end <= merged.start:
                raise ConflictError(f"[{merged.start}, {merged.end}) covers no whole segments")
            first, last = starts.index(merged.start), ends.index(merged.end) + 1
            replaced = known[first:last]
            known[first:last] = [merged]
        return replaced


class StoreModel:
    """The three over the same contents, like `SqliteStores`."""

    def __init__(self) -> None:
        contents = Contents()
        self.records = RecordModel(contents)
        self.checkpoints = CheckpointModel(contents)
        self.segments = SegmentModel(contents)
