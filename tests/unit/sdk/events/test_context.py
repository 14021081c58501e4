"""Bound fields follow the request, nest, and travel in headers."""

import asyncio

import pytest

from vitne.sdk import action, bind, incoming_action_id, outgoing_headers
from vitne.sdk.events.context import bound_fields, new_id

ACTION = "01981f3e-7c19-7000-8000-000000000001"


def test_the_inner_binding_wins_field_by_field_and_ends() -> None:
    with bind(actor="a", purpose="support_case"), bind(actor="b"):
        assert bound_fields() == {"actor": "b", "purpose": "support_case"}

    assert bound_fields() == {}


def test_an_action_has_one_id_for_everything_inside() -> None:
    with action() as chosen:
        assert bound_fields()["action_id"] == chosen

    with action() as other:
        assert other != chosen


def test_bindings_of_concurrent_tasks_do_not_mix() -> None:
    async def request(actor: str, turn: asyncio.Barrier) -> object:
        with bind(actor=actor):
            await turn.wait()
            return bound_fields()["actor"]

    async def both() -> tuple[object, object]:
        turn = asyncio.Barrier(2)
        first, second = await asyncio.gather(request("a", turn), request("b", turn))
        return first, second

    assert asyncio.run(both()) == ("a", "b")


def test_the_action_travels_in_headers_and_is_read_back() -> None:
    with action(ACTION):
        headers = outgoing_headers()

    assert headers == {"Audit-Action-Id": ACTION, "baggage": f"audit-action-id={ACTION}"}
    assert incoming_action_id(headers) == ACTION
    assert incoming_action_id({"BAGGAGE": f"k=v, audit-action-id={ACTION};p=1"}) == ACTION


def test_baggage_of_others_is_kept_and_an_older_action_is_not() -> None:
    with action(ACTION):
        headers = outgoing_headers(f"k=v,audit-action-id={new_id()}")

    assert headers["baggage"] == f"k=v,audit-action-id={ACTION}"


def test_outside_an_action_there_are_no_headers() -> None:
    assert outgoing_headers() == {}


@pytest.mark.parametrize(
    "value",
    ["", "x", ACTION + "0", "01981f3e-7c19-4000-8000-000000000001", "<script>", ACTION[:-1] + "\n"],
)
def test_a_header_that_is_no_action_id_is_ignored(value: str) -> None:
    assert incoming_action_id({"Audit-Action-Id": value}) == ""
