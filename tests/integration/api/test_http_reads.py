import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile import parse_bundle
from vitne.evidence.record import verify as record_proof

Event = dict[str, Any]


@pytest.fixture(scope="module")
def sent(served: Any) -> str:
    """Id of an event that is in the log."""
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_77", "name": "Per Support"}}
    with served.client() as client:
        reply = client.post("/v1/events", json=event | {"target": "customer/cus_90331"})
    event_id: str = reply.json()["results"][0]["id"]
    return event_id


@pytest.fixture(scope="module")
def stranger(served: Any) -> str:
    """A read key of another tenant."""
    served.add_tenant("globex")
    key: str = served.add_key("--role", "read", "--tenant", "globex", "--person", "usr_9")
    return key


def _refused(reply: httpx.Response, status: int, code: str) -> bool:
    return (
        reply.status_code == status
        and reply.json()["code"] == code
        and reply.headers["content-type"] == "application/problem+json"
    )


def test_an_event_is_shown_whole_with_a_proof_that_verifies_offline(served: Any, sent: str) -> None:
    with served.client() as client:
        page = client.get(f"/v1/events/{sent}").json()

    assert page["shown"]["event"]["actor"]["name"] == "Per Support"
    assert page["shown"]["record"]["source_id"] == "cli/vitne"
    proved = record_proof.verify_record(msgspec.json.encode(page["proof"], order="sorted"))
    assert proved.index == page["shown"]["index"]
    assert page["reason"] == ""


def test_the_proof_is_served_byte_for_byte_as_a_file(served: Any, sent: str) -> None:
    with served.client() as client:
        reply = client.get(f"/v1/events/{sent}/proof")
        plain = client.get(f"/v1/events/{sent}/proof", params={"form": "tlog"})

    assert record_proof.verify_record(reply.content).index >= 0
    assert sent in reply.headers["content-disposition"]
    assert plain.text.startswith("c2sp.org/tlog-proof@v1\n")


def test_every_read_is_an_event_of_the_log_before_it_is_answered(served: Any, sent: str) -> None:
    with served.client(**{"Audit-Purpose": "support_case%3ACASE-9917"}) as client:
        client.get(f"/v1/events/{sent}")

    _, core, _ = served.events()[-1]
    assert (core["type"], core["category"]) == ("audit.log.viewed", "audit")
    assert core["targets"][0] == {
        "type": "event",
        "id": sent,
        "role": "object",
        "exposure": "full",
    }
    assert core["purpose"]["code"] == "support_case"
    assert core["purpose"]["reference"] == "CASE-9917"
    assert core["source"]["service"] == "api"
    assert core["actor"]["type"] == "user"


def test_a_read_without_a_purpose_is_recorded_as_such(served: Any, sent: str) -> None:
    with served.client() as client:
        client.get(f"/v1/events/{sent}")

    assert served.events()[-1][1]["purpose"] == {"code": "unstated", "declared_by": "system"}


def test_no_parameter_avoids_the_event_of_a_read(served: Any, sent: str) -> None:
    """T7: a reader cannot suppress his own trace: either he is refused, or it is logged."""
    with served.client() as client:
        before = len(served.events())
        for trick in ("skipViewLogEvent=true", "audit=false", "log=0", "purpose="):
            assert _refused(client.get(f"/v1/events/{sent}?{trick}"), 400, "bad_input")
        for trick in ("tenant=", "tenant=acme"):
            assert client.get(f"/v1/events/{sent}?{trick}").status_code == 200

    assert len(served.events()) == before + 2


