"""Real logs, mapped and judged whole: count in = count out, ids and times kept, every trap."""

import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vitne.actions.worth_logging import not_worthy
from vitne.core.event.body import raw_part
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.sections import join_sections
from vitne.core.event.validate import validate_event
from vitne.core.values.ids import uuid8_for_original
from vitne.core.values.times import parse_utc
from vitne.formats.importing import Format, ImportOptions, mapped_records
from vitne.formats.mapped import Mapped
from vitne.formats.mapping import RecordMapping, read_mapping

CONTEXT = IntakeContext(
    now_us=1_795_512_902_000_000,
    registration=SourceRegistration("import", "cli", may_import=True),
    fresh=lambda count: b"\x07" * count,
    pseudonym=lambda _tenant, plain: f"{len(plain)}",
    default_tenant="acme",
)
_EXACT = msgspec.json.Decoder(float_hook=str)
"""Numbers with a fraction as they were written."""


def shipped(name: str) -> RecordMapping:
    return read_mapping((files("vitne.formats") / f"mappings/{name}.toml").read_bytes(), name)


class Imported:
    """One file: what it held, what was mapped, and what intake says of it."""

    def __init__(self, path: Path, options: ImportOptions) -> None:
        with gzip.open(path) as lines:
            self.lines = [_EXACT.decode(line) for line in lines]
        with gzip.open(path) as lines:
            self.mapped: list[Mapped] = list(mapped_records(lines, options))
        self.valid: list[ValidEvent] = []
        for mapped in self.mapped:
            found = validate_event(msgspec.json.encode(mapped.event), CONTEXT)
            assert isinstance(found, ValidEvent), (found, mapped)
            self.valid.append(found)

    def events(self) -> Iterator[tuple[Any, ValidEvent, dict[str, Any]]]:
        """Each original line with its event, as intake took it and joined again."""
        for line, valid in zip(self.lines, self.valid, strict=True):
            parts = (valid.core, valid.payload, valid.person)
            yield line, valid, join_sections(*(msgspec.json.decode(part) for part in parts))


@cache
def imported(path: Path, form: Format, name: str, at: str) -> Imported:
    return Imported(path, ImportOptions(form, shipped(name) if name else None, at))


@pytest.fixture
def trail(real_logs: Path) -> Imported:
    return imported(real_logs / "cloudtrail-invictus/events.jsonl.gz", "cloudtrail", "", "event")


@pytest.fixture
def permits(real_logs: Path) -> Imported:
    return imported(real_logs / "receipt-wabo/events.jsonl.gz", "jsonl", "permits", "")


@pytest.fixture
def problems(real_logs: Path) -> Imported:
    path = real_logs / "bpic2013-closed-problems/events.jsonl.gz"
    return imported(path, "jsonl", "problems", "")


def test_no_record_is_lost(trail: Imported, permits: Imported, problems: Imported) -> None:
    for log, count in ((trail, 2900), (permits, 8577), (problems, 6660)):
        assert len(log.lines) == len(log.mapped) == len(log.valid) == count
        assert len({valid.event_id for valid in log.valid}) == count
        assert [not_worthy(valid) for valid in log.valid] == [""] * count


def test_ids_derive_from_the_logs_own(
    trail: Imported, permits: Imported, problems: Imported
) -> None:
    for line, valid, _ in trail.events():
        assert valid.event_id == uuid8_for_original("aws/cloudtrail", line["event"]["eventID"])
    for log, source_id in ((permits, "work/permits"), (problems, "work/problems")):
        for line, valid, _ in log.events():
            assert valid.event_id == uuid8_for_original(source_id, str(line["_id"]))


def test_times_are_those_of_the_log(trail: Imported, permits: Imported, problems: Imported) -> None:
    """Trap: offsets +01:00 and +02:00 are mixed, so convert before you compare."""
    for line, valid, event in trail.events():
        assert parse_utc(event["occurred_at"]) == valid.occurred_us
        assert event["occurred_at"].startswith(line["event"]["eventTime"].removesuffix("Z"))
    for log in (permits, problems):
        offsets = set()
        for line, valid, _ in log.events():
            moment = datetime.fromisoformat(line["time:timestamp"])
            offsets.add(moment.utcoffset())
            assert valid.occurred_us == round(moment.timestamp() * 1_000_000)
        assert len(offsets) == 2


def test_cloudtrail_stays_in_import_order(trail: Imported) -> None:
    """Trap: the file is not in time order; log order is import order."""
    times = [valid.occurred_us for valid in trail.valid]

    assert sum(a > b for a, b in pairwise(times)) == 683


def test_a_source_address_that_is_none_is_not_made_one(trail: Imported) -> None:
    """Trap: `AWS Internal`, `secretsmanager.amazonaws.com`."""
    without = 0
    for (line, _, event), mapped in zip(trail.events(), trail.mapped, strict=True):
        address = event.get("client", {}).get("ip")
        assert address in (None, line["event"]["sourceIPAddress"])
        without += address is None
        assert (address is None) == ("sourceIPAddress (no address)" in mapped.unmapped)
    assert without > 330


