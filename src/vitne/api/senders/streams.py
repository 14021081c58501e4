"""`/v1/streams`: what senders say of their streams, and how complete all streams of a log are.

Senders write with their API key and sign what they say; readers read, and each read is an event of
the log.
"""

from functools import partial
from typing import Annotated

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, QueryParameter

from vitne.api.openapi.problems import AUTHENTICATED, READING, problems
from vitne.api.server import Access, Head, Reads, RequestHead, Tenant
from vitne.services.access import LoggedReads
from vitne.services.senders import SenderStreams
from vitne.wire.streams import (
    HeartbeatRequest,
    OpenStreamRequest,
    SenderLogReply,
    StreamMessageReply,
    StreamReply,
    StreamsReply,
    VoidRequest,
)

_SENDING = (
    *AUTHENTICATED, "bad_input", "tenant_not_allowed", "stream_conflict", "sender_refused",
    "too_large", "unavailable", "overloaded", "storage", "internal",
)  # fmt: skip
_send = partial(
    post,
    status_code=200,
    responses=problems(*_SENDING),
    request_max_body_size=64 * 1024,
    tags=["streams"],
)


class StreamsResource:
    """Takes from senders, tells readers."""

    def __init__(self, streams: SenderStreams, access: Access, reading: LoggedReads) -> None:
        self._streams = streams
        self._access = access
        self._reading = reading

    def log_of(self, head: RequestHead, tenant: str) -> SenderLogReply:
        """Where a sender writes to."""
        log, origin = self._streams.log_of(self._access.key(head, "write"), tenant)
        return SenderLogReply(log, origin)

    def open(self, head: RequestHead, sent: OpenStreamRequest) -> StreamMessageReply:
        """Register a stream."""
        return self._streams.open(self._access.key(head, "write"), sent)

    def beat(self, head: RequestHead, sent: HeartbeatRequest) -> StreamMessageReply:
        """Take a heartbeat."""
        return self._streams.beat(self._access.key(head, "write"), sent)

    def void(self, head: RequestHead, sent: VoidRequest) -> StreamMessageReply:
        """Take a void."""
        return self._streams.void(self._access.key(head, "write"), sent)

    def page(self, head: RequestHead, tenant: str, *, troubled: bool) -> StreamsReply:
        """How complete the streams are; durable as an event before the reader has it."""
        reader = self._access.reader(head, tenant)
        found = self._streams.report(reader.tenant)
        self._reading.streams_viewed(reader.caller, reader.tenant)
        shown = [one for one in found if not troubled or _is_troubled(one)]
        return StreamsReply(
            reader.tenant,
            shown,
            missing=sum(one.missing for one in found),
            silent=sum(one.status == "silent" for one in found),
            abandoned=sum(one.status == "abandoned" for one in found),
            voided=sum(one.voided for one in found),
            late=sum(one.late for one in found),
        )


def _is_troubled(one: StreamReply) -> bool:
    bad = one.status in {"silent", "abandoned"}
    return bad or bool(one.missing or one.voided or one.late)


Troubled = Annotated[
    bool,
    QueryParameter(
        description="Only streams with something to explain: missing, void or late events, silence."
    ),
]


def stream_routes(resource: StreamsResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The resources of streams."""
    return [*_reading_routes(resource, reads), *_speaking_routes(resource, reads)]


def _reading_routes(resource: StreamsResource, reads: Reads) -> list[HTTPRouteHandler]:
    @get(
        "/v1/streams",
        operation_id="streams",
        summary="How complete the streams of a log are",
        description="Missing numbers, silence, voids and late events per source and stream. The"
        " read is itself an event of the log.",
        responses=problems(*READING),
        tags=["streams"],
    )
    async def streams(
        reader_head: Head, tenant: Tenant = "", troubled: Troubled = False
    ) -> StreamsReply:
        return await reads.run(resource.page, reader_head, tenant, troubled=troubled)

    @get(
        "/v1/streams/log",
        operation_id="log_of_sender",
        summary="Which log a sender writes to",
        description="For senders that sign and do not know the origin of the log, which a signature"
        " names. Needs the role write.",
        responses=problems(*AUTHENTICATED, "bad_input", "tenant_not_allowed", "internal"),
        tags=["streams"],
    )
    async def log_of_sender(head: Head, tenant: Tenant = "") -> SenderLogReply:
        return await reads.run(resource.log_of, head, tenant)

    return [streams, log_of_sender]


def _speaking_routes(resource: StreamsResource, reads: Reads) -> list[HTTPRouteHandler]:
    @_send(
        "/v1/streams",
        operation_id="open_stream",
        summary="Open a signed stream",
        description="The same registration again is answered as before.",
    )
    async def open_stream(head: Head, data: JSONBody[OpenStreamRequest]) -> StreamMessageReply:
        return await reads.run(resource.open, head, data)

    @_send(
        "/v1/streams/beats",
        operation_id="beat",
        summary="Send a heartbeat of a signed stream, or close it",
    )
    async def beat(head: Head, data: JSONBody[HeartbeatRequest]) -> StreamMessageReply:
        return await reads.run(resource.beat, head, data)

    @_send(
        "/v1/streams/voids",
        operation_id="void",
        summary="Say that numbers of a signed stream will never come",
    )
    async def void(head: Head, data: JSONBody[VoidRequest]) -> StreamMessageReply:
        return await reads.run(resource.void, head, data)

    return [open_stream, beat, void]
