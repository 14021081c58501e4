"""POST /v1/events: the way in. Written straight on ASGI, since every event of a vendor passes here.

Litestar adds about 45 µs to a request of 30 µs (docs/adr); so this resource answers before it,
and Litestar's route of the same path is documentation that calls the same function.
"""

import asyncio
from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final, Generic, TypeVar

import msgspec
from litestar.types import HTTPScope, Receive

from vitne.api.server import (
    Access,
    HttpReply,
    Meters,
    RequestHead,
    bare_problem,
    read_body,
    read_head,
    unpack,
)
from vitne.core.entry.batch import BATCH_TYPE
from vitne.core.values import count
from vitne.errors import (
    BadInputError,
    SenderRefusedError,
    StreamConflictError,
    UnavailableError,
    UnsupportedMediaError,
)
from vitne.ports import ApiKey
from vitne.services.access import EventIntake
from vitne.services.intake import Quota
from vitne.services.writer import Arrival, Form
from vitne.wire.events import EventResult, IntakeReply

T = TypeVar("T")

_LOOK_EVERY_S: Final = 1.0


class Commits(Generic[T]):
    """Carries results of the writer's thread to the waiting requests, and ends waits in time.

    The writer finishes a whole group at once. Each result is put in a queue, and only the first of
    a group calls into the loop, which then takes all: one wake-up a group, not one a request. The
    waits are all of one length, so they run out in the order they began: one timer for all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._arrived: deque[tuple[asyncio.Future[T], Future[T]]] = deque()
        self._waiting: deque[tuple[float, asyncio.Future[T]]] = deque()
        self._called = False
        self._looking = False

    def wait(self, commit: Future[T]) -> asyncio.Future[T]:
        """A future of the loop that ends as `commit` does, or in `UnavailableError`."""
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._waiting.append((self._loop.time() + self._timeout_s, waiter))
        if not self._looking:
            self._look_later()
        commit.add_done_callback(partial(self._done, waiter))
        return waiter

    def _done(self, waiter: asyncio.Future[T], commit: Future[T]) -> None:
        """In the writer's thread."""
        self._arrived.append((waiter, commit))
        # Seen as called too late only costs a second, empty delivery; `_deliver` clears the mark
        # before it looks into the queue, so nothing is ever left behind.
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                # The loop is closed: the server was told to stop at once, nobody waits any more.
                self._arrived.clear()

    def _deliver(self) -> None:
        """In the loop."""
        self._called = False
        while self._arrived:
            waiter, commit = self._arrived.popleft()
            if waiter.done():
                continue  # the client left, or the wait was given up
            if commit.cancelled():
                waiter.cancel()
            elif (error := commit.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(commit.result())

    def _look_later(self) -> None:
        self._looking = True
        self._loop.call_later(min(_LOOK_EVERY_S, self._timeout_s), self._look)

    def _look(self) -> None:
        """End the waits that ran out, and forget those that ended."""
        self._looking = False
        now_s = self._loop.time()
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= now_s):
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(
                    UnavailableError(
                        "the commit takes too long; whether it will be stored is not known",
                        hint="send the same events again: their ids make it safe",
                        retry_after_s=5,
                    )
                )
        if self._waiting:
            self._look_later()


PATH: Final = "/v1/events"
ROUTE: Final = "POST /v1/events"

INLINE_BYTES_MAX: Final = 16 * 1024
"""A larger body is prepared in a thread, so that it does not hold up the small ones."""

_FORMS: Final[dict[str, Form]] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.vitne.import+x-ndjson": "import",
    BATCH_TYPE: "batch",
}
_WHITE: Final = b" \t\r\n"


@dataclass(kw_only=True)
class EventsResource:
    """Takes the requests of one event loop."""

    intake: EventIntake
    access: Access
    quota: Quota
    meters: Meters
    workers: Executor
    body_timeout_s: int
    commit_timeout_s: int
    _commits: Commits[IntakeReply] | None = None

    async def take(self, scope: HTTPScope, receive: Receive) -> HttpReply:
        """Answer one request; everything that the reply says is durable.

        Raises:
            VitneError: whatever is wrong, for `problems`.
            ClientGoneError: nobody waits for the reply.
        """
        if scope["query_string"]:
            raise BadInputError(
                "the resource takes no query parameters",
                where=scope["query_string"].decode("latin-1").partition("=")[0][:40],
                hint="name the tenant in each event, or send with a key for one tenant",
            )
        client = scope["client"]
        head = read_head(scope["headers"], client[0] if client else "")
        key = self.access.key(head, "write")
        source = key.source.source_id if key.source else ""
        form = form_of(head.content_type)
        self.quota.check(source)
        body = await read_body(receive, head.content_length, self.body_timeout_s)
        self.meters.bytes_in += len(body)
        started_s = perf_counter()
        arrival = Arrival(head.peer_ip, head.idempotency_key, head.traceparent)
        try:
            reply = await self._durable(body, head, form, key, arrival)
        except (SenderRefusedError, StreamConflictError):
            self.quota.pay(source, 1)  # it was looked at, and perhaps told in the log
            raise
        self.meters.commit.add(perf_counter() - started_s)
        self.quota.pay(source, len(reply.results))
        self.meters.count(reply)
        if reply.rejected == 1 and len(reply.results) == 1 and _is_single(body, head, form):
            return _refusal(reply.results[0])
        return HttpReply(200, msgspec.json.encode(reply))

    async def _durable(
        self, body: bytes, head: RequestHead, form: Form, key: ApiKey, arrival: Arrival
    ) -> IntakeReply:
        """Prepare the body here or in a thread, and wait for its commit."""
        commits = self._commits
        if commits is None:
            loop = asyncio.get_running_loop()
            commits = self._commits = Commits(loop, self.commit_timeout_s)
        if len(body) <= INLINE_BYTES_MAX and not head.content_encoding:
            return await commits.wait(self.intake.submit(body, form, key, arrival))
        encoding = head.content_encoding

        def prepare() -> Future[IntakeReply]:
            return self.intake.submit(unpack(body, encoding), form, key, arrival)

        loop = asyncio.get_running_loop()
        return await commits.wait(await loop.run_in_executor(self.workers, prepare))


def form_of(content_type: str) -> Form:
    """The form that a Content-Type names.

    Raises:
        UnsupportedMediaError: none of ours, or a charset other than UTF-8.
    """
    name, _, parameters = content_type.partition(";")
    form = _FORMS.get(name.strip().lower())
    charset = parameters.replace(" ", "").lower()
    if form is None or ("charset=" in charset and "utf-8" not in charset):
        raise UnsupportedMediaError(
            "the body's Content-Type is not taken",
            where="Content-Type",
            hint="send application/json or application/x-ndjson, in UTF-8",
        )
    return form


def _is_single(body: bytes, head: RequestHead, form: Form) -> bool:
    """Whether the request is one object, not an array of one."""
    if form != "json":
        return False
    plain = unpack(body, head.content_encoding) if head.content_encoding else body
    return plain.lstrip(_WHITE)[:1] == b"{"


def _refusal(result: EventResult) -> HttpReply:
    """The reply to a single event that was not taken."""
    codes = {fault.code for fault in result.problems}
    if "id_conflict" in codes:
        code = "id_conflict"
    elif any(fault.code == "bad_format" and fault.path == "$" for fault in result.problems):
        code = "unreadable"  # the object cannot even be read as JSON
    else:
        code = "rejected"
    return bare_problem(
        code,
        detail=f"the event was not stored: it has {count(len(result.problems), 'problem')}",
        hint="correct what `problems` lists and send the event again; see docs/reference/events.md",
        problems=result.problems,
    )
