from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from vitne.core.event.intake import SourceRegistration
from vitne.core.values.types import LeafIndex, LogId
from vitne.errors import BadInputError, ConflictError, NotFoundError, UnknownKeyError
from vitne.ports import ApiKey, Role
from vitne.services.access.audit_events import OPERATOR, Caller
from vitne.services.access.tenants_and_keys import KeyAuthenticator, KeyRequest, readable
from vitne.testing import FixedClock, temporary_server
from vitne.wiring import Server

CALLER = Caller(id="uid:1000", name="kari", method="shell", tenant=OPERATOR)
ACME = LogId("acme")


@pytest.fixture
def server() -> Iterator[Server]:
    with temporary_server() as made:
        made.onboard.add_tenant(OPERATOR, "Operator", CALLER)
        made.onboard.add_tenant(ACME, "Acme", CALLER)
        yield made


def _events(server: Server, log: str) -> list[dict[str, Any]]:
    end = server.adapters.store.log(LogId(log)).next_index
    records = server.adapters.store.records(LogId(log), LeafIndex(0), end)
    return [msgspec.json.decode(one.parts.core or b"") for one in records if one.event_id]


def _reader(name: str = "reader", **more: Any) -> KeyRequest:
    return KeyRequest(**{"name": name, "roles": ("read",), "tenants": (ACME,), **more})


def test_a_tenant_has_a_log_and_the_operator_is_told(server: Server) -> None:
    assert server.logs.origin(ACME) == "vitne.local/log/acme"
    told = _events(server, OPERATOR)[-1]
    assert (told["type"], told["category"]) == ("audit.tenant.created", "audit")
    assert told["targets"][0]["id"] == "acme"
    assert told["actor"]["id"] == "uid:1000"


@pytest.mark.parametrize("tenant", ["", "Acme", "-a", "a/b", "a" * 65, "a b", "..", "å"])
def test_an_id_that_could_be_no_origin_is_refused(server: Server, tenant: str) -> None:
    with pytest.raises(BadInputError):
        server.onboard.add_tenant(LogId(tenant), "x", CALLER)


def test_a_tenant_is_made_once_and_the_second_try_is_not_told(server: Server) -> None:
    before = len(_events(server, OPERATOR))

    with pytest.raises(ConflictError):
        server.onboard.add_tenant(ACME, "Acme", CALLER)

    assert len(_events(server, OPERATOR)) == before


def test_a_key_is_kept_as_a_hash_and_its_token_never_shows_by_accident(server: Server) -> None:
    key, token = server.onboard.add_key(_reader(), CALLER)

    secret = token.reveal().split("_", 2)[2]
    assert repr(token) == "***"
    assert f"{token}" == "***"
    assert secret not in repr(server.adapters.state.keys())
    assert token.reveal().startswith(f"vk_{key.id}_")
    assert len(secret) == 43


def test_a_key_is_told_in_the_log_of_each_of_its_tenants(server: Server) -> None:
    server.onboard.add_tenant(LogId("globex"), "Globex", CALLER)

    key, _ = server.onboard.add_key(_reader(tenants=(ACME, LogId("globex"))), CALLER)
    wide, _ = server.onboard.add_key(_reader(tenants=()), CALLER)

    for log, made in (("acme", key), ("globex", key), (OPERATOR, wide)):
        told = _events(server, log)[-1]
        assert (told["type"], told["targets"][0]["id"]) == ("audit.key.created", made.id)


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (_reader(name=""), BadInputError),
        (_reader(name="a\nb"), BadInputError),
        (_reader(roles=()), BadInputError),
        (_reader(roles=("write",)), BadInputError),
        (_reader(source=SourceRegistration("crm", "bff")), BadInputError),
        (_reader(roles=("write",), source=SourceRegistration("a b", "bff")), BadInputError),
        (_reader(roles=("write",), source=SourceRegistration("vitne", "api")), BadInputError),
        (_reader(tenants=(LogId("nobody"),)), NotFoundError),
    ],
)
def test_a_key_that_makes_no_sense_is_neither_made_nor_told(
    server: Server, wanted: KeyRequest, kind: type[Exception]
) -> None:
    before = len(_events(server, "acme")), len(server.adapters.state.keys())

    with pytest.raises(kind):
        server.onboard.add_key(wanted, CALLER)

    assert (len(_events(server, "acme")), len(server.adapters.state.keys())) == before


def test_a_token_opens_as_its_key_and_any_other_as_none(server: Server) -> None:
    doorkeeper = KeyAuthenticator(server.adapters.state, server.adapters.clock)
    key, token = server.onboard.add_key(_reader(), CALLER)
    shown = token.reveal()

    assert doorkeeper.authenticate(shown).id == key.id
    wrong = [
        shown[:-1] + ("A" if shown[-1] != "A" else "B"),
        shown + "A",
        "vk_",
        "",
        "å",
        f" {shown}",
    ]
    for other in wrong:
        with pytest.raises(UnknownKeyError):
            doorkeeper.authenticate(other)


def test_a_revoked_key_is_refused_within_two_seconds_and_the_revocation_is_told() -> None:
    clock = FixedClock()
    with temporary_server(clock=clock) as server:
        server.onboard.add_tenant(OPERATOR, "Operator", CALLER)
        doorkeeper = KeyAuthenticator(server.adapters.state, clock)
        key, token = server.onboard.add_key(_reader(tenants=()), CALLER)
        doorkeeper.authenticate(token.reveal())

        server.onboard.revoke_key(key.id, CALLER)
        clock.advance(2_000_000)

        with pytest.raises(UnknownKeyError):
            doorkeeper.authenticate(token.reveal())
        assert _events(server, OPERATOR)[-1]["type"] == "audit.key.revoked"


def test_a_key_that_is_none_cannot_be_revoked(server: Server) -> None:
    with pytest.raises(NotFoundError):
        server.onboard.revoke_key("nobody", CALLER)


def test_a_doorkeeper_remembers_no_more_than_its_bound() -> None:
    """It forgets a key that 1,024 others were asked for after, though no time passes."""
    clock = FixedClock()
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    with temporary_server(clock=clock) as server:
        server.onboard.add_tenant(OPERATOR, "Operator", CALLER)
        doorkeeper = KeyAuthenticator(server.adapters.state, clock)
        key, token = server.onboard.add_key(_reader(tenants=()), CALLER)
        doorkeeper.authenticate(token.reveal())
        server.onboard.revoke_key(key.id, CALLER)
        assert doorkeeper.authenticate(token.reveal()).id == key.id

        for number in range(1024):
            key_id = "aaaaaaaaaa" + "".join(letters[number >> shift & 31] for shift in (0, 5))
            with pytest.raises(UnknownKeyError):
                doorkeeper.authenticate(f"vk_{key_id}_{'A' * 43}")

        with pytest.raises(UnknownKeyError):
            doorkeeper.authenticate(token.reveal())


@pytest.mark.parametrize(
    ("roles", "tenants", "expected"),
    [
        (("read",), (), ["acme", "vitne"]),
        (("read",), ("acme",), ["acme"]),
        (("write", "admin"), (), []),
    ],
)
def test_a_key_reads_the_tenants_it_is_for_if_it_may_read(
    server: Server, roles: tuple[Role, ...], tenants: tuple[LogId, ...], expected: list[str]
) -> None:
    key = ApiKey("k", "k", b"", roles, tenants, None)

    assert [one.id for one in readable(key, server.adapters.state.tenants())] == expected
    assert key.covers(ACME) == (not tenants or "acme" in tenants)
