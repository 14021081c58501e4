"""Streams and keys of sources over HTTP: who may, what is answered, and that reads are logged."""

import json
from typing import Any

import httpx
import pytest

from vitne.core.entry.batch import BATCH_TYPE, encode_batch
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.tree.note import Signer
from vitne.core.values.strict import encode_base64
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.signing.keyfile import read_signing_key
from vitne.sdk.signing.signer import FIRST, StreamBatch, StreamSigner
from vitne.testing import sample_event

NAME = "pod-1"


@pytest.fixture
def door(served: Any) -> "Door":
    return Door(served)


class Door:
    """A sender that speaks HTTP by hand."""

    def __init__(self, served: Any) -> None:
        self.served = served
        self.signer = read_signing_key(served.key_file)
        origin = self.get("/v1/streams/log").json()["origin"]
        self.signs = StreamSigner(origin, NAME, self.signer)

    def _headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    def get(self, path: str, key: str = "", **params: str) -> httpx.Response:
        """GET with the sender's key, or another."""
        headers = self._headers(key or self.served.writer)
        return httpx.get(f"{self.served.url}{path}", headers=headers, params=params, timeout=60)

    def post(self, path: str, body: object, key: str = "") -> httpx.Response:
        """POST JSON with the sender's key, or another."""
        headers = self._headers(key or self.served.writer)
        return httpx.post(f"{self.served.url}{path}", headers=headers, json=body, timeout=60)

    def open(self, **changes: object) -> httpx.Response:
        """Open the stream, perhaps wrongly."""
        entry = self.signs.open(60)
        body = {
            "tenant": "acme", "name": NAME, "mode": "body", "beat_s": 60,
            "key": encode_base64(self.signs.key), "sig": encode_base64(entry.sig),
        }  # fmt: skip
        return self.post("/v1/streams", body | changes)

    def batch(self, *numbers: int) -> StreamBatch:
        """A signed batch of these numbers."""
        items = [
            EventItem(
                0,
                f"event {n}",
                "acme",
                json.dumps(sample_event(n), separators=(",", ":")).encode(),
                seq=n,
                record_key=bytes([n]) * 16,
            )
            for n in numbers
        ]
        context = IntakeContext(
            1_790_000_000_000_000, SourceRegistration("crm", "crm-bff"), bytes, lambda _t, _p: "",
            default_tenant="acme",
        )  # fmt: skip
        return self.signs.batch(items, context, FIRST)

    def send(self, batch: StreamBatch) -> httpx.Response:
        """Send a batch."""
        headers = self._headers(self.served.writer) | {"Content-Type": BATCH_TYPE}
        body = encode_batch(batch.head, batch.events)
        return httpx.post(f"{self.served.url}/v1/events", headers=headers, content=body, timeout=60)


def test_a_signed_batch_over_http_is_answered_like_any_request(door: Door) -> None:
    assert door.open().json()["index"] == door.open().json()["index"]

    first, again = door.send(door.batch(1, 2)), door.send(door.batch(1, 2))

    assert (first.json()["accepted"], again.json()["duplicate"]) == (2, 2)
    assert first.json()["receipts"] == again.json()["receipts"]


def test_refusals_bear_their_code_and_where_the_stream_stands(door: Door) -> None:
    door.open()
    door.send(door.batch(1, 2))

    conflict, refused = door.send(door.batch(2, 3)), door.open(beat_s=30)

    assert (conflict.status_code, conflict.json()["code"]) == (409, "stream_conflict")
    assert conflict.json()["problems"][0]["code"] == "wrong_prev"
    assert conflict.json()["stream"]["last"] == 2
    assert (refused.status_code, refused.json()["code"]) == (422, "sender_refused")
    assert refused.json()["problems"][0]["code"] == "bad_signature"


