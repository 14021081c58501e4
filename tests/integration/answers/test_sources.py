"""Summaries of who spoke: made once for each segment, made again when lost, gone with it."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from vitne.core.index.source_summary import SourceSummary, join_summaries, summarize_sources
from vitne.core.values.types import LeafIndex
from vitne.services.answers.source_summaries import SourceSummaries

SUMMARIES = "summaries/acme/"


@pytest.fixture
def summed(answer_server: ModuleType) -> Iterator[Any]:
    """Two segments, and hot rows behind them; summed up by definition."""
    with answer_server.AnswerServer() as server:
        for number in range(1, 13):
            server.later()
            server.send([server.event(number, target=f"customer/cus_{number}")])
            if number in {4, 8}:
                server.seal()
        server.publish()
        yield server


def _names(server: Any) -> list[str]:
    return sorted(server.server.adapters.objects.keys(SUMMARIES))


def _whole(server: Any) -> SourceSummary:
    """The summary of all records, by definition."""
    info = server.server.adapters.store.log("acme")
    sealed = server.server.adapters.archive.records("acme", LeafIndex(0), info.sealed_end)
    hot = server.server.adapters.store.records("acme", info.sealed_end, info.next_index)
    return summarize_sources(0, [*sealed, *hot])


def test_every_segment_is_summed_up_once(summed: Any) -> None:
    assert summed.sources.run_once() == 2
    assert summed.sources.run_once() == 0
    assert len(_names(summed)) == 2


def test_segments_and_hot_rows_together_say_what_all_records_say(summed: Any) -> None:
    end = summed.server.adapters.store.log("acme").next_index

    parts = summed.sources.over("acme", end)

    whole = _whole(summed)
    assert join_summaries(parts) == (whole.spoken, whole.kept)
    assert summed.sources.spoken("acme", parts) == whole.spoken
    assert [part.start for part in parts[1:]] == [part.end for part in parts[:-1]]


def test_what_is_asked_again_counts_what_came_meanwhile(summed: Any) -> None:
    end = summed.server.adapters.store.log("acme").next_index
    summed.sources.spoken("acme", summed.sources.over("acme", end))
    summed.send([summed.event(13, target="order/o_1")])
    end = summed.server.adapters.store.log("acme").next_index

    parts = summed.sources.over("acme", end)

    assert summed.sources.spoken("acme", parts) == _whole(summed).spoken


@pytest.mark.parametrize("damage", [None, b"", b"\x00damaged"])
def test_a_summary_that_is_lost_or_damaged_is_made_again(
    summed: Any, answer_server: ModuleType, damage: bytes | None
) -> None:
    summed.sources.run_once()
    name, objects = _names(summed)[0], summed.server.adapters.objects
    good = objects.get(name)
    if damage is None:
        objects.delete([name])
    else:
        objects.replace({name: damage})
    fresh = SourceSummaries(summed.server.adapters)

    fresh.over(answer_server.ACME, LeafIndex(4))

    assert objects.get(name) == good


def test_summaries_of_merged_segments_give_way_to_one(summed: Any) -> None:
    summed.sources.run_once()

    summed.merge()
    for _ in range(60):  # merging does not move the end of what is sealed
        summed.sources.run_once()

    (name,) = _names(summed)
    (segment,) = summed.server.adapters.segments.segments("acme")
    assert name == f"{SUMMARIES}{segment.start}-{segment.end}"


def test_a_summary_holds_no_personal_data(summed: Any) -> None:
    summed.sources.run_once()

    data = b"".join(summed.server.adapters.objects.get(name) for name in _names(summed))

    assert b"crm/crm-bff" in data
    for word in (b"cus_", b"usr_", b"Kari", "Åse".encode()):
        assert word not in data
