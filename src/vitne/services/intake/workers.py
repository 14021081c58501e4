"""Preparing large requests in processes of their own.

Preparation is most of the work on an event, and pure Python: in one process it shares the one
interpreter lock with the writer and the door. A process gets the bytes of a request and gives
back what is to be placed, so that the serving process only decodes that and writes it. What it
holds is derived from the folder; it may be killed at any moment, and its requests are prepared
again, here.
"""

import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vitne.core.event.body import split_body, split_import
from vitne.core.event.event import Problem
from vitne.core.event.source import SourceRegistration
from vitne.core.values.caches import forget_personal_values
from vitne.core.values.types import LogId
from vitne.errors import SenderRefusedError, VitneError
from vitne.ports import ApiKey, Count
from vitne.services.intake.events import Preparer, SentEvent
from vitne.services.intake.signed_batch import BatchPreparer
from vitne.services.processes.exit import run_to_the_end
from vitne.services.writer.pending_request import PendingRequest
from vitne.services.writer.prepared import LogBatch
from vitne.services.writer.reply import Arrival, Form
from vitne.wire.events import EventResult

_LOG = logging.getLogger("vitne.prepare")

LARGE_BYTES: Final = 16 * 1024
"""Smaller requests are prepared where they are: the way there and back would cost more."""
_COLLECT_EVERY: Final = 2_000


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
    refusal: "_Fault | None" = None
    """What the request is answered with, once that is placed."""


class _Fault(Struct, frozen=True, array_like=True):
    """A `VitneError` on its way back."""

    name: str
    message: str
    where: str
    hint: str
    problems: tuple[Problem, ...] = ()


class _GoneError(Exception):
    """The process ended before it answered."""


class Preparation(Protocol):
    """From the bytes of a request to what the writer is given."""

    def prepare(self, job: Job) -> PendingRequest:
        """Prepare one request. Raises `BadInputError` if the body is none of the form."""


class PrepareHere(Preparation):
    """Prepares in the caller's thread."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    def prepare(self, job: Job) -> PendingRequest:
        """See the protocol."""
        return prepared(self._preparer, job)


class PreparePool(Preparation):
    """Prepares large requests in processes, small ones here.

    A process starts with the first large request; until it is ready, and after it died until its
    successor is, requests are prepared here.

    Args:
        here: for small requests, and for what a process left undone.
        open_preparer: makes the preparer in a process, and can be pickled; None: no processes.
        processes: how many; 0 prepares everything here.
    """

    def __init__(
        self, here: PrepareHere, open_preparer: Callable[[], Preparer] | None, processes: int
    ) -> None:
        self._here = here
        self._workers = (
            [] if open_preparer is None else [_Worker(open_preparer, at) for at in range(processes)]
        )
        self._closed = False

    def close(self) -> None:
        """End the processes; what they have under way is prepared here."""
        self._closed = True
        for worker in self._workers:
            worker.close()

    def forget_personal_values(self) -> None:
        """Have the processes empty their caches of names and addresses, before further requests."""
        for worker in self._workers:
            worker.forget_personal_values()

    def ready_pids(self) -> list[int]:
        """Of the processes that requests go to now."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def prepare(self, job: Job) -> PendingRequest:
        """See the protocol."""
        if len(job.body) < LARGE_BYTES or not self._workers or self._closed:
            return self._here.prepare(job)
        worker = min(self._workers, key=lambda one: one.waiting)
        try:
            done = worker.ask(job)
        except _GoneError:
            return self._here.prepare(job)
        counts = {log: dict(found) for log, found in done.counts}
        refusal = None if done.refusal is None else _from_fault(done.refusal)
        return PendingRequest(done.batches, counts, done.results, len(job.body), refusal)


