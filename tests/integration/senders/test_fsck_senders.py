"""fsck computes again what senders signed: whatever was changed since shows."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from vitne.core.entry.entry import (
    BATCH,
    BEAT,
    EVENT,
    KEY,
    STREAM,
    VOID,
    BatchEntry,
    EventEntry,
    decode_entry,
)
from vitne.core.entry.keyring import erase_sections
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, LogId
from vitne.services.check.senders import SenderCheck
from vitne.testing import TEST_START_US
from vitne.wiring import Server

ACME = LogId("acme")


@pytest.fixture
def records(server: Server, new_sender: Any) -> list[Record]:
    """A log with a key, a stream, two batches, a void and the closing beat."""
    sender = new_sender(server)
    sender.open()
    sender.send(1, 2, 3)
    sender.send(4, 5)
    sender.void(6, 7)
    sender.beat(7, TEST_START_US, state=1)
    return server.adapters.store.records(ACME, LeafIndex(0), LeafIndex(100))


def faults(server: Server, records: Sequence[Record]) -> list[str]:
    check, found = SenderCheck(server.logs.origin(ACME)), list[str]()
    for record in records:
        entry = decode_entry(record.entry)
        found += check.event(record) if isinstance(entry, EventEntry) else check.control(entry)
    return [*found, *check.unsigned()]


def of_type(records: Sequence[Record], kind: int, *, last: bool = False) -> int:
    at = [number for number, record in enumerate(records) if record.entry[4] == kind]
    return at[-1] if last else at[0]


def test_a_log_as_it_was_sent_has_no_fault(server: Server, records: list[Record]) -> None:
    assert faults(server, records) == []


def test_an_erased_section_leaves_the_signature_whole(
    server: Server, records: list[Record]
) -> None:
    at = of_type(records, EVENT)
    records[at] = erase_sections(records[at], ["core", "person"])

    assert faults(server, records) == []


def flipped(record: Record, at: int) -> Record:
    entry = bytearray(record.entry)
    entry[at] ^= 1
    return replace(record, entry=bytes(entry))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(BATCH, "signature"), (BEAT, "signature"), (VOID, "signature")],
)
def test_a_changed_signature_shows(
    server: Server, records: list[Record], kind: int, expected: str
) -> None:
    at = of_type(records, kind)
    records[at] = flipped(records[at], len(records[at].entry) - 20)

    assert any(expected in fault for fault in faults(server, records))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda all_: all_.__setitem__(
                of_type(all_, EVENT),
                replace(
                    all_[of_type(all_, EVENT)],
                    parts=replace(all_[of_type(all_, EVENT)].parts, core=b'{"id":"other"}'),
                ),
            ),
            "not those that were signed",
        ),
        (lambda all_: all_.pop(of_type(all_, EVENT)), "not those that were signed"),
        (lambda all_: all_.pop(of_type(all_, BATCH)), "does not follow"),
        (lambda all_: all_.pop(of_type(all_, BATCH, last=True)), "another batch than the newest"),
        (lambda all_: all_.pop(of_type(all_, STREAM)), "not signed"),
        (lambda all_: all_.pop(of_type(all_, KEY, last=True)), "the log does not name"),
    ],
    ids=["changed", "dropped event", "dropped batch", "dropped last batch", "stream", "key"],
)
def test_what_was_changed_or_dropped_shows(
    server: Server, records: list[Record], change: Callable[[list[Record]], Any], expected: str
) -> None:
    change(records)

    assert any(expected in fault for fault in faults(server, records))


def test_two_events_that_change_places_show(server: Server, records: list[Record]) -> None:
    at = of_type(records, EVENT)
    records[at], records[at + 1] = records[at + 1], records[at]

    assert isinstance(decode_entry(records[at + 3].entry), BatchEntry)
    assert any("not those that were signed" in fault for fault in faults(server, records))
