"""Errors as problem+json (RFC 9457): a stable `code`, a sentence, a next step.

The only place that knows HTTP statuses of error codes. A problem never holds a stack trace, and
never a value of the request that may be personal: messages are written by Vitne.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from vitne.api.server.responses import PROBLEM, Header, HttpReply
from vitne.core.event.event import Problem
from vitne.core.values import encode_base64
from vitne.errors import (
    StreamConflictError,
    UnavailableError,
    UnknownKeyError,
    VitneError,
)
from vitne.ports import Standing
from vitne.wire.problems import ProblemReply, StreamStanding

TYPE_PREFIX: Final = "https://vitne.dev/problems/"


class ProblemKind(Struct, frozen=True):
    """One code: its status and title."""

    status: int
    title: str


KINDS: Final[dict[str, ProblemKind]] = {
    "bad_input": ProblemKind(400, "The request is not well formed"),
    "unreadable": ProblemKind(400, "The body cannot be read"),
    "filter_syntax": ProblemKind(400, "The search text does not parse"),
    "bad_cursor": ProblemKind(400, "The cursor does not belong to this search"),
    "unknown_key": ProblemKind(401, "The API key is not valid"),
    "not_allowed": ProblemKind(403, "The API key may not do this"),
    "tenant_not_allowed": ProblemKind(403, "The API key is not for this tenant"),
    "not_found": ProblemKind(404, "There is no such thing"),
    "method_not_allowed": ProblemKind(405, "The resource does not take this method"),
    "slow_body": ProblemKind(408, "The body did not come in time"),
    "conflict": ProblemKind(409, "The state is not what the request assumes"),
    "held": ProblemKind(409, "A legal hold is in the way"),
    "id_conflict": ProblemKind(409, "Another event has this id"),
    "stream_conflict": ProblemKind(409, "The sender's sequence number does not match the log"),
    "too_large": ProblemKind(413, "The request is too large"),
    "answer_too_large": ProblemKind(413, "More events answer the question than one answer shows"),
    "unsupported_media": ProblemKind(415, "The type or encoding of the body is not taken"),
    "rejected": ProblemKind(422, "The event breaks the schema"),
    "bad_question": ProblemKind(422, "The question is not well formed"),
    "sender_refused": ProblemKind(422, "What the sender signed is not taken"),
    "quota": ProblemKind(429, "The source has sent its share"),
    "head_too_large": ProblemKind(431, "The head of the request is too large"),
    "internal": ProblemKind(500, "The server failed"),
    "integrity": ProblemKind(500, "Stored bytes contradict each other"),
    "unavailable": ProblemKind(503, "Try again later"),
    "overloaded": ProblemKind(503, "Too much is waiting"),
    "storage": ProblemKind(503, "The disk does not take it"),
}
"""Every code that a reply can carry."""


def kind_of(error: VitneError) -> tuple[str, ProblemKind]:
    """The code under which an error leaves, and its status: that of its nearest known class."""
    for cls in type(error).__mro__:
        code = getattr(cls, "code", "")
        if code in KINDS:
            return code, KINDS[code]
    return "internal", KINDS["internal"]


def problem(error: VitneError, *, request_id: str = "") -> HttpReply:
    """An error as a reply; one of status 500 keeps its details to itself."""
    code, kind = kind_of(error)
    if kind.status == KINDS["internal"].status:
        return bare_problem(code, request_id=request_id)
    headers: list[Header] = []
    if isinstance(error, UnavailableError):
        headers.append((b"retry-after", b"%d" % error.retry_after_s))
    if isinstance(error, UnknownKeyError):
        headers.append((b"www-authenticate", b'Bearer realm="vitne"'))
    made = ProblemReply(
        type=TYPE_PREFIX + code,
        title=kind.title,
        status=kind.status,
        code=code,
        detail=error.message,
        where=error.where,
        hint=error.hint,
        problems=tuple(one for one in error.problems if isinstance(one, Problem)),
        stream=_standing_of(error),
    )
    return HttpReply(kind.status, msgspec.json.encode(made), PROBLEM, tuple(headers))


def _standing_of(error: VitneError) -> StreamStanding | None:
    stand = error.stand if isinstance(error, StreamConflictError) else None
    if not isinstance(stand, Standing):
        return None
    return StreamStanding(stand.last, encode_base64(stand.chain), stand.closed)


def bare_problem(
    code: str,
    *,
    detail: str = "",
    hint: str = "",
    problems: Sequence[Problem] = (),
    request_id: str = "",
    headers: tuple[Header, ...] = (),
) -> HttpReply:
    """A problem that no error object stands for."""
    kind = KINDS[code]
    made = ProblemReply(
        type=TYPE_PREFIX + code,
        title=kind.title,
        status=kind.status,
        code=code,
        detail=detail,
        hint=hint,
        problems=tuple(problems),
        request_id=request_id,
    )
    return HttpReply(kind.status, msgspec.json.encode(made), PROBLEM, headers)
