"""What an application writes becomes a complete event that intake takes as it is."""

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.errors import EventRefusedError
from vitne.sdk.delivery.numbering import NumberedStreams
from vitne.sdk.events.context import action, bind
from vitne.sdk.events.prepare import EventPreparer
from vitne.sdk.options import Options

ACTION = "01981f3e-7c19-7000-8000-000000000001"


def preparer(**options: Any) -> EventPreparer:
    chosen = {"application": "crm", "service": "crm-bff", "tenant": "acme", **options}
    return EventPreparer(Options(**chosen))


def event_of(event_type: str = "crm.customer.viewed", **fields: Any) -> dict[str, Any]:
    given = {"actor": "usr_77", "target": "customer/cus_1", **fields}
    event: dict[str, Any] = json.loads(preparer().prepare(event_type, given).body)  # type: ignore[arg-type]  # fields of a test
    return event


def test_the_shortest_call_makes_a_complete_event() -> None:
    event = event_of()

    assert event["schema"] == "vitne.audit/1.0"
    assert event["category"] == "view"
    assert event["outcome"] == {"result": "succeeded"}
    assert event["tenant"] == {"id": "acme"}
    assert event["actor"]["attribution"] == "asserted"
    assert event["targets"] == [{"type": "customer", "id": "cus_1"}]
    assert event["observed"] == {"seen": "shown", "role": "primary", "layer": "bff"}
    assert event["correlation"] == {"action_id": event["id"]}


def test_intake_fills_nothing_but_what_a_catalog_would_say() -> None:
    ready = preparer(issuer="https://id.example").prepare(
        "crm.customer.viewed", {"actor": "usr_77", "target": "customer/cus_1"}
    )
    streams = NumberedStreams("crm/crm-bff/run", "vitne-python/test")
    body = streams.number(ready.body, streams.of("acme"))
    context = IntakeContext(
        now_us=2_000_000_000_000_000,
        registration=SourceRegistration("crm", "crm-bff", may_import=True),
        fresh=os.urandom,
        pseudonym=lambda _tenant, _plain: "0" * 32,
        default_tenant="acme",
    )

    valid = validate_event(body, context)

    assert isinstance(valid, ValidEvent), valid
    assert valid.warnings == ()
    assert [path for path in valid.filled if "targets" not in path] == []
    assert (valid.stream_name, valid.stream_seq) == ("crm/crm-bff/run", 1)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ({"outcome": "denied:not_owner"}, ("outcome", {"result": "denied", "code": "not_owner"})),
        ({"outcome": "failed"}, ("outcome", {"result": "failed"})),
        ({"purpose": "complaint"}, ("purpose", {"code": "complaint"})),
        ({"sensitivity": "restricted"}, ("sensitivity", {"level": "restricted"})),
        ({"tenant": "other"}, ("tenant", {"id": "other"})),
        ({"chain": ["svc-a"]}, ("chain", [{"type": "service", "id": "svc-a", "hop": 1}])),
        ({"ended_at": "2026-11-24T09:15:02.113Z"}, ("ended_at", "2026-11-24T09:15:02.113Z")),
    ],
)
def test_short_forms_stand_for_objects(short: dict[str, Any], full: tuple[str, Any]) -> None:
    assert event_of(**short)[full[0]] == full[1]


def test_a_time_of_another_zone_is_told_in_utc() -> None:
    at = datetime(2026, 11, 24, 10, 15, 2, 113000, tzinfo=timezone(timedelta(hours=1)))

    assert event_of(occurred_at=at)["occurred_at"] == "2026-11-24T09:15:02.113000Z"


def test_a_time_without_zone_is_a_mistake() -> None:
    naive = datetime(2026, 11, 24, tzinfo=UTC).replace(tzinfo=None)

    with pytest.raises(TypeError, match="time zone"):
        event_of(occurred_at=naive)


def test_a_field_that_no_event_has_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="colour"):
        event_of(colour="red")


def test_bound_fields_fill_and_stated_fields_win() -> None:
    with action(ACTION), bind(actor="usr_1", purpose="a", client={"ip": "192.0.2.1"}):
        event = event_of(actor="usr_2", client={"site": "store-1"}, request_id="r1")

    assert event["actor"]["id"] == "usr_2"
    assert event["purpose"] == {"code": "a"}
    assert event["client"] == {"ip": "192.0.2.1", "site": "store-1"}
    assert event["correlation"] == {"action_id": ACTION, "request_id": "r1"}


def test_values_of_the_application_become_text() -> None:
    event = event_of(extra={"day": datetime(2026, 1, 1, tzinfo=UTC), "path": os.path})

    assert event["extra"]["day"] == "2026-01-01T00:00:00Z"
    assert event["extra"]["path"].startswith("<module")


