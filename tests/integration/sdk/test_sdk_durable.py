"""An event that must be durable is in the log or on disk when `record` returns."""

import asyncio
from typing import Any

import pytest

from vitne.errors import EventRefusedError, NotDurableError
from vitne.sdk import Client

WAIT_S = 60.0


def test_a_durable_event_is_in_the_log_when_record_returns(log: Any, client: Any) -> None:
    audit = client(batch_max_age_s=60.0)

    recorded = audit.record("crm.customer.exported", actor="u", target="customer/c", durable=True)

    assert recorded.kept == "logged"
    assert log.ids() == [recorded.id]
    assert audit.receipt(recorded.id) is not None


def test_a_durable_event_is_on_disk_when_the_server_is_away(log: Any, client: Any) -> None:
    log.stop()
    audit = client()

    recorded = audit.record("crm.customer.exported", actor="u", target="customer/c", durable=True)

    assert recorded.kept == "spooled"
    log.start()
    assert audit.flush(WAIT_S)
    assert log.ids() == [recorded.id]


def test_a_durable_event_does_not_wait_for_a_hanging_server(log: Any, client: Any) -> None:
    log.gate.clear()
    audit = client(durable_wait_s=0.05)

    recorded = audit.record("crm.customer.exported", actor="u", target="customer/c", durable=True)

    assert recorded.kept == "spooled"
    log.gate.set()
    assert audit.flush(WAIT_S)
    audit.close(WAIT_S)
    assert log.ids() == [recorded.id]


def test_without_receipt_and_spool_the_act_must_not_go_on(log: Any, client: Any) -> None:
    log.stop()
    audit = client(spool_dir=None, durable_timeout_s=0.2)

    with pytest.raises(NotDurableError, match="no receipt and no committed spool"):
        audit.record("crm.customer.exported", actor="u", target="customer/c", durable=True)


def test_a_refused_durable_event_says_why(log: Any, client: Any) -> None:
    log.rejecting = lambda _event: True
    audit = client()

    with pytest.raises(EventRefusedError, match="bad_format"):
        audit.record("crm.customer.exported", actor="u", target="customer/c", durable=True)


async def _export(audit: Client, ticks: list[int]) -> str:
    async def tick() -> None:
        while True:
            ticks.append(len(ticks))
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(tick())
    recorded = await audit.arecord(
        "crm.customer.exported", actor="u", target="customer/c", durable=True
    )
    ticking.cancel()
    return recorded.kept


def test_waiting_for_durability_leaves_the_event_loop_free(log: Any, client: Any) -> None:
    log.gate.clear()
    ticks: list[int] = []

    kept = asyncio.run(_export(client(durable_wait_s=0.1), ticks))

    assert kept == "spooled"
    assert len(ticks) > 2


def test_a_coroutine_flushes_and_closes_without_holding_up_the_others(
    log: Any, client: Any
) -> None:
    async def shut_down(audit: Client) -> tuple[bool, bool]:
        recorded = await audit.arecord("crm.customer.viewed", actor="u", target="customer/c")
        flushing = asyncio.ensure_future(audit.aflush(WAIT_S))
        await asyncio.sleep(0)
        log.gate.set()  # runs although the flush waits for this very answer
        answered = await flushing
        await audit.aclose(WAIT_S)
        return answered, log.ids()[0] == recorded.id

    log.gate.clear()

    assert asyncio.run(shut_down(client())) == (True, True)
