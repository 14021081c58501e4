"""A segment's columns sum up to what its records do, whatever the events are."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from vitne.adapters.archive.parquet.encode import to_table
from vitne.adapters.archive.parquet.summary import COLUMNS, summary_of
from vitne.core.entry.entry import (
    VOID_DROPPED,
    VOID_QUARANTINED,
    VOID_REJECTED,
    VoidEntry,
    encode_entry,
)
from vitne.core.index.source_summary import GRADES, SourceSummary, join_summaries, summarize_sources
from vitne.core.values.record import Facets, Parts, Record
from vitne.core.values.types import Hash, LeafIndex

ATTRIBUTION = st.sampled_from([*GRADES, "nonsense", "", None])
TARGETS = st.lists(
    st.tuples(st.sampled_from(["customer", "order"]), st.sampled_from(["1", "2", "a/b", ""])),
    max_size=4,
)
NOTE = st.sampled_from(["", '"attribution":"none"', "attribution"])
EVENTS = st.fixed_dictionaries(
    {
        "attribution": ATTRIBUTION,
        "targets": TARGETS,
        "service": st.sampled_from(["bff", "api", None]),
        "declared": st.sampled_from([True, False, None]),
        "note": NOTE,
        "erased": st.booleans(),
    }
)
VOIDS = st.sampled_from([VOID_QUARANTINED, VOID_REJECTED, VOID_DROPPED])


def _record(index: int, made: Any) -> Record:
    at_us = 1_790_000_000_000_000 + index // 3
    if isinstance(made, int):
        stream = bytes([1 + index % 2]) * 16
        void = VoidEntry(at_us, at_us, stream, 1, 1, made, Hash(bytes(32)))
        return Record(LeafIndex(index), at_us, encode_entry(void))
    core: dict[str, Any] = {"actor": {"id": f"u{made['note']}"}, "source": {"application": "crm"}}
    if made["attribution"] is not None:
        core["actor"]["attribution"] = made["attribution"]
    if made["service"] is not None:
        core["source"]["service"] = made["service"]
    added = b"" if made["declared"] is None else msgspec.json.encode({"declared": made["declared"]})
    parts = Parts(core=msgspec.json.encode(core, order="sorted"), core_record=added)
    if made["erased"]:
        parts = Parts(core=None, core_record=None)
    shown = "".join(f"\n{kind}/{name}" for kind, name in made["targets"])
    facets = Facets(at_us, "crm.customer.viewed", "u", "succeeded", shown and f"{shown}\n")
    return Record(LeafIndex(index), at_us, b"", bytes(16), bytes(16), parts, facets)


@given(st.lists(EVENTS | VOIDS, min_size=1, max_size=30))
def test_the_columns_sum_up_to_what_the_records_do(made: list[Any]) -> None:
    records = [_record(7 + at, one) for at, one in enumerate(made)]

    found = summary_of(
        7,
        to_table(records).select(COLUMNS),
        [record.entry for record in records if not record.event_id],
    )

    assert found == summarize_sources(7, records)


@given(st.lists(EVENTS | VOIDS, min_size=1, max_size=30), st.integers(0, 30))
def test_two_halves_join_to_the_whole(made: list[Any], at: int) -> None:
    records = [_record(n, one) for n, one in enumerate(made)]
    whole = summarize_sources(0, records)

    halves = [summarize_sources(0, records[:at]), summarize_sources(at, records[at:])]

    assert join_summaries(halves) == (whole.spoken, whole.kept)
    assert SourceSummary.decode(whole.encode()) == whole
