"""Receipts of a real server: kept, found by event, and checked before they count."""

from typing import Any

from vitne.sdk import Client

WAIT_S = 60.0


def record_views(client: Client, count: int, **fields: Any) -> list[str]:
    return [
        client.record(
            "crm.customer.viewed", actor="usr_77", target=f"customer/cus_{at}", **fields
        ).id
        for at in range(count)
    ]


def test_receipts_are_kept_and_found_by_event(log: Any, client: Any) -> None:
    audit = client(receipt_vkeys=(log.signer("acme").vkey,))

    ids = record_views(audit, 3)

    assert audit.flush(WAIT_S)
    kept = audit.receipt(ids[1])
    assert kept is not None
    assert kept.events == {ids[1]: 1}
    assert kept.receipt == log.receipt("acme", 1)


def test_a_receipt_that_the_trusted_key_did_not_sign_is_no_answer(log: Any, client: Any) -> None:
    true_key = log.signer("acme").vkey
    log.signers["acme"] = type(log.signer("acme"))("little.test/log/acme/receipt", b"x" * 32)
    audit = client(receipt_vkeys=(true_key,))

    record_views(audit, 2)
    log.wait_for_requests(3)

    stats = audit.stats()
    assert stats.accepted == 0
    assert stats.away
    assert list(audit.receipts()) == []


def test_an_answer_about_other_events_is_no_answer(log: Any, client: Any) -> None:
    def swapped(log: Any, handler: Any, events: Any) -> bool:
        reply = log.append(events)
        reply["results"][0]["id"] = "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77"
        handler.answer(200, reply)
        return True

    log.next.append(swapped)
    audit = client()

    record_views(audit, 1)

    assert audit.flush(WAIT_S)
    assert audit.stats().retries == 1
    assert "was answered as" in audit.stats().last_error
