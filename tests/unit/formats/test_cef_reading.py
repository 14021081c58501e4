"""CEF intake: lenient, and complete."""

from typing import Any

import pytest

from vitne.formats.cef import CallWatch, map_line, parse_line

NAV = (
    "CEF:0|pesys|Auditlog|1.0|audit:access|Lookup|INFO|suid=Z990000 duid=01010112377 "
    "end=1618308696856 sproc=40a4b3 flexString1Label=Decision flexString1=Permit "
    "request=/api/person/01010112377/sak?x\\=1 requestMethod=GET msg=Per looked\\=up"
)


def event_of(line: str) -> dict[str, Any]:
    mapped = map_line(line, "text/1")
    assert mapped.event is not None, mapped.problems
    return mapped.event


def extended(**values: str) -> str:
    """The line with other values; an empty one takes the key out."""
    header, _, rest = NAV.rpartition(" msg=")[0].partition("|suid=")
    pairs = dict(pair.split("=", 1) for pair in f"suid={rest}".split(" ") if "=" in pair)
    pairs |= values
    return header + "|" + " ".join(f"{key}={value}" for key, value in pairs.items() if value)


def test_a_line_of_the_nav_profile_becomes_an_event() -> None:
    event = event_of(NAV)

    assert event["type"] == "pesys.record.viewed"
    assert event["category"] == "view"
    assert event["occurred_at"] == "2021-04-13T10:11:36.856000Z"
    assert event["actor"]["id"] == "Z990000"
    assert event["targets"][0]["id"] == "01010112377"
    assert event["targets"][0]["role"] == "subject"
    assert event["outcome"] == {"result": "succeeded"}
    assert event["correlation"]["request_id"] == "40a4b3"
    assert event["summary"] == "Per looked=up"


def test_personal_ids_in_the_request_are_cut_to_a_template() -> None:
    """Trap T27: route templates only."""
    assert event_of(NAV)["observed"]["operation"] == "GET /api/person/{id}/sak"
    mail = extended(request="https://host/u/per@x.example/p/12")
    assert event_of(mail)["observed"]["operation"] == "GET /u/{id}/p/12"


@pytest.mark.parametrize(
    ("verb", "category"),
    [("create", "create"), ("access", "view"), ("read", "view"), ("oppslag", "view"),
     ("update", "update"), ("delete", "delete")],
)  # fmt: skip
def test_verbs_are_read_leniently(verb: str, category: str) -> None:
    assert event_of(NAV.replace("audit:access", f"audit:{verb}"))["category"] == category


def test_denied_lines_are_denied_and_a_warning() -> None:
    event = event_of(extended(flexString1="Deny"))

    assert event["outcome"] == {"result": "denied"}
    assert event["severity"] == "warning"
    assert event["targets"][0]["exposure"] == "none"


def test_lines_of_one_call_are_one_action_and_dproc_joins_calls() -> None:
    first, same, other = event_of(NAV), event_of(extended(duid="2")), event_of(extended(sproc="z"))
    joined = [event_of(extended(sproc=call, dproc="d1")) for call in ("a", "b")]

    assert first["correlation"]["action_id"] == same["correlation"]["action_id"]
    assert first["correlation"]["action_id"] != other["correlation"]["action_id"]
    assert joined[0]["correlation"]["action_id"] == joined[1]["correlation"]["action_id"]


def test_the_id_derives_from_external_id_or_else_from_the_text() -> None:
    own = extended(externalId="77")

    assert map_line(own, "a/1").event == map_line(own, "b/2").event
    assert event_of(NAV)["id"] != map_line(NAV, "text/2").event["id"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("end", "occurred_at"),
    [
        ("1618308696856", "2021-04-13T10:11:36.856000Z"),
        ("1618308696", "2021-04-13T10:11:36.000000Z"),
        ("2021-04-13T12:11:36.856+02:00", "2021-04-13T10:11:36.856000Z"),
        ("Apr 13 2021 10:11:36", "2021-04-13T10:11:36.000000Z"),
    ],
)
def test_times_come_in_many_forms(end: str, occurred_at: str) -> None:
    assert event_of(NAV.replace("1618308696856", end))["occurred_at"] == occurred_at


def test_a_syslog_header_before_the_line_is_passed_over() -> None:
    assert event_of(f"<110>1 2021-04-13T10:11:36Z host app - - - {NAV}") == event_of(NAV)


def test_escapes_are_undone_in_header_and_values() -> None:
    line = r"CEF:1|a\|b|c\\d|1|x|n|5|msg=two\nlines\\ and a\=b suid=u duid=a b  c"
    parsed = parse_line(line)

    assert parsed is not None
    assert (parsed.vendor, parsed.product) == ("a|b", "c\\d")
    assert parsed.extension == {"msg": "two\nlines\\ and a=b", "suid": "u", "duid": "a b  c"}


def test_what_has_no_place_is_named() -> None:
    line = extended(deviceCustomDate1="x", cs3="?", src="internal")

    assert set(map_line(line, "t").unmapped) == {"deviceCustomDate1", "cs3", "src"}


@pytest.mark.parametrize(
    ("line", "code", "path"),
    [
        ("hello", "bad_format", "$"),
        ("CEF:0|a|b|c", "bad_format", "$"),
        ("CEF:7|a|b|c|d|e|f|suid=1 end=1", "bad_format", "$"),
        (extended(end="soon"), "missing", "$.occurred_at"),
        (extended(suid=""), "missing", "$.actor.id"),
    ],
)
def test_a_line_without_who_or_when_is_refused_with_the_reason(
    line: str, code: str, path: str
) -> None:
    mapped = map_line(line, "t")

    assert mapped.event is None
    assert mapped.raw == line
    assert [(p.code, p.path) for p in mapped.problems] == [(code, path)]


@pytest.mark.parametrize(("calls", "told"), [(25, True), (24, False), (1, False)])
def test_a_call_id_that_is_new_on_every_line_is_reported(calls: int, told: bool) -> None:
    """Trap T27: a correlation id that never repeats correlates nothing."""
    watch = CallWatch()
    records = [map_line(extended(sproc=f"c{n % calls}"), "t") for n in range(25)]

    assert list(watch.through(records)) == records
    assert ("sproc" in watch.finding) == told


def test_too_few_lines_say_nothing_about_the_call_id() -> None:
    watch = CallWatch()
    list(watch.through([map_line(extended(sproc=f"c{n}"), "t") for n in range(19)]))

    assert watch.finding == ""
