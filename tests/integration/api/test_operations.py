import json
import signal
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from vitne.api.server.problems import KINDS
from vitne.core.values.ids import parse_uuid
from vitne.core.values.types import LogId
from vitne.settings import Settings
from vitne.wiring import open_server

Event = dict[str, Any]


def test_a_server_that_works_says_so(served: Any) -> None:
    with served.client("") as client:
        alive, ready = client.get("/healthz"), client.get("/readyz")

    assert alive.json() == {"status": "alive"}
    assert ready.status_code == 200
    assert set(ready.json()["checks"].values()) == {"ok"}


def test_a_server_without_room_on_disk_says_which_check_fails_and_takes_nothing(
    serve: Callable[..., Any], minimal: Event
) -> None:
    served = serve(free_bytes_min=1 << 60)

    with served.client() as client:
        ready = client.get("/readyz")
        refused = client.post("/v1/events", json=minimal)

    assert ready.status_code == 503
    assert ready.json()["checks"]["disk"] != "ok"
    assert ready.json()["checks"]["integrity"] == "ok"
    assert (refused.status_code, refused.json()["code"]) == (503, "storage")
    assert int(refused.headers["retry-after"]) >= 1


def test_metrics_count_events_by_result_and_name_nobody(serve: Any, minimal: Event) -> None:
    served = serve()
    with served.client() as client:
        client.post("/v1/events", json=[minimal] * 3)
        client.post("/v1/events", json={"type": "Bad"})
        client.get("/nowhere/usr_77")
        text = client.get("/metrics").text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    events = {one.labels["result"]: one.value for one in families["vitne_events"].samples}
    assert (events["accepted"], events["rejected"]) == (3, 1)
    assert families["vitne_commit_seconds"].type == "histogram"
    assert families["vitne_publish_lag_seconds"].samples[0].value >= 0
    for secret in ("acme", "usr_77", "cus_1", served.key):
        assert secret not in text


def test_metrics_can_be_kept_for_administrators(serve: Any) -> None:
    served = serve(metrics_public="false")

    with served.client("") as nobody, served.client() as admin:
        assert nobody.get("/metrics").status_code == 401
        assert admin.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/v1", "/schema", "/schema/x", "/log/acme", "/%00"]
)
def test_an_address_that_is_none_is_a_problem_and_no_page(served: Any, path: str) -> None:
    with served.client() as client:
        reply = client.get(path, headers={"Accept": "text/html"})

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_method_that_is_not_taken_is_told_which_are(served: Any, method: str) -> None:
    with served.client() as client:
        reply = client.request(method, "/v1/tenants")

    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in reply.headers["allow"]


