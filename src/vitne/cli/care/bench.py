"""`vitne bench`: what this machine does, in one minute, in a folder that is thrown away."""

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from vitne.cli.base.output import Advance, Json, Output, plain, table
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId, format_utc, parse_uuid, uuid7, uuid_text
from vitne.errors import IntegrityError
from vitne.evidence.record import verify as record_proof
from vitne.ports import ApiKey
from vitne.services.access import OPERATOR, Caller
from vitne.services.search import SearchRequest
from vitne.services.writer import Arrival
from vitne.settings import Settings
from vitne.wire.events import IntakeReply
from vitne.wiring import Server, open_server

_LOG = LogId("bench")
_BATCH = 500
_IN_FLIGHT_BATCHES, _IN_FLIGHT_SINGLES = 4, 32
_SHOWN, _SEARCHES = 100, 20
_WHOLE = 100
_STAFF, _CUSTOMERS = 40, 3_000
_KEY = ApiKey(
    id="",
    name="bench",
    secret_sha256=b"",
    roles=("write",),
    tenants=(_LOG,),
    source=SourceRegistration(application="crm", service="crm-bff"),
)


class Figure(msgspec.Struct, frozen=True):
    """One line of the result."""

    what: str
    value: float
    unit: str
    note: str = ""

    @property
    def shown(self) -> str:
        """The value with as many digits as mean something."""
        return f"{self.value:,.0f}" if self.value >= _WHOLE else f"{self.value:,.2f}"


