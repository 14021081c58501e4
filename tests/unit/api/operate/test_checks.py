from collections.abc import Iterator

import pytest

from vitne.api.assemble import checks, figures_of_server, publish_lag_s
from vitne.api.operate.health import probe
from vitne.core.values.types import LogId
from vitne.testing import FixedClock, temporary_server
from vitne.wiring import Server

ACME = LogId("acme")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def server(clock: FixedClock) -> Iterator[Server]:
    """A server that writes, and publishes only when it is told to."""
    made = temporary_server(clock=clock)
    made.writer.start()
    yield made
    made.writer.close()
    made.close()


def test_the_lag_is_the_age_of_the_oldest_entry_that_no_checkpoint_covers(
    server: Server, clock: FixedClock
) -> None:
    """A stuck publisher is seen however busy the log is."""
    server.writer.create(ACME)
    clock.advance(90_000_000)
    server.writer.create(LogId("globex"))

    assert publish_lag_s(server) == 90.0
    assert "waited 90 s" in probe(checks(server)).checks["publisher"]

    server.publish.rounds.run_once()
    assert publish_lag_s(server) == 0.0
    assert probe(checks(server)).status == "ready"


def test_a_halted_log_is_told_without_its_name(server: Server) -> None:
    server.writer.create(ACME)
    server.publish.rounds.halt(ACME, "its bytes disagree")

    found = probe(checks(server))

    assert found.status == "not_ready"
    assert "1 log not published" in found.checks["integrity"]
    assert "acme" not in str(found)


def test_a_writer_that_has_stopped_is_told(server: Server) -> None:
    server.writer.close()

    assert probe(checks(server)).checks["writer"] == "the writer has stopped"


def test_a_check_that_breaks_has_failed_and_tells_no_text() -> None:
    def broken() -> str:
        raise ValueError("Per Support")

    found = probe({"odd": broken, "good": lambda: ""})

    assert found.status == "not_ready"
    assert found.checks == {"odd": "the check failed: ValueError", "good": "ok"}


def test_every_figure_of_a_server_can_be_read(server: Server) -> None:
    found = figures_of_server(server)
    read = {one.name: one.samples[0].value for one in found}

    assert len(read) == len(found)
    assert all(name.startswith("vitne_") for name in read)