def test_every_record_has_an_actor(trail: Imported) -> None:
    """Trap: 42 records have no `userIdentity.type`, 77 no `arn`."""
    no_arn = no_type = 0
    for line, valid, event in trail.events():
        identity = line["event"]["userIdentity"]
        no_arn += "arn" not in identity
        no_type += "type" not in identity
        expected = identity.get("arn") or identity.get("principalId") or identity["invokedBy"]
        assert valid.actor == ("aws", expected)
        human = identity.get("type") not in (None, "AWSService")
        assert event["actor"]["type"] == ("user" if human else "service")
    assert (no_arn, no_type) == (77, 42)


def test_only_denials_are_denied(trail: Imported) -> None:
    """Trap: 300 records carry an `errorCode`; `ThrottlingException` is no denial."""
    outcomes = Counter(valid.facets.outcome for valid in trail.valid)

    assert outcomes == {"succeeded": 2600, "failed": 240, "denied": 60}
    for line, valid, _ in trail.events():
        code = line["event"].get("errorCode", "")
        assert (valid.facets.outcome == "denied") == ("Denied" in code or "Unauthorized" in code)


def test_originals_are_kept_whole_with_floats_and_big_integers(trail: Imported) -> None:
    """Trap: the canonical form forbids both, so they stay as text in the original."""
    floats = 0
    for line, mapped in zip(trail.lines, trail.mapped, strict=True):
        assert _EXACT.decode(mapped.raw) == line["event"]
        assert msgspec.json.decode(raw_part(mapped.raw)) == {"raw": mapped.raw}
        floats += _floats(msgspec.json.decode(mapped.raw))
    assert floats == 4


def _floats(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_floats, value.values()))
    if isinstance(value, list):
        return sum(map(_floats, value))
    return isinstance(value, float)


def test_the_two_names_that_are_no_people_are_systems(
    permits: Imported, problems: Imported
) -> None:
    """Trap: EMPTY and TEST. They are kept, and never taken for a person."""
    odd = 0
    for log in (permits, problems):
        for line, _, event in log.events():
            nobody = line["org:resource"] in ("EMPTY", "TEST")
            odd += nobody
            assert event["actor"]["id"] == line["org:resource"]
            assert (event["actor"]["type"] == "system") == nobody
            assert (event["actor"]["attribution"] == "none") == nobody
    assert odd > 0


def test_the_team_of_a_ticket_is_the_involved_organisation(problems: Imported) -> None:
    """Trap: `org:group` is the line, not the team."""
    for line, _, event in problems.events():
        assert event["actor"]["unit"] == line["organization involved"]
        assert event["extra"]["line"] == line["org:group"]
    assert len({event["actor"]["unit"] for _, _, event in problems.events()}) == 324


def test_absent_roles_and_empty_strings_are_left_out(permits: Imported, problems: Imported) -> None:
    """Traps: `org:role` is absent in 2,078 tickets, `case:group` is empty in 4,961 permits."""
    assert sum("roles" not in event["actor"] for *_, event in problems.events()) == 2078
    assert sum("case_group" not in event["extra"] for *_, event in permits.events()) == 4961
    assert sum("unit" not in event["actor"] for *_, event in permits.events()) == 1936


def test_equal_timestamps_are_different_events(problems: Imported) -> None:
    """Trap: two pairs of equal timestamps."""
    counts = Counter(valid.occurred_us for valid in problems.valid)

    assert sorted(counts.values())[-3:] == [1, 2, 2]


def test_cases_are_the_targets_of_the_work_logs(permits: Imported, problems: Imported) -> None:
    for log, field, cases in ((permits, "case:concept:name", 1434), (problems, "case", 1487)):
        found = set()
        for line, valid, _ in log.events():
            assert ("case", line[field]) in valid.targets
            found.add(line[field])
        assert len(found) == cases


def test_events_of_some_fifty_products_are_read_or_refused_with_a_reason(real_logs: Path) -> None:
    """Traps of panther: null events, keys with dots and spaces, deep nesting, floats."""
    rule = read_mapping(
        b'mapping = 1\nid = { from = "_id" }\ntime = { from = "at" }\n'
        b'[source]\napplication = "panther"\nservice = "tests"\n'
        b'[event]\ntype = "panther.test.seen"\n',
        "panther",
    )
    path = real_logs / "panther-unit-tests/tests.jsonl.gz"
    for at in ("", "event"):
        with gzip.open(path) as lines:
            records = list(mapped_records(lines, ImportOptions("jsonl", rule, at)))

        assert len(records) == 1507
        assert all(record.event is not None or record.problems for record in records)
        nulls = sum(record.raw == "null" for record in records)
        assert nulls == (9 if at else 0)
