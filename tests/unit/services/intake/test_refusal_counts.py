import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import StorageError
from vitne.services.access.audit_events import OwnEvents
from vitne.services.intake.refusal_counts import LISTED_MAX, STATS_TYPE, CountReporter, summary
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.testing import sample_event, sample_key, temporary_server
from vitne.wiring import Server, open_server

ACME, BETA = LogId("acme"), LogId("beta")
POLLED = {"type": "crm.customer.polled", "actor": {"id": "u"}, "target": "customer/c"}
BAD = {"type": "crm.customer.viewed", "actor": {"id": 7}}


@pytest.fixture
def server() -> Iterator[Server]:
    """With its writer only: the publisher would tell the counts by itself."""
    made = temporary_server()
    made.writer.start()
    made.writer.create(ACME)
    made.writer.create(BETA)
    yield made
    made.writer.close()
    made.close()


def _send(server: Server, tenant: str, *events: dict[str, Any]) -> None:
    body = json.dumps(events).encode()
    server.intake.requests.submit(body, "json", sample_key(tenant), Arrival()).result(60)


def _told(server: Server, log: LogId) -> list[dict[str, Any]]:
    """The events of that type in a log: core and payload together."""
    found = []
    for record in server.adapters.store.records(
        log, LeafIndex(0), server.adapters.store.log(log).next_index
    ):
        if record.facets.type == STATS_TYPE:
            core = msgspec.json.decode(record.parts.core or b"{}")
            found.append(core | msgspec.json.decode(record.parts.payload or b"{}"))
    return found


def test_what_was_not_taken_is_told_once_in_its_own_log(server: Server) -> None:
    _send(server, "acme", POLLED, POLLED, BAD, sample_event(1))
    _send(server, "beta", sample_event(1, tenant="beta"))

    logs = server.intake.counts.run_once()
    again = server.intake.counts.run_once()

    assert (logs, again) == (1, 0)
    (told,) = _told(server, ACME)
    assert _told(server, BETA) == []
    assert told["/extra"] == {
        "dropped": 2,
        "rejected": 1,
        "counts": [
            "crm.customer.polled dropped.not_log_worthy 2",
            "crm.customer.viewed rejected.wrong_type 1",
        ],
        "other": 0,
    }
    assert (told["category"], told["actor"]["type"]) == ("system", "system")
    assert told["source"] | {"application": "vitne", "service": "api"} == told["source"]


def test_the_next_event_tells_only_what_came_since(server: Server) -> None:
    _send(server, "acme", POLLED, BAD)
    server.intake.counts.run_once()
    _send(server, "acme", POLLED, POLLED, POLLED)
    server.intake.counts.run_once()

    assert [one["/extra"]["dropped"] for one in _told(server, ACME)] == [1, 3]
    assert [one["/extra"]["rejected"] for one in _told(server, ACME)] == [1, 0]


class _CutOff(OwnEvents):
    """Intake that takes the event, but whose caller dies before it hears so."""

    def __init__(self, real: OwnEvents) -> None:
        self._real = real

    def send(self, events: Any) -> None:
        self._real.send(events)
        if events:
            raise StorageError("cut off")


def test_a_crash_between_event_and_mark_tells_nothing_twice(server: Server) -> None:
    """What comes in between is told by the next event."""
    own = OwnEvents(server.intake.requests, "api")
    dying = CountReporter(server.adapters, _CutOff(own))
    _send(server, "acme", POLLED, POLLED)
    with pytest.raises(StorageError):
        dying.run_once()
    _send(server, "acme", POLLED)

    server.intake.counts.run_once()

    assert [one["/extra"]["dropped"] for one in _told(server, ACME)] == [2, 1]
    assert server.adapters.store.unreported_counts() == {}


class _Deaf(OwnEvents):
    """Intake that takes nothing."""

    def __init__(self) -> None:
        pass

    def send(self, events: Any) -> None:
        if events:
            raise StorageError("full")


def test_what_could_not_be_told_is_told_the_next_time(server: Server) -> None:
    failing = CountReporter(server.adapters, _Deaf())
    _send(server, "acme", POLLED, POLLED)
    for _ in range(2):
        with pytest.raises(StorageError):
            failing.run_once()

    server.intake.counts.run_once()

    assert [one["/extra"]["dropped"] for one in _told(server, ACME)] == [2]


def test_a_clean_stop_tells_what_is_left_and_a_start_tells_nothing_again(tmp_path: Any) -> None:
    settings = Settings(folder=str(tmp_path / "server"), free_bytes_min=0, seal_process=False)
    with open_server(settings, create=True) as server:
        server.writer.create(ACME)
        _send(server, "acme", POLLED)
    with open_server(settings) as server:
        _send(server, "acme", BAD)
    with open_server(settings) as server:
        told = _told(server, ACME)

    assert [(one["/extra"]["dropped"], one["/extra"]["rejected"]) for one in told] == [
        (1, 0),
        (0, 1),
    ]


def test_what_a_crash_left_untold_is_told_after_the_next_start(tmp_path: Path) -> None:
    """By the publisher's thread, between two rounds; an hour later again."""
    told = Event()

    def look(_step: str) -> None:
        if not server.adapters.store.unreported_counts():
            told.set()

    settings = Settings(folder=str(tmp_path / "server"), free_bytes_min=0, publish_interval_ms=10)
    server = open_server(settings, create=True, step=look)
    server.writer.start()
    server.writer.create(ACME)
    _send(server, "acme", POLLED)

    server.publish.loop.start()
    assert told.wait(60), "the publisher told nothing in a minute"
    server.publish.loop.close()

    assert [one["/extra"]["dropped"] for one in _told(server, ACME)] == [1]
    server.writer.close()
    server.close()


def test_the_rest_of_many_types_is_summed() -> None:
    kind = "crm.{}.viewed".format("x" * 80)
    counts = {("a/b", f"{kind}{at:03}", "rejected.missing"): at + 1 for at in range(100)}

    told = summary(counts | {("c/d", f"{kind}099", "rejected.missing"): 5})

    assert len(told["counts"]) == LISTED_MAX
    assert told["counts"][0] == f"{kind}099 rejected.missing 105"
    assert told["rejected"] == sum(range(1, 101)) + 5
    listed = sum(int(line.rpartition(" ")[2]) for line in told["counts"])
    assert listed + told["other"] == told["rejected"]
    assert len(msgspec.json.encode(told)) < 8 * 1024


def test_a_type_that_could_not_be_read_is_told_as_a_dash() -> None:
    assert summary({("a/b", "", "rejected.missing"): 2})["counts"] == ["- rejected.missing 2"]
