import asyncio
from concurrent.futures import Future
from threading import Thread

import pytest

from vitne.api.intake.events import Commits
from vitne.errors import UnavailableError


def test_each_request_of_a_group_gets_its_own_result() -> None:
    async def wait_for_a_group() -> list[int]:
        commits = Commits[int](asyncio.get_running_loop(), 60)
        group: list[Future[int]] = [Future() for _ in range(100)]
        waiters = [commits.wait(one) for one in group]
        writer = Thread(target=lambda: [one.set_result(at) for at, one in enumerate(group)])
        writer.start()
        results = list(await asyncio.gather(*waiters))
        writer.join()
        return results

    assert asyncio.run(wait_for_a_group()) == list(range(100))


def test_a_failed_commit_raises_where_it_is_waited_for() -> None:
    async def wait_for_a_failure() -> None:
        commits = Commits[int](asyncio.get_running_loop(), 60)
        broken: Future[int] = Future()
        waiter = commits.wait(broken)
        broken.set_exception(OSError("full"))
        await waiter

    with pytest.raises(OSError, match="full"):
        asyncio.run(wait_for_a_failure())


def test_a_wait_that_was_given_up_does_not_disturb_the_others() -> None:
    async def give_one_up() -> int:
        commits = Commits[int](asyncio.get_running_loop(), 60)
        first: Future[int] = Future()
        second: Future[int] = Future()
        commits.wait(first).cancel()
        waiter = commits.wait(second)
        first.set_result(1)
        second.set_result(2)
        return await waiter

    assert asyncio.run(give_one_up()) == 2


def test_a_commit_that_does_not_come_ends_in_an_error_that_says_so() -> None:
    async def wait_for_nothing() -> None:
        commits = Commits[int](asyncio.get_running_loop(), 0.01)
        await commits.wait(Future())

    with pytest.raises(UnavailableError, match="not known"):
        asyncio.run(wait_for_nothing())


def test_a_commit_that_ends_after_the_loop_is_closed_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A future logs what its callbacks raise, and raises nothing."""

    async def leave(commit: Future[int]) -> None:
        Commits[int](asyncio.get_running_loop(), 60).wait(commit)

    late: Future[int] = Future()
    asyncio.run(leave(late))

    late.set_result(1)

    assert caplog.records == []
