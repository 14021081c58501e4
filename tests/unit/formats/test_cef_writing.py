"""CEF export: one line a subject, cut visibly, and nothing that breaks a line (trap T17)."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vitne.formats.cef import parse_line
from vitne.formats.cef_export import Device, cef_lines

DEVICE = Device("Vendor AS", "CRM")
EVENT: dict[str, Any] = {
    "schema": "vitne.audit/1.0",
    "id": "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77",
    "type": "crm.customer.viewed",
    "category": "view",
    "occurred_at": "2026-11-24T09:15:02.113Z",
    "outcome": {"result": "succeeded"},
    "tenant": {"id": "acme"},
    "actor": {"id": "usr_77", "name": "Per", "party": "vendor", "attribution": "token"},
    "targets": [{"type": "customer", "id": "cus_1", "name": "Ola N.", "role": "subject"}],
    "changes": [{"path": "/a", "op": "replace"}],
    "correlation": {"action_id": "01981f3e-7c19-7000-8000-000000000001"},
    "stream": {"id": "s", "seq": 18234},
}


def with_members(**members: Any) -> dict[str, Any]:
    return copy.deepcopy(EVENT) | members


def fields(line: str) -> dict[str, str]:
    parsed = parse_line(line)
    assert parsed is not None, line
    return parsed.extension


def test_a_line_says_who_did_what_to_whom_and_when() -> None:
    (line,) = cef_lines(EVENT, 1_795_511_703_000_000, DEVICE)

    assert line.startswith("CEF:1|Vendor AS|CRM|1.0|crm.customer.viewed|crm.customer.viewed|2|")
    found = fields(line)
    assert (found["suid"], found["suser"], found["duid"]) == ("usr_77", "Per", "cus_1")
    assert (found["end"], found["rt"]) == ("1795511702113", "1795511703000")
    assert (found["cs5"], found["cs5Label"]) == ("token", "attribution")
    assert (found["cn1"], found["cn1Label"]) == ("18234", "sequence")
    assert found["sproc"] == EVENT["correlation"]["action_id"]
    assert "dproc" not in found


def test_each_subject_has_a_line_of_its_own_and_none_names_another() -> None:
    targets = [{"type": "customer", "id": f"cus_{n}", "role": "subject"} for n in range(3)]

    lines = cef_lines(with_members(targets=targets), 1, DEVICE)

    assert [fields(line)["duid"] for line in lines] == ["cus_0", "cus_1", "cus_2"]
    assert len({fields(line)["dproc"] for line in lines}) == 1
    assert all(f"cus_{n}" not in lines[0] for n in (1, 2))


def test_an_event_without_targets_is_still_a_line() -> None:
    (line,) = cef_lines(with_members(targets=[]), 1, DEVICE)

    assert "duid" not in fields(line)


def test_the_nav_profile_has_its_class_ids_and_leaves_its_reserved_slots_alone() -> None:
    denied = with_members(outcome={"result": "denied"}, category="update")

    (line,) = cef_lines(EVENT, 1, DEVICE, "nav")
    (other,) = cef_lines(denied, 1, DEVICE, "nav")

    assert line.startswith("CEF:0|Vendor AS|CRM|1.0|audit:access|crm.customer.viewed|INFO|")
    assert other.startswith("CEF:0|Vendor AS|CRM|1.0|audit:update|crm.customer.viewed|WARN|")
    assert fields(other)["flexString1"] == "Deny"
    assert not {"cs1", "cs2", "cs4"} & set(fields(line))
    reading = Device("V", "P", read_as="read")
    assert "|audit:read|" in cef_lines(EVENT, 1, reading, "nav")[0]


def test_what_is_too_long_is_cut_and_says_so() -> None:
    changes = [{"path": "/a", "op": "replace", "after": "x" * 5000}]

    found = fields(cef_lines(with_members(changes=changes), 1, DEVICE)[0])

    assert len(found["cs1"]) == 4000
    assert found["cs1"].endswith("…")
    assert found["cs1Label"] == "changes (cut)"


nasty = st.text(st.sampled_from("ab |=\\\n\r\t\x00\x85\u2028\u202e æ"), max_size=20)


@given(nasty, nasty)
def test_no_value_breaks_a_line_or_reaches_into_another(name: str, text: str) -> None:
    event = with_members(summary=f"{text}.")
    event["actor"]["name"] = f"<{name}>"
    device = Device(f"V{name}", "P", name=f"N{text}")

    (line,) = cef_lines(event, 1, device)

    assert len(line.splitlines()) == 1
    parsed = parse_line(line)
    assert parsed is not None
    assert parsed.class_id == "crm.customer.viewed"
    assert set(parsed.extension) - {"suser"} == set(fields(cef_lines(EVENT, 1, DEVICE)[0])) - {
        "suser"
    } | {"msg"}
    kept = "".join(c for c in name if c in "ab |=\\\n\r\u202e æ")
    assert parsed.extension["suser"] == f"<{kept}>"
