"""Preparing large requests in processes of their own.

Preparation is most of the work on an event, and pure Python: in one process it shares the one
interpreter lock with the writer and the HTTP server. A process gets the bytes of a request and
gives back what is to be placed, so that the serving process only decodes that and writes it. What
it works with is read from the folder; it may be killed at any moment, and its requests are prepared
again, here.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vitne.core.event.body import SentEvent, split_body, split_import
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.ports import ApiKey, Count
from vitne.services.intake.events import Preparer
from vitne.services.intake.signed_batch import BatchPreparer
from vitne.services.processes import Answer, EncodedError, WorkerEndedError, WorkerProcess
from vitne.services.writer import Arrival, Form, LogBatch, PendingRequest
from vitne.wire.events import EventResult

OpenPreparer = Callable[[], Preparer]
"""Makes the preparer in a process; can be pickled."""
LARGE_BYTES: Final = 16 * 1024
"""Smaller requests are prepared where they are: the way there and back would cost more."""


def processes_for(wanted: int) -> int:
    """How many processes to use: as many as wanted; -1: one for each core but one, up to 4."""
    return wanted if wanted >= 0 else max(0, min(4, (os.cpu_count() or 1) - 1))


class Job(Struct, frozen=True, array_like=True):
    """One request, on its way to the process."""

    body: bytes
    form: Form
    key: ApiKey
    source: SourceRegistration
    arrival: Arrival


class EncodedRequest(Struct, frozen=True, array_like=True):
    """What is to be placed, on its way back."""

    batches: list[LogBatch]
    counts: list[tuple[LogId, list[tuple[Count, int]]]]
    results: list[EventResult | None]
    refusal: EncodedError | None = None
    """What the request is answered with, once that is placed."""


class PreparePool:
    """Prepares large requests in processes, small ones here.

    A process starts with the first large request; until it is ready, and after it died until its
    successor is, requests are prepared here.

    Args:
        preparer: for small requests, and for what a process left undone.
        open_preparer: makes the preparer in a process, and can be pickled; None: no processes.
        processes: how many; 0 prepares everything here.
    """

    def __init__(
        self, preparer: Preparer, open_preparer: OpenPreparer | None, processes: int
    ) -> None:
        self._preparer = preparer
        self._workers: list[WorkerProcess] = []
        if open_preparer is not None:
            open_answer = partial(open_request_preparer, open_preparer)
            self._workers = [
                WorkerProcess(f"vitne-prepare-{number}", open_answer) for number in range(processes)
            ]
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(EncodedRequest).decode

    def close(self) -> None:
        """End the processes; what they have under way is prepared here."""
        for worker in self._workers:
            worker.close()

    def forget_personal_values(self) -> None:
        """Have the processes empty their caches of names and addresses, before further requests."""
        for worker in self._workers:
            worker.forget_personal_values()

    def ready_pids(self) -> list[int]:
        """Of the processes that requests go to now."""
        return [worker.pid for worker in self._workers if worker.is_ready and worker.pid]

    def prepare(self, job: Job) -> PendingRequest:
        """Prepare one request. Raises `BadInputError` if the body is none of the form."""
        if len(job.body) < LARGE_BYTES or not self._workers:
            return prepared(self._preparer, job)
        worker = min(self._workers, key=lambda one: one.waiting)
        # The secret's hash is of no use there.
        request = self._encode(replace(job, key=replace(job.key, secret_sha256=b"")))
        try:
            done = self._decode(worker.ask(request, only_if_ready=True))
        except WorkerEndedError:
            return prepared(self._preparer, job)
        counts = {log: dict(found) for log, found in done.counts}
        refusal = None if done.refusal is None else done.refusal.error()
        return PendingRequest(done.batches, counts, done.results, len(job.body), refusal)


def open_request_preparer(open_preparer: OpenPreparer) -> Answer:
    """What answers in a process."""
    preparer = open_preparer()
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Job).decode
    return lambda request: encode(_encoded(prepared(preparer, decode(request))))


def _encoded(request: PendingRequest) -> EncodedRequest:
    counts = [(log, list(found.items())) for log, found in request.counts.items()]
    refusal = None if request.refusal is None else EncodedError.of(request.refusal)
    return EncodedRequest(list(request.batches), counts, request.results, refusal)


def prepared(preparer: Preparer, job: Job) -> PendingRequest:
    """What one request comes to. Raises `BadInputError` if the body is none of the form."""
    if job.form == "batch":
        return BatchPreparer(preparer).prepare(job.body, job.key, job.source, job.arrival)
    items = read_items(job.body, job.form)
    return preparer.prepare(items, len(job.body), job.key, job.source, job.arrival)


def read_items(body: bytes, form: Form) -> Sequence[SentEvent]:
    """The events of a request. Raises `BadInputError` if the body is none of the form."""
    if form == "import":
        return split_import(body)
    if form == "batch":
        raise AssertionError  # pragma: no cover - read by `BatchPreparer`
    return [SentEvent(event) for event in split_body(body, form)]
