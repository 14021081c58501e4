"""The receipts that the log signed: kept, so that a broken promise can be proved."""

import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import DecodeError, Struct, convert, json

from vitne.core.event.event import Problem
from vitne.sdk.delivery.event_item import EventItem
from vitne.sdk.delivery.transport import BatchReply
from vitne.wire.events import EventResult


class LinesFile:
    """Appends objects, one a line; at `max_bytes` the file becomes `<name>.1` and starts anew.

    So between one and two times `max_bytes` of the newest lines are kept.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self._old = path.with_name(path.name + ".1")
        self._max_bytes = max_bytes

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def append(self, line: object) -> None:
        """Write one object. Raises `OSError` if the disk refuses."""
        data = json.encode(line) + b"\n"
        with self._locked():
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(fd).st_size
                if size and os.pread(fd, 1, size - 1) != b"\n":
                    data = b"\n" + data  # a killed process left half a line
                os.write(fd, data)
            finally:
                os.close(fd)
            if size + len(data) >= self._max_bytes:
                self.path.replace(self._old)

    def __iter__(self) -> Iterator[dict[str, object]]:
        """Every whole line, oldest first."""
        for path in (self._old, self.path):
            if path.is_file():
                for line in path.read_bytes().split(b"\n"):
                    try:
                        yield json.decode(line, type=dict[str, object])
                    except DecodeError:
                        continue  # half a line of a killed process, or the empty end


_log = logging.getLogger("vitne.sdk")

_IN_MEMORY = 200


class KeptReceipt(Struct, frozen=True, omit_defaults=True):
    """One receipt and the events it promises, as one line of `receipts.jsonl`."""

    at_us: int
    """When it came, by this machine's clock."""
    receipt: str
    """The signed note, verbatim (transparency-log §3.7)."""
    events: dict[str, int]
    """Event id → index in the log."""


class RejectedEvent(Struct, frozen=True, omit_defaults=True):
    """One event that the server rejected, with its bytes, as one line of `rejected.jsonl`."""

    at_us: int
    result: EventResult
    event: str


class ReceiptStore:
    """Receipts and rejected events, on disk if there is a spool, else the newest in memory."""

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._recent: deque[KeptReceipt] = deque(maxlen=_IN_MEMORY)
        self._kept = LinesFile(folder / "receipts.jsonl", max_bytes) if folder else None
        self._rejected = LinesFile(folder / "rejected.jsonl", max_bytes) if folder else None
        self._told: set[str] = set()

    def on_answer(self, items: Sequence[EventItem], reply: BatchReply) -> None:
        """Keep the receipts of a reply, and log each fault of rejected events once."""
        now_us = time.time_ns() // 1000
        by_receipt: dict[int, dict[str, int]] = {}
        for item, result in zip(items, reply.results, strict=True):
            if result.receipt is not None and result.index is not None:
                by_receipt.setdefault(result.receipt, {})[item.event_id] = result.index
            elif result.status == "rejected":
                self._reject(now_us, item, result)
        for number, events in sorted(by_receipt.items()):
            self.keep(reply.receipts[number], events)

    def keep(self, note: str, events: dict[str, int] | None = None) -> None:
        """Keep a receipt: of events, or of a stream's opening, a beat, a void."""
        kept = KeptReceipt(time.time_ns() // 1000, note, events or {})
        self._recent.append(kept)
        self._write(self._kept, kept)

    def refuse(self, event_id: str, problems: Sequence[str], body: bytes) -> None:
        """Keep an event that could not even be signed, so that its loss can be seen."""
        faults = tuple(Problem("unsignable", "$", got=problem) for problem in problems)
        result = EventResult("rejected", event_id, problems=faults)
        now_us = time.time_ns() // 1000
        self._write(self._rejected, RejectedEvent(now_us, result, body.decode()))

    def _reject(self, now_us: int, item: EventItem, result: EventResult) -> None:
        for problem in result.problems:
            fault = f"{problem.code} at {problem.path}"
            if fault not in self._told and len(self._told) < _IN_MEMORY:
                self._told.add(fault)
                _log.error(
                    "the server rejects events: %s (expected %s, got %s)",
                    fault,
                    problem.expected or "-",
                    problem.got or "-",
                )
        self._write(self._rejected, RejectedEvent(now_us, result, item.body.decode()))

    def _write(self, file: LinesFile | None, line: Struct) -> None:
        if file is None:
            return
        try:
            file.append(line)
        except OSError as error:
            _log.error("cannot keep receipts in %s: %s", file.path, error)

    def __iter__(self) -> Iterator[KeptReceipt]:
        """The kept receipts, oldest first."""
        if self._kept is None:
            yield from list(self._recent)
            return
        for line in self._kept:
            yield convert(line, KeptReceipt)

    def of(self, event_id: str) -> KeptReceipt | None:
        """The newest kept receipt of an event, or None if none is kept (any more)."""
        found = [kept for kept in self if event_id in kept.events]
        return found[-1] if found else None
