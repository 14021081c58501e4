"""Summaries of what sources said: what they count, mark and join."""

from typing import Any

import msgspec
import pytest

from vitne.core.entry.entry import VOID_QUARANTINED, VOID_REJECTED, VoidEntry, encode_entry
from vitne.core.index.source_summary import SourceSummary, join_summaries, summarize_sources
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex
from vitne.errors import DecodeError

STREAM = bytes(range(1, 17))


def _event(
    index: int, *targets: str, attribution: str = "token", declared: bool | None = None
) -> Record:
    core: dict[str, Any] = {
        "actor": {"attribution": attribution},
        "source": {"application": "crm", "service": "bff"},
    }
    added = {} if declared is None else {"declared": declared}
    shown = "\n".join(("", *targets, "")) if targets else ""
    return Record(
        LeafIndex(index),
        1000 + index,
        b"",
        bytes(16),
        bytes(16),
        Parts(core=msgspec.json.encode(core), core_record=msgspec.json.encode(added)),
        Facets(1000, "crm.customer.viewed", "usr_1", "succeeded", shown),
    )


def _void(index: int, reason: int) -> Record:
    entry = VoidEntry(1000 + index, 1000 + index, STREAM, 1, 1, reason, Hash(bytes(32)))
    return Record(LeafIndex(index), 1000 + index, encode_entry(entry))


def test_an_event_counts_once_for_each_kind_of_target_that_it_names() -> None:
    found = summarize_sources(
        7, [_event(7, "customer/a", "customer/b", "order/o"), _event(8, "customer/a"), _event(9)]
    )

    counts = {(one.source, one.target_type): one.events for one in found.spoken}
    assert counts == {("crm/bff", "customer"): 2, ("crm/bff", "order"): 1, ("crm/bff", ""): 1}
    assert found.spoken[1].recorded_us == (1007, 1008)
    assert (found.start, found.end) == (7, 10)


def test_undeclared_events_are_counted_with_the_times_between_which_they_came() -> None:
    found = summarize_sources(
        0, [_event(n, "customer/a", declared=n not in {1, 3}) for n in range(5)]
    )

    assert found.spoken[0].undeclared == 2
    assert found.spoken[0].undeclared_us == (1001, 1003)


def test_of_the_voids_those_of_quarantined_events_are_kept_by_stream() -> None:
    records = [_void(0, VOID_QUARANTINED), _void(1, VOID_REJECTED), _void(2, VOID_QUARANTINED)]

    (kept,) = summarize_sources(0, records).kept

    assert (kept.stream_id, kept.events, kept.recorded_us) == (STREAM, 2, (1000, 1002))


def test_events_of_grade_c_d_and_e_are_marked_one_by_one() -> None:
    words = ["token", "inferred", "asserted", "none", "ticket", "nonsense"] * 30
    found = summarize_sources(
        100, [_event(100 + n, attribution=word) for n, word in enumerate(words)]
    )

    weak = found.weak(range(100, 106))

    assert weak == {"C": [101], "D": [102], "E": [103, 105]}
    assert found.weak([100, 104]) == {}


def test_an_event_whose_core_is_erased_is_marked_as_not_attributed() -> None:
    gone = msgspec.structs.replace(_event(0), parts=Parts(core=None, core_record=None))

    found = summarize_sources(0, [gone])

    assert found.weak([0]) == {"E": [0]}
    assert found.spoken[0].source == ""


def test_ranges_that_follow_each_other_join_to_what_one_would_say() -> None:
    records = [
        _event(n, "customer/a", "order/o", declared=n % 3 != 0)
        if n % 4
        else _void(n, VOID_QUARANTINED)
        for n in range(20)
    ]
    whole = summarize_sources(0, records)

    spoken, kept = join_summaries(
        [summarize_sources(0, records[:7]), summarize_sources(7, records[7:])]
    )

    assert (spoken, kept) == (whole.spoken, whole.kept)


def test_a_summary_survives_being_kept() -> None:
    found = summarize_sources(
        0, [_event(0, "customer/a", attribution="none"), _void(1, VOID_QUARANTINED)]
    )

    assert SourceSummary.decode(found.encode()) == found
    with pytest.raises(DecodeError):
        SourceSummary.decode(b"\x00nonsense")
