"""The quick way takes what is complete and ordinary, and nothing else."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from vitne.core.intake import IntakeContext
from vitne.core.quick import quick
from vitne.core.source import SourceRegistration
from vitne.core.validate import validate_plainly

Edit = Callable[[dict[str, Any]], object]


def test_an_ordinary_event_takes_the_quick_way(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    item = msgspec.json.encode(ordinary)

    assert quick(item, context) is not None
    assert quick(item, context) == validate_plainly(item, context)


def test_space_order_and_accents_do_not_keep_it_from_the_quick_way(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    ordinary["actor"]["name"] = "Åse Ørnes"
    item = msgspec.json.format(msgspec.json.encode(dict(reversed(ordinary.items()))))

    assert quick(item, context) == validate_plainly(item, context)
    assert quick(item, context) is not None


@pytest.mark.parametrize(
    "edit",
    [
        lambda e: e["actor"].pop("attribution"),
        lambda e: e["actor"].pop("issuer"),
        lambda e: e["observed"].pop("seen"),
        lambda e: e.pop("stream"),
        lambda e: e["targets"][0].pop("role"),
        lambda e: e["targets"].append({"type": "customer"}),
        lambda e: e.update(summary="S"),
        lambda e: e.update(phase=None),
        lambda e: e.update(occurred_at="2026-11-24T09:45:02.113Z"),
        lambda e: e.update(occurred_at="2026-11-20T09:45:02.113Z"),
        lambda e: e.update(type="audit.log.searched"),
        lambda e: e["source"].update(service="other"),
        lambda e: e["tenant"].update(id="beta"),
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

    assert quick(msgspec.json.encode(ordinary), context) is None


def test_a_source_that_may_not_assert_does_not(
    ordinary: dict[str, Any], context: IntakeContext
) -> None:
    registration = SourceRegistration("crm", "crm-bff", may_assert=False)
    context = msgspec.structs.replace(context, registration=registration)

    assert quick(msgspec.json.encode(ordinary), context) is None
