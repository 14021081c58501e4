"""Preparing in processes: the same as here, and no request is lost with a process."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from vitne.core.event.intake import SourceRegistration
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import TooLargeError, UnreadableBodyError
from vitne.ports import ApiKey
from vitne.services.access.audit_events import OPERATOR, Caller
from vitne.services.intake.workers import LARGE_BYTES, Job
from vitne.services.writer.pending_request import Arrival
from vitne.settings import Settings
from vitne.wiring import Server, open_server

SOURCE = SourceRegistration("crm", "crm-bff")
KEY = ApiKey("k1", "crm", b"", ("write",), (LogId("acme"),), SOURCE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    settings = Settings(
        folder=str(tmp_path / "server"), prepare_processes=1, free_bytes_min=0, seal_process=False
    )
    with open_server(settings, create=True) as server:
        server.onboard.add_tenant(OPERATOR, "Operator", Caller("usr_1"))
        server.onboard.add_tenant(LogId("acme"), "Acme", Caller("usr_1"))
        yield server


def job(body: bytes) -> Job:
    return Job(body, "json", KEY, SOURCE, Arrival())


def many(count: int) -> bytes:
    events = [
        {"type": "crm.customer.viewed", "actor": {"id": f"usr_{at}"}, "target": f"customer/c{at}"}
        for at in range(count)
    ]
    return msgspec.json.encode(events)


def pid_of(server: Server) -> int:
    """Of a process that is ready: requests go to it. The test's own timeout ends the asking."""
    while not (pids := server.intake.preparation.ready_pids()):
        server.intake.preparation.prepare(job(many(300)))
    return pids[0]


def test_a_large_request_comes_back_as_it_would_be_prepared_here(server: Server) -> None:
    body = many(300) + b" " * LARGE_BYTES
    pid_of(server)
    request = server.intake.preparation.prepare(job(body))

    assert [len(batch.events) for batch in request.batches] == [300]
    assert [event.facets.actor for event in request.batches[0].events] == [
        f"usr_{at}" for at in range(300)
    ]
    assert all(event.entry[:4] == b"vit1" for event in request.batches[0].events)


def test_what_a_process_prepared_is_stored_as_ever(server: Server) -> None:
    pid_of(server)
    reply = server.intake.requests.submit(many(400), "json", KEY, Arrival()).result(60)

    assert reply.accepted == 400
    end = server.adapters.store.log(LogId("acme")).next_index
    found = server.adapters.store.scan(LogId("acme"), None, LeafIndex(0), end, 500)
    assert len(found) == 400


def test_faults_of_single_events_come_back_in_their_places(server: Server) -> None:
    pid_of(server)
    body = many(300)[:-1] + b',{"type":"x"},{"type":"crm.a.viewed","actor":{"id":5}}]'
    reply = server.intake.requests.submit(body, "json", KEY, Arrival()).result(60)

    assert (reply.accepted, reply.rejected) == (300, 2)
    assert [result.status for result in reply.results[-2:]] == ["rejected", "rejected"]


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"[" + b" " * LARGE_BYTES, UnreadableBodyError), (many(1_001), TooLargeError)],
)
def test_a_body_that_cannot_be_read_is_the_same_error_as_here(
    server: Server, body: bytes, error: type[Exception]
) -> None:
    pid_of(server)
    with pytest.raises(error):
        server.intake.preparation.prepare(job(body))


def test_a_request_is_prepared_here_when_its_process_is_killed(server: Server) -> None:
    body = many(300)
    for _ in range(3):
        before = pid_of(server)
        os.kill(before, signal.SIGKILL)
        request = server.intake.preparation.prepare(job(body))
        assert sum(len(batch.events) for batch in request.batches) == 300


def test_a_killed_process_is_replaced(server: Server) -> None:
    before = pid_of(server)
    os.kill(before, signal.SIGKILL)
    while before in server.intake.preparation.ready_pids():
        server.intake.preparation.prepare(job(many(300)))

    assert pid_of(server) != before


def test_no_request_gets_the_answer_to_another_while_processes_are_killed(server: Server) -> None:
    """An answer of a killed process could be handed to the first question of the next one."""
    pid_of(server)

    def ask(at: int) -> bool:
        name = f"usr_{at}"
        body = msgspec.json.encode(
            [{"type": "crm.customer.viewed", "actor": {"id": name}, "target": f"order/{at}"}] * 300
        )
        events = server.intake.preparation.prepare(job(body)).batches[0].events
        return len(events) == 300 and {event.facets.actor for event in events} == {name}

    with ThreadPoolExecutor(4) as pool:
        answers = []
        for _ in range(4):
            answers += [pool.submit(ask, at) for at in range(len(answers), len(answers) + 12)]
            for pid in server.intake.preparation.ready_pids():
                os.kill(pid, signal.SIGKILL)
            pid_of(server)
        assert all(answer.result(60) for answer in answers)


def test_a_pool_that_was_told_to_forget_answers_on(server: Server) -> None:
    before = pid_of(server)

    server.intake.preparation.forget_personal_values()
    request = server.intake.preparation.prepare(job(many(300)))

    assert [len(batch.events) for batch in request.batches] == [300]
    assert server.intake.preparation.ready_pids() == [before]
