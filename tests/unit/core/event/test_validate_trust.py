"""Which events are kept aside, which come with a warning, and what is taken out of them."""

from typing import Any

import msgspec
import pytest

from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.sections import join_sections
from vitne.core.event.validate import validate_event
from vitne.core.values.times import format_utc

MINUTE_US = 60_000_000
DAY_US = 24 * 60 * MINUTE_US


def judged(event: object, context: IntakeContext) -> ValidEvent | Rejected | Quarantined:
    return validate_event(msgspec.json.encode(event), context)


def at(complete: dict[str, Any], context: IntakeContext, offset_us: int) -> dict[str, Any]:
    return complete | {"occurred_at": format_utc(context.now_us + offset_us)}


def whole(valid: object) -> dict[str, Any]:
    assert isinstance(valid, ValidEvent), valid
    parts = (valid.core, valid.payload, valid.person)
    return join_sections(*(msgspec.json.decode(part) for part in parts))


def warnings(valid: object) -> tuple[str, ...]:
    assert isinstance(valid, ValidEvent), valid
    return valid.warnings


def test_a_clock_a_little_ahead_is_a_warning(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    assert warnings(judged(at(complete, context, 5 * MINUTE_US), context)) == ()
    assert warnings(judged(at(complete, context, 5 * MINUTE_US + 1), context)) == ("clock_ahead",)


def test_a_clock_more_than_a_day_ahead_is_quarantined(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    assert warnings(judged(at(complete, context, DAY_US), context)) == ("clock_ahead",)

    found = judged(at(complete, context, DAY_US + 1), context)

    assert isinstance(found, Quarantined)
    assert found.reason == "clock_ahead"
    assert (found.stream_name, found.stream_seq) == ("crm/crm-bff/pod-7c9f/01981e00", 18234)


def test_an_event_spooled_for_more_than_thirty_days_is_quarantined_unless_imported(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["stream"]["spooled"] = True
    complete["clock"] = {"sync": "device"}
    importing = msgspec.structs.replace(
        context, registration=SourceRegistration("crm", "crm-bff", may_import=True)
    )

    found = judged(at(complete, context, -30 * DAY_US - 1), context)

    assert isinstance(found, Quarantined)
    assert found.reason == "spooled_long_ago"
    assert warnings(judged(at(complete, context, -30 * DAY_US), context)) == ()
    assert warnings(judged(at(complete, context, -9000 * DAY_US), importing)) == ()


def test_an_old_event_that_nobody_explains_is_flagged(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    assert warnings(judged(at(complete, context, -DAY_US), context)) == ()
    assert warnings(judged(at(complete, context, -DAY_US - 1), context)) == ("backdated",)


def test_an_event_of_more_than_64_kib_is_quarantined(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    target = {"type": "customer", "role": "subject", "exposure": "full", "name": "n" * 200}
    complete["targets"] = [target | {"id": f"{n:0256}"} for n in range(100)]
    complete["query"] = {
        "kind": "list",
        "shown": {"type": "customer", "ids": [f"{n:0150}" for n in range(200)]},
    }

    found = judged(complete, context)

    assert isinstance(found, Quarantined)
    assert found.reason == "large"


def test_control_characters_in_prose_are_replaced_with_a_warning(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["summary"] = "two\nlines\u2028and \u202edrawkcab\x00"
    complete["actor"]["name"] = "A\u030ase"

    valid = judged(complete, context)

    assert warnings(valid) == ("text_cleaned",)
    assert whole(valid)["summary"] == "two lines and \ufffddrawkcab\ufffd"
    assert whole(valid)["actor"]["name"] == "Åse"


def test_values_of_changes_may_have_several_lines(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["changes"] = [{"path": "/note", "op": "replace", "before": "a\n\tb", "after": "c"}]

    valid = judged(complete, context)

    assert warnings(valid) == ()
    assert whole(valid)["changes"][0]["before"] == "a\n\tb"


def test_an_id_that_is_an_email_address_becomes_a_pseudonym(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["actor"]["id"] = "per@vendor.example"
    complete["targets"][0]["id"] = "ola@nordmann.example"
    complete["on_behalf_of"]["id"] = "kari@nordmann.example"

    valid = judged(complete, context)

    event = whole(valid)
    assert isinstance(valid, ValidEvent)
    assert warnings(valid) == ("id_pseudonymised",)
    assert event["actor"]["id"] == "h:acme-18"
    assert event["actor"]["native_id"] == "per@vendor.example"
    assert event["targets"][0]["native_id"] == "ola@nordmann.example"
    assert event["on_behalf_of"]["native_id"] == "kari@nordmann.example"
    assert b"nordmann" not in valid.core
    assert valid.actor[1] == "h:acme-18"


def test_card_numbers_are_cut_out_and_listed(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["summary"] = "paid with 4111 1111 1111 1111 today"
    complete["extra"] = {"account": 5555555555554444, "rows": [4, 378282246310005]}

    valid = judged(complete, context)

    event = whole(valid)
    assert warnings(valid) == ("forbidden_removed",)
    assert event["summary"] == "paid with [removed] today"
    assert event["extra"] == {"rows": [4]}
    assert event["redactions"] == ["/summary", "/extra/account", "/extra/rows/1"]


def test_a_card_number_as_an_id_leaves_only_a_pseudonym(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["targets"][0]["id"] = "4111111111111111"

    event = whole(judged(complete, context))

    assert event["targets"][0]["id"] == "h:acme-16"
    assert "native_id" not in event["targets"][0]
    assert event["redactions"] == ["/targets/0/id"]


def test_values_of_fields_named_like_secrets_are_removed(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["extra"] = {"reset_token": "abc", "tab": "orders"}
    complete["changes"] = [
        {"path": "/user/newPassword", "op": "replace", "before": "old", "after": "new"},
        {"path": "/password", "op": "replace", "after": "h:77", "form": "hmac"},
    ]
    complete["query"] = {
        "kind": "search",
        "criteria": [{"field": "cvv", "op": "eq", "value": "123"}],
    }

    event = whole(judged(complete, context))

    assert event["extra"] == {"tab": "orders"}
    assert event["changes"][0] == {
        "path": "/user/newPassword",
        "op": "replace",
        "form": "omitted",
    }
    assert event["changes"][1]["after"] == "h:77"
    assert event["query"]["criteria"] == [{"field": "cvv", "op": "eq", "form": "omitted"}]
    assert len(event["redactions"]) == 4


def test_a_token_in_a_reference_is_removed(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    jws = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
    complete["actor"]["auth"]["session_ref"] = jws

    valid = judged(complete, context)

    assert whole(valid)["actor"]["auth"] == {"method": "oidc", "mfa": True}
    assert whole(valid)["redactions"] == ["/actor/auth/session_ref"]


@pytest.mark.parametrize("number", ["1234567890123456", "4111111111111112", "20261124091502113"])
def test_long_numbers_that_are_no_cards_stay(
    number: str, complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["summary"] = f"order {number}"

    valid = judged(complete, context)

    assert whole(valid)["summary"] == f"order {number}"
    assert warnings(valid) == ()
