"""The human behind a token is the actor (event-schema §4.2)."""

from typing import Any

import pytest

from vitne.sdk import actor_from

PER = {"sub": "usr_77", "iss": "https://id", "tenant": "vendor", "name": "Per"}


def test_a_person_with_an_own_token_is_the_actor() -> None:
    fields = actor_from({**PER, "client_id": "web", "jti": "j1", "amr": ["pwd", "mfa"]})

    assert fields["actor"] == {
        "type": "user",
        "id": "usr_77",
        "issuer": "https://id",
        "name": "Per",
        "tenant_id": "vendor",
        "attribution": "token",
        "auth": {"method": "oidc", "idp": "https://id", "credential_ref": "j1", "mfa": True},
    }
    assert "on_behalf_of" not in fields
    assert "chain" not in fields


def test_the_one_who_impersonates_is_the_actor_and_the_subject_lends_the_rights() -> None:
    claims = {"sub": "usr_55", "iss": "https://id", "act": {"sub": "svc-bff", "act": PER}}

    fields: Any = actor_from(claims)

    assert fields["actor"]["id"] == "usr_77"
    assert fields["on_behalf_of"] == {"type": "user", "id": "usr_55", "mode": "impersonation"}
    assert [link["id"] for link in fields["chain"]] == ["svc-bff"]


def test_services_between_are_the_chain_oldest_first() -> None:
    claims = {**PER, "act": {"sub": "svc-customer", "act": {"sub": "svc-bff"}}}

    fields: Any = actor_from(claims)

    assert fields["actor"]["id"] == "usr_77"
    assert [(link["id"], link["hop"]) for link in fields["chain"]] == [
        ("svc-bff", 1),
        ("svc-customer", 2),
    ]


def test_without_a_human_a_service_acts_and_nobody_is_blamed() -> None:
    fields: Any = actor_from({"sub": "job", "client_id": "job", "iss": "https://id"})

    assert fields["actor"]["type"] == "service"
    assert fields["actor"]["attribution"] == "none"


def test_an_act_claim_that_is_no_object_is_refused() -> None:
    with pytest.raises(TypeError, match="act"):
        actor_from({**PER, "act": "svc-bff"})