def test_to_learn_that_there_is_no_such_event_is_a_read_too(served: Any) -> None:
    with served.client() as client:
        reply = client.get("/v1/events/01981f3e-7c1a-7d34-9b0e-ffffffffffff")

    assert _refused(reply, 404, "not_found")
    assert served.events()[-1][1]["outcome"] == {"result": "failed", "code": "not_found"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events/{sent}",
        "/v1/events/{sent}/proof",
        "/log/acme/checkpoint",
        "/log/acme/tile/0/000",
    ],
)
def test_another_tenant_s_log_is_not_there_and_the_operator_hears_of_the_attempt(
    served: Any, sent: str, stranger: str, path: str
) -> None:
    """T8: an id of another tenant gives 404, and a denied event."""
    with served.client(stranger) as client:
        asked = {} if path.startswith("/log") else {"tenant": "acme"}
        reply = client.get(path.format(sent=sent), params=asked)

    assert _refused(reply, 404, "not_found")
    _, core, _ = served.events("vitne")[-1]
    assert core["outcome"]["result"] == "denied"
    assert core["targets"][0]["id"] == "acme"
    assert core["actor"]["id"] == "usr_9"
    assert core["actor"]["tenant_id"] == "globex"


def test_a_tenant_that_does_not_exist_looks_like_another_s(served: Any, stranger: str) -> None:
    with served.client(stranger) as client:
        replies = [
            client.get("/v1/events/01981f3e-7c1a-7d34-9b0e-ffffffffffff", params={"tenant": one})
            for one in ("acme", "nobody", "../x", "a" * 64)
        ]

    assert {(reply.status_code, reply.text) for reply in replies} == {(404, replies[0].text)}


def test_an_event_of_one_tenant_is_not_found_under_another(
    served: Any, sent: str, stranger: str
) -> None:
    with served.client(stranger) as client:
        assert _refused(client.get(f"/v1/events/{sent}"), 404, "not_found")


def test_a_key_for_several_tenants_must_name_one(served: Any, sent: str) -> None:
    with served.client(served.add_key("--role", "read")) as client:
        unnamed = client.get(f"/v1/events/{sent}")
        named = client.get(f"/v1/events/{sent}", params={"tenant": "acme"})

    assert _refused(unnamed, 400, "bad_input")
    assert named.status_code == 200


@pytest.mark.parametrize(
    "event_id", ["x", "01981f3e", "%00", "01981f3e-7c1a-7d34-9b0e-zzzzzzzzzzzz"]
)
def test_an_id_that_is_no_uuid_is_refused(served: Any, event_id: str) -> None:
    with served.client() as client:
        assert _refused(client.get(f"/v1/events/{event_id}"), 400, "bad_input")


def test_a_purpose_of_another_form_is_refused(served: Any, sent: str) -> None:
    with served.client(**{"Audit-Purpose": "Because I can"}) as client:
        assert _refused(client.get(f"/v1/events/{sent}"), 400, "bad_input")


def test_a_key_that_may_only_write_reads_nothing(served: Any, sent: str) -> None:
    key = served.add_key("--role", "write", "--source", "crm/x", "--tenant", "acme")

    with served.client(key) as client:
        for path in (f"/v1/events/{sent}", "/v1/tenants", "/log/acme/checkpoint"):
            assert _refused(client.get(path), 403, "not_allowed")


def test_tenants_are_those_that_the_key_may_read_with_their_keys(
    served: Any, stranger: str
) -> None:
    with served.client() as client:
        (acme,) = client.get("/v1/tenants").json()["tenants"]
    with served.client(stranger) as client:
        (globex,) = client.get("/v1/tenants").json()["tenants"]

    assert (acme["id"], globex["id"]) == ("acme", "globex")
    assert acme["log"]["origin"] == "vitne.local/log/acme"
    assert acme["log"]["log_key"].startswith("vitne.local/log/acme+")


def _checkpoint(client: httpx.Client) -> tuple[Checkpoint, httpx.Response]:
    (acme,) = client.get("/v1/tenants").json()["tenants"]
    reply = client.get("/log/acme/checkpoint")
    head, _ = open_checkpoint(reply.text, Verifier(acme["log"]["log_key"]))
    return head, reply


def test_the_checkpoint_is_signed_fresh_and_cached_for_a_moment(served: Any, sent: str) -> None:
    with served.client() as client:
        client.get(f"/v1/events/{sent}")
        head, reply = _checkpoint(client)

    assert head.size > 0
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["cache-control"] == "private, max-age=1"


