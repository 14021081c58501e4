"""`vitne send`: one event from its flags, or a file of them; keeps the receipts."""

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Group, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import HttpClient, ServerOptions, fault_line, read_reply, to_error
from vitne.cli.base.http import HttpAnswer
from vitne.cli.base.layout import Line
from vitne.cli.base.output import Json, Output, plain, table
from vitne.core.values import RANDOM_BYTES, JsonObject, count, uuid7, uuid_text
from vitne.errors import BadInputError
from vitne.wire.events import EventResult, IntakeReply
from vitne.wire.problems import ProblemReply

_CHUNK_EVENTS, _CHUNK_BYTES = 1_000, 4 << 20
_TRIES = 4
_LISTED = 20
_REFUSED = (409, 422)
"""How a server answers to a single event that it did not take."""
_EVENT = Group("Event", sort_key=10)


@Parameter(name="*", group=_EVENT)
@dataclass(frozen=True)
class EventOptions:
    """One event, as a minimal event (docs/reference/events.md) says it."""

    type: Annotated[str, Parameter(help="What happened, e.g. crm.customer.viewed.")] = ""
    actor: Annotated[str, Parameter(help="Id of who acted, e.g. usr_77.")] = ""
    target: Annotated[
        list[str], Parameter(help="On what, as type/id, e.g. customer/cus_1; may be given again.")
    ] = field(default_factory=list)
    outcome: Annotated[
        str, Parameter(help="How it ended: succeeded, denied, failed, partial, unknown.")
    ] = ""
    code: Annotated[str, Parameter(help="Code that says why it ended so, e.g. no_permission.")] = ""
    at: Annotated[
        str, Parameter(help="When it happened, as 2026-11-24T09:15:02.113Z; else now.")
    ] = ""
    id: Annotated[str, Parameter(help="The event's id, a UUIDv7; else a new one.")] = ""
    purpose: Annotated[str, Parameter(help="What for, as CODE or CODE:REFERENCE.")] = ""
    set: Annotated[list[str], Parameter(help="Any other field, e.g. actor.name=Ola.")] = field(
        default_factory=list
    )

    def document(self, tenant: str) -> dict[str, Any]:
        """The event as intake takes it; what was not given is left out, but for the id.

        An id made here makes it safe to send the event again when the reply is lost.
        """
        code, _, reference = self.purpose.partition(":")
        made: dict[str, Any] = {
            "type": self.type,
            "id": self.id or uuid_text(uuid7(time.time_ns() // 1000, os.urandom(RANDOM_BYTES))),
            "occurred_at": self.at,
            "tenant": _kept(id=tenant),
            "actor": _kept(id=self.actor),
            "targets": [_target(text) for text in self.target],
            "outcome": _kept(result=self.outcome, code=self.code),
            "purpose": _kept(code=code, reference=reference),
        }
        for assignment in self.set:
            _assign(made, assignment)
        return {name: value for name, value in made.items() if value}


def send(
    file: Annotated[
        Path | None,
        Parameter(
            help="An event, an array of them, or one a line (NDJSON); - is standard input.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    /,
    *,
    event: EventOptions | None = None,
    receipts: Annotated[
        Path | None,
        Parameter(
            help="Where to append the signed receipts; else ~/.local/state/vitne/receipts.ndjson."
        ),
    ] = None,
    server: ServerOptions | None = None,
    json: Json = False,
) -> int:
    """Send one event, described by options, or a file of events; wait until they are durable.

    A file may be sent again at any time: its events are recognised and not stored twice. Exit
    status 1 if an event was rejected; all that is wrong with it is listed.

    For example:
        vitne send --type crm.customer.viewed --actor usr_77 --target customer/cus_1
        vitne send events.ndjson
    """
    event, out = event or EventOptions(), Output(json)
    with HttpClient(server) as client:
        sending = _Sending(client, receipts or _receipts_file())
        if file is not None:
            _send_file(sending, _read(file), out)
        elif event.type:
            body = msgspec.json.encode(event.document(client.tenant))
            sending.post(body, "application/json")
        else:
            raise BadInputError(
                "nothing to send", hint="vitne send --type crm.customer.viewed --actor usr_77"
            )
    return _tell(sending, out)


class _Sending:
    """What was sent so far, and what came back."""

    def __init__(self, client: HttpClient, receipts: Path) -> None:
        self.client = client
        self.receipts_file = receipts
        self.results: list[EventResult] = []
        self.receipts: list[str] = []
        self.counts: Counter[str] = Counter()

    def post(self, body: bytes, content_type: str, key: str = "") -> int:
        """Send a chunk; how many results came."""
        headers = {"Content-Type": content_type} | ({"Idempotency-Key": key} if key else {})
        results, receipts = _results_of(self.client.send_events(body, headers, _TRIES, _REFUSED))
        for number, receipt in enumerate(receipts):
            ids = [result.id for result in results if result.receipt == number]
            self._store({"url": self.client.url, "receipt": receipt, "ids": ids})
        before = len(self.receipts)
        for result in results:
            of_all = None if result.receipt is None else result.receipt + before
            self.results.append(replace(result, receipt=of_all))
            self.counts[result.status] += 1
        self.receipts += receipts
        return len(results)

    def _store(self, kept: JsonObject) -> None:
        """Append a line to the file of receipts."""
        self.receipts_file.parent.mkdir(parents=True, exist_ok=True)
        with self.receipts_file.open("ab") as file:
            file.write(msgspec.json.encode(kept) + b"\n")


def _results_of(answer: HttpAnswer) -> tuple[list[EventResult], list[str]]:
    """Results and receipts; a single event that was refused is answered with a problem."""
    if not answer.is_error:
        reply = read_reply(answer, IntakeReply)
        return reply.results, reply.receipts
    problem = read_reply(answer, ProblemReply)
    if not problem.problems:
        raise to_error(answer)
    return [EventResult("rejected", problems=problem.problems)], []


def _send_file(sending: _Sending, data: bytes, out: Output) -> None:
    # The key derives from the content: the same file sent again has the same ids (event-schema
    # §2), so whoever is unsure whether it arrived may simply repeat the command.
    whole = hashlib.sha256(data).hexdigest()[:32]
    if _is_ndjson(data):
        with out.progress("sending", data.count(b"\n") + 1) as advance:
            for number, chunk in enumerate(_chunks(data)):
                advance(sending.post(chunk, "application/x-ndjson", f"{whole}-{number}"))
    else:
        sending.post(data, "application/json", whole)


def _is_ndjson(data: bytes) -> bool:
    """Whether there are several lines of which the first is an object of its own."""
    first, _, rest = data.strip().partition(b"\n")
    if not rest:
        return False
    try:
        return isinstance(msgspec.json.decode(first), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _chunks(data: bytes) -> Iterator[bytes]:
    lines: list[bytes] = []
    size = 0
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        if lines and (len(lines) == _CHUNK_EVENTS or size + len(line) > _CHUNK_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)


def _tell(sending: _Sending, out: Output) -> int:
    counts = dict(sending.counts)
    odd = [r for r in sending.results if r.status not in {"accepted", "duplicate"}]
    shown = sending.results if len(sending.results) <= _LISTED else odd[:_LISTED]
    rows = [(r.status, r.id, r.log, "" if r.index is None else r.index, _why(r)) for r in shown]
    summary = ", ".join(f"{n:,} {status}" for status, n in sorted(counts.items())) or "no events"
    if len(odd) > _LISTED < len(sending.results):
        summary += f" (the first {_LISTED} of those not accepted are listed)"
    out.result(
        {"counts": counts, "results": sending.results, "receipts": sending.receipts},
        *([table("", ("status", "id!", "log", "index#", "note"), rows)] if rows else []),
        *(line for result in shown for line in _faults(result)),
        summary,
    )
    if sending.receipts:
        out.note(f"receipts are kept in {sending.receipts_file}")
    return 1 if sending.counts["rejected"] else 0


def _why(result: EventResult) -> str:
    number = len(result.problems)
    faults = count(number, "problem") if number else ""
    return "; ".join(filter(None, [result.reason, *result.warnings, faults]))


def _faults(result: EventResult) -> Iterator[Line]:
    """Every fault of a refused event, a line each."""
    if result.problems:
        yield plain(f"{result.id or 'the event'} was refused:")
    for fault in result.problems:
        yield plain(f"  {fault_line(fault)}")


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise BadInputError(f"cannot read the file: {error.strerror}", where=str(file)) from error


def _receipts_file() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "vitne" / "receipts.ndjson"


def _kept(**members: str) -> dict[str, str]:
    return {name: value for name, value in members.items() if value}


def _target(text: str) -> dict[str, str]:
    kind, slash, name = text.partition("/")
    if not (slash and kind and name):
        raise BadInputError(f"a target is type/id, not {text!r}", hint="--target customer/cus_1")
    return {"type": kind, "id": name}


def _assign(made: dict[str, Any], assignment: str) -> None:
    """Set one field by its dotted path; the value is JSON if it reads as JSON, else text."""
    path, equals, text = assignment.partition("=")
    if not (equals and path):
        raise BadInputError(f"--set takes path=value, not {assignment!r}")
    *steps, last = path.split(".")
    inner = made
    for step in steps:
        inner = inner.setdefault(step, {})
        if not isinstance(inner, dict):
            raise BadInputError(f"--set {path}: {step} is no object")
    try:
        inner[last] = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        inner[last] = text
