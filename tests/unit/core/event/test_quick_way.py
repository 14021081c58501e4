"""The quick way takes what is complete and ordinary, and nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.quick import validate_quickly
from vitne.core.event.validate import validate_plainly

Edit = Callable[[dict[str, Any]], object]


def test_an_ordinary_event_takes_the_quick_way(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    item = msgspec.json.encode(ordinary)

    assert validate_quickly(item, context) is not None
    assert validate_quickly(item, context) == validate_plainly(item, context)


def test_space_order_and_accents_do_not_keep_it_from_the_quick_way(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    ordinary["actor"]["name"] = "Åse Ørnes"
    item = msgspec.json.format(msgspec.json.encode(dict(reversed(ordinary.items()))))

    assert validate_quickly(item, context) == validate_plainly(item, context)
    assert validate_quickly(item, context) is not None


@pytest.mark.parametrize(
    "edit",
    [
        lambda e: e["actor"].pop("attribution"),
        lambda e: e["actor"].pop("issuer"),
        lambda e: e["observed"].pop("seen"),
        lambda e: e.pop("stream"),
        lambda e: e["targets"][0].pop("role"),
        lambda e: e["targets"].append({"type": "customer"}),
        lambda e: e.update(extra={"password": "x"}),
        lambda e: e.update(changes=[{"path": "/a", "op": "set", "target": 1}]),
        lambda e: e.update(ended_at="2026-11-24T09:15:02.113Z"),
        lambda e: e.update(query={"kind": "search", "text": "4111111111111111"}),
        lambda e: e.update(chain=[{"type": "service", "id": "a@b.example"}]),
        lambda e: e.update(targets=[e["targets"][0] | {"id": "01010112377"}]),
        lambda e: e.update(phase=None),
        lambda e: e.update(occurred_at="2026-11-24T09:45:02.113Z"),
        lambda e: e.update(occurred_at="2026-11-20T09:45:02.113Z"),
        lambda e: e.update(type="audit.log.searched"),
        lambda e: e["source"].update(service="other"),
        lambda e: e["tenant"].update(id="Beta"),
        lambda e: e["outcome"].update(result="denied"),
        lambda e: e["client"].update(ip="nowhere"),
        lambda e: e["actor"].update(id="per@vendor.example"),
        lambda e: e["actor"].update(name="4111 1111 1111 1111"),
        lambda e: e["actor"].update(name="a\x7fb"),
        lambda e: e["actor"].update(name="A\u030ase"),
        lambda e: e["actor"].update(name='a "quote"'),
    ],
)
def test_what_needs_a_second_look_does_not(
    edit: Edit, ordinary: dict[str, Any], context: IntakeContext
) -> None:
    edit(ordinary)

    assert validate_quickly(msgspec.json.encode(ordinary), context) is None


@pytest.mark.parametrize(
    "edit",
    [
        lambda e: e.update(summary="S", extra={"tab": "orders"}),
        lambda e: e.update(changes=[{"path": "/a", "op": "set", "target": 0, "after": "b"}]),
        lambda e: e.update(query={"kind": "search", "criteria": [{"field": "a", "op": "eq"}]}),
        lambda e: e.update(clock={"sync": "ntp"}, sensitivity={"level": "restricted"}),
        lambda e: e.update(client={"user_agent": "Mozilla"}),
        lambda e: e["tenant"].update(name="Acme Ltd"),
        lambda e: e["outcome"].update(result="failed", code="no_stock", reason="None left"),
        lambda e: e.update(chain=[{"type": "service", "id": "bff", "name": "Front"}]),
        lambda e: e.update(repeat={"count": 2, "last_at": "2026-11-24T09:16:02.113Z"}),
    ],
)
def test_the_parts_of_everyday_events_take_the_quick_way(
    edit: Edit, ordinary: dict[str, Any], context: IntakeContext
) -> None:
    edit(ordinary)
    item = msgspec.json.encode(ordinary)

    assert validate_quickly(item, context) is not None
    assert validate_quickly(item, context) == validate_plainly(item, context)


def test_an_importer_of_old_events_takes_the_quick_way(
    complete: dict[str, Any], context: IntakeContext
) -> None:
    registration = SourceRegistration("import", "cli", may_import=True)
    context = msgspec.structs.replace(context, registration=registration, tenants=())
    complete |= {"occurred_at": "2011-05-01T08:00:00.000Z", "tenant": {"id": "beta"}}
    item = msgspec.json.encode(complete)

    assert validate_quickly(item, context) is not None
    assert validate_quickly(item, context) == validate_plainly(item, context)


def test_a_source_that_may_not_assert_does_not(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    registration = SourceRegistration("crm", "crm-bff", may_assert=False)
    context = msgspec.structs.replace(context, registration=registration)

    assert validate_quickly(msgspec.json.encode(ordinary), context) is None