def test_the_served_bundles_have_the_checkpoint_s_root_at_every_width(serve: Any) -> None:
    served = serve()
    event = {"type": "crm.customer.viewed", "actor": {"id": "u"}, "target": "customer/c"}
    with served.client() as client:
        last = client.post("/v1/events", json=[event] * 300).json()["results"][-1]["id"]
        client.get(f"/v1/events/{last}")
        head, _ = _checkpoint(client)
        full = client.get("/log/acme/tile/entries/000")
        width = head.size - 256
        partial = client.get(f"/log/acme/tile/entries/001.p/{width}")
        narrow = client.get(f"/log/acme/tile/entries/001.p/{width - 1}")
        cut = client.get("/log/acme/tile/0/000.p/7")
        whole = client.get("/log/acme/tile/0/000")

    entries = parse_bundle(full.content, 256) + parse_bundle(partial.content, width)
    assert merkle_root([leaf_hash(entry) for entry in entries]) == head.root
    assert parse_bundle(narrow.content, width - 1) == entries[256:-1]
    assert cut.content == whole.content[: 7 * 32]
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["cache-control"].endswith(", immutable")
    assert "immutable" not in partial.headers["cache-control"]


def test_a_full_bundle_comes_compressed_to_those_who_take_it(serve: Any) -> None:
    served = serve()
    event = {"type": "crm.customer.viewed", "actor": {"id": "u"}, "target": "customer/c"}
    with served.client() as client:
        last = client.post("/v1/events", json=[event] * 300).json()["results"][-1]["id"]
        client.get(f"/v1/events/{last}")
        path = "/log/acme/tile/entries/000"
        packed = client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
        plain = client.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.content == plain.content
    assert packed.num_bytes_downloaded < plain.num_bytes_downloaded


@pytest.mark.parametrize(
    "tile",
    [
        *("0/999", "0/x001/067", "63/000", "64/000", "0/000.p/256", "0/0"),
        *("entries/x1/000", "x", "", "%2e%2e/000"),
    ],
)
def test_a_tile_that_was_not_published_is_not_found(served: Any, tile: str) -> None:
    with served.client() as client:
        assert _refused(client.get(f"/log/acme/tile/{tile}"), 404, "not_found")


def test_a_public_log_needs_no_key_and_may_be_cached_by_anyone(serve: Any, minimal: Event) -> None:
    served = serve(public_log="true")
    with served.client() as client:
        sent = client.post("/v1/events", json=minimal).json()["results"][0]["id"]
        client.get(f"/v1/events/{sent}")

    with served.client("") as anyone:
        checkpoint = anyone.get("/log/acme/checkpoint")
        tile = anyone.get("/log/acme/tile/0/000.p/1")
        nobody = anyone.get("/log/nobody/checkpoint")
        event = anyone.get(f"/v1/events/{sent}")

    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    assert len(tile.content) == 32
    assert _refused(nobody, 404, "not_found")
    assert _refused(event, 401, "unknown_key")


def test_acts_of_an_administrator_are_events_of_the_logs_they_are_about(
    serve: Any, run_vitne: Callable[..., Any]
) -> None:
    served = serve()
    served.add_tenant("globex")
    key = served.add_key("--role", "read", "--tenant", "globex").split("_")[1]
    run_vitne("key", "revoke", key, "--folder", str(served.folder))

    told = [(core["type"], core["targets"][0]["id"]) for _, core, _ in served.events("globex")]
    operator = [(core["type"], core["targets"][0]["id"]) for _, core, _ in served.events("vitne")]
    assert told == [("audit.key.created", key), ("audit.key.revoked", key)]
    assert ("audit.tenant.created", "globex") in operator
    record, core, _ = served.events("globex")[0]
    person = json.loads(record.parts.person or b"{}")
    assert core["actor"]["id"].startswith("uid:")
    assert "/actor/name" in person
    assert base64.b64encode(b"secret") not in record.entry


def _found(page: dict[str, Any]) -> list[str]:
    return [event["id"] for event in page["events"]]


