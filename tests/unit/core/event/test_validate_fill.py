"""What the server fills into a minimal event, and that it says so."""

from typing import Any

import msgspec

from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.sections import join_sections, without_members
from vitne.core.event.validate import validate_event
from vitne.core.values.ids import uuid8_for_key, uuid_text, uuid_version


def taken(event: object, context: IntakeContext, position: int = 0) -> ValidEvent:
    found = validate_event(msgspec.json.encode(event), context, position)
    assert isinstance(found, ValidEvent), found
    return found


def whole(valid: ValidEvent) -> dict[str, Any]:
    parts = (valid.core, valid.payload, valid.person)
    return join_sections(*(msgspec.json.decode(part) for part in parts))


def test_a_minimal_event_is_completed_and_lists_what_was_filled(context: IntakeContext) -> None:
    sent = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}

    valid = taken(sent | {"target": "customer/cus_90331"}, context)

    event = whole(valid)
    assert event["schema"] == "vitne.audit/1.0"
    assert event["category"] == "view"
    assert event["outcome"] == {"result": "succeeded"}
    assert event["occurred_at"] == "2026-11-24T09:35:02.000000Z"
    assert event["clock"] == {"sync": "server"}
    assert event["tenant"] == {"id": "acme"}
    assert event["actor"] == {
        "id": "usr_77",
        "type": "user",
        "issuer": "https://id.crm.example",
        "party": "tenant",
        "attribution": "asserted",
    }
    assert event["targets"] == [
        {"type": "customer", "id": "cus_90331", "role": "object", "exposure": "full"}
    ]
    assert event["observed"] == {"role": "primary", "layer": "bff", "seen": "shown"}
    assert event["correlation"] == {"action_id": event["id"]}
    assert "stream" not in event
    assert "$.stream" in valid.filled
    assert list(valid.filled) == sorted(valid.filled)
    target = {"type": "customer", "id": "cus_90331"}
    assert without_members(event, valid.filled) == sent | {"targets": [target]}


def test_a_complete_event_is_not_touched(complete: dict[str, Any], context: IntakeContext) -> None:
    valid = taken(complete, context)

    assert valid.filled == ()
    assert valid.warnings == ()
    assert whole(valid) == complete


def test_what_the_entry_needs_is_read_out(complete: dict[str, Any], context: IntakeContext) -> None:
    complete["targets"] += [
        {"type": "order", "id": "o_1", "role": "related", "exposure": "existence"},
        {"type": "customer", "id": "cus_90331", "role": "object", "exposure": "full"},
    ]

    valid = taken(complete, context)

    assert uuid_text(valid.event_id) == complete["id"]
    assert valid.actor == ("https://id.vendor.example", "usr_77")
    assert valid.targets == (("customer", "cus_90331"), ("order", "o_1"))
    assert valid.facets.targets == "\ncustomer/cus_90331\norder/o_1\n"
    assert valid.occurred_us == 1_795_511_702_113_000
    assert valid.action_id == complete["correlation"]["action_id"]
    assert (valid.stream_name, valid.stream_seq) == ("crm/crm-bff/pod-7c9f/01981e00", 18234)
    assert valid.source_id == "crm/crm-bff"


def test_an_idempotency_key_gives_each_place_of_a_request_its_own_lasting_id(
    context: IntakeContext,
) -> None:
    context = msgspec.structs.replace(context, idempotency_key="retry-1")
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}

    first, again, second = (taken(event, context, at) for at in (0, 0, 1))

    assert first.event_id == again.event_id != second.event_id
    assert first.event_id == uuid8_for_key("crm/crm-bff", "retry-1", 0)


def test_without_a_key_an_event_gets_a_fresh_id_of_its_time(context: IntakeContext) -> None:
    valid = taken({"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}, context)

    assert uuid_version(valid.event_id) == 7
    assert int.from_bytes(valid.event_id[:6], "big") == context.now_us // 1000


def test_a_retry_of_a_minimal_event_has_the_same_digest(context: IntakeContext) -> None:
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}
    later = msgspec.structs.replace(context, now_us=context.now_us + 5_000_000)

    assert taken(event, context).digest == taken(event, later).digest
    assert taken(event, context).digest != taken(event | {"summary": "x"}, context).digest


def test_the_digest_does_not_depend_on_order_or_space(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    reordered = dict(reversed(complete.items()))
    spaced = msgspec.json.format(msgspec.json.encode(reordered))

    found = validate_event(spaced, context)

    assert isinstance(found, ValidEvent)
    assert found == taken(complete, context)


def test_the_connection_is_the_user_only_where_it_is_registered_so(context: IntakeContext) -> None:
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}
    behind = msgspec.structs.replace(context, peer_ip="203.0.113.9")
    facing = msgspec.structs.replace(
        behind, registration=SourceRegistration("crm", "crm-bff", faces_user=True)
    )

    assert "client" not in whole(taken(event, behind))
    assert whole(taken(event, facing))["client"] == {"ip": "203.0.113.9"}
    assert "$.client.ip" in taken(event, facing).filled


def test_a_trace_header_fills_an_event_without_any_correlation(context: IntakeContext) -> None:
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    context = msgspec.structs.replace(context, traceparent=header)
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}

    filled = whole(taken(event, context))["correlation"]
    own = whole(taken(event | {"correlation": {"request_id": "r1"}}, context))["correlation"]

    assert filled["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert filled["span_id"] == "b7ad6b7169203331"
    assert "trace_id" not in own


def test_a_denied_event_is_at_least_a_warning(context: IntakeContext) -> None:
    event = {"type": "crm.customer.viewed", "actor": {"id": "u"}, "outcome": {"result": "denied"}}

    valid = taken(event, context)

    assert whole(valid)["severity"] == "warning"
    assert "$.severity" in valid.filled


def test_nulls_and_empty_parents_are_as_good_as_absent(context: IntakeContext) -> None:
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77"}}
    noise = {"client": {}, "targets": [], "extra": None, "purpose": {"code": None}}

    assert taken(event | noise, context).digest == taken(event, context).digest


def test_a_newer_minor_version_keeps_unknown_fields_in_the_payload(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    complete["schema"] = "vitne.audit/1.7"
    complete["weather"] = {"sky": "blue", "wind": None}
    complete["targets"][0]["colour"] = "red"

    valid = taken(complete, context)

    assert valid.warnings == ("newer_minor",)
    payload = msgspec.json.decode(valid.payload)
    assert payload == {"/weather": {"sky": "blue"}, "/targets/0/colour": "red"}
    complete["weather"] = {"sky": "blue"}
    assert whole(valid) == complete


def test_the_category_comes_from_the_verb(context: IntakeContext) -> None:
    verbs = {"viewed": "view", "searched": "search", "exported": "export", "deleted": "delete"}

    for verb, category in (verbs | {"refunded": "execute"}).items():
        valid = taken({"type": f"crm.customer.{verb}", "actor": {"id": "u"}}, context)
        assert valid.category == category
