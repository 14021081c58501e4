"""Erasures, holds and retention over HTTP, and from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitne.evidence.record import verify as record_proof

MAIL = "zebedeus.quirk@private.example"
WISH = {"sections": ["person", "payload"], "basis": "gdpr-17", "ref": "REQ-12"}


@pytest.fixture
def server(serve: Callable[..., Any]) -> Any:
    """A server of its own, and a key of the role admin."""
    made = serve()
    made.admin = made.add_key("--role", "admin", "--tenant", "acme", "--person", "usr_dpo")
    return made


def _send(server: Any, target: str, mail: str = MAIL) -> str:
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77", "name": "Per"}}
    event |= {"target": f"customer/{target}", "extra": {"mail": mail}}
    with server.client() as client:
        reply = client.post("/v1/events", json=event).json()
    event_id: str = reply["results"][0]["id"]
    return event_id


def _told(server: Any, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(core, pay) for _, core, pay in server.events() if core.get("type") == kind]


def _left(folder: Path, text: str) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_an_erasure_is_planned_done_and_told_without_a_name(server: Any) -> None:
    gone = _send(server, "cus_1")
    kept = _send(server, "cus_2", "other@example.com")
    assert _left(server.folder, MAIL)

    with server.client(server.admin) as client:
        request = WISH | {"where": "target:customer/cus_1", "mentions": [MAIL]}
        plan = client.post("/v1/erasures", json=request | {"dry_run": True}).json()
        assert _left(server.folder, MAIL)
        done = client.post("/v1/erasures", json=request).json()
        again = client.post("/v1/erasures", json=request).json()

    assert (plan["records"], plan["dry_run"], plan["entries"]) == (1, True, [])
    assert (done["records"], done["dry_run"], len(done["entries"])) == (1, False, 1)
    assert (again["records"], again["already"], again["entries"]) == (0, 1, [])
    assert _left(server.folder, MAIL) == []
    with server.client() as client:
        shown = client.get(f"/v1/events/{gone}").json()
        assert shown["shown"]["withheld"] == ["payload", "person"]
        proof = record_proof.verify_record(client.get(f"/v1/events/{gone}/proof").content)
        assert set(proof.erased.values()) == set(done["entries"])
        assert client.get(f"/v1/events/{kept}").json()["shown"]["withheld"] == []
    assert len(_told(server, "audit.log.erasure_planned")) == 1
    (core, payload), _ = _told(server, "audit.log.erased")
    assert core["actor"]["id"] == "usr_dpo"
    assert payload["/extra"] == {
        "sections": "payload,person",
        "basis": "gdpr-17",
        "ref": "REQ-12",
        "records": 1,
        "already": 0,
        "quarantined": 0,
        "holds": 0,
    }
    assert "cus_1" not in json.dumps([core, payload])


def test_a_hold_refuses_an_erasure_which_is_told_as_denied(server: Any) -> None:
    event_id = _send(server, "cus_1")
    with server.client(server.admin) as client:
        hold = client.post(
            "/v1/holds",
            json={"where": "target:customer/cus_1", "reason": "litigation", "ref": "CASE-1"},
        ).json()
        refused = client.post("/v1/erasures", json=WISH | {"events": [event_id]})
        listed = client.get("/v1/holds").json()["holds"]
        ended = client.post(f"/v1/holds/{hold['id']}/release").json()
        again = client.post(f"/v1/holds/{hold['id']}/release").json()
        done = client.post("/v1/erasures", json=WISH | {"events": [event_id]})

    assert (refused.status_code, refused.json()["code"]) == (409, "held")
    assert refused.json()["where"] == hold["id"]
    assert listed == [hold]
    assert (hold["where"], hold["ref"], hold["released_at"]) == (
        "target:customer/cus_1",
        "CASE-1",
        "",
    )
    assert ended["released_at"]
    assert again == ended
    assert done.json()["records"] == 1
    (denied, _), (erased, _) = _told(server, "audit.log.erased")
    assert denied["outcome"] == {"result": "denied", "code": "held"}
    assert erased.get("outcome", {}).get("result") != "denied"
    for kind in ("hold_set", "hold_released", "holds_viewed"):
        assert len(_told(server, f"audit.log.{kind}")) == 1, kind


def test_without_the_role_admin_nothing_is_erased_held_or_expired(server: Any) -> None:
    event_id = _send(server, "cus_1")
    reader = server.add_key("--role", "read", "--tenant", "acme")
    server.add_tenant("globex")
    other = server.add_key("--role", "admin", "--tenant", "globex")
    with server.client(reader) as client:
        replies = [
            client.post("/v1/erasures", json=WISH | {"events": [event_id]}),
            client.get("/v1/holds"),
            client.post("/v1/holds", json={"everything": True, "reason": "x"}),
            client.post("/v1/holds/hold-1/release"),
            client.post("/v1/retention", json={"rules": "access-24m"}),
        ]
    assert [(one.status_code, one.json()["code"]) for one in replies] == [(403, "not_allowed")] * 5
    with server.client(other) as client:
        theirs = client.post("/v1/erasures", json=WISH | {"tenant": "acme", "where": "type:*"})
        own = client.post("/v1/erasures", json=WISH | {"events": [event_id]})
    assert (theirs.status_code, own.status_code) == (404, 404)
    assert _left(server.folder, MAIL)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("erasures", {}),
        ("erasures", WISH),
        ("erasures", WISH | {"where": "  "}),
        ("erasures", WISH | {"where": "nosuchfield:x:"}),
        ("erasures", WISH | {"sections": [], "where": "type:a"}),
        ("erasures", WISH | {"sections": ["entry"], "where": "type:a"}),
        ("erasures", WISH | {"basis": "Per Support asked", "where": "type:a"}),
        ("erasures", WISH | {"ref": "a b", "where": "type:a"}),
        ("erasures", WISH | {"ref": "", "where": "type:a"}),
        ("erasures", WISH | {"events": ["no-uuid"]}),
        ("erasures", WISH | {"where": "type:a", "mentions": ["abc"]}),
        ("erasures", WISH | {"where": "type:a", "strange": 1}),
        ("holds", {"reason": "litigation"}),
        ("holds", {"reason": "litigation", "where": "type:a", "everything": True}),
        ("holds", {"reason": "", "everything": True}),
        ("retention", {"rules": ""}),
        ("retention", {"rules": "access-24m=1"}),
        ("retention", {"rules": "strange-1m"}),
    ],
)
def test_a_wish_that_is_not_well_formed_is_refused(served: Any, path: str, body: Any) -> None:
    with served.client(served.add_key("--role", "admin", "--tenant", "acme")) as client:
        reply = client.post(f"/v1/{path}", json=body)

    assert reply.status_code == 400, reply.text
    assert reply.json()["code"] in {"bad_input", "filter_syntax"}


def test_retention_is_planned_and_run_over_http(server: Any) -> None:
    _send(server, "cus_1")
    with server.client(server.admin) as client:
        request = {"rules": "access-24m, security-13m=500"}
        plan = client.post("/v1/retention", json=request | {"dry_run": True}).json()
        done = client.post("/v1/retention", json=request).json()

    assert plan == {"tenant": "acme", "dry_run": True, "classes": []}
    assert done == {"tenant": "acme", "dry_run": False, "classes": []}
    assert len(_told(server, "audit.log.expiry_planned")) == 1
    assert _told(server, "audit.log.expired") == []


def test_the_command_line_erases_holds_and_retains(server: Any, run_vitne: Any) -> None:
    event_id = _send(server, "cus_1")
    at = ("--url", server.url, "--api-key", server.admin)
    plan = run_vitne(
        *(
            "erase",
            "person",
            "target:customer/cus_1",
            "--basis",
            "gdpr-17",
            "--ref",
            "R-1",
            "--dry-run",
            *at,
        )
    )
    hold = run_vitne("hold", "set", "--everything", "--reason", "litigation", *at)
    held = run_vitne("hold", "list", *at)
    ended = run_vitne("hold", "release", hold["id"], *at)
    done = run_vitne(
        *("erase", "event", event_id, "--basis", "gdpr-17", "--ref", "R-1", "--section", "core"),
        *("--section", "person", "--section", "payload", *at),
    )
    kept = run_vitne("retain", "plan", "--rules", "access-24m", *at)
    ran = run_vitne("retain", "run", "--rules", "access-24m", *at)

    assert (plan["records"], plan["dry_run"]) == (1, True)
    assert held["holds"] == [hold]
    assert ended["released_at"]
    assert (done["records"], len(done["entries"])) == (1, 1)
    assert (kept["classes"], ran["classes"]) == ([], [])
    assert _left(server.folder, MAIL) == []


def test_a_server_with_a_retention_rule_that_is_none_does_not_start(
    serve: Callable[..., Any],
) -> None:
    with pytest.raises(AssertionError, match="retention: access-24m is kept for at least 731"):
        serve(retention="access-24m=30")