def test_a_search_finds_by_filter_newest_first_and_says_how_many(serve: Any) -> None:
    served = serve()
    event = {"type": "crm.customer.viewed", "actor": {"id": "usr_1"}}
    with served.client() as client:
        body = [event | {"target": f"customer/cus_{at % 5}"} for at in range(25)]
        sent = client.post("/v1/events", json=body).json()["results"]
        page = client.get("/v1/events", params={"q": "target:customer/cus_3"}).json()
        first = client.get("/v1/events", params={"q": "actor:usr_1", "limit": 10}).json()

    ids = [result["id"] for result in sent]
    assert _found(page) == ids[23::-5]
    assert (page["total"], page["total_is"]) == (5, "exact")
    assert page["events"][0]["event"]["targets"][0]["id"] == "cus_3"
    assert (first["total"], len(first["events"])) == (25, 10)
    assert first["high_water"] >= 25


def test_pages_neither_skip_nor_repeat_while_events_arrive(serve: Any, minimal: Event) -> None:
    served = serve()
    with served.client() as client:
        sent = client.post("/v1/events", json=[minimal] * 30).json()["results"]
        seen, cursor = [], ""
        while True:
            params = {"q": "type:crm.*", "limit": "7", "cursor": cursor}
            page = client.get("/v1/events", params=params).json()
            seen += _found(page)
            client.post("/v1/events", json=[minimal] * 3)
            cursor = page["next"]
            if not cursor:
                break

    assert seen == [result["id"] for result in reversed(sent)]


def test_a_search_with_facets_and_bars_counts_what_it_found(serve: Any, minimal: Event) -> None:
    served = serve()
    with served.client() as client:
        client.post("/v1/events", json=[minimal] * 4 + [minimal | {"actor": {"id": "usr_2"}}])
        params: dict[str, Any] = {"q": "type:crm.*", "facets": ["actor", "type"], "histogram": "24"}
        page = client.get("/v1/events", params=params).json()

    assert page["facets"]["actor"]["values"] == {"usr_77": 4, "usr_2": 1}
    assert sum(page["histogram"]["counts"]) == 5
    assert len(page["histogram"]["edges"]) == len(page["histogram"]["counts"]) + 1


def test_a_search_is_an_event_that_tells_what_was_asked_and_shown(
    serve: Any, minimal: Event
) -> None:
    served = serve()
    with served.client(**{"Audit-Purpose": "complaint"}) as client:
        sent = client.post("/v1/events", json=minimal).json()["results"][0]["id"]
        client.get("/v1/events", params={"q": 'type:crm.* "Kari"', "limit": 5})
        client.get("/v1/events", params={"q": "target:customer/cus_1"})

    (_, zero, asked), (_, core, payload) = served.events()[-2:]
    assert asked["/query"]["text"] == 'type:crm.* "Kari"'
    assert asked["/query"]["result_count"] == 0
    assert core["type"] == zero["type"] == "audit.log.searched"
    assert payload["/query"]["shown"]["ids"] == [sent]
    assert (core["purpose"]["code"], core["purpose"]["declared_by"]) == ("complaint", "user")


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"q": "nofield:x"}, 400, "filter_syntax"),
        ({"q": '"open'}, 400, "filter_syntax"),
        ({"cursor": "AAAA"}, 400, "bad_cursor"),
        ({"limit": "0"}, 400, "bad_input"),
        ({"limit": "1001"}, 400, "bad_input"),
        ({"limit": "many"}, 400, "bad_input"),
        ({"histogram": "201"}, 400, "bad_input"),
        ({"facets": "nofield"}, 400, "filter_syntax"),
        ({"tenant": "globex"}, 404, "not_found"),
    ],
)
def test_a_search_that_cannot_be_made_is_told_why(
    served: Any, params: dict[str, str], status: int, code: str
) -> None:
    with served.client() as client:
        assert _refused(client.get("/v1/events", params=params), status, code)


def test_a_cursor_of_another_search_is_refused(serve: Any, minimal: Event) -> None:
    served = serve()
    with served.client() as client:
        client.post("/v1/events", json=[minimal] * 3)
        page = client.get("/v1/events", params={"q": "type:crm.*", "limit": 1}).json()
        reply = client.get("/v1/events", params={"q": "type:pos.*", "cursor": page["next"]})

    assert _refused(reply, 400, "bad_cursor")