def bench(
    *,
    events: Annotated[int, Parameter(help="How many to store in bulk.")] = 50_000,
    folder: Annotated[
        Path | None, Parameter(help="On which disk: a folder to work in; else the temporary one.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure this machine: durable intake, publishing, proofs, search, fsck, disk.

    In one process and without HTTP, on a folder that is removed afterwards. `make bench` in the
    source tree measures more.
    """
    out = Output(json)
    with tempfile.TemporaryDirectory(prefix="vitne-bench-", dir=folder) as place:
        settings = Settings(folder=place)
        with open_server(settings, create=True) as server:
            caller = Caller(id="bench", kind="service", method="shell")
            server.onboard.add_tenant(OPERATOR, "Operator", caller)
            server.onboard.add_tenant(_LOG, "Bench", caller)
            with out.progress("measuring", events) as advance:
                figures = _measure(server, events, advance)
        figures.append(_disk(Path(place), events + events // 25))
    rows = [(f.what, f.shown, f.unit, f.note) for f in figures]
    out.result(
        {"figures": figures},
        table("", ("what", "figure#", "unit", "how"), rows),
        plain("Machines differ: compare with another run on this one."),
    )


def _measure(server: Server, events: int, advance: Advance) -> list[Figure]:
    bodies = [_body(range(at, min(at + _BATCH, events))) for at in range(0, events, _BATCH)]
    took_s = _drive(server, bodies, _IN_FLIGHT_BATCHES, lambda: advance(_BATCH))
    found = [Figure("bulk intake, durable", events / took_s, "events/s", f"{_BATCH} a request")]
    lag_s = _published(server)
    found.append(Figure("publishing behind intake", lag_s * 1e3, "ms", "until all are signed"))
    singles = events // 25
    bodies = [_body(range(at, at + 1)) for at in range(events, events + singles)]
    took_s = _drive(server, bodies, _IN_FLIGHT_SINGLES, lambda: None)
    found.append(
        Figure("single intake, durable", singles / took_s, "events/s", f"{_IN_FLIGHT_SINGLES} wait")
    )
    _published(server)
    found += _proofs(server, events)
    found += _searches(server)
    started = time.perf_counter()
    report = server.fsck.run(_LOG)
    if not report.clean:
        raise IntegrityError("fsck found damage in a folder that was just written")
    per_s = report.entries / (time.perf_counter() - started)
    found.append(Figure("fsck", per_s, "entries/s", "everything hashed again"))
    return found


def _drive(
    server: Server, bodies: Sequence[bytes], in_flight: int, done: Callable[[], None]
) -> float:
    """Send all bodies, some of them at once; seconds until the last one was durable."""
    waiting: deque[Future[IntakeReply]] = deque()
    started = time.perf_counter()
    for body in bodies:
        waiting.append(server.intake.requests.submit(body, "json", _KEY, Arrival()))
        if len(waiting) >= in_flight:
            _taken(waiting.popleft())
            done()
    while waiting:
        _taken(waiting.popleft())
        done()
    return time.perf_counter() - started


def _taken(waiting: "Future[IntakeReply]") -> None:
    reply = waiting.result()
    if reply.accepted != len(reply.results):
        raise IntegrityError(f"an event of the benchmark was not taken: {reply.results[0]}")


def _published(server: Server) -> float:
    """Seconds until everything that is stored is under a signed checkpoint."""
    started = time.perf_counter()
    while server.adapters.store.unpublished():
        server.publish.loop.nudge()
        time.sleep(0.002)
    return time.perf_counter() - started


def _proofs(server: Server, events: int) -> list[Figure]:
    shown_ms, verified_ms = [], []
    for number in range(0, events, max(1, events // _SHOWN)):
        started = time.perf_counter()
        document = server.show.by_id(_LOG, parse_uuid(_id(number))).document()
        between = time.perf_counter()
        record_proof.verify_record(document)
        shown_ms.append((between - started) * 1e3)
        verified_ms.append((time.perf_counter() - between) * 1e3)
    return [
        Figure("prove one event", statistics.median(shown_ms), "ms", "median"),
        Figure("verify one proof", statistics.median(verified_ms), "ms", "median"),
    ]


def _searches(server: Server) -> list[Figure]:
    """First pages of four kinds of question."""
    kinds: dict[str, Callable[[int], str]] = {
        "newest": lambda _: "",
        "actor": lambda turn: f"actor:usr_{turn % _STAFF}",
        "target": lambda turn: f"target:customer/cus_{turn * 131 % _CUSTOMERS}",
        "text": lambda turn: f'"Customer {turn * 131 % _CUSTOMERS}"',
    }
    found = []
    for kind, text in kinds.items():
        took_ms = []
        for turn in range(_SEARCHES):
            started = time.perf_counter()
            server.search.run(SearchRequest(log=_LOG, text=text(turn)))
            took_ms.append((time.perf_counter() - started) * 1e3)
        found.append(Figure(f"search by {kind}", statistics.median(took_ms), "ms", "first page"))
    return found


def _disk(folder: Path, events: int) -> Figure:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Figure("disk, before sealing", size / events, "bytes/event", "rows, tiles, bundles")


_START_US = time.time_ns() // 1000


def _id(number: int) -> str:
    return uuid_text(uuid7(_START_US, number.to_bytes(10, "big")))


def _body(numbers: range) -> bytes:
    return msgspec.json.encode([_event(number) for number in numbers])


def _event(number: int) -> dict[str, Any]:
    """An event of about 600 bytes, as the SDK sends it."""
    staff, customer = number * 7 % _STAFF, number * 131 % _CUSTOMERS
    return {
        "schema": "vitne.audit/1.0",
        "id": _id(number),
        "type": ("crm.customer.viewed", "crm.order.updated", "pos.refund.created")[number % 3],
        "occurred_at": format_utc(_START_US),
        "outcome": {"result": "succeeded"},
        "tenant": {"id": _LOG},
        "actor": {"type": "user", "id": f"usr_{staff}", "name": f"Person {staff}"},
        "targets": [{"type": "customer", "id": f"cus_{customer}", "name": f"Customer {customer}"}],
        "client": {"ip": f"203.0.113.{staff}", "site": f"store-{staff % 9}"},
        "observed": {"surface": "CustomerCard", "operation": "GET /customers/{id}"},
        "purpose": {"code": "support_case", "reference": f"CASE-{number % 997}"},
    }
