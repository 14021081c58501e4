"""Tenants and API keys."""

from typing import Any

import pytest
from msgspec.structs import replace

from vitne.core.event.intake import SourceRegistration
from vitne.core.values.types import LogId
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import ApiKey, StateStore, Tenant

ACME = Tenant(LogId("acme"), "Acme Blåbær AS", 7)
BETA = Tenant(LogId("beta"), "", 3)
KEY = ApiKey(
    id="k" * 12,
    name="the CRM",
    secret_sha256=bytes(range(32)),
    roles=("write", "read"),
    tenants=(LogId("acme"), LogId("beta")),
    source=SourceRegistration("crm", "crm-bff", issuer="https://id.example", may_import=True),
    person="usr_1",
    created_us=50,
)


@pytest.fixture
def state(stores: Any) -> StateStore:
    """Without tenants and keys."""
    return stores.state


def test_tenants_are_listed_by_id(state: StateStore) -> None:
    state.add_tenant(BETA)
    state.add_tenant(ACME)

    assert state.tenants() == [ACME, BETA]
    assert state.tenant(LogId("acme")) == ACME
    assert state.tenant(LogId("none")) is None


def test_the_id_of_a_tenant_is_taken_once(state: StateStore) -> None:
    state.add_tenant(ACME)

    with pytest.raises(ConflictError):
        state.add_tenant(Tenant(ACME.id, "other", 9))

    assert state.tenants() == [ACME]


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        replace(KEY, source=None, tenants=(), roles=("admin",), person=""),
        replace(KEY, name=""),
    ],
    ids=["writer", "operator", "nameless"],
)
def test_a_key_comes_back_as_it_was_added(state: StateStore, key: ApiKey) -> None:
    state.add_key(key)

    assert state.key(key.id) == key
    assert state.keys() == [key]


def test_keys_are_listed_by_creation(state: StateStore) -> None:
    keys = [replace(KEY, id=name, created_us=at) for name, at in (("c", 1), ("a", 2), ("b", 2))]
    for key in (keys[2], keys[0], keys[1]):
        state.add_key(key)

    assert state.keys() == keys


def test_the_id_of_a_key_is_taken_once(state: StateStore) -> None:
    state.add_key(KEY)

    with pytest.raises(ConflictError):
        state.add_key(replace(KEY, name="other"))

    assert state.keys() == [KEY]


def test_an_unknown_key_is_none(state: StateStore) -> None:
    assert state.key("none") is None
    assert state.keys() == []


def test_a_revoked_key_stays_listed_with_the_time(state: StateStore) -> None:
    state.add_key(KEY)

    state.revoke_key(KEY.id, 99)

    assert state.keys() == [replace(KEY, revoked_us=99)]
    assert state.key(KEY.id) == replace(KEY, revoked_us=99)


def test_revoking_again_keeps_the_first_time(state: StateStore) -> None:
    state.add_key(KEY)
    state.revoke_key(KEY.id, 99)

    state.revoke_key(KEY.id, 100)

    assert state.keys() == [replace(KEY, revoked_us=99)]


def test_an_unknown_key_cannot_be_revoked(state: StateStore) -> None:
    with pytest.raises(NotFoundError):
        state.revoke_key("none", 1)


def test_tenants_and_keys_are_seen_elsewhere_and_after_reopening(
    stores: Any, other: Any, opener: Any
) -> None:
    stores.state.add_tenant(ACME)
    stores.state.add_key(KEY)
    assert (other.state.tenants(), other.state.keys()) == ([ACME], [KEY])
    other.state.revoke_key(KEY.id, 8)
    assert stores.state.keys() == [replace(KEY, revoked_us=8)]

    stores.close()
    other.close()
    again = opener()
    assert (again.state.tenants(), again.state.keys()) == ([ACME], [replace(KEY, revoked_us=8)])
    again.close()
