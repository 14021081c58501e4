import json
from collections.abc import Iterator
from typing import Any

import pytest

from vitne.core.values.ids import parse_uuid, uuid7, uuid_text
from vitne.core.values.types import LeafIndex, LogId
from vitne.services.intake.dedupe_window import Forget
from vitne.services.writer.pending_request import Arrival
from vitne.testing import FixedClock, sample_event, sample_key, temporary_server
from vitne.wiring import Server

ACME = LogId("acme")
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
START, END = LeafIndex(0), LeafIndex(6)
ID = parse_uuid(sample_event(1)["id"])


@pytest.fixture
def clock() -> FixedClock:
    """Stands where the tests put it."""
    return FixedClock()


@pytest.fixture
def server(clock: FixedClock) -> Iterator[Server]:
    """With an empty log; nothing happens by itself."""
    made = temporary_server(clock=clock)
    made.writer.create(ACME)
    yield made
    made.close()


def send(server: Server, event: dict[str, Any]) -> str:
    body = json.dumps(event).encode()
    waiting = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
    server.writer.write(server.writer.queue.take(1))
    return str(waiting.result().results[0].status)


def is_known(server: Server, event_id: bytes) -> bool:
    with server.adapters.store.append() as transaction:
        return event_id in transaction.seen(ACME, [event_id])


def seal(server: Server) -> None:
    """Publish and seal what there is; nothing of it stays hot."""
    adapters = server.adapters
    server.publish.rounds.run_once()
    segment = adapters.archive.write(ACME, adapters.store.records(ACME, START, END))
    adapters.segments.add(ACME, segment)
    adapters.store.drop(ACME, END)


def test_an_id_is_kept_while_its_row_is_hot(server: Server, clock: FixedClock) -> None:
    send(server, sample_event(1))
    clock.advance(30 * DAY_US)

    gone = Forget(server.adapters, 7 * DAY_US).run_once()

    assert gone == 0
    assert is_known(server, ID)


def test_an_id_is_forgotten_once_it_is_sealed_and_older_than_the_window(
    server: Server, clock: FixedClock
) -> None:
    send(server, sample_event(1))
    seal(server)
    forget = Forget(server.adapters, 7 * DAY_US)

    early = forget.run_once()
    clock.advance(8 * DAY_US)
    late = forget.run_once()

    assert (early, late) == (0, 1)
    assert not is_known(server, ID)


def test_an_id_of_a_time_ahead_is_not_forgotten_before_it_looks_old(
    server: Server, clock: FixedClock
) -> None:
    """It was forgotten by its recording, and not looked for by its own time: a retry doubled."""
    ahead = uuid_text(uuid7(clock.now_us() + 30 * DAY_US, b"0123456789"))
    event = sample_event(1) | {"id": ahead}
    found = [send(server, event)]
    seal(server)
    forget = Forget(server.adapters, 7 * DAY_US)
    for _ in range(10):
        clock.advance(5 * DAY_US)
        forget.run_once()
        found.append(send(server, event))

    assert found == ["accepted"] + ["duplicate"] * 10
    assert not is_known(server, parse_uuid(ahead))


def test_an_id_at_the_edge_of_the_window_is_kept_for_requests_under_way(
    server: Server, clock: FixedClock
) -> None:
    """Prepared before it looks old, written after it would have been forgotten."""
    send(server, sample_event(1))
    server.adapters.store.drop(ACME, END)
    clock.advance(7 * DAY_US + HOUR_US - 1_000_000)

    early = Forget(server.adapters, 7 * DAY_US).run_once()

    assert early == 0
