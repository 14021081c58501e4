"""A process that answers requests in turn, and is started when one comes.

What it works with is read from the folder, so it may be killed at any moment: whoever waits for an
answer is told, and a later request starts another process.
"""

import atexit
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, NoReturn

import msgspec
from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.values import forget_personal_values
from vitne.errors import VitneError, kinds_of_errors


def run_to_the_end(work: Callable[[], None]) -> NoReturn:
    """Do the work, then end this process with 0, or with 1 if it raised.

    Whoever started it sees that its pipe ends, and says so in the log.
    """
    status = 1
    try:
        work()
        status = 0
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


_LOG = logging.getLogger("vitne.processes")

Answer = Callable[[bytes], bytes]
"""Makes the answer to a request; a `VitneError` that it raises is raised where it was asked."""
OpenAnswer = Callable[[], Answer]
"""Makes it in the process; can be pickled."""

_FORGET: Final = b""
"""Instead of a request: to it there is no answer."""
_READY: Final = b"!"
_DONE: Final = b"+"
_FAULT: Final = b"-"
_COLLECT_EVERY: Final = 2_000
_SIGNALS_TO_THE_GROUP: Final = (signal.SIGINT, signal.SIGTERM)


class WorkerEndedError(Exception):
    """The process ended before it answered, or is not there yet."""


class _Running:
    """One process, its pipe, and who waits for its answers, in the order of the requests.

    Each process has a queue of its own: a late answer of the one before can never be taken for an
    answer to a request of this one.
    """

    def __init__(self, pipe: Connection, process: BaseProcess) -> None:
        self.pipe = pipe
        self.process = process
        self.asked: deque[Future[bytes]] = deque()
        self.is_ready = False
        self.is_dismissed = False
        self.reader: threading.Thread | None = None


def start_process(name: str, open_answer: OpenAnswer) -> tuple[Connection, BaseProcess]:
    """A new process that serves a pipe, and our end of the pipe.

    It takes no notice of a signal to the whole group, as of a terminal or a supervisor: the server
    ends it.
    """
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=run_worker, args=(theirs, open_answer), name=name, daemon=True)
    resource_tracker.ensure_running()  # starting that with the process would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS_TO_THE_GROUP)
    try:
        process.start()  # it inherits the mask
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return pipe, process


