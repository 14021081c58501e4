"""One process and its pipe: whose answer is whose, and what becomes of those who wait."""

import errno
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest

from vitne.core.event.event import Problem
from vitne.errors import BadInputError, IntegrityError, SenderRefusedError, VitneError
from vitne.services.intake.events import person_record
from vitne.services.processes.worker import (
    EncodedError,
    OpenAnswer,
    WorkerEndedError,
    WorkerProcess,
    answer_requests,
)


class Starts:
    """Starts processes that do nothing, and keeps the other ends of their pipes."""

    def __init__(self) -> None:
        self.ends: list[Connection] = []
        self._started = threading.Condition()  # guards: ends

    def __call__(self, name: str, _open_answer: OpenAnswer) -> tuple[Connection, BaseProcess]:
        """As `start_process`."""
        ours, theirs = Pipe()
        process = get_context("spawn").Process(target=int, name=name, daemon=True)
        process.start()
        with self._started:
            self.ends.append(theirs)
            self._started.notify_all()
        return ours, process

    def end(self, number: int) -> Connection:
        """The other end of the process that was started as that one, once it is."""
        with self._started:
            assert self._started.wait_for(lambda: len(self.ends) > number, timeout=30)
        return self.ends[number]


def _never() -> Any:
    pytest.fail("no process is opened")


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def worker(starts: Starts) -> Iterator[WorkerProcess]:
    worker = WorkerProcess("worker", _never, starts)
    yield worker
    for end in starts.ends:
        end.close()
    worker.close()


class Asking:
    """Somebody who asks, in a thread of their own."""

    def __init__(self, worker: WorkerProcess, request: bytes) -> None:
        self._worker = worker
        self._request = request
        self._got: list[bytes | Exception] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._got.append(bytes(self._worker.ask(self._request)))
        except (VitneError, WorkerEndedError) as error:
            self._got.append(error)

    def answer(self) -> bytes | Exception:
        """What they got."""
        self._thread.join(30)
        return self._got[0]


def _answer(end: Connection, *messages: bytes) -> None:
    for message in messages:
        end.send_bytes(message)


def test_an_answer_of_one_process_is_never_for_a_request_to_the_next(
    worker: WorkerProcess, starts: Starts
) -> None:
    first, second = Asking(worker, b"a"), Asking(worker, b"b")
    end = starts.end(0)
    assert {end.recv_bytes(), end.recv_bytes()} == {b"a", b"b"}
    _answer(end, b"!", b"+one")
    end.close()
    answers = [first.answer(), second.answer()]

    assert [answer for answer in answers if isinstance(answer, bytes)] == [b"one"]
    assert sum(isinstance(answer, WorkerEndedError) for answer in answers) == 1

    third = Asking(worker, b"c")
    end = starts.end(1)
    assert end.recv_bytes() == b"c"
    _answer(end, b"!", b"+three")
    assert third.answer() == b"three"


def test_who_does_not_wait_for_a_start_is_told_at_once(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerEndedError):
        worker.ask(b"a", only_if_ready=True)

    assert worker.pid is not None
    assert not worker.is_ready
    assert worker.waiting == 0


def test_a_closed_one_starts_nothing(worker: WorkerProcess, starts: Starts) -> None:
    worker.close()

    with pytest.raises(WorkerEndedError):
        worker.ask(b"a")
    assert not starts.ends


def test_a_process_that_cannot_be_started_is_one_that_ended() -> None:
    """Out of descriptors, the thread that seals died of an `OSError`, and nothing said so."""

    def fail(_name: str, _open_answer: OpenAnswer) -> tuple[Connection, BaseProcess]:
        raise OSError(errno.EMFILE, "too many open files")

    worker = WorkerProcess("worker", _never, fail)

    for _ in range(2):
        with pytest.raises(WorkerEndedError):
            worker.ask(b"x")


def test_a_signal_to_the_whole_group_leaves_the_end_to_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A supervisor's SIGTERM ended it before the server did, which warned of it at every stop."""
    worker = WorkerProcess("signalled", partial(partial, bytes))
    with pytest.raises(WorkerEndedError):
        worker.ask(b"a", only_if_ready=True)
    assert worker.pid is not None

    os.kill(worker.pid, signal.SIGTERM)  # while it starts
    assert worker.ask(b"b") == b"b"
    os.kill(worker.pid, signal.SIGTERM)
    os.kill(worker.pid, signal.SIGINT)

    assert worker.ask(b"c") == b"c"
    worker.close()
    assert "signalled" not in caplog.text


def test_what_the_process_raises_is_raised_where_it_was_asked() -> None:
    ours, theirs = Pipe()

    def refuse(request: bytes) -> bytes:
        raise BadInputError("no", where=request.decode(), hint="try yes")

    ours.send_bytes(b"here")
    answering = threading.Thread(target=answer_requests, args=(theirs, refuse))
    answering.start()
    reply = ours.recv_bytes()
    ours.close()
    answering.join(30)

    assert reply[:1] == b"-"
    assert b"try yes" in reply


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("broken", where="there", hint="look"),
        SenderRefusedError("no", problems=(Problem("missing", "$.a", "an id", "nothing"),)),
    ],
)
def test_an_error_is_the_same_on_the_other_side(error: VitneError) -> None:
    again = EncodedError.of(error).error()

    assert type(again) is type(error)
    assert (again.message, again.where, again.hint) == (error.message, error.where, error.hint)
    assert getattr(again, "problems", None) == getattr(error, "problems", None)


def test_a_process_forgets_personal_values_when_it_is_told_to() -> None:
    """Erased in the server, an address would live on in a process that prepares requests."""
    ours, theirs = Pipe()
    person_record("203.0.113.7")
    ours.send_bytes(b"")
    ours.close()

    answer_requests(theirs, lambda _request: pytest.fail("this is no request"))

    assert person_record.cache_info().currsize == 0
