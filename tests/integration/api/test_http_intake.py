import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import zstandard

Event = dict[str, Any]
PROBLEM = "application/problem+json"


def _is_problem(reply: httpx.Response, status: int, code: str) -> bool:
    told = reply.json()
    assert (reply.status_code, told["code"]) == (status, code), reply.text
    assert reply.headers["content-type"] == PROBLEM
    assert told["status"] == status
    return True


def test_a_minimal_event_is_accepted_with_its_index_and_a_receipt(
    served: Any, minimal: Event
) -> None:
    with served.client() as client:
        reply = client.post("/v1/events", json=minimal)

    told = reply.json()
    assert reply.status_code == 200
    assert (told["accepted"], told["results"][0]["status"]) == (1, "accepted")
    assert told["results"][0]["log"] == "acme"
    assert told["receipts"][told["results"][0]["receipt"]].startswith("vitne-receipt/v1\n")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_many_events_come_as_array_or_lines_in_every_encoding(
    served: Any, minimal: Event, form: str, pack: Callable[[bytes], bytes]
) -> None:
    events = [minimal | {"target": f"customer/cus_{at}"} for at in range(50)]
    encoding = {"compress": "gzip"}.get(getattr(pack, "__name__", ""), "")
    encoding = "" if pack is bytes else encoding if pack is gzip.compress else "zstd"
    if form == "array":
        body, kind = json.dumps(events).encode(), "application/json"
    else:
        body = "".join(json.dumps(event) + "\n" for event in events).encode()
        kind = "application/x-ndjson"
    headers = {"Content-Type": kind} | ({"Content-Encoding": encoding} if encoding else {})

    with served.client() as client:
        reply = client.post("/v1/events", content=pack(body), headers=headers)

    assert reply.status_code == 200
    assert reply.json()["accepted"] == 50
    indices = [result["index"] for result in reply.json()["results"]]
    assert indices == list(range(indices[0], indices[0] + 50))


def test_a_retry_with_the_same_id_gets_the_first_index_and_receipt(
    served: Any, minimal: Event
) -> None:
    event = minimal | {"id": "01981f3e-7c1a-7d34-9b0e-000000000001"}

    with served.client() as client:
        first = client.post("/v1/events", json=event).json()
        second = client.post("/v1/events", json=event).json()

    assert (second["accepted"], second["duplicate"]) == (0, 1)
    assert second["results"][0]["index"] == first["results"][0]["index"]
    assert second["receipts"] == first["receipts"]


def test_a_retry_with_the_same_idempotency_key_makes_no_second_event(
    served: Any, minimal: Event
) -> None:
    with served.client() as client:
        replies = [
            client.post(
                "/v1/events", json=[minimal, minimal], headers={"Idempotency-Key": "order-17"}
            ).json()
            for _ in range(2)
        ]

    assert [reply["accepted"] for reply in replies] == [2, 0]
    ids = [[result["id"] for result in reply["results"]] for reply in replies]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_single_event_with_faults_is_a_422_that_names_them_all(served: Any) -> None:
    with served.client() as client:
        reply = client.post("/v1/events", json={"type": "Bad", "actor": {"id": 7}, "more": 1})

    assert _is_problem(reply, 422, "rejected")
    paths = {fault["path"] for fault in reply.json()["problems"]}
    assert {"$.type", "$.actor.id", "$.more"} <= paths


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"more": 1}, "the event was not stored: it has 1 problem"),
        ({"more": 1, "most": 2}, "the event was not stored: it has 2 problems"),
    ],
)
def test_one_problem_is_told_in_the_singular(
    served: Any, minimal: Event, fault: Event, sentence: str
) -> None:
    with served.client() as client:
        reply = client.post("/v1/events", json=minimal | fault)

    assert reply.json()["detail"] == sentence


def test_the_same_faults_in_an_array_are_one_result_of_a_200(served: Any, minimal: Event) -> None:
    with served.client() as client:
        reply = client.post("/v1/events", json=[minimal, {"type": "Bad"}])

    assert reply.status_code == 200
    assert [result["status"] for result in reply.json()["results"]] == ["accepted", "rejected"]


def test_another_event_under_a_known_id_is_a_409(served: Any, minimal: Event) -> None:
    event = minimal | {"id": "01981f3e-7c1a-7d34-9b0e-000000000002"}

    with served.client() as client:
        client.post("/v1/events", json=event)
        reply = client.post("/v1/events", json=event | {"target": "customer/cus_other"})

    assert _is_problem(reply, 409, "id_conflict")


