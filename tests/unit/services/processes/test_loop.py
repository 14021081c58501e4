"""A loop: a round at once, one after each pause or nudge, none after its end."""

import threading
from collections.abc import Callable
from itertools import count

import pytest

from vitne.errors import StorageError
from vitne.services.processes.loop import Loop


class Rounds:
    """A task that says when a round begins, and ends it when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.let = threading.Semaphore(0)

    def __call__(self) -> None:
        """One round."""
        self.begun.release()
        self.let.acquire()


def begins(rounds: Rounds) -> bool:
    return rounds.begun.acquire(timeout=30)


def test_a_round_runs_at_once_and_another_after_each_pause() -> None:
    three = threading.Event()
    numbers = count(1)
    pauses: list[None] = []
    loop = Loop(
        "test", lambda: next(numbers) == 3 and three.set(), lambda: pauses.append(None) or 0.001
    )

    loop.start()

    assert three.wait(30)
    loop.close()
    assert len(pauses) >= 2


def test_a_nudge_during_a_round_is_followed_by_another_round() -> None:
    rounds = Rounds()
    loop = Loop("test", rounds, None)
    loop.start()
    assert begins(rounds)

    loop.nudge()
    rounds.let.release()

    assert begins(rounds)
    rounds.let.release()
    loop.close()
    assert not rounds.begun.acquire(blocking=False), "nobody asked for a third one"


def test_a_round_that_fails_is_logged_and_the_next_one_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    twice = threading.Event()
    numbers = count(1)

    def fail() -> None:
        if next(numbers) == 3:
            twice.set()
        raise StorageError("the disk is full")

    loop = Loop("test", fail, 0.001)
    loop.start()
    assert twice.wait(30)
    loop.close()

    assert "test failed, and is tried again: storage: the disk is full" in caplog.text


def test_one_that_is_stopped_does_not_wait_for_its_round_until_it_is_closed() -> None:
    rounds = Rounds()
    loop = Loop("test", rounds, 0.0)
    loop.start()
    assert begins(rounds)

    loop.stop()
    assert loop.stopping
    rounds.let.release()
    loop.close()

    assert not rounds.begun.acquire(blocking=False)


def test_one_that_never_began_is_closed_all_the_same() -> None:
    loop = Loop("test", Rounds(), None)

    loop.close()

    assert loop.stopping


def test_it_ends_though_it_is_closed_while_it_wakes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request to end came between two steps of the thread, and it waited for ever."""
    stop: list[Callable[[], None]] = []

    class StoppedMeanwhile(threading.Event):
        def clear(self) -> None:
            if stop:
                stop.pop()()
            super().clear()

    ended = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Event", StoppedMeanwhile)
        loop = Loop("test", lambda: None, lambda: ended.set() or None)
    stop.append(loop.stop)
    loop.start()
    loop.close()  # waits for its thread

    assert not ended.is_set(), "no round after the end"
