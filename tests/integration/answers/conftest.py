"""A server that answers questions."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(params=["definition", "made"])
def server(request: pytest.FixtureRequest, answer_server: ModuleType) -> Iterator[Any]:
    """A server of the test's own: with an index by definition, and with that of its segments."""
    with answer_server.AnswerServer(request.param) as made:
        yield made


@pytest.fixture
def story(server: Any) -> Any:
    """Ten hours of usr_1 and usr_2 at three customers, sealed once in the middle.

    usr_3 was there once, at another customer than cus_1.
    """
    server.send([server.event(1, stream="pod-2", actor="usr_3", target="customer/cus_2")])
    for number in range(1, 21):
        server.later(0.5)
        actor, target = f"usr_{number % 2 + 1}", f"customer/cus_{number % 3}"
        server.send([server.event(number, actor=actor, target=target)])
        if number == 8:
            server.seal()
    server.later()
    return server