def test_an_event_far_ahead_of_the_clock_is_quarantined(served: Any, minimal: Event) -> None:
    with served.client() as client:
        reply = client.post(
            "/v1/events", json=minimal | {"occurred_at": "2100-01-01T00:00:00.000Z"}
        )

    assert reply.status_code == 200
    assert reply.json()["results"][0]["status"] == "quarantined"


JSON = {"Content-Type": "application/json"}
GZIP, ZSTD = JSON | {"Content-Encoding": "gzip"}, JSON | {"Content-Encoding": "zstd"}
BROTLI = JSON | {"Content-Encoding": "br"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LATIN = {"Content-Type": "application/json; charset=latin-1"}
LINES = {"Content-Type": "application/x-ndjson"}
IMPORT = {"Content-Type": "application/vnd.vitne.import+x-ndjson"}
LONG_KEY = JSON | {"Idempotency-Key": "k" * 300}


def _with(more: str) -> bytes:
    """A minimal event with further members."""
    return b'{"type":"a.b.c","actor":{"id":"u"},' + more.encode() + b"}"


DEEP = '"extra":' + "[" * 500 + "]" * 500
ZSTD_BOMB = zstandard.ZstdCompressor().compress(bytes(1 << 28))

UNREADABLE = {
    "cut off": (b"{", JSON),
    "not utf-8": (b'{"type":"\xff\xfe"}', JSON),
    "empty": (b"", JSON),
    "a number": (b"17", JSON),
    "a string": (b'"crm"', JSON),
    "null": (b"null", JSON),
    "deep": (b"[" * 5000 + b"]" * 5000, JSON),
    "a lone surrogate": (_with('"summary":"\\ud800"'), JSON),
    "not gzip": (b"{}", GZIP),
    "not zstd": (b"{}", ZSTD),
    "cut gzip": (gzip.compress(b"{}")[:-4], GZIP),
}
NOT_TAKEN = {
    "no content type": (b"{}", {}),
    "a form": (b"a=1", FORM),
    "latin-1": (b"{}", LATIN),
    "brotli": (b"{}", BROTLI),
}
TOO_LARGE = {
    "gzip bomb": (gzip.compress(bytes(1 << 26)), GZIP),
    "zstd bomb": (ZSTD_BOMB, ZSTD),
    "a large body": (b"[" + b" " * (5 << 20) + b"]", JSON),
    "too many events": (b"[" + b"{}," * 1000 + b"{}]", JSON),
    "too many lines": (b"{}\n" * 1001, LINES),
}
REJECTED = {
    "deep inside an event": (_with(DEEP), JSON),
    "a float": (_with('"extra":{"n":1.5}'), JSON),
    "a large number": (_with('"extra":{"n":9007199254740993}'), JSON),
    "a duplicate key": (_with('"type":"a.b.d"'), JSON),
    "an unknown field": (_with('"x":1'), JSON),
    "another tenant": (_with('"tenant":{"id":"globex"}'), JSON),
    "another source": (_with('"source":{"application":"erp"}'), JSON),
    "a reserved type": (b'{"type":"audit.log.searched","actor":{"id":"u"}}', JSON),
    "nothing": (b"{}", JSON),
}
BAD = [
    pytest.param(*row, status, code, id=name)
    for table, status, code in (
        (UNREADABLE, 400, "unreadable"),
        (NOT_TAKEN, 415, "unsupported_media"),
        (TOO_LARGE, 413, "too_large"),
        (REJECTED, 422, "rejected"),
        ({"import without leave": (b'{"event":{},"raw":""}', IMPORT)}, 403, "not_allowed"),
        ({"a long idempotency key": (b"{}", LONG_KEY)}, 400, "bad_input"),
    )
    for name, row in table.items()
]


@pytest.fixture(scope="module")
def writer(served: Any) -> str:
    key: str = served.add_key("--role", "write", "--source", "crm/crm-bff", "--tenant", "acme")
    return key


@pytest.mark.parametrize(("body", "headers", "status", "code"), BAD)
def test_bad_input_gets_its_documented_reply(
    served: Any, writer: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    with served.client(writer) as client:
        reply = client.post("/v1/events", content=body, headers=headers)

    assert _is_problem(reply, status, code)


def test_a_line_that_is_no_event_is_one_result_and_the_others_are_taken(served: Any) -> None:
    lines = _with('"summary":"x"') + b"\n[1]\n{\n"

    with served.client() as client:
        reply = client.post("/v1/events", content=lines, headers=LINES)

    assert reply.status_code == 200
    statuses = [result["status"] for result in reply.json()["results"]]
    assert statuses == ["accepted", "rejected", "rejected"]


@pytest.mark.parametrize(
    "shown", ["", "vk_aaaaaaaaaaaa_" + "A" * 43, "nonsense", "vk_aaaaaaaaaaaa_ü"]
)
def test_a_key_that_is_none_is_a_401(served: Any, minimal: Event, shown: str) -> None:
    header = f"Bearer {shown}".encode() if shown else b""

    with httpx.Client(base_url=served.url) as client:
        reply = client.post("/v1/events", json=minimal, headers={b"Authorization": header})

    assert _is_problem(reply, 401, "unknown_key")
    assert reply.headers["www-authenticate"].startswith("Bearer")


def test_a_right_id_with_a_wrong_secret_is_a_401(served: Any, minimal: Event) -> None:
    wrong = served.key[:-1] + ("A" if served.key[-1] != "A" else "B")

    with served.client(wrong) as client:
        assert _is_problem(client.post("/v1/events", json=minimal), 401, "unknown_key")


def test_a_key_that_may_only_read_gets_a_403(served: Any, minimal: Event) -> None:
    with served.client(served.add_key("--role", "read", "--tenant", "acme")) as client:
        assert _is_problem(client.post("/v1/events", json=minimal), 403, "not_allowed")


def _raw(served: Any, data: bytes, *, end: bool = True) -> bytes:
    """What comes back for bytes that no client library would send."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as to:
        to.sendall(data)
        if end:
            to.shutdown(socket.SHUT_WR)
        parts = []
        while part := to.recv(65536):
            parts.append(part)
        return b"".join(parts)


def _head(served: Any, length: int) -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + served.key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % length
    )


def test_a_body_shorter_than_its_declared_length_is_never_taken_as_whole(
    served: Any, minimal: Event
) -> None:
    before = len(served.events())
    body = json.dumps(minimal).encode()

    reply = _raw(served, _head(served, len(body) + 1) + body)

    assert b" 200 " not in reply
    assert len(served.events()) == before


def test_bytes_behind_the_declared_length_are_no_part_of_the_body(
    served: Any, minimal: Event
) -> None:
    body = json.dumps(minimal).encode()

    reply = _raw(served, _head(served, len(body)) + body + b"\x00garbage\r\n\r\n")

    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.count(b"HTTP/1.1 ") <= 2


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00", 400, b'"bad_input"'),
        (b"GET\r\n\r\n", 400, b'"bad_input"'),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", 431, b'"head_too_large"'),
        (b"GET /" + b"a" * 40_000, 431, b'"head_too_large"'),
    ],
    ids=["tls", "no version", "a large head", "an endless address"],
)
def test_what_is_refused_before_the_application_is_a_problem_too(
    served: Any, sent: bytes, status: int, code: bytes
) -> None:
    reply = _raw(served, sent, end=False)

    assert reply.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in reply
    assert code in reply


def test_a_body_that_dribbles_in_is_given_up_and_others_are_served(
    serve: Callable[..., Any], minimal: Event
) -> None:
    served = serve(body_timeout_s=1)

    slow = _raw(served, _head(served, 1000) + b"{", end=False)
    with served.client() as client:
        assert client.post("/v1/events", json=minimal).status_code == 200

    assert slow.startswith(b"HTTP/1.1 408 ")


def test_a_connection_too_many_is_told_so(serve: Callable[..., Any]) -> None:
    served = serve(connections_max=2)
    held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(2)]

    reply = _raw(served, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", end=False)
    for one in held:
        one.close()

    assert reply.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after" in reply


def test_a_source_beyond_its_quota_gets_a_429_and_another_source_does_not(
    serve: Callable[..., Any], minimal: Event
) -> None:
    served = serve(quota_events_per_s=1, quota_burst_events=1000)
    other = served.add_key("--role", "write", "--source", "pos/till", "--tenant", "acme")

    with served.client() as client:
        first = client.post("/v1/events", json=[minimal] * 1000)
        reply = client.post("/v1/events", json=minimal)
    with served.client(other) as client:
        assert client.post("/v1/events", json=minimal).status_code == 200

    assert first.json()["accepted"] == 1000
    assert _is_problem(reply, 429, "quota")
    assert int(reply.headers["retry-after"]) >= 1


def test_a_revoked_key_is_refused_by_the_running_server(
    serve: Callable[..., Any], run_vitne: Callable[..., Any], minimal: Event
) -> None:
    served = serve()
    key = served.add_key("--role", "write", "--source", "crm/x", "--tenant", "acme")
    run_vitne("key", "revoke", key.split("_")[1], "--folder", str(served.folder))

    with served.client(key) as client:
        assert _is_problem(client.post("/v1/events", json=minimal), 401, "unknown_key")
