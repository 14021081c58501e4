"""Hot rows in lists (`vitne.ports.RecordStore`)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from vitne.adapters.memory.contents import LogState, MemoryContents, TransactionState
from vitne.adapters.memory.search import MemorySearch
from vitne.core.values.ids import time_us, uuid_version
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId, Origin, TreeSize
from vitne.errors import ConflictError, IntegrityError, NotFoundError
from vitne.ports import AnnouncedKey, Aside, CountReport, LogInfo, Seen, StreamState, Tail

FORGETTABLE_VERSION = 7
"""UUIDs of this version carry their time: no honest sender makes an old one again."""


class MemoryAppend:
    """`vitne.ports.AppendTransaction` on a draft."""

    def __init__(self, draft: TransactionState) -> None:
        self._draft = draft

    def tail(self, log: LogId) -> Tail:
        state = self._draft.log(log)
        return Tail(state.next_index, state.last_recorded_us)

    def seen(self, log: LogId, event_ids: Sequence[bytes]) -> dict[bytes, Seen]:
        known = self._draft.log(log).seen
        return {event_id: known[event_id] for event_id in event_ids if event_id in known}

    def streams(self, log: LogId, stream_ids: Sequence[bytes]) -> dict[bytes, StreamState]:
        known = self._draft.log(log).streams
        return {stream_id: known[stream_id] for stream_id in stream_ids if stream_id in known}

    def announced_keys(self, log: LogId) -> dict[bytes, AnnouncedKey]:
        return dict(self._draft.log(log).announced_keys)

    def announce_keys(self, log: LogId, keys: Mapping[bytes, AnnouncedKey]) -> None:
        self._draft.log(log).announced_keys.update(keys)

    def insert(self, log: LogId, records: Sequence[Record], digests: Sequence[bytes]) -> None:
        state = self._draft.log(log)
        try:
            for record, digest in zip(records, digests, strict=True):
                _insert(state, record, digest)
        except Exception as error:
            self._draft.broken = error
            raise

    def save_streams(self, log: LogId, states: Sequence[StreamState]) -> None:
        self._draft.log(log).streams.update({state.stream_id: state for state in states})

    def keep_aside(self, log: LogId, asides: Sequence[Aside]) -> None:
        kept = self._draft.log(log).asides
        for aside in asides:
            if any(other.index == aside.index for other in kept):
                self._draft.broken = IntegrityError(f"something is kept for {aside.index} already")
                raise self._draft.broken
            kept.append(aside)

    def kept_aside(self, log: LogId, digests: Sequence[bytes]) -> dict[bytes, LeafIndex]:
        newest_first = sorted(self._draft.log(log).asides, key=lambda a: -a.index)
        return {aside.digest: aside.index for aside in newest_first if aside.digest in digests}

    def add_counts(self, log: LogId, counts: Mapping[tuple[str, str, str], int]) -> None:
        known = self._draft.log(log).counts
        for key, number in counts.items():
            known[key] = known.get(key, 0) + number


def _insert(state: LogState, record: Record, digest: bytes) -> None:
    if record.index != state.next_index:
        raise IntegrityError(f"index {record.index} does not continue a log of {state.next_index}")
    if record.event_id in state.seen:
        raise IntegrityError("an event id is in the log already")
    if record.event_id:
        state.seen[record.event_id] = Seen(record.index, digest, record.recorded_us)
    state.records.append(record)
    state.next_index = LeafIndex(record.index + 1)
    state.last_recorded_us = record.recorded_us


class MemoryRecords(MemorySearch):
    """The hot rows of all logs. Unknown logs are empty to every reader."""

    def __init__(self, contents: MemoryContents) -> None:
        self._contents = contents

    def _all(self, log: LogId) -> Sequence[Record]:
        return self._contents.state(log).records

    def create_log(self, log: LogId, origin: Origin, created_us: int) -> None:
        with self._contents.writing() as draft:
            for known, state in self._contents.logs.items():
                if (known == log) != (state.origin == origin):
                    raise ConflictError(f"log {known!r} exists with the origin {state.origin!r}")
            if log not in self._contents.logs:
                draft.changed[log] = LogState(origin, created_us)

    def logs(self) -> list[LogInfo]:
        return [_info(log, state) for log, state in sorted(self._contents.logs.items())]

    def log(self, log: LogId) -> LogInfo:
        if log not in self._contents.logs:
            raise NotFoundError(f"there is no log {log!r}")
        return _info(log, self._contents.logs[log])

    def unpublished(self) -> list[LogInfo]:
        return [info for info in self.logs() if info.next_index > info.head_size]

    @contextmanager
    def append(self) -> Iterator[MemoryAppend]:
        with self._contents.writing() as draft:
            yield MemoryAppend(draft)

    def entries(self, log: LogId, start: LeafIndex, end: LeafIndex) -> list[bytes]:
        return [record.entry for record in self.records(log, start, end)]

    def first_index(self, log: LogId) -> LeafIndex | None:
        return next((record.index for record in self._all(log)), None)

    def oldest_hot_us(self, log: LogId) -> int | None:
        return next((record.recorded_us for record in self._all(log)), None)

    def recall(self, log: LogId, event_id: bytes) -> Seen | None:
        return self._contents.state(log).seen.get(event_id)

    def drop(self, log: LogId, end: LeafIndex) -> int:
        if log not in self._contents.logs:
            return 0
        with self._contents.writing() as draft:
            state = draft.log(log)
            before = len(state.records)
            state.records = [record for record in state.records if record.index >= end]
            return before - len(state.records)

    def forget(self, before_us: int, most: int) -> int:
        with self._contents.writing() as draft:
            old = sorted(
                (seen.recorded_us, log, event_id)
                for log, state in self._contents.logs.items()
                for event_id, seen in state.seen.items()
                if seen.recorded_us < before_us and _is_older(event_id, before_us)
            )[: max(most, 0)]
            for _, log, event_id in old:
                del draft.log(log).seen[event_id]
        return len(old)

    def counts(self, log: LogId) -> dict[tuple[str, str, str], int]:
        return dict(self._contents.state(log).counts)

    def unreported_counts(self) -> dict[LogId, dict[tuple[str, str, str], int]]:
        grown = {
            log: {
                key: number - state.reported.get(key, 0)
                for key, number in sorted(state.counts.items())
                if number > state.reported.get(key, 0)
            }
            for log, state in sorted(self._contents.logs.items())
        }
        return {log: counts for log, counts in grown.items() if counts}

    def begun_reports(self) -> dict[LogId, CountReport]:
        states = sorted(self._contents.logs.items())
        return {log: state.report for log, state in states if state.report is not None}

    def begin_reports(self, reports: Mapping[LogId, CountReport]) -> None:
        with self._contents.writing() as draft:
            for log, report in reports.items():
                if draft.log(log).report is not None:
                    raise ConflictError(f"the log {log!r} has begun a report")
                draft.log(log).report = report

    def end_reports(self, logs: Sequence[LogId]) -> None:
        with self._contents.writing() as draft:
            for log in logs:
                if log not in self._contents.logs:
                    continue
                state = draft.log(log)
                for key, number in (state.report.counts if state.report else {}).items():
                    if key in state.counts:
                        state.reported[key] = state.reported.get(key, 0) + number
                state.report = None

    def asides(self, log: LogId) -> list[Aside]:
        return sorted(self._contents.state(log).asides, key=lambda aside: aside.index)

    def streams(self, log: LogId) -> list[StreamState]:
        states = self._contents.state(log).streams.values()
        return sorted(states, key=lambda s: (s.source, s.name, s.stream_id))

    def stream(self, log: LogId, stream_id: bytes) -> StreamState | None:
        return self._contents.state(log).streams.get(stream_id)

    def silent_streams(self, before_us: int, most: int) -> list[tuple[LogId, StreamState]]:
        found = [
            (log, stream)
            for log, state in self._contents.logs.items()
            for stream in state.streams.values()
            if stream.beat_s and not stream.closed and not stream.followed
            if stream.named_us < before_us
        ]
        return sorted(found, key=lambda one: one[1].named_us)[: max(most, 0)]

    def logs_announcing(self, key: bytes) -> list[LogId]:
        announced = (
            (log, state.announced_keys.get(key)) for log, state in self._contents.logs.items()
        )
        return sorted(log for log, one in announced if one is not None and not one.retired)


def _is_older(event_id: bytes, before_us: int) -> bool:
    return uuid_version(event_id) == FORGETTABLE_VERSION and time_us(event_id) < before_us


def _info(log: LogId, state: LogState) -> LogInfo:
    return LogInfo(
        log=log,
        origin=state.origin,
        created_us=state.created_us,
        next_index=state.next_index,
        last_recorded_us=state.last_recorded_us,
        head_size=TreeSize(state.head.size if state.head else 0),
        sealed_end=LeafIndex(state.segments[-1].end if state.segments else 0),
    )
