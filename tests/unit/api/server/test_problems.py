import inspect

import msgspec
import pytest

from vitne import errors
from vitne.api.server.problems import KINDS, bare_problem, kind_of, problem
from vitne.errors import (
    IntegrityError,
    OverloadedError,
    QuotaError,
    RollbackError,
    UnknownKeyError,
    VitneError,
)
from vitne.wire.problems import ProblemReply

EVERY_ERROR = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, VitneError) and kind is not VitneError
]


@pytest.mark.parametrize("kind", EVERY_ERROR, ids=lambda kind: kind.__name__)
def test_every_error_leaves_as_a_problem_of_a_documented_code(kind: type[VitneError]) -> None:
    reply = problem(kind("a sentence"))

    told = msgspec.json.decode(reply.body, type=ProblemReply)
    assert KINDS[told.code].status == reply.status == told.status
    assert reply.content_type == b"application/problem+json"
    assert told.type.endswith(told.code)


def test_an_error_is_told_under_the_code_of_its_nearest_documented_class() -> None:
    assert kind_of(RollbackError("x"))[0] == "integrity"
    assert kind_of(VitneError("x"))[0] == "internal"


def test_a_server_fault_keeps_its_text_to_itself() -> None:
    reply = problem(IntegrityError("secret detail", where="somewhere"), request_id="r1")

    assert reply.status == 500
    assert b"secret detail" not in reply.body
    assert b"somewhere" not in reply.body
    assert msgspec.json.decode(reply.body)["request_id"] == "r1"


@pytest.mark.parametrize("kind", [OverloadedError, QuotaError])
def test_whoever_is_told_to_wait_is_told_how_long(kind: type[OverloadedError]) -> None:
    assert (b"retry-after", b"7") in problem(kind("wait", retry_after_s=7)).headers


def test_a_missing_key_is_told_how_to_show_one() -> None:
    names = dict(problem(UnknownKeyError("who?")).headers)

    assert names[b"www-authenticate"].startswith(b"Bearer")


@pytest.mark.parametrize("code", KINDS)
def test_every_documented_code_makes_a_document(code: str) -> None:
    told = msgspec.json.decode(bare_problem(code).body, type=ProblemReply)

    assert (told.code, told.title) == (code, KINDS[code].title)