@pytest.mark.parametrize(
    "changes",
    [
        {"sig": "AAAA"}, {"key": "not base64"}, {"mode": "none"}, {"beat_s": -1}, {"more": 1},
        {"name": ""}, {"tenant": 7}, {"prev": "AAAA", "prev_last": 1},
    ],
)  # fmt: skip
def test_an_opening_that_is_not_well_formed_is_refused(door: Door, changes: Any) -> None:
    assert door.open(**changes).status_code == 400


def test_a_key_speaks_for_its_own_tenants_only(door: Door) -> None:
    assert door.open(tenant="globex").json()["code"] == "tenant_not_allowed"
    assert door.get("/v1/streams/log", tenant="globex").json()["code"] == "tenant_not_allowed"
    assert door.get("/v1/streams").json()["code"] == "not_allowed"


def test_reading_the_streams_is_an_event_of_the_log(served: Any) -> None:
    headers = {"Authorization": f"Bearer {served.reader}", "Audit-Purpose": "audit:Q-1"}
    assert httpx.get(f"{served.url}/v1/streams", headers=headers, timeout=60).is_success

    [row] = served.get("/v1/events", q="type:audit.streams.viewed")["events"]
    assert row["event"]["purpose"]["reference"] == "Q-1"


def test_only_streams_with_something_to_explain_are_listed_when_asked(
    door: Door, served: Any
) -> None:
    door.open()
    door.send(door.batch(2, 3))

    page = served.get("/v1/streams", troubled="true")

    [stream] = page["streams"]
    assert (stream["name"], stream["missing_ranges"]) == (NAME, [[1, 1]])
    assert page["missing"] == 1


def test_the_operator_registers_and_retires_keys_over_http(
    door: Door, served: Any, run_verb: Any
) -> None:
    operator = run_verb("key", "add", "op", "--role", "admin", "--folder", str(served.folder))
    some = run_verb(
        "key", "add", "some", "--role", "admin", "--tenant", "acme", "--folder", str(served.folder)
    )
    vkey = Signer("crm/crm-bff", b"\x09" * 32).vkey

    added = door.post("/v1/source-keys", {"vkey": vkey}, operator["key"])
    again = door.post("/v1/source-keys", {"vkey": vkey}, operator["key"])
    retired = door.post("/v1/source-keys/retire", {"vkey": vkey}, operator["key"])
    listed = door.get("/v1/source-keys", operator["key"]).json()["keys"]

    assert (added.status_code, again.status_code) == (200, 409)
    assert retired.json()["retired_at"]
    assert [one["vkey"] for one in listed if one["retired_at"]] == [vkey]
    for key in (some["key"], served.writer, served.reader):
        assert door.post("/v1/source-keys", {"vkey": vkey}, key).status_code == 403


def test_types_that_a_source_did_not_declare_are_taken_and_marked(
    served: Any, run_verb: Any
) -> None:
    words = ["--role", "write", "--tenant", "acme", "--source", "pos/till"]
    made = run_verb(
        "key", "add", "pos", *words, "--types", "pos.sale.*", "--folder", str(served.folder)
    )
    events = [
        {"type": kind, "actor": {"id": "u"}, "target": "sale/s1"}
        for kind in ("pos.sale.voided", "pos.drawer.opened")
    ]

    reply = httpx.post(
        f"{served.url}/v1/events",
        json=events,
        headers={"Authorization": f"Bearer {made['key']}"},
        timeout=60,
    ).json()

    assert [r.get("warnings", []) for r in reply["results"]] == [[], ["undeclared_type"]]
    shown = [
        served.get(f"/v1/events/{r['id']}")["shown"]["record"].get("declared")
        for r in reply["results"]
    ]
    assert shown == [None, False]


def test_the_command_lists_gaps_and_silences(door: Door, served: Any, run_verb: Any) -> None:
    door.open()
    door.send(door.batch(3, 4))

    page = run_verb("streams", "--url", served.url, "--api-key", served.reader)

    assert [(s["name"], s["missing"]) for s in page["streams"]] == [(NAME, 2)]
