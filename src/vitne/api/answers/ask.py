"""`POST /v1/answers`: a question, its verdict, and the file that proves the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, Reference, RequestBody
from msgspec import Raw

from vitne.answers.ask_request import QuestionRequest, read_question
from vitne.api.answers.answer import to_answer_reply
from vitne.api.openapi.problems import READING, body, problems
from vitne.api.server import (
    Access,
    Head,
    Here,
    HttpReply,
    Reads,
    RequestHead,
    bare_problem,
    read_body,
    respond,
)
from vitne.core.event.event import Problem
from vitne.core.values import count
from vitne.errors import TooLargeError, UnreadableBodyError, UnsupportedMediaError
from vitne.ports import Clock
from vitne.services.access import LoggedReads
from vitne.services.answers import AnsweredQuestion, Answers
from vitne.wire.answers import AnswerReply

_EXAMPLES: Final = {
    "who_accessed": {
        "ask": "who_accessed",
        "target": "customer/cus_90331",
        "from": "2026-03-01",
        "to": "2026-04-01",
    },
    "did_touch": {
        "ask": "did_touch",
        "actor": "usr_77",
        "issuer": "https://id.example",
        "target": "customer/cus_90331",
        "clock": "occurred",
        "late": "7d",
    },
    "did_anyone": {
        "ask": "did_anyone",
        "type": "crm.customer.exported",
        "target": "customer/cus_90331",
        "withhold": ["person"],
    },
}


@dataclass
class AskQuestion(Operation):
    """POST /v1/answers with its body."""

    def __post_init__(self) -> None:
        """Tell the body, which the handler reads itself to name all faults at once."""
        self.request_body = RequestBody(
            required=True,
            description="At most 16 KiB. A refusal names all faults, each with its path.",
            content={
                "application/json": OpenAPIMediaType(
                    schema=Reference(ref="#/components/schemas/AnswerRequest"),
                    examples={name: Example(value=value) for name, value in _EXAMPLES.items()},
                )
            },
        )


BUNDLE_TYPE: Final = "application/vnd.vitne.bundle+json"
BODY_TIMEOUT_S: Final = 30
_REQUEST_MAX: Final = 16 * 1024

Counted = Callable[[str, float], None]
"""Told the verdict of an answer, and how many seconds it took."""


class AnswersResource:
    """Answers questions about one log."""

    def __init__(
        self, ask: Answers, access: Access, reading: LoggedReads, clock: Clock, counted: Counted
    ) -> None:
        self._ask = ask
        self._access = access
        self._reading = reading
        self._clock = clock
        self._counted = counted

    def answer(self, head: RequestHead, raw: bytes, *, as_bundle: bool) -> HttpReply:
        """The answer as JSON, or its bundle; durable as events before the reader has it.

        Args:
            head: of the request.
            raw: the body.
            as_bundle: the bundle alone, byte for byte as it verifies.
        """
        started_s = perf_counter()
        self._access.key(head, "read")  # nobody else learns what is wrong with a question
        members = _members(raw)
        tenant = members.pop("tenant", "")
        with_bundle = members.pop("with_bundle", False)
        faults = _wrong_types(tenant, with_bundle)
        request = read_question(members, self._clock.now_us())
        if not isinstance(request, QuestionRequest) or faults:
            return _refused((*faults, *(() if isinstance(request, QuestionRequest) else request)))
        reader = self._access.reader(head, tenant)
        found = self._ask.answer(reader.tenant, request, reader.caller, self._reading)
        self._counted(found.answer.verdict, perf_counter() - started_s)
        if as_bundle:
            return HttpReply(200, found.bundle, BUNDLE_TYPE.encode(), (_attached(found),))
        shown = msgspec.json.encode(to_answer_reply(found))
        if not with_bundle:
            return HttpReply(200, shown)
        # The bundle stands in the reply byte for byte, so that it still verifies.
        fields = msgspec.json.decode(shown, type=dict[str, Raw])
        return HttpReply(200, msgspec.json.encode({**fields, "bundle": Raw(found.bundle)}))


def _members(raw: bytes) -> dict[str, Any]:
    if len(raw) > _REQUEST_MAX:
        raise TooLargeError(f"a question has at most {_REQUEST_MAX:,} bytes, got {len(raw):,}")
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBodyError(
            "a question is one JSON object", hint="see POST /v1/answers in docs/reference/http.md"
        ) from error


def _wrong_types(tenant: object, with_bundle: object) -> tuple[Problem, ...]:
    found = []
    if not isinstance(tenant, str):
        found.append(Problem("wrong_type", "$.tenant", "a text"))
    if not isinstance(with_bundle, bool):
        found.append(Problem("wrong_type", "$.with_bundle", "true or false"))
    return tuple(found)


def _refused(faults: tuple[Problem, ...]) -> HttpReply:
    return bare_problem(
        "bad_question",
        detail=f"the question has {count(len(faults), 'fault')}",
        hint="correct what `problems` lists, and ask again",
        problems=faults,
    )


def _attached(found: AnsweredQuestion) -> tuple[bytes, bytes]:
    a, b = found.answer.range
    name = f'attachment; filename="{found.log}-{found.request.kind}-{a}-{b}.vitne"'
    return (b"content-disposition", name.encode("ascii", "replace"))


def _wants_bundle(request: Here) -> bool:
    """Whether the bundle is asked for by name.

    Raises:
        UnsupportedMediaError: the body is said to be something else than JSON.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() not in {"application/json", ""}:
        raise UnsupportedMediaError(
            "a question comes as application/json", where="Content-Type", hint="send JSON"
        )
    accepted = request.headers.get("accept", "")
    return any(one.partition(";")[0].strip().lower() == BUNDLE_TYPE for one in accepted.split(","))


def answer_routes(resource: AnswersResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The one resource."""

    @post(
        "/v1/answers",
        status_code=200,
        operation_id="ask_question",
        operation_class=AskQuestion,
        summary="Ask a question",
        description="Who accessed a target, what an actor did, whether one touched the other,"
        " whether something was done at all; with a verdict and its evidence. The question and"
        " the answer are themselves events of the log. With `Accept: " + BUNDLE_TYPE + "` the"
        " reply is the bundle alone, to be verified offline.",
        responses={
            **problems(
                *READING,
                "unreadable",
                "slow_body",
                "unsupported_media",
                "too_large",
                "answer_too_large",
                "bad_question",
                "integrity",
                "overloaded",
            ),
            200: body(AnswerReply, "application/json", "The answer."),
        },
        tags=["answers"],
    )
    async def ask(request: Here, reader_head: Head) -> Response[bytes]:
        as_bundle = _wants_bundle(request)
        raw = await read_body(request.receive, reader_head.content_length, BODY_TIMEOUT_S)
        return respond(await reads.run(resource.answer, reader_head, raw, as_bundle=as_bundle))

    return [ask]
