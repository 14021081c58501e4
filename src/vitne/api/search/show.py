"""`GET /v1/events/{id}` and its proof: one record whole, as its reader may see it."""

from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from msgspec import Raw

from vitne.api.openapi.problems import READING, body, problems
from vitne.api.server import (
    Access,
    Head,
    Header,
    HttpReply,
    Reads,
    RequestHead,
    Tenant,
    respond,
)
from vitne.core.values import LogId, parse_uuid, uuid_text
from vitne.errors import NotFoundError
from vitne.services.access import LoggedReads
from vitne.services.search import Show, ShownRecord, found_event
from vitne.wire.search import EventReply

WAIT_S: Final = 3.0
"""How long a reader waits for the checkpoint that covers a fresh event."""

_RECORD_TYPE: Final = b"application/vnd.vitne.record+json"
_TLOG_TYPE: Final = b"text/plain; charset=utf-8"

Form = Annotated[
    Literal["record", "tlog"], QueryParameter(description="`record` with its parts, or the entry.")
]
EventId = Annotated[str, PathParameter(description="The event's UUID.", max_length=36)]


class EventResource:
    """Shows one event, once the read of it is logged."""

    def __init__(self, show: Show, access: Access, reading: LoggedReads) -> None:
        self._show = show
        self._access = access
        self._reading = reading

    def event(self, head: RequestHead, event_id: str, tenant: str) -> bytes:
        """An `EventReply` as JSON; the proof's bytes stand in it as they are."""
        log, shown = self._seen(head, event_id, tenant)
        proof = Raw(b"null") if shown.reason else Raw(shown.document())
        return msgspec.json.encode(
            {
                "shown": found_event(log, shown.record),
                "proof": proof,
                "reason": shown.reason,
            }
        )

    def proof(
        self,
        head: RequestHead,
        event_id: str,
        tenant: str,
        form: Literal["record", "tlog"],
    ) -> HttpReply:
        """The proof alone, byte for byte as it is to be kept."""
        _, shown = self._seen(head, event_id, tenant)
        if form == "tlog":
            return HttpReply(
                200, shown.tlog_proof(), _TLOG_TYPE, (_attached(event_id, "tlog-proof"),)
            )
        return HttpReply(200, shown.document(), _RECORD_TYPE, (_attached(event_id, "vitne.json"),))

    def _seen(self, head: RequestHead, event_id: str, tenant: str) -> tuple[LogId, ShownRecord]:
        reader = self._access.reader(head, tenant)
        wanted = parse_uuid(event_id.lower())
        try:
            shown = self._show.by_id(reader.tenant, wanted, WAIT_S)
        except NotFoundError:
            # That there is none is an answer too.
            self._reading.viewed(reader.caller, reader.tenant, uuid_text(wanted), found=False)
            raise
        self._reading.viewed(reader.caller, reader.tenant, uuid_text(wanted))
        return reader.tenant, shown


def _attached(event_id: str, ending: str) -> Header:
    name = f'attachment; filename="{event_id[:36]}.{ending}"'
    return (b"content-disposition", name.encode("ascii", "replace"))


def showing_routes(resource: EventResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The event, and its proof."""

    @get(
        "/v1/events/{event_id:str}",
        operation_id="show_event",
        summary="One event with its proof",
        description="The read is itself an event of the log. Waits up to 3 s for a checkpoint.",
        responses={
            **problems(*READING, "too_large"),
            200: body(EventReply, "application/json", "The event."),
        },
        tags=["events"],
    )
    async def event(reader_head: Head, event_id: EventId, tenant: Tenant = "") -> Response[bytes]:
        made = await reads.run(resource.event, reader_head, event_id, tenant)
        return respond(HttpReply(200, made))

    @get(
        "/v1/events/{event_id:str}/proof",
        operation_id="prove_event",
        summary="The proof of one event, as a file",
        description="`record`: `vitne-record/v1`; `tlog`: C2SP tlog-proof of the entry alone.",
        responses={
            **problems(*READING, "too_large"),
            200: body(bytes, "application/octet-stream", "The proof."),
        },
        tags=["events"],
    )
    async def proof(
        reader_head: Head, event_id: EventId, tenant: Tenant = "", form: Form = "record"
    ) -> Response[bytes]:
        return respond(await reads.run(resource.proof, reader_head, event_id, tenant, form))

    return [event, proof]
