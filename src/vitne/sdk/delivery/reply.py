"""What the server answered, checked against what was sent."""

from collections.abc import Callable, Sequence

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder

from vitne.core.entry.receipt import Receipt
from vitne.core.tree.note import parse_note
from vitne.errors import DecodeError as MalformedError
from vitne.sdk.delivery.event_item import EventItem
from vitne.wire.events import EventResult


class BatchReply(Struct, frozen=True):
    """The server read the batch. Of `IntakeReply`: a result per event sent, and the receipts."""

    results: tuple[EventResult, ...]
    receipts: tuple[str, ...] = ()


_replies = Decoder(BatchReply)

CheckReceipt = Callable[[str], None]
"""Raises `VerificationError` or `DecodeError` unless a receipt is signed by a trusted key."""


def read_batch_reply(
    body: bytes, sent: Sequence[EventItem], check_receipt: CheckReceipt | None
) -> BatchReply:
    """The reply to a batch.

    Checked: one result per event, each with the id that was sent; what is in a log carries an
    index inside the range of its receipt, and the receipt names that tenant's log.

    Raises:
        DecodeError: the body is no reply to this batch.
        VerificationError: `check_receipt` refused a receipt.
    """
    try:
        reply = _replies.decode(body)
    except (ValidationError, DecodeError) as error:
        raise MalformedError(f"the server's reply is malformed: {error}") from None
    if len(reply.results) != len(sent):
        raise MalformedError(f"{len(sent)} events were sent, {len(reply.results)} were answered")
    ranges = [_promised(receipt) for receipt in reply.receipts]
    for item, result in zip(sent, reply.results, strict=True):
        _check_result(item, result, ranges)
    if check_receipt is not None:
        for receipt in reply.receipts:
            check_receipt(receipt)
    return reply


def _check_result(item: EventItem, result: EventResult, ranges: list[tuple[str, int, int]]) -> None:
    if result.id and result.id != item.event_id:
        raise MalformedError(f"event {item.event_id} was answered as {result.id}")
    if result.status not in ("accepted", "duplicate"):
        return
    if result.index is None or result.receipt is None or not 0 <= result.receipt < len(ranges):
        raise MalformedError(f"event {item.event_id} is {result.status} without a receipt")
    origin, first, end = ranges[result.receipt]
    if not first <= result.index < end:
        raise MalformedError(f"the receipt of event {item.event_id} does not cover its index")
    if item.tenant and not origin.endswith("/" + item.tenant):
        raise MalformedError(f"event {item.event_id} of tenant {item.tenant} is in log {origin}")


def _promised(note: str) -> tuple[str, int, int]:
    """Origin and index range [first, end) of a receipt (transparency-log §3.7)."""
    receipt = Receipt.parse(parse_note(note)[0])
    return receipt.origin, receipt.first, receipt.first + receipt.count
