"""What the OpenAPI document says of problems and of bodies that are no JSON."""

from collections import defaultdict
from typing import Final

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from vitne.api.server import KINDS, PROBLEM, TYPE_PREFIX
from vitne.wire.problems import ProblemReply

AUTHENTICATED: Final = ("unknown_key", "not_allowed")
"""What any resource that needs a key may answer."""

READING: Final = (*AUTHENTICATED, "bad_input", "not_found", "unavailable", "storage", "internal")
"""What any read of a log may answer."""


def problems(*codes: str) -> dict[int, ResponseSpec]:
    """Responses of a handler by status: every code, described and with an example."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[KINDS[code].status].append(code)
    return {status: _spec(same) for status, same in sorted(by_status.items())}


def _spec(codes: list[str]) -> ResponseSpec:
    told = "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes)
    return ResponseSpec(
        ProblemReply,
        generate_examples=False,
        description=f"{told}.",
        media_type=PROBLEM.decode("ascii"),
        examples=[
            Example(id=code, summary=KINDS[code].title, value=_example(code)) for code in codes
        ],
    )


def _example(code: str) -> dict[str, object]:
    kind = KINDS[code]
    return {
        "type": TYPE_PREFIX + code,
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": "A sentence that says what was expected and what was found.",
        "hint": "What to do next.",
    }


def body(container: type, media_type: str, description: str) -> ResponseSpec:
    """A response that is no problem."""
    return ResponseSpec(
        container, generate_examples=False, description=description, media_type=media_type
    )