# ---------------------------------------------------------------- cleaning


def test_secrets_and_card_numbers_never_leave_the_application() -> None:
    event = event_of(
        "crm.customer.updated",
        outcome={"result": "succeeded", "reason": "paid with 4111 1111 1111 1111 today"},
        extra={"password": "hunter2", "note": "ok", "amount": 4111111111111111},
        changes=[
            {"path": "/pin", "op": "set", "before": "1234", "after": "4321"},
            {"path": "/pin", "op": "set", "after": "h:00ff", "form": "hmac"},
        ],
        query={"kind": "search", "criteria": [{"field": "cvv", "op": "eq", "value": "123"}]},
    )

    text = json.dumps(event)
    assert not any(secret in text for secret in ("4111", "hunter2", "1234", "4321", '"123"'))
    assert event["outcome"]["reason"] == "paid with [removed] today"
    assert event["changes"][0] == {"path": "/pin", "op": "set", "form": "omitted"}
    assert event["changes"][1]["after"] == "h:00ff"
    assert sorted(event["redactions"]) == [
        "/changes/0/after",
        "/changes/0/before",
        "/extra/amount",
        "/extra/password",
        "/outcome/reason",
        "/query/criteria/0/value",
    ]


def test_text_is_made_canonical_and_control_characters_are_replaced() -> None:
    event = event_of(
        targets=[{"type": "customer", "id": "c", "name": "A\u030ase\x00 \u202eNordmann\udc00"}],
        changes=[{"path": "/note", "op": "set", "after": "two\nlines"}],
    )

    assert event["targets"][1]["name"] == "Åse\ufffd \ufffdNordmann?"
    assert event["changes"][0]["after"] == "two\nlines"
    assert "redactions" not in event


def test_ids_that_look_like_card_numbers_are_left_where_no_card_can_be() -> None:
    looks = "01981f3e-4111-7111-8111-411111111111"

    event = event_of(id=looks)

    assert event["id"] == looks
    assert "redactions" not in event


# ---------------------------------------------------------------- checking


def test_a_strict_client_raises_with_every_fault() -> None:
    with pytest.raises(EventRefusedError) as raised:
        preparer(strict=True).prepare("Viewed", {"actor": "", "target": "customer/c"})

    assert any("$.type" in problem for problem in raised.value.problems)
    assert any("$.actor.id" in problem for problem in raised.value.problems)


def test_a_lenient_client_says_a_fault_once_and_sends_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = preparer()

    ready = [one.prepare("Viewed", {"actor": "u", "target": "customer/c"}) for _ in range(3)]

    assert all(r.body and r.problems for r in ready)
    assert caplog.text.count("the log will reject events") == 1


# ---------------------------------------------------------------- folding


def folding() -> EventPreparer:
    return preparer(coalesce_s={"crm.customer.viewed": 600})


def test_the_same_view_again_is_counted_and_told_when_its_window_closes() -> None:
    one = folding()
    ready = [
        one.prepare("crm.customer.viewed", {"actor": "u", "target": "customer/c"}) for _ in range(3)
    ]

    assert [r.folded for r in ready] == [False, True, True]
    assert {r.event_id for r in ready} == {ready[0].event_id}
    [closing] = one.repeats(2**62)
    event = json.loads(closing.body)
    assert event["repeat"]["count"] == 3
    assert event["id"] != ready[0].event_id
    assert event["correlation"]["action_id"] == ready[0].action_id
    assert event["correlation"]["part"] == {"k": 2, "key": "repeat"}
    assert event["observed"]["role"] == "part"


@pytest.mark.parametrize(
    "other",
    [
        {"target": "customer/other"},
        {"actor": "other"},
        {"tenant": "other"},
        {"outcome": "denied:no"},
        {"purpose": "other"},
        {"actor": {"id": "u", "auth": {"method": "pin", "session_ref": "h:2"}}},
    ],
)
def test_another_view_is_not_folded(other: dict[str, Any]) -> None:
    one = folding()
    first: Any = {"actor": "u", "target": "customer/c"}
    second: Any = {**first, **other}
    one.prepare("crm.customer.viewed", first)

    assert not one.prepare("crm.customer.viewed", second).folded


def test_a_view_that_was_not_repeated_needs_no_closing() -> None:
    one = folding()
    one.prepare("crm.customer.viewed", {"actor": "u", "target": "customer/c"})

    assert one.repeats(2**62) == []


def test_nothing_is_folded_unless_its_type_is_named() -> None:
    one = preparer()
    same: Any = {"actor": "u", "target": "customer/c"}

    assert not any(one.prepare("crm.customer.viewed", same).folded for _ in range(2))
