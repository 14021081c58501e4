"""Mapping documents: expressions, times, and what is reported."""

from importlib.resources import files
from typing import Any

import pytest

from vitne.errors import ConfigurationError
from vitne.formats.mapped import Mapped
from vitne.formats.mapping import read_mapping

HEAD = """
mapping = 1
[source]
application = "desk"
service = "orders"
[time]
from = "when"
[event]
type = "desk.order.viewed"
"""
RECORD: dict[str, Any] = {
    "when": "2026-11-24T10:15:02+01:00",
    "user": {"id": 77, "mail.addr": "per@x.example", "full name": "Per"},
    "a.b": "flat",
    "tags": ["x", "y"],
    "ok": True,
    "note": "",
    "nothing": None,
}


def mapped(event: str, record: object = RECORD, head: str = HEAD) -> Mapped:
    return read_mapping((head + event).encode(), "mine.toml").apply(record, "raw", "text/1")


def event_of(event: str, record: object = RECORD, head: str = HEAD) -> dict[str, Any]:
    found = mapped(event, record, head)
    assert found.event is not None, found.problems
    return found.event


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('"constant"', "constant"),
        ("true", True),
        ("7", 7),
        ('{ from = "user.id" }', "77"),
        ('{ from = ["user", "mail.addr"] }', "per@x.example"),
        ('{ from = "user.full name" }', "Per"),
        ('{ from = "a.b" }', "flat"),
        ('{ from = "tags.1" }', "y"),
        ('{ from = "ok" }', "true"),
        ('{ from = "nothing", default = "d" }', "d"),
        ('{ from = "note", default = "d" }', "d"),
        ('{ from = "a.b", skip = ["flat"], default = "d" }', "d"),
        ('{ from = "a.b", map = { flat = "round" } }', "round"),
        ('{ from = "a.b", map = { x = "round" }, default = "d" }', "d"),
        ('{ from = "a.b", form = "upper" }', "FLAT"),
        ('{ template = "{user.id}/{a.b|upper}" }', "77/FLAT"),
        ('{ template = "T02 Check-it {a.b}", form = "snake" }', "t02_check_it_flat"),
        ('{ from = "user.full name", most = 2 }', "P…"),
    ],
)
def test_an_expression_gives_its_value(expression: str, value: object) -> None:
    assert event_of(f"summary = {expression}\n")["summary"] == value


@pytest.mark.parametrize(
    "expression", ['{ from = "nothing" }', '{ from = "no.such" }', '{ template = "a{note}" }', '""']
)
def test_a_member_without_a_value_is_left_out(expression: str) -> None:
    assert "summary" not in event_of(f"summary = {expression}\n")


def test_a_target_without_an_id_is_left_out() -> None:
    event = event_of(
        '[[event.targets]]\ntype = "a"\nid = { from = "note" }\n'
        '[[event.targets]]\ntype = "b"\nid = { from = "a.b" }\n'
    )

    assert event["targets"] == [{"type": "b", "id": "flat"}]


def test_a_value_that_the_map_does_not_know_refuses_the_record() -> None:
    found = mapped('[event.outcome]\nresult = { from = "a.b", map = { OK = "succeeded" } }\n')

    assert found.event is None
    assert [(p.code, p.path) for p in found.problems] == [("not_in_list", "$.outcome.result")]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("", "2026-11-24 10:15:02.266000+01:00", "2026-11-24T09:15:02.266000Z"),
        ("", "2026-07-24T10:15:02+02:00", "2026-07-24T08:15:02.000000Z"),
        ('offset = "+01:00"', "2026-11-24 10:15:02", "2026-11-24T09:15:02.000000Z"),
        ('form = "epoch_s"', 1795511702, "2026-11-24T09:15:02.000000Z"),
        ('form = "epoch_s"', "1795511702.25", "2026-11-24T09:15:02.250000Z"),
        ('form = "epoch_ms"', 1795511702113, "2026-11-24T09:15:02.113000Z"),
        ('form = "%d.%m.%Y %H:%M"\noffset = "Z"', "24.11.2026 09:15",
         "2026-11-24T09:15:00.000000Z"),
    ],
)  # fmt: skip
def test_a_time_becomes_utc(rule: str, value: object, expected: str) -> None:
    head = HEAD.replace('from = "when"', f'from = "when"\n{rule}')

    assert event_of("", RECORD | {"when": value}, head)["occurred_at"] == expected


@pytest.mark.parametrize("value", ["2026-11-24 10:15:02", "soon", "", None, 12])
def test_a_time_without_zone_or_sense_is_refused_not_guessed(value: object) -> None:
    found = mapped("", RECORD | {"when": value})

    assert found.event is None
    assert [(p.code, p.path) for p in found.problems] == [("bad_format", "$.occurred_at")]


def test_fields_without_a_place_are_reported_and_ignored_ones_are_not() -> None:
    head = HEAD.replace("mapping = 1", 'mapping = 1\nignore = ["ok", "user.mail.addr"]')

    found = mapped('summary = { from = "user.id" }\n', head=head)

    assert found.unmapped == ("user.full name", "a.b", "tags[]")


def test_the_id_derives_from_the_records_own_or_else_from_its_text() -> None:
    own = HEAD + '[id]\nfrom = "user.id"\n'
    own = own.replace('[event]\ntype = "desk.order.viewed"\n', "") + (
        '[event]\ntype = "desk.order.viewed"\n'
    )
    rule, plain = read_mapping(own.encode(), "m"), read_mapping(HEAD.encode(), "m")

    same = [rule.apply(RECORD, "raw", text).event for text in ("a", "b")]
    other = [plain.apply(RECORD, "raw", text).event for text in ("a", "b")]

    assert same[0] == same[1]
    assert other[0] != other[1]
    assert rule.apply(RECORD | {"user": {}}, "raw", "a").problems[0].path == "$.id"


@pytest.mark.parametrize("record", [None, [], "text", 7])
def test_a_record_that_is_no_object_is_refused(record: object) -> None:
    assert [p.code for p in mapped("", record).problems] == ["wrong_type"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mapping = 1", "mapping = 2", "mapping"),
        ("mapping = 1", "mapping = ", "valid"),
        ("mapping = 1", 'mapping = 1\ncolour = "red"', "colour"),
        ('service = "orders"', 'service = "Orders!"', "service"),
        ('from = "when"', 'from = "when"\nform = "julian"', "julian"),
        ("[event]", '[event]\nid = "x"', "event.id"),
        ("[event]", '[event]\nsummary = { from = "a", form = "loud" }', "event.summary"),
        ('type = "desk.order.viewed"', "type = { from = 7 }", "event.type"),
    ],
)  # fmt: skip
def test_a_mapping_that_is_not_valid_says_where(old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_mapping(HEAD.replace(old, new).encode(), "mine.toml")

    assert caught.value.where == "mine.toml"


def test_the_shipped_example_maps_the_record_it_shows() -> None:
    rule = read_mapping(
        (files("vitne.formats") / "mappings/example.toml").read_bytes(), "example.toml"
    )
    record = {
        "no": 4711,
        "when": "24.11.2026 10:15:02",
        "user": {"login": "per", "mail.addr": "per@x.example"},
        "what": "Opened",
        "customer": "C-90331",
        "result": "OK",
        "ip": "203.0.113.42",
        "ms": 12,
    }

    found = rule.apply(record, "raw", "t")

    assert found.event is not None
    assert found.unmapped == ()
    assert found.event["occurred_at"] == "2026-11-24T09:15:02.000000Z"
    assert found.event["targets"] == [{"type": "customer", "id": "C-90331", "role": "subject"}]
