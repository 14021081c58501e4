from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import IntegrityError, StorageError
from vitne.ports import ApiKey
from vitne.services.access.audit_events import OPERATOR, AuditPurpose, Caller, OwnEvents, holder
from vitne.services.access.logged_reads import LoggedReads
from vitne.services.writer.pending_request import Arrival
from vitne.testing import temporary_server
from vitne.wire.events import EventResult, IntakeReply
from vitne.wiring import Server

READER = Caller(id="usr_9", party="tenant", tenant="acme", key_id="abc", peer_ip="203.0.113.9")


@pytest.fixture
def server() -> Iterator[Server]:
    with temporary_server() as made:
        made.writer.create(OPERATOR)
        made.writer.create(LogId("acme"))
        yield made


def _last(server: Server, log: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    end = server.adapters.store.log(LogId(log)).next_index
    (record,) = server.adapters.store.records(LogId(log), LeafIndex(end - 1), end)
    parts = record.parts
    return (
        msgspec.json.decode(parts.core or b""),
        msgspec.json.decode(parts.payload or b""),
        msgspec.json.decode(parts.person or b""),
    )


def test_a_search_is_told_with_its_text_apart_from_what_is_never_erased(server: Server) -> None:
    reading = LoggedReads(OwnEvents(server.intake.requests, "api"))

    reading.searched(
        READER, LogId("acme"), '"Kari Nordmann"', shown=["e1", "e2"], total=17, page_size=2
    )

    core, payload, person = _last(server, "acme")
    assert "Kari" not in str(core)
    assert payload["/query"]["text"] == '"Kari Nordmann"'
    assert payload["/query"]["result_count"] == 17
    assert payload["/query"]["shown"] == {"type": "event", "ids": ["e1", "e2"], "total": 2}
    assert person["/client/ip"] == "203.0.113.9"
    assert core["actor"]["auth"]["credential_ref"] == "abc"


def test_a_long_text_and_a_long_page_are_cut_and_say_so(server: Server) -> None:
    ids = [f"e{number}" for number in range(1000)]

    LoggedReads(OwnEvents(server.intake.requests, "api")).searched(
        READER, LogId("acme"), "a" * 5000, shown=ids, total=5000, page_size=1000
    )

    query = _last(server, "acme")[1]["/query"]
    assert len(query["text"]) == 512
    assert query["text"].endswith("…")
    assert (len(query["shown"]["ids"]), query["shown"]["total"]) == (200, 1000)


def test_a_refused_read_is_the_operator_s_affair_and_repeats_no_odd_name(server: Server) -> None:
    reading = LoggedReads(OwnEvents(server.intake.requests, "api"))

    reading.refused(READER, "globex", "tenant_not_allowed")
    named = _last(server, OPERATOR)[0]
    reading.refused(READER, "<script>Kari", "tenant_not_allowed")
    odd = _last(server, OPERATOR)[0]

    assert (named["outcome"]["result"], named["outcome"]["code"]) == (
        "denied",
        "tenant_not_allowed",
    )
    assert named["severity"] == "warning"
    assert named["targets"][0]["id"] == "globex"
    assert named["actor"]["tenant_id"] == "acme"
    assert odd["targets"][0]["id"] == "unreadable"


class _Failing:
    """An intake whose disk is full, or that refuses what it is given."""

    def __init__(self, outcome: Exception | IntakeReply) -> None:
        self._outcome = outcome

    def submit(self, *_: object) -> Future[IntakeReply]:
        """See `Intake`."""
        made: Future[IntakeReply] = Future()
        if isinstance(self._outcome, Exception):
            made.set_exception(self._outcome)
        else:
            made.set_result(self._outcome)
        return made


def test_a_read_that_cannot_be_logged_is_an_error_and_no_answer() -> None:
    full = LoggedReads(OwnEvents(_Failing(StorageError("full")), "api"))
    refused = IntakeReply(0, 0, 0, 0, 1, [], [EventResult("rejected")])
    broken = LoggedReads(OwnEvents(_Failing(refused), "api"))

    with pytest.raises(StorageError):
        full.viewed(READER, LogId("acme"), "e1")
    with pytest.raises(IntegrityError):
        broken.viewed(READER, LogId("acme"), "e1")


@pytest.mark.parametrize(
    ("person", "tenants", "expected"),
    [
        ("usr_9", ("acme",), ("usr_9", "user", "tenant", "acme")),
        ("usr_9", (), ("usr_9", "user", "vendor", "vitne")),
        ("", ("acme",), ("key:k", "service", "tenant", "acme")),
        ("usr_9", ("acme", "globex"), ("usr_9", "user", "vendor", "vitne")),
        ("usr_9", ("vitne",), ("usr_9", "user", "vendor", "vitne")),
    ],
)
def test_the_holder_of_a_key_is_its_person_or_a_service(
    person: str, tenants: tuple[LogId, ...], expected: tuple[str, ...]
) -> None:
    key = ApiKey("k", "k", b"", ("read",), tenants, None, person)

    caller = holder(key, arrival=Arrival(), purpose=AuditPurpose())

    assert (caller.id, caller.kind, caller.party, caller.tenant) == expected
