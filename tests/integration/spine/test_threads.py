"""Many senders, one writer, one publisher: everything answered, stored once and published."""

import json
import threading
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.errors import UnavailableError
from vitne.services.writer.reply import Arrival, IntakeReply
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key
from vitne.wiring import House, open_house

ACME = LogId("acme")
SENDERS = 8
REQUESTS = 25


def submit(house: House, stream: str, *numbers: int) -> Any:
    body = json.dumps([sample_event(n, stream=stream) for n in numbers]).encode()
    return house.ingest.submit(body, "json", sample_key("acme"), Arrival())


@pytest.fixture
def house(settings: Settings) -> House:
    made = open_house(settings, create=True)
    made.append.create(ACME)
    made.start()
    return made


def test_concurrent_senders_and_their_retries_store_each_event_once(
    house: House, settings: Settings
) -> None:
    replies: list[IntakeReply] = []

    def send(stream: str) -> None:
        for first in range(1, 2 * REQUESTS, 2):
            tries = [submit(house, stream, first, first + 1) for _ in range(2)]
            replies.extend(one.result(timeout=30) for one in tries)

    senders = [threading.Thread(target=send, args=(f"pod-{n}",)) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    house.close()

    events = SENDERS * REQUESTS * 2
    assert sum(reply.accepted for reply in replies) == events
    assert sum(reply.duplicate for reply in replies) == events
    with open_house(settings) as again:
        report = again.fsck.run()
        assert (report.damages, report.events, report.published) == ([], events, report.entries)
        assert all(not state.missing for state in again.store.streams(ACME))


def test_a_group_shares_one_transaction(house: House) -> None:
    gate = house.store.append()
    with gate:  # the writer waits for its turn
        waiting = [submit(house, f"pod-{n}", 1) for n in range(SENDERS)]
    for one in waiting:
        assert one.result(timeout=30).accepted == 1
    groups = house.append.stats.groups
    house.close()

    assert groups <= 2


def test_what_was_taken_before_closing_is_written_published_and_answered(
    house: House, settings: Settings
) -> None:
    waiting = [submit(house, "pod-1", n) for n in range(1, 50)]

    house.close()

    assert all(one.result(timeout=0).accepted == 1 for one in waiting)
    with pytest.raises(UnavailableError):
        submit(house, "pod-1", 50)
    with open_house(settings) as again:
        info = again.store.log(ACME)
        assert info.head_size == info.next_index == 4 + 1 + 49


def test_the_publisher_thread_publishes_by_itself(settings: Settings) -> None:
    quick = Settings(folder=settings.folder, free_bytes_min=0, publish_interval_ms=1)
    published = threading.Event()

    def watch(step: str) -> None:
        if step == "shown":
            published.set()

    with open_house(quick, create=True, step=watch) as house:
        house.append.create(ACME)
        assert published.wait(30)
        house.publisher.nudge()

    assert house.publisher.stats.failures == 0


def test_a_tool_can_append_beside_a_server(house: House, settings: Settings) -> None:
    tool = open_house(settings, serving=False)
    tool.start()

    from_both = [submit(house, "pod-1", 1), submit(tool, "pod-2", 1), submit(house, "pod-1", 2)]

    assert [one.result(timeout=30).accepted for one in from_both] == [1, 1, 1]
    tool.close()
    house.close()
    with open_house(settings) as again:
        assert again.fsck.run().events == 3
