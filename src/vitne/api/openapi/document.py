"""The OpenAPI document: what Litestar does not derive, above all the request of POST /v1/events."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)

from vitne.api.intake.events import PATH, EventsResource
from vitne.api.openapi.problems import AUTHENTICATED, problems
from vitne.api.server import Here, respond
from vitne.core.entry.batch import BATCH_TYPE
from vitne.core.event.schema import Event
from vitne.version import __version__
from vitne.wire.answers import AnswerRequest
from vitne.wire.events import IntakeReply

_REF: Final = "#/components/schemas/{name}"
_MINIMAL: Final = {
    "type": "crm.customer.viewed",
    "actor": {"id": "usr_77"},
    "target": "customer/cus_90331",
}
_LINE: Final = '{"type":"crm.customer.viewed","actor":{"id":"usr_77"},"target":"customer/cus_1"}\n'
_ACCEPTED: Final = {
    "accepted": 1,
    "duplicate": 0,
    "dropped": 0,
    "quarantined": 0,
    "rejected": 0,
    "receipts": ["vitne-receipt/v1\n…"],
    "results": [
        {
            "status": "accepted",
            "id": "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77",
            "log": "acme",
            "index": 48211,
            "receipt": 0,
        }
    ],
}
_TAKING: Final = (
    *AUTHENTICATED,
    "bad_input",
    "unreadable",
    "slow_body",
    "id_conflict",
    "too_large",
    "unsupported_media",
    "rejected",
    "tenant_not_allowed",
    "stream_conflict",
    "sender_refused",
    "quota",
    "internal",
    "unavailable",
    "overloaded",
    "storage",
)


def request_schemas() -> dict[str, Any]:
    """The JSON Schemas of the bodies that handlers read themselves, with all parts, by name."""
    _, found = msgspec.json.schema_components((Event, AnswerRequest), ref_template=_REF)
    return found


def _reference(name: str) -> Reference:
    return Reference(ref=_REF.format(name=name))


@dataclass
class TakeEvents(Operation):
    """POST /v1/events with its forms of body."""

    def __post_init__(self) -> None:
        """Tell the body and the headers."""
        one = _reference("Event")
        many = Schema(type=OpenAPIType.ARRAY, items=one, min_items=1, max_items=1000)
        lines = Schema(type=OpenAPIType.STRING)
        self.request_body = RequestBody(
            required=True,
            description="At most 1,000 events, 64 KiB each, 5 MiB in all, unpacked.",
            content={
                "application/json": OpenAPIMediaType(
                    schema=Schema(one_of=[one, many]),
                    examples={"minimal": Example(summary="What curl sends", value=_MINIMAL)},
                ),
                "application/x-ndjson": OpenAPIMediaType(
                    schema=lines, examples={"two": Example(value=_LINE * 2)}
                ),
                "application/vnd.vitne.import+x-ndjson": OpenAPIMediaType(schema=lines),
                BATCH_TYPE: OpenAPIMediaType(schema=lines),
            },
        )
        self.parameters = [
            _header("Content-Encoding", "gzip, zstd or none.", ["gzip", "zstd", "identity"]),
            _header("Idempotency-Key", "Gives the ids of events without one: a retry is safe."),
            _header("traceparent", "W3C trace context; fills `correlation`."),
        ]


def _header(name: str, text: str, values: list[str] | None = None) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING, enum=values, max_length=200)
    return Parameter(name=name, param_in="header", required=False, description=text, schema=schema)


def intake_route(resource: EventsResource) -> HTTPRouteHandler:
    """POST /v1/events as Litestar sees it; `app` answers the path before it comes here."""
    accepted = ResponseSpec(
        IntakeReply,
        generate_examples=False,
        description="The body could be read: one result per event, in the order sent.",
        examples=[Example(id="accepted", summary="One event", value=_ACCEPTED)],
    )

    @post(
        PATH,
        status_code=200,
        operation_id="send_events",
        operation_class=TakeEvents,
        summary="Send events",
        description="One object, an array, or NDJSON: one durable transaction. After 503 or a"
        " lost reply send it again; ids make it safe. 409 and 422 answer a single object only.",
        responses={200: accepted, **problems(*_TAKING)},
        tags=["events"],
    )
    async def send_events(request: Here) -> Response[bytes]:
        return respond(await resource.take(request.scope, request.receive))

    return send_events


def config() -> OpenAPIConfig:
    """Title, keys and tags; Litestar adds the paths."""
    bearer = SecurityScheme(
        type="http", scheme="bearer", description="An API key: `vk_<id>_<secret>`."
    )
    return OpenAPIConfig(
        title="Vitne",
        version=__version__,
        summary="An audit log that can prove, or disprove, that a person misused their access",
        description="A query parameter that a resource does not take is refused with status 400,"
        " code `bad_input`, and the nearest one that it takes; those of probes and scrapers on the"
        " resources for operations are passed over.",
        components=Components(security_schemes={"key": bearer}),
        security=[{"key": []}],
        tags=[
            Tag(name="events", description="Send events, find them, prove them."),
            Tag(name="answers", description="Ask who did what, with proof."),
            Tag(name="tenants", description="Whose logs there are."),
            Tag(name="streams", description="For senders that sign; and how complete they are."),
            Tag(name="erasure", description="What goes, what is held, what expires."),
            Tag(name="transparency log", description="C2SP tlog-tiles."),
            Tag(name="operations", description="For those who run the server."),
        ],
        use_handler_docstrings=False,
        render_plugins=[JsonRenderPlugin()],
    )