class WorkerProcess:
    """One process at a time. Any thread may call.

    Args:
        name: of the process, and of the thread that reads its answers.
        open_answer: makes, in the process, what answers.
        start: starts a process.
    """

    def __init__(
        self,
        name: str,
        open_answer: OpenAnswer,
        start: Callable[[str, OpenAnswer], tuple[Connection, BaseProcess]] = start_process,
    ) -> None:
        self._name = name
        self._open_answer = open_answer
        self._start = start
        self._lock = threading.Lock()  # guards: _running, and the order of what is sent to it
        self._running: _Running | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Requests under way."""
        running = self._running
        return len(running.asked) if running else 0

    @property
    def pid(self) -> int | None:
        """Of the process that runs now; None if there is none."""
        running = self._running
        return running.process.pid if running else None

    @property
    def is_ready(self) -> bool:
        """Whether it takes requests at once."""
        running = self._running
        return running is not None and running.is_ready

    def ask(self, request: bytes, *, only_if_ready: bool = False) -> memoryview:
        """What the process answers; starts one if there is none.

        Args:
            request: not empty.
            only_if_ready: do not wait for a process that is being started.

        Raises:
            VitneError: what the process raised.
            WorkerEndedError: it ended before it answered, or is not ready, or `close` was called.
        """
        answer: Future[bytes] = Future()
        with self._lock:
            running = self._started()
            if only_if_ready and not running.is_ready:
                raise WorkerEndedError
            running.asked.append(answer)
            with suppress(OSError):  # it ended: the thread that reads tells everyone who waits
                running.pipe.send_bytes(request)
        reply = answer.result()
        if reply[:1] == _FAULT:
            raise msgspec.msgpack.decode(reply[1:], type=EncodedError).error()
        return memoryview(reply)[1:]

    def forget_personal_values(self) -> None:
        """Have it empty its caches of names and addresses, before further requests."""
        with self._lock, suppress(OSError):
            if self._running is not None:
                self._running.pipe.send_bytes(_FORGET)

    def stop(self) -> None:
        """End the process, if there is one; whoever waits is told. The next request starts another.

        What it was started for may be killed at any moment.
        """
        running = self._running
        if running is not None and running.reader is not None:
            running.is_dismissed = True
            running.process.kill()  # its pipe ends, so nobody who holds the lock is held up
            running.reader.join()

    def close(self) -> None:
        """End the process, and start no other."""
        self._closed = True
        self.stop()
        with self._lock:  # one that was just being started
            pass
        self.stop()

    def _started(self) -> _Running:
        """The process; the lock is held."""
        if self._closed:
            raise WorkerEndedError
        if self._running is None:
            try:
                running = _Running(*self._start(self._name, self._open_answer))
                # It takes no SIGTERM, so a program that ends without `close` would wait for it.
                atexit.register(running.process.kill)
                self._start_reader(running)
            except (OSError, RuntimeError) as error:  # no memory, descriptor or thread is free
                _LOG.warning("%s cannot be started: %s", self._name, error)
                raise WorkerEndedError from error
            self._running = running
        return self._running

    def _start_reader(self, running: _Running) -> None:
        running.reader = threading.Thread(
            target=self._read, args=(running,), name=f"{self._name}-answers", daemon=True
        )
        try:
            running.reader.start()
        except RuntimeError:
            running.process.kill()
            running.pipe.close()
            raise

    def _read(self, running: _Running) -> None:
        """The thread that hands out the answers of one process, and alone closes its pipe.

        Closed by another thread, the pipe's number could be that of the next one while this
        thread still reads from it.
        """
        while True:
            try:
                reply = running.pipe.recv_bytes()
            except (EOFError, OSError):
                break
            if reply == _READY:
                running.is_ready = True
            elif not running.is_ready:
                _LOG.warning("%s cannot begin: %s", self._name, reply[1:].decode())
            else:
                running.asked.popleft().set_result(reply)
        with self._lock:
            self._running = None
        running.pipe.close()
        running.process.join()
        atexit.unregister(running.process.kill)
        if not running.is_dismissed:
            code = running.process.exitcode
            _LOG.warning("%s ended (%s); it is started again when it is needed", self._name, code)
        while running.asked:
            running.asked.popleft().set_exception(WorkerEndedError())


class EncodedError(Struct, frozen=True, array_like=True):
    """A `VitneError` on its way from one process to another."""

    name: str
    message: str
    where: str
    hint: str
    problems: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, error: VitneError) -> "EncodedError":
        """What is sent of an error."""
        known = tuple(problem for problem in error.problems if isinstance(problem, Problem))
        return cls(type(error).__name__, error.message, error.where, error.hint, known)

    def error(self) -> VitneError:
        """The error again."""
        kinds = {kind.__name__: kind for kind in kinds_of_errors()}
        error = kinds[self.name](self.message, where=self.where, hint=self.hint)
        error.problems = self.problems
        return error


def run_worker(pipe: Connection, open_answer: OpenAnswer) -> None:
    """The process: request after request until the pipe ends; does not return."""
    run_to_the_end(lambda: _serve(pipe, open_answer))


def _serve(pipe: Connection, open_answer: OpenAnswer) -> None:
    try:
        answer = open_answer()
    except VitneError as error:
        pipe.send_bytes(_FAULT + f"{error.code}: {error}".encode())
        return
    gc.collect()
    gc.freeze()
    gc.disable()  # requests make no cycles but on errors, and objects for the collector by millions
    pipe.send_bytes(_READY)
    answer_requests(pipe, answer)


def answer_requests(pipe: Connection, answer: Answer) -> None:
    """Answer request after request until the pipe ends."""
    for turn in count(1):
        try:
            request = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        if request == _FORGET:
            forget_personal_values()
            continue
        try:
            reply = _DONE + answer(request)
        except VitneError as error:
            reply = _FAULT + msgspec.msgpack.encode(EncodedError.of(error))
        pipe.send_bytes(reply)
        if turn % _COLLECT_EVERY == 0:
            gc.collect()
