"""What is worth logging, and for how long."""

from typing import Any

import msgspec
import pytest

from vitne.actions.worth_logging import not_worthy, retention_class
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event


def taken(may_import: bool = False, **members: Any) -> ValidEvent:
    context = IntakeContext(
        now_us=1_795_512_902_000_000,
        registration=SourceRegistration("crm", "bff", may_import=may_import),
        fresh=lambda count: b"\x07" * count,
        pseudonym=lambda _tenant, plain: plain,
        default_tenant="acme",
    )
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_1"}} | members
    found = validate_event(msgspec.json.encode(event), context)
    assert isinstance(found, ValidEvent), found
    return found


def test_what_a_person_did_is_worth_logging() -> None:
    assert not_worthy(taken()) == ""


NO_HUMAN = {"id": "svc-sync", "type": "service", "attribution": "none"}


def test_without_a_human_an_event_is_dropped() -> None:
    assert not_worthy(taken(actor=NO_HUMAN)) == "no_human"


@pytest.mark.parametrize("category", ["authorize", "configure", "impersonate"])
def test_some_categories_are_never_dropped(category: str) -> None:
    assert not_worthy(taken(actor=NO_HUMAN, category=category)) == ""


def test_export_and_delete_of_restricted_data_are_never_dropped() -> None:
    restricted = {"level": "restricted"}

    for category, reason in (("export", ""), ("delete", ""), ("view", "no_human")):
        event = taken(actor=NO_HUMAN, category=category, sensitivity=restricted)
        assert not_worthy(event) == reason
    assert not_worthy(taken(actor=NO_HUMAN, category="export")) == "no_human"


def test_an_autonomous_agent_is_never_dropped() -> None:
    assert not_worthy(taken(actor=NO_HUMAN | {"type": "agent"})) == ""


def test_an_import_is_never_dropped() -> None:
    assert not_worthy(taken(may_import=True, actor=NO_HUMAN)) == ""


@pytest.mark.parametrize("verb", ["polled", "prefetched", "health_checked"])
def test_machines_at_work_are_not_worth_logging_unless_denied(verb: str) -> None:
    event_type = f"crm.customer.{verb}"

    assert not_worthy(taken(type=event_type)) == "not_log_worthy"
    assert not_worthy(taken(type=event_type, outcome={"result": "denied"})) == ""


def test_a_consumer_reading_own_data_is_not_worth_logging() -> None:
    consumer = {"id": "cus_1", "party": "consumer"}
    own = [{"type": "customer", "id": "cus_1", "role": "subject"}]
    foreign = [{"type": "customer", "id": "cus_2", "role": "subject"}]

    assert not_worthy(taken(actor=consumer, targets=own)) == "not_log_worthy"
    assert not_worthy(taken(actor=consumer, targets=foreign)) == ""
    assert not_worthy(taken(actor=consumer, targets=own + foreign)) == ""
    assert not_worthy(taken(actor=consumer, targets=own, type="crm.customer.updated")) == ""
    assert not_worthy(taken(actor=consumer)) == ""


def test_a_catalog_may_exclude_a_type() -> None:
    assert not_worthy(taken(), frozenset({"crm.customer.viewed"})) == "excluded"


@pytest.mark.parametrize(
    ("members", "kept"),
    [
        ({}, "access-24m"),
        ({"category": "authenticate"}, "security-13m"),
        ({"outcome": {"result": "denied"}}, "security-13m"),
        ({"category": "authorize", "outcome": {"result": "denied"}}, "rights-7y"),
        ({"category": "configure"}, "rights-7y"),
        ({"category": "delete"}, "access-24m"),
    ],
)
def test_how_long_an_event_is_kept(members: dict[str, Any], kept: str) -> None:
    assert retention_class(taken(**members)) == kept
