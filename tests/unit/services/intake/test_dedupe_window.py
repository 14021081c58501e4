import json

from vitne.core.values.ids import from_text, to_text, uuid7
from vitne.core.values.types import LeafIndex, LogId
from vitne.services.intake.dedupe_window import Forget
from vitne.services.writer.reply import Arrival
from vitne.testing import FixedClock, memory_server, sample_event, sample_key
from vitne.wiring import Server

ACME = LogId("acme")
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
START, END = LeafIndex(0), LeafIndex(6)
ID = from_text(sample_event(1)["id"])


def server_with_one_event(clock: FixedClock) -> Server:
    server = memory_server(clock=clock)
    server.writer.create(ACME)
    body = json.dumps(sample_event(1)).encode()
    server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
    server.writer.write(server.writer.queue.take(1))
    return server


def test_an_id_is_kept_while_its_row_is_hot() -> None:
    clock = FixedClock()
    store = server_with_one_event(clock).adapters.store
    clock.advance(30 * DAY_US)

    gone = Forget(store, clock, 7 * DAY_US).run_once()

    assert gone == 0
    assert store.recall(ACME, ID) is not None


def test_an_id_is_forgotten_once_it_is_sealed_and_older_than_the_window() -> None:
    clock = FixedClock()
    server = server_with_one_event(clock)
    archive = server.adapters.archive
    sealed = archive.write(ACME, server.adapters.store.records(ACME, LeafIndex(0), LeafIndex(6)))
    server.adapters.segments.add(ACME, sealed)
    server.adapters.store.drop(ACME, LeafIndex(6))
    forget = Forget(server.adapters.store, clock, 7 * DAY_US)

    early = forget.run_once()
    clock.advance(8 * DAY_US)
    late = forget.run_once()

    assert (early, late) == (0, 1)
    assert server.adapters.store.recall(ACME, ID) is None


def test_an_id_of_a_time_ahead_is_not_forgotten_before_it_looks_old() -> None:
    """It was forgotten by its recording, and not looked for by its own time: a retry doubled."""
    clock = FixedClock()
    server = memory_server(clock=clock)
    server.writer.create(ACME)
    ahead = to_text(uuid7(clock.now_us() + 30 * DAY_US, b"0123456789"))

    def send() -> str:
        body = json.dumps(sample_event(1) | {"id": ahead}).encode()
        waiting = server.intake.requests.submit(body, "json", sample_key("acme"), Arrival())
        server.writer.write(server.writer.queue.take(1))
        return str(waiting.result().results[0].status)

    found = [send()]
    server.publish.rounds.run_once()
    sealed = server.adapters.archive.write(ACME, server.adapters.store.records(ACME, START, END))
    server.adapters.segments.add(ACME, sealed)
    server.adapters.store.drop(ACME, END)
    forget = Forget(server.adapters.store, clock, 7 * DAY_US)
    for _ in range(10):
        clock.advance(5 * DAY_US)
        forget.run_once()
        found.append(send())

    assert found == ["accepted"] + ["duplicate"] * 10
    assert server.adapters.store.recall(ACME, from_text(ahead)) is None


def test_an_id_at_the_edge_of_the_window_is_kept_for_requests_under_way() -> None:
    """Prepared before it looks old, written after it would have been forgotten."""
    clock = FixedClock()
    server = server_with_one_event(clock)
    server.adapters.store.drop(ACME, END)
    clock.advance(7 * DAY_US + HOUR_US - 1_000_000)

    early = Forget(server.adapters.store, clock, 7 * DAY_US).run_once()

    assert early == 0
