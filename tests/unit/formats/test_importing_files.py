"""From the lines of a file to import bodies: every record is accounted for."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.event.body import MAX_BODY_BYTES, MAX_RAW_BYTES, split_import
from vitne.core.event.event import Problem
from vitne.errors import BadInputError
from vitne.formats.importing import ImportOptions, Tally, import_batches, mapped_records
from vitne.formats.mapped import Mapped, refused_record
from vitne.formats.mapping import read_mapping

RULE = read_mapping(
    b"""
mapping = 1
[source]
application = "desk"
service = "orders"
[time]
from = "when"
[event]
type = "desk.order.viewed"
actor = { id = { from = "who" } }
""",
    "test",
)
CSV = ImportOptions("csv", RULE)
LINES = ImportOptions("jsonl", RULE)
TRAIL = {
    "eventID": "e1",
    "eventName": "GetUser",
    "eventSource": "iam.amazonaws.com",
    "eventTime": "2023-07-10T11:42:36Z",
    "userIdentity": {"arn": "a", "type": "IAMUser"},
}


def records_of(data: bytes, options: ImportOptions) -> list[Mapped]:
    return list(mapped_records(io.BytesIO(data), options))


def whos(records: Sequence[Mapped]) -> list[Any]:
    return [r.event["actor"]["id"] if r.event else None for r in records]  # type: ignore[call-overload, index]


def line(who: str, **more: object) -> str:
    return json.dumps({"who": who, "when": "2026-01-01T00:00:00Z"} | more)


def test_every_line_is_a_record_readable_or_not() -> None:
    data = f"{line('a')}\n\n{{broken\nnull\n{line('b')}".encode() + b'\n{"who":"\xff"}\n'

    records = records_of(data, LINES)

    assert whos(records) == ["a", None, None, "b", None]
    assert [r.problems[0].code for r in records if r.problems] == [
        "bad_format",
        "wrong_type",
        "bad_format",
    ]


def test_the_original_is_kept_to_the_byte() -> None:
    text = '{"when": "2026-01-01T00:00:00Z",  "who":"a","n":1.50,"big":12345678901234567890}'

    (record,) = records_of(text.encode(), LINES)

    assert record.raw == text
    assert split_import(b"\n".join(body for _, body in import_batches([record])))[0].raw == text


def test_numbers_are_mapped_as_they_were_written() -> None:
    rule = read_mapping(
        b'mapping=1\n[source]\napplication="a"\nservice="b"\n[time]\nfrom="when"\n'
        b'[event]\ntype="a.b.c"\nsummary={from="n"}',
        "test",
    )
    text = line("a").replace("}", ', "n": 0.12345678901234567890}')

    (record,) = records_of(text.encode(), ImportOptions("jsonl", rule))

    assert record.event is not None
    assert record.event["summary"] == "0.12345678901234567890"


def test_equal_lines_are_different_events_with_lasting_ids() -> None:
    data = f"{line('a')}\n{line('b')}\n{line('a')}\n".encode()

    first, second = (records_of(data, LINES) for _ in range(2))

    ids = [record.event["id"] for record in first if record.event]
    assert len(set(ids)) == 3
    assert ids == [record.event["id"] for record in second if record.event]


def test_csv_cells_may_hold_quotes_delimiters_and_line_breaks() -> None:
    data = '\ufeffwho,when\r\n"a ""x"",\r\nb",2026-01-01T00:00:00Z\r\nc,2026-01-01T00:00:00Z'

    records = records_of(data.encode(), CSV)

    assert whos(records) == ['a "x",\r\nb', "c"]
    assert records[0].raw == '"a ""x"",\r\nb",2026-01-01T00:00:00Z'


def test_a_row_with_another_number_of_cells_is_refused() -> None:
    records = records_of(b"who,when\na\nb,2026-01-01T00:00:00Z,x\nc,2026-01-01T00:00:00Z\n", CSV)

    assert whos(records) == [None, None, "c"]


def test_another_delimiter_may_be_given() -> None:
    options = ImportOptions("csv", RULE, delimiter=";")

    assert whos(records_of(b"who;when\na;2026-01-01T00:00:00Z\n", options)) == ["a"]


def test_csv_without_a_mapping_is_refused() -> None:
    with pytest.raises(BadInputError):
        records_of(b"a,b\n", ImportOptions("csv"))


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (json.dumps({"Records": [TRAIL, TRAIL | {"eventID": "e2"}]}), ImportOptions("cloudtrail")),
        (json.dumps({"Records": [TRAIL, TRAIL | {"eventID": "e2"}]}, indent=2),
         ImportOptions("cloudtrail")),
        (f"{json.dumps(TRAIL)}\n{json.dumps(TRAIL | {'eventID': 'e2'})}\n",
         ImportOptions("cloudtrail")),
        ("".join(json.dumps({"x": {"event": TRAIL | {"eventID": e}}}) + "\n" for e in ("e1", "e2")),
         ImportOptions("cloudtrail", at="x.event")),
    ],
)  # fmt: skip
def test_cloudtrail_comes_in_three_wrappings(data: str, options: ImportOptions) -> None:
    records = records_of(data.encode(), options)

    assert [json.loads(record.raw)["eventID"] for record in records] == ["e1", "e2"]
    assert len({record.event["id"] for record in records if record.event}) == 2


def test_half_a_cloudtrail_file_is_an_error_not_an_empty_one() -> None:
    whole = json.dumps({"Records": [TRAIL]}).encode()

    with pytest.raises(BadInputError):
        records_of(whole[:-4], ImportOptions("cloudtrail"))


def test_a_line_without_the_wrapping_is_refused_and_the_others_go_on() -> None:
    data = f'{{"event": {json.dumps(TRAIL)}}}\n{{"other": 1}}\n{{"event": null}}\n'

    records = records_of(data.encode(), ImportOptions("cloudtrail", at="event"))

    assert [record.event is not None for record in records] == [True, False, False]


def test_an_original_that_is_too_long_is_refused() -> None:
    (record,) = records_of(line("a", x="x" * MAX_RAW_BYTES).encode(), LINES)

    assert record.problems[0].code == "too_large"


def test_lines_that_are_events_already_need_no_mapping() -> None:
    event = {"type": "crm.customer.viewed", "actor": {"id": "u"}}

    first, named = records_of(
        f"{json.dumps(event)}\n{json.dumps(event | {'id': 'i', 'tenant': {'id': 'b'}})}".encode(),
        ImportOptions("jsonl", tenant="acme"),
    )

    assert first.event is not None
    assert named.event is not None
    assert (first.raw, named.raw) == ("", "")
    assert first.event["id"]
    assert (named.event["id"], named.event["tenant"]) == ("i", {"id": "b"})
    assert first.event["tenant"] == {"id": "acme"}


record_sizes = st.lists(
    st.integers(0, MAX_RAW_BYTES) | st.integers(0, 100), max_size=40
) | st.integers(0, 1600).map(lambda n: [1] * n)


@given(record_sizes, st.sampled_from([0, 3]))
def test_batches_keep_all_records_in_order_within_the_bounds(sizes: list[int], every: int) -> None:
    records = [
        refused_record("", "missing", "$", "x")
        if every and at % every == 0
        else Mapped({"n": at}, "r" * s)
        for at, s in enumerate(sizes)
    ]

    made = list(import_batches(records))

    assert [record for batch, _ in made for record in batch] == records
    for batch, body in made:
        assert 0 < len(batch) <= 500
        assert len(body) <= MAX_BODY_BYTES
        sent = [record for record in batch if record.event is not None]
        assert len(split_import(body) if body else []) == len(sent)


@given(st.lists(st.sampled_from(["accepted", "duplicate", "rejected", "dropped", "unmapped"])))
def test_what_was_read_is_always_the_sum_of_what_became_of_it(fates: list[str]) -> None:
    records = [
        refused_record("", "missing", "$.a", "x") if fate == "unmapped" else Mapped({}, "", ("f",))
        for fate in fates
    ]
    problem = Problem("float", "$.b")
    results = [
        (fate, [problem] if fate == "rejected" else []) for fate in fates if fate != "unmapped"
    ]
    tally = Tally()

    tally.add(records, results)

    became = tally.accepted + tally.duplicate + tally.quarantined + tally.dropped + tally.rejected
    assert tally.read == became == len(fates)
    assert sum(tally.reasons.values()) == tally.rejected
    assert tally.unmapped.get("f", 0) == len(fates) - fates.count("unmapped")