class _Worker:
    """One process and its pipe: many threads ask, answers come in the order of the questions."""

    def __init__(self, open_preparer: Callable[[], Preparer], number: int) -> None:
        self._open_preparer = open_preparer
        self._name = f"vitne-prepare-{number}"
        self._lock = threading.Lock()
        self._asked: deque[Future[bytes]] = deque()
        self._pipe: Connection | None = None
        self._process: BaseProcess | None = None
        self._ready = False
        self._closed = False
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(EncodedRequest).decode

    @property
    def waiting(self) -> int:
        """Requests under way."""
        return len(self._asked)

    @property
    def pid(self) -> int | None:
        """Of the process, once it is ready."""
        return self._process.pid if self._process and self._ready else None

    def _start(self) -> None:
        """Start the process; the lock is held."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=work, args=(theirs, self._open_preparer), name=self._name, daemon=True
        )
        self._process.start()
        theirs.close()
        # Each process has a queue of its own: a late answer of the one before can never be taken
        # for an answer to a question of this one.
        self._asked = deque()
        threading.Thread(
            target=self._read,
            args=(self._pipe, self._asked),
            name=f"{self._name}-answers",
            daemon=True,
        ).start()

    def close(self) -> None:
        """End the process; whoever waits is told."""
        self._closed = True
        process = self._process
        if process is not None:
            process.terminate()  # its pipe ends, so nobody who holds the lock is held up
            process.join()
        with self._lock:  # one that was just being started
            process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.join()

    def ask(self, job: Job) -> EncodedRequest:
        """What the process makes of a request.

        Raises:
            BadInputError: the body is none of the form.
            _GoneError: there is no process yet, or it ended.
        """
        answer: Future[bytes] = Future()
        with self._lock:
            if self._pipe is None and not self._closed:
                self._start()
            if self._pipe is None or not self._ready:
                raise _GoneError
            # The secret's hash is of no use there.
            data = self._encode(replace(job, key=replace(job.key, secret_sha256=b"")))
            self._asked.append(answer)
            with suppress(OSError):  # it ended: the thread that reads tells everyone who waits
                self._pipe.send_bytes(data)
        found = answer.result()
        if found[:1] == _FAULT:
            raise _as_error(found[1:])
        return self._decode(memoryview(found)[1:])

    def forget_personal_values(self) -> None:
        """See the pool; nothing happens without a process."""
        with self._lock, suppress(OSError):
            if self._pipe is not None:
                self._pipe.send_bytes(FORGET)

    def _read(self, pipe: Connection, asked: deque[Future[bytes]]) -> None:
        """The thread that hands out the answers of one process, and alone closes its pipe.

        Closed by another thread, the pipe's number could be that of the next one while this
        thread still reads from it.
        """
        while True:
            try:
                found = pipe.recv_bytes()
            except (EOFError, OSError):
                break
            if found == _READY:
                self._ready = True
            elif not self._ready:
                _LOG.warning("a preparing process cannot begin: %s", found[1:].decode())
            else:
                asked.popleft().set_result(found)
        with self._lock:
            self._pipe = None
            self._ready = False
        pipe.close()
        if not self._closed:
            _LOG.warning("a preparing process ended; its requests are prepared here")
        while asked:
            asked.popleft().set_exception(_GoneError())


FORGET: Final = b""
"""Instead of a request: to it there is no answer."""
_READY: Final = b"!"
_DONE: Final = b"+"
_FAULT: Final = b"-"


def work(pipe: Connection, open_preparer: Callable[[], Preparer]) -> None:
    """The process: request after request until the pipe ends; does not return."""
    run_to_the_end(lambda: _work(pipe, open_preparer))


def _work(pipe: Connection, open_preparer: Callable[[], Preparer]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends it, not the terminal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        preparer = open_preparer()
    except VitneError as error:
        pipe.send_bytes(_FAULT + f"{error.code}: {error}".encode())
        return
    gc.collect()
    gc.freeze()
    gc.disable()  # requests make no cycles but on errors
    pipe.send_bytes(_READY)
    answer_requests(pipe, lambda job: _prepared(preparer, job))


def answer_requests(pipe: Connection, prepare: Callable[[Job], EncodedRequest]) -> None:
    """Prepare request after request until the pipe ends."""
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Job).decode
    for turn in range(1, 1 << 62):
        try:
            data = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        if data == FORGET:
            forget_personal_values()
            continue
        try:
            pipe.send_bytes(_DONE + encode(prepare(decode(data))))
        except VitneError as error:
            pipe.send_bytes(_FAULT + encode(_to_fault(error)))
        if turn % _COLLECT_EVERY == 0:
            gc.collect()


def _prepared(preparer: Preparer, job: Job) -> EncodedRequest:
    request = prepared(preparer, job)
    counts = [(log, list(found.items())) for log, found in request.counts.items()]
    refusal = None if request.refusal is None else _to_fault(request.refusal)
    return EncodedRequest(list(request.batches), counts, request.results, refusal)


def prepared(preparer: Preparer, job: Job) -> PendingRequest:
    """What one request comes to. Raises `BadInputError` if the body is none of the form."""
    if job.form == "batch":
        return BatchPreparer(preparer).prepare(job.body, job.key, job.source, job.arrival)
    items = read_items(job.body, job.form)
    return preparer.prepare(items, len(job.body), job.key, job.source, job.arrival)


def _to_fault(error: VitneError) -> _Fault:
    problems = error.problems if isinstance(error, SenderRefusedError) else ()
    told = tuple(one for one in problems if isinstance(one, Problem))
    return _Fault(type(error).__name__, error.message, error.where, error.hint, told)


def _from_fault(fault: _Fault) -> VitneError:
    kinds = {kind.__name__: kind for kind in _all_kinds(VitneError)}
    error = kinds[fault.name](fault.message, where=fault.where, hint=fault.hint)
    if isinstance(error, SenderRefusedError):
        error.problems = fault.problems
    return error


def _as_error(data: bytes) -> VitneError:
    return _from_fault(msgspec.msgpack.decode(data, type=_Fault))


def _all_kinds(kind: type[VitneError]) -> list[type[VitneError]]:
    return [kind, *(found for under in kind.__subclasses__() for found in _all_kinds(under))]


def read_items(body: bytes, form: Form) -> Sequence[SentEvent]:
    """The events of a request. Raises `BadInputError` if the body is none of the form."""
    if form == "import":
        return [SentEvent(line.event, line.raw) for line in split_import(body)]
    if form == "batch":
        raise AssertionError  # pragma: no cover - read by `BatchPreparer`
    return [SentEvent(event) for event in split_body(body, form)]