def test_the_openapi_document_describes_every_route_with_its_problems(served: Any) -> None:
    with served.client("") as client:
        document = client.get("/schema/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {
        "/v1/events",
        "/v1/events/{event_id}",
        "/v1/tenants",
        "/log/{tenant}/checkpoint",
        "/healthz",
    } <= set(document["paths"])
    codes = {
        name
        for path in document["paths"].values()
        for operation in path.values()
        for reply in operation["responses"].values()
        for name in reply.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    beyond_routes = {"method_not_allowed", "head_too_large", "tenant_not_allowed", "conflict"}
    assert codes | beyond_routes | {"filter_syntax", "bad_cursor", "integrity"} >= set(KINDS)


class _Sender(threading.Thread):
    """Sends single events until the server goes away; remembers what was acknowledged."""

    def __init__(self, served: Any, name: int) -> None:
        super().__init__()
        self._served = served
        self._sender = name
        self.acknowledged: list[str] = []
        self.under_way = threading.Event()

    def run(self) -> None:
        """Send one after the other."""
        event = {"type": "crm.customer.viewed", "actor": {"id": "u"}, "target": "customer/c"}
        number = 0
        with self._served.client() as client:
            while True:
                number += 1
                event_id = f"01981f3e-7c1a-7d34-{0x8000 + self._sender:04x}-{number:012x}"
                try:
                    reply = client.post("/v1/events", json=event | {"id": event_id})
                except httpx.HTTPError:
                    return
                if reply.status_code != 200:
                    return
                assert reply.json()["results"][0]["status"] == "accepted"
                self.acknowledged.append(event_id)
                if number == 20:
                    self.under_way.set()


@pytest.mark.parametrize("signals", [1, 2])
def test_a_stop_under_load_loses_nothing_that_was_acknowledged(
    serve: Callable[..., Any], signals: int
) -> None:
    served = serve()
    senders = [_Sender(served, name) for name in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.under_way.wait(30)

    for _ in range(signals - 1):
        served.process.send_signal(signal.SIGTERM)
    status = served.stop()
    for sender in senders:
        sender.join(30)

    acknowledged = [one for sender in senders for one in sender.acknowledged]
    with open_server(Settings(folder=str(served.folder)), serving=False) as server:
        ids = [parse_uuid(one) for one in acknowledged]
        with server.adapters.store.append() as transaction:
            found = transaction.seen(LogId("acme"), ids)
        info = server.adapters.store.log(LogId("acme"))
    assert status == 0
    assert len(acknowledged) >= 160
    assert set(ids) == set(found)
    assert info.head_size == info.next_index


def test_no_secret_and_no_personal_value_is_in_the_program_s_log(serve: Any) -> None:
    served = serve(log_level="debug", quota_burst_events=1000, quota_events_per_s=1)
    person = {"name": "Kari Nordmann", "email": "kari@nordmann.example"}
    event = {
        "type": "crm.customer.viewed",
        "actor": {"id": "usr_77", **person},
        "target": {"type": "customer", "id": "cus_1", "name": "Ola Hansen"},
        "client": {"ip": "203.0.113.42"},
    }
    with served.client() as client:
        sent = client.post("/v1/events", json=event).json()["results"][0]["id"]
        client.post("/v1/events", json=event | {"actor": {"id": "x" * 999, **person}})
        client.post(
            "/v1/events",
            content=b'{"name":"Kari Nordmann"',
            headers={"Content-Type": "application/json"},
        )
        client.get(f"/v1/events/{sent}", params={"q": "Kari Nordmann", "tenant": "kari-nordmann"})
        client.get(f"/v1/events/{sent}", headers={"Audit-Purpose": "Kari Nordmann"})
        client.get("/log/kari-nordmann/checkpoint")
        client.get("/Kari%20Nordmann?name=Kari%20Nordmann")
        client.post("/v1/events", json=[event] * 1000)
        client.post("/v1/events", json=[event] * 1000)
    with served.client("vk_aaaaaaaaaaaa_" + "B" * 43) as client:
        client.get("/v1/tenants")
    assert served.stop() == 0

    log = served.log_file.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert any(line.get("status") == 401 for line in lines)
    assert any(line.get("route") == "GET /v1/events/{event_id}" for line in lines)
    secrets = [served.key, served.key.split("_")[2], "B" * 43, "203.0.113.42", "127.0.0.1:"]
    people = ["Kari", "Nordmann", "nordmann", "Ola Hansen", "kari@", "xxxxx", sent]
    for value in (*secrets, *people):
        assert value not in log, value


def test_a_port_that_is_taken_is_told_with_the_next_step(
    served: Any, run_vitne: Callable[..., Any], tmp_path: Any
) -> None:
    run_vitne("init", "--folder", str(tmp_path / "x"))

    with pytest.raises(AssertionError, match="is a server running already"):
        run_vitne("serve", "--folder", str(tmp_path / "x"), "--port", str(served.port))


def test_a_folder_is_served_once(served: Any, run_vitne: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match="another process serves this folder"):
        run_vitne("serve", "--folder", str(served.folder), "--port", "0")
