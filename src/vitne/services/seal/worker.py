"""The heavy part of sealing, which may run in a process of its own.

A job only reads, and writes files that nobody knows of yet. So it may be killed at any moment and
run again: the same records give the same segment.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Final, Literal, Protocol, overload

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.index_record import describe_run
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LeafIndex, LogId, Origin, Record, forget_personal_values
from vitne.errors import IntegrityError, UnavailableError, VitneError
from vitne.ports import IndexLogStore, ObjectStore, SealedRun, Searchable, SegmentStore
from vitne.services.log import Published
from vitne.services.processes import Answer, WorkerEndedError, WorkerProcess

_TRIES: Final = 3
_READ_AT_ONCE: Final = 4096
_NICE: Final = 5
"""Taking events in goes before sealing them."""


class SealJob(Struct, frozen=True):
    """Make one segment of [start, end): of hot rows, or of segments that are there.

    `again`: of hot rows whose run is listed already, so that only the files are wanted.
    """

    kind: Literal["seal", "merge", "again"]
    log: LogId
    start: LeafIndex
    end: LeafIndex
    level: int = 0
    """Of its record; above 0 for a merge."""


class Sealed(Struct, frozen=True):
    """What a job made: files that nobody lists yet, and what is to be listed."""

    run: SealedRun
    """Its segment has no position yet."""
    counter: bytes
    """Encoded `CoverageCounter` as of its end; `b""` of what is merged or made again."""


_JOB = msgspec.msgpack.Decoder(SealJob)
_SEALED = msgspec.msgpack.Decoder(Sealed)


class SealPorts(Struct, frozen=True):
    """What a job needs."""

    hot: Searchable
    archive: SegmentStore
    objects: ObjectStore
    index_log: IndexLogStore
    origin: Callable[[LogId], Origin]


OpenPorts = Callable[[], SealPorts]
"""Opens them in another process: a function that can be pickled, with its settings."""


class StoredRange(Sequence[Record]):
    """The records [start, end) of a store, read as they are asked for: only a part is in memory.

    Raises:
        IntegrityError: on reading, the store does not hold all of them.
    """

    def __init__(self, store: Searchable, log: LogId, start: int, end: int) -> None:
        self._store = store
        self._log = log
        self._start = start
        self._end = end

    def __len__(self) -> int:
        """How many records."""
        return self._end - self._start

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        """One record, or those of a slice."""
        if isinstance(at, int):
            place = range(len(self))[at]
            return self._read(place, place + 1)[0]
        low, high, step = at.indices(len(self))
        return self._read(low, max(low, high))[:: step or 1]

    def __iter__(self) -> Iterator[Record]:
        """All, a few thousand in memory at a time."""
        for low in range(0, len(self), _READ_AT_ONCE):
            yield from self._read(low, min(low + _READ_AT_ONCE, len(self)))

    def _read(self, low: int, high: int) -> list[Record]:
        start, end = LeafIndex(self._start + low), LeafIndex(self._start + high)
        found: list[Record] = []
        while start < end:
            stop = LeafIndex(min(start + _READ_AT_ONCE, end))
            some = self._store.records(self._log, start, stop)
            if len(some) != stop - start:
                raise IntegrityError(f"records of [{start}, {stop}) are missing", where=self._log)
            found += some
            start = stop
        return found


def run_job(job: SealJob, ports: SealPorts) -> Sealed:
    """Read the records, write the segment, describe the run.

    The entries that are described come from the published tiles, not from the rows.

    Raises:
        IntegrityError: records are missing, differ from what is published, or from the file.
        StorageError: it cannot be written.
    """
    store = ports.archive if job.kind == "merge" else ports.hot
    if job.kind == "merge":
        ports.archive.refresh(job.log)
    made = ports.archive.write(job.log, StoredRange(store, job.log, job.start, job.end))
    segment = replace(made, level=job.level)
    if job.kind == "again":
        return Sealed(SealedRun(segment, b"", b""), b"")
    published = Published(ports.objects, job.log)
    entries = published.entries(job.start, job.end)
    counter = _counted(job, ports, entries)
    record = describe_run(
        ports.origin(job.log),
        job.start,
        entries,
        log_root=TileReader(published.get, job.end).root(),
        run=(segment.gap_count, Hash(segment.run_root)),
        coverage=counter.coverage(),
        level=job.level,
    )
    run = SealedRun(segment, record.encode(), counter.reduced().encode())
    return Sealed(run, b"" if job.level else counter.encode())


def _counted(job: SealJob, ports: SealPorts, entries: Sequence[bytes]) -> CoverageCounter:
    """The streams of the log over all entries before the run's end."""
    end, data = ports.index_log.counter(job.log)
    known = CoverageCounter.decode(data) if data else CoverageCounter()
    if job.level and end == job.end:
        return known
    start = known.size
    if job.level or start > job.start:  # a run that was counted before: count from the beginning
        known, start = CoverageCounter(), 0
    published = Published(ports.objects, job.log)
    while start < job.start:
        stop = min(start + _READ_AT_ONCE, int(job.start))
        for entry in published.entries(LeafIndex(start), LeafIndex(stop)):
            known.add(entry)
        start = stop
    for entry in entries:
        known.add(entry)
    return known


class SealRunner(Protocol):
    """Runs jobs, one at a time."""

    def run(self, job: SealJob) -> Sealed:
        """Run one to its end. Errors as `run_job`, and `UnavailableError` if it is killed."""

    def rest(self) -> None:
        """Nothing is to be done for a while: give back memory."""

    def close(self) -> None:
        """No more jobs come."""


class SealHere(SealRunner):
    """Runs jobs in this process."""

    def __init__(self, ports: SealPorts) -> None:
        self._ports = ports

    def run(self, job: SealJob) -> Sealed:
        """See the protocol."""
        return run_job(job, self._ports)

    def rest(self) -> None:
        """See the protocol."""

    def close(self) -> None:
        """See the protocol."""


class SealProcess(SealRunner):
    """Runs jobs in a process of its own, which is started when there is one and ends at rest."""

    def __init__(self, open_ports: OpenPorts) -> None:
        self.worker = WorkerProcess("vitne-seal", partial(open_sealer, open_ports))

    def run(self, job: SealJob) -> Sealed:
        """See the protocol. A process that dies is replaced, and the job run again."""
        for _ in range(_TRIES):
            with suppress(WorkerEndedError):
                return _SEALED.decode(self.worker.ask(msgspec.msgpack.encode(job)))
        raise UnavailableError("the sealing process ends before its job is done", where=job.log)

    def rest(self) -> None:
        """See the protocol."""
        if not self.worker.waiting:
            self.worker.stop()

    def close(self) -> None:
        """See the protocol; does not wait for a job that runs."""
        self.worker.close()


def open_sealer(open_ports: OpenPorts) -> Answer:
    """What answers in the process: it opens the ports with its first job."""
    os.nice(_NICE)
    return partial(_answer_job, cache(open_ports))


def _answer_job(open_ports: OpenPorts, request: bytes) -> bytes:
    job = _JOB.decode(request)
    try:
        return msgspec.msgpack.encode(run_job(job, open_ports()))
    except VitneError:
        raise
    except Exception as error:
        message = f"sealing failed: {type(error).__name__}: {error}"
        raise IntegrityError(message, where=job.log) from error
    finally:
        forget_personal_values()  # an erasure in the server does not reach this process
