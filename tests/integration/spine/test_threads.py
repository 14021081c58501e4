"""Many senders, one writer, one publisher: everything answered, stored once and published."""

import json
import threading
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.errors import UnavailableError
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wire.events import IntakeReply
from vitne.wiring import Server, open_server

ACME = LogId("acme")
SENDERS = 8
REQUESTS = 25


def submit(server: Server, stream: str, *numbers: int) -> Any:
    body = json.dumps([sample_event(n, stream=stream) for n in numbers]).encode()
    return server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())


@pytest.fixture
def server(settings: Settings) -> Server:
    made = open_server(settings, create=True)
    made.writer.create(ACME)
    made.start()
    return made


def test_concurrent_senders_and_their_retries_store_each_event_once(
    server: Server, settings: Settings
) -> None:
    replies: list[IntakeReply] = []

    def send(stream: str) -> None:
        for first in range(1, 2 * REQUESTS, 2):
            tries = [submit(server, stream, first, first + 1) for _ in range(2)]
            replies.extend(one.result(timeout=30) for one in tries)

    senders = [threading.Thread(target=send, args=(f"pod-{n}",)) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    server.close()

    events = SENDERS * REQUESTS * 2
    assert sum(reply.accepted for reply in replies) == events
    assert sum(reply.duplicate for reply in replies) == events
    with open_server(settings) as again:
        report = again.fsck.run()
        assert (report.damages, report.events, report.published) == ([], events, report.entries)
        assert all(not state.missing for state in again.adapters.store.streams(ACME))


def test_a_group_shares_one_transaction(server: Server) -> None:
    gate = server.adapters.store.append()
    with gate:  # the writer waits for its turn
        waiting = [submit(server, f"pod-{n}", 1) for n in range(SENDERS)]
    for one in waiting:
        assert one.result(timeout=30).accepted == 1
    groups = server.writer.stats.groups
    server.close()

    assert groups <= 2


def test_what_was_taken_before_closing_is_written_published_and_answered(
    server: Server, settings: Settings
) -> None:
    waiting = [submit(server, "pod-1", n) for n in range(1, 50)]

    server.close()

    assert all(one.result(timeout=0).accepted == 1 for one in waiting)
    with pytest.raises(UnavailableError):
        submit(server, "pod-1", 50)
    with open_server(settings) as again:
        info = again.adapters.store.log(ACME)
        assert info.head_size == info.next_index == 4 + 1 + 49


def test_the_publisher_thread_publishes_by_itself(settings: Settings) -> None:
    quick = Settings(folder=settings.folder, free_bytes_min=0, publish_interval_ms=1)
    published = threading.Event()

    def watch(step: str) -> None:
        if step == "shown":
            published.set()

    with open_server(quick, create=True, step=watch) as server:
        server.writer.create(ACME)
        assert published.wait(30)
        server.publish.loop.nudge()

    assert server.publish.loop.stats.failures == 0


def test_a_tool_can_append_beside_a_server(server: Server, settings: Settings) -> None:
    tool = open_server(settings, serving=False)
    tool.start()

    from_both = [submit(server, "pod-1", 1), submit(tool, "pod-2", 1), submit(server, "pod-1", 2)]

    assert [one.result(timeout=30).accepted for one in from_both] == [1, 1, 1]
    tool.close()
    server.close()
    with open_server(settings) as again:
        assert again.fsck.run().events == 3
