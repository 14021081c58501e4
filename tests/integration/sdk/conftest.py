"""A small real log server, to be told when to be slow, away or wrong."""

import gzip
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vitne.core.entry.receipt import Receipt
from vitne.core.tree.merkle import merkle_root
from vitne.core.tree.note import Signer
from vitne.core.values.types import Hash, LeafIndex, Origin
from vitne.sdk import Client

Behave = Callable[["LittleLog", "_Handler", list[dict[str, Any]]], bool]


def origin_of(tenant: str) -> str:
    return f"little.test/log/{tenant}"


class LittleLog:
    """Answers `POST /v1/events` as the reply contract says; `next` changes single answers."""

    def __init__(self) -> None:
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.next: deque[Behave] = deque()
        self.gate = threading.Event()
        self.gate.set()
        self.requests = 0
        self.default = ""
        self.arrived = threading.Condition()
        self.rejecting: Callable[[dict[str, Any]], bool] = lambda _event: False
        self.signers: dict[str, Signer] = {}
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where it listens; the same after a restart."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        handler = type("Handler", (_Handler,), {"log": self})
        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening; what was stored stays."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def signer(self, tenant: str) -> Signer:
        """The key of a tenant's receipts."""
        name = f"{origin_of(tenant)}/receipt"
        return self.signers.setdefault(tenant, Signer(name, bytes([len(tenant)] * 32)))

    def append(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """Store what is new, and answer every event."""
        receipts: list[str] = []
        results = []
        for event in events:
            if self.rejecting(event):
                problem = {"code": "bad_format", "path": "$.type", "expected": "x", "got": "y"}
                results.append({"id": event["id"], "status": "rejected", "problems": [problem]})
                continue
            tenant = event.get("tenant", {"id": self.default})["id"]
            log = self.logs.setdefault(tenant, [])
            known = next((i for i, e in enumerate(log) if e["id"] == event["id"]), None)
            index = len(log) if known is None else known
            if known is None:
                log.append(event)
            receipts.append(self.receipt(tenant, index))
            status = "accepted" if known is None else "duplicate"
            results.append(
                {
                    "id": event["id"],
                    "status": status,
                    "log": tenant,
                    "index": index,
                    "receipt": len(receipts) - 1,
                }
            )
        return {"receipts": receipts, "results": results}

    def receipt(self, tenant: str, index: int) -> str:
        """The receipt of one entry; the same bytes at every call."""
        leaf = Hash(bytes(32))
        receipt = Receipt(Origin(origin_of(tenant)), LeafIndex(index), 1, merkle_root([leaf]), 1)
        return receipt.sign(self.signer(tenant))

    def ids(self, tenant: str = "acme") -> list[str]:
        """Event ids of a log, in log order."""
        return [e["id"] for e in self.events(tenant)]

    def seqs(self, tenant: str = "acme") -> list[int]:
        """Stream numbers of a log, in log order."""
        return [e["stream"]["seq"] for e in self.events(tenant)]

    def events(self, tenant: str = "acme") -> list[dict[str, Any]]:
        """What applications recorded, without the last words of streams."""
        events = self.logs.get(tenant, [])
        return [e for e in events if e["type"] != "system.stream.stats"]

    def wait_for_requests(self, count: int) -> None:
        """Return once so many requests have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.requests >= count, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    log: LittleLog
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        events = json.loads(body)
        with self.log.arrived:
            self.log.requests += 1
            behave = self.log.next.popleft() if self.log.next else None
            self.log.arrived.notify_all()
        self.log.gate.wait()
        if behave is not None and behave(self.log, self, events):
            return
        if self.headers["Authorization"] != "Bearer right":
            self.answer(401, {"title": "unknown key"})
            return
        with self.log.arrived:
            reply = self.log.append(events)
        self.answer(200, reply)

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Type" not in headers:
            kind = "application/json" if status < 400 else "application/problem+json"
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def log() -> Iterator[LittleLog]:
    server = LittleLog()
    yield server
    server.gate.set()
    server.stop()


MakeClient = Callable[..., Client]


@pytest.fixture
def client(log: LittleLog, tmp_path: Path) -> Iterator[MakeClient]:
    """Makes clients of the log server that retry at once and give up their threads at the end."""
    made: list[Client] = []

    def make(api_key: str = "right", **options: Any) -> Client:
        chosen: dict[str, Any] = {
            "application": "crm",
            "service": "crm-bff",
            "tenant": "acme",
            "spool_dir": tmp_path / "spool",
            "spool_fsync": "never",
            "backoff_first_s": 0.01,
            "backoff_max_s": 0.02,
            "batch_max_age_s": 0.01,
            **options,
        }
        made.append(Client(log.url, api_key, **chosen))
        return made[-1]

    yield make
    log.gate.set()
    for one in made:
        one.close(0.1)
