"""A question may have the newest entries sealed, so that it has a short tail."""

from pathlib import Path
from typing import Any

import pytest

from vitne.core.values.types import LogId
from vitne.settings import Settings
from vitne.testing import sample_event

ACME = LogId("acme")
BEFORE_EVENTS = 5
"""Entries that a log begins with, and the one that registers the stream."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        folder=str(tmp_path / "vitne"), free_bytes_min=0, seal_process=False, prepare_processes=0
    )


def test_a_question_has_a_log_sealed_at_most_once_a_minute(spine: Any) -> None:
    sealer, segments = spine.server.seal.loop, spine.adapters.segments
    spine.server.writer.create(LogId("beta"))
    spine.send([sample_event(number) for number in range(1, 4)])
    spine.publish()
    sealer.start()

    assert sealer.seal_on_demand(ACME, 60)
    ends = [one.end for one in segments.segments(ACME)]
    spine.send([sample_event(number) for number in range(4, 7)])
    spine.publish()
    again = sealer.seal_on_demand(ACME, 60)
    other = sealer.seal_on_demand(LogId("beta"), 60)
    sealer.close()

    assert ends == [BEFORE_EVENTS + 3]
    assert not again
    assert other, "each log has a minute of its own"
    assert [one.end for one in segments.segments(ACME)] == ends
