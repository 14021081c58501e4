"""Events reach a real server once, in order, whatever the server does meanwhile."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from vitne.sdk import Client

WAIT_S = 60.0


def record_views(client: Client, count: int, **fields: Any) -> list[str]:
    return [
        client.record(
            "crm.customer.viewed", actor="usr_77", target=f"customer/cus_{at}", **fields
        ).id
        for at in range(count)
    ]


def lose_the_reply(log: Any, handler: Any, events: Any) -> bool:
    log.append(events)
    handler.close_connection = True
    handler.connection.close()
    return True


def answer(status: int, **headers: str) -> Callable[..., bool]:
    def behave(_log: Any, handler: Any, _events: Any) -> bool:
        handler.answer(status, {"title": "no"}, **headers)
        return True

    return behave


def test_events_arrive_in_the_order_recorded_with_numbers_from_one(log: Any, client: Any) -> None:
    audit = client()

    ids = record_views(audit, 1200)

    assert audit.flush(WAIT_S)
    assert log.ids() == ids
    assert log.seqs() == list(range(1, 1201))
    assert audit.stats().accepted == 1200


def test_every_tenant_has_its_own_numbers(log: Any, client: Any) -> None:
    audit = client()

    for at in range(6):
        audit.record("crm.customer.viewed", actor="u", target="customer/c", tenant=f"t{at % 2}")

    assert audit.flush(WAIT_S)
    assert log.seqs("t0") == log.seqs("t1") == [1, 2, 3]


def test_a_lost_reply_does_not_double_an_event(log: Any, client: Any) -> None:
    log.next.extend([lose_the_reply, lose_the_reply])
    audit = client()

    ids = record_views(audit, 3)

    assert audit.flush(WAIT_S)
    assert log.ids() == ids
    assert audit.stats().duplicate == 3


def test_what_was_sent_once_is_sent_again_byte_for_byte(log: Any, client: Any) -> None:
    seen: list[Any] = []

    def forget(_log: Any, handler: Any, events: Any) -> bool:
        seen.extend(events)
        handler.answer(503, {}, Retry_After="0")
        return True

    log.next.append(forget)
    audit = client()

    record_views(audit, 1)

    assert audit.flush(WAIT_S)
    assert log.events() == seen


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_no_status_but_an_answer_makes_an_event_go_away(log: Any, client: Any, status: int) -> None:
    log.next.append(answer(status, Retry_After="0"))
    audit = client()

    ids = record_views(audit, 2)

    assert audit.flush(WAIT_S)
    assert log.ids() == ids
    assert audit.stats().retries == 1


def test_a_batch_that_the_server_cannot_read_is_sent_in_pieces(log: Any, client: Any) -> None:
    def too_large(_log: Any, handler: Any, events: Any) -> bool:
        if len(events) > 2:
            log.next.append(too_large)
            handler.answer(413, {})
            return True
        log.next.append(too_large)
        return False

    log.next.append(too_large)
    audit = client(batch_max_age_s=60.0)

    ids = record_views(audit, 9)

    assert audit.flush(WAIT_S)
    assert log.ids() == ids


@pytest.mark.parametrize("status", [400, 413])
def test_a_gateway_that_cannot_read_makes_no_event_go_away(
    log: Any, client: Any, status: int
) -> None:
    log.next.extend([answer(status, Content_Type="text/html")] * 3)
    audit = client()

    ids = record_views(audit, 1)

    assert audit.flush(WAIT_S)
    assert log.ids() == ids
    assert audit.stats().rejected == 0


def test_one_unreadable_event_is_rejected_alone_and_kept_aside(
    log: Any, client: Any, tmp_path: Any
) -> None:
    def choke(_log: Any, handler: Any, events: Any) -> bool:
        log.next.append(choke)
        if any(e["targets"][0]["id"] == "cus_3" for e in events if "targets" in e):
            handler.answer(400, {})
            return True
        return False

    log.next.append(choke)
    audit = client(batch_max_age_s=60.0)

    ids = record_views(audit, 6)

    assert audit.flush(WAIT_S)
    assert log.ids() == [*ids[:3], *ids[4:]]
    assert audit.stats().rejected == 1
    assert ids[3] in next(tmp_path.glob("spool/*/rejected.jsonl")).read_text()


def test_a_log_handler_that_records_events_does_not_deadlock(log: Any, client: Any) -> None:
    log.gate.clear()
    audit = client(queue_max_events=5, spool_dir=None)
    record_views(audit, 1)
    log.wait_for_requests(1)

    class Recording(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            audit.record("app.warning.logged", actor="svc", extra={"text": record.msg})

    handler = Recording()
    logging.getLogger("vitne.sdk").addHandler(handler)
    try:
        record_views(audit, 6)
    finally:
        logging.getLogger("vitne.sdk").removeHandler(handler)

    assert audit.stats().lost == 3  # the view, and what was recorded of the first two losses


def test_events_with_and_without_a_tenant_never_share_a_stream(log: Any, client: Any) -> None:
    audit = client(tenant="")
    log.default = "acme"

    for tenant in ("acme", "", "acme", ""):
        more = {"tenant": tenant} if tenant else {}
        audit.record("crm.customer.viewed", actor="u", target="customer/c", **more)

    assert audit.flush(WAIT_S)
    places = [(e["stream"]["id"], e["stream"]["seq"]) for e in log.events()]
    assert len(set(places)) == 4
    assert log.seqs() == [1, 1, 2, 2]


def test_a_slow_server_does_not_hold_up_the_application(log: Any, client: Any) -> None:
    log.gate.clear()
    audit = client(queue_max_events=1000)
    ids = record_views(audit, 1)
    log.wait_for_requests(1)

    while audit.stats().spooled < 3000:  # the keeper empties the queue while the request hangs
        for _ in range(100):
            one = audit.record("crm.customer.viewed", actor="usr_77", target="customer/c")
            ids.extend([one.id] if one.kept == "queued" else [])

    assert audit.stats().accepted == 0
    log.gate.set()
    assert audit.flush(WAIT_S)
    assert log.ids() == ids


def test_what_finds_no_room_is_counted_and_told(
    log: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    log.gate.clear()
    audit = client(queue_max_events=10, spool_dir=None)
    record_views(audit, 1)
    log.wait_for_requests(1)

    kept = [
        audit.record("crm.customer.viewed", actor="u", target="customer/c").kept for _ in range(20)
    ]

    assert kept == ["queued"] * 10 + ["lost"] * 10
    assert "queue and spool are full" in caplog.text
    log.gate.set()
    assert audit.flush(WAIT_S)
    audit.close(WAIT_S)
    last_word = log.logs["acme"][-1]
    assert log.seqs() == list(range(1, 12))
    assert last_word["stream"] == {**last_word["stream"], "seq": 22, "end": True}
    assert last_word["extra"] == {**last_word["extra"], "lost": 10, "lost_ranges": ["12-21"]}
    assert last_word["severity"] == "warning"


def test_closing_ends_every_stream_with_its_last_word(log: Any, client: Any) -> None:
    with client() as audit:
        audit.record("crm.customer.viewed", actor="u", target="customer/c", tenant="t0")
        audit.record("crm.customer.viewed", actor="u", target="customer/c", tenant="t1")

    for tenant in ("t0", "t1"):
        assert [e["stream"].get("end", False) for e in log.logs[tenant]] == [False, True]


def test_after_closing_an_event_is_refused_and_counted(log: Any, client: Any) -> None:
    audit = client()
    audit.close()

    recorded = audit.record("crm.customer.viewed", actor="u", target="customer/c")

    assert recorded.kept == "lost"
    assert audit.stats().after_close == 1
    assert log.ids() == []


def test_a_rejected_event_is_told_once_and_kept_aside(
    log: Any, client: Any, caplog: pytest.LogCaptureFixture, tmp_path: Any
) -> None:
    log.rejecting = lambda event: event["targets"][0]["id"] == "cus_1"
    audit = client()

    record_views(audit, 3)
    record_views(audit, 3)

    assert audit.flush(WAIT_S)
    assert audit.stats().rejected == 2
    assert caplog.text.count("the server rejects events") == 1
    aside = next(tmp_path.glob("spool/*/rejected.jsonl")).read_text().splitlines()
    assert len(aside) == 2


def test_a_wrong_key_keeps_the_events_and_says_so(
    log: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    audit = client(api_key="wrong")

    ids = record_views(audit, 3)
    log.wait_for_requests(2)
    audit.close(0.1)

    assert "HTTP 401" in caplog.text
    assert log.ids() == []
    right = client()
    while right.stats().adopted < len(ids):
        assert right.flush(WAIT_S)
    assert log.ids() == ids
