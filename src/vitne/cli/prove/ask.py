"""`vitne ask`: a question with a verdict, and the file that proves the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from cyclopts import App, Group, Parameter
from msgspec.structs import replace

from vitne.cli.base.client import JSON_BODY, HttpClient, Purpose, ServerOptions, read_reply
from vitne.cli.base.files import write_file
from vitne.cli.base.output import Json, Output, Printed, plain, second, sections, table
from vitne.core.event.schema import Category
from vitne.errors import VerificationError
from vitne.wire.answers import AnswerReply, AnswerRequest, FoundAction

_PERIOD = Group("Period", sort_key=10)
_NARROW = Group("Only events that", sort_key=20)
_ANSWER = Group("Answer", sort_key=30)
_COLUMNS = ("occurred!", "type", "actor", "targets", "outcome", "purpose?", "grade", "signed")
_TARGETS_SHOWN = 2

_Target = Annotated[str, Parameter(help="As type/id.")]
_Actor = Annotated[str, Parameter(help="The actor's id.")]
_Issuer = Annotated[str | None, Parameter(help="Who gave them the id, if several do.")]
_Outcome = Annotated[str, Parameter(help="Ended so, e.g. succeeded, denied.")]

app = App(
    name="ask",
    help="Ask who did what; the answer is proved, disproved or undecidable, and says why.",
)


@Parameter(name="*", group=_PERIOD)
@dataclass(frozen=True)
class Period:
    """Which time is asked about."""

    from_: Annotated[
        str, Parameter(name="--from", help="First moment, e.g. 2026-03-01 or 7d [the beginning].")
    ] = ""
    to: Annotated[str, Parameter(help="First moment after the period [now].")] = ""
    clock: Annotated[
        Literal["recorded", "occurred"],
        Parameter(help="Time that counts: that of recording, or that which the sender states."),
    ] = "recorded"
    early: Annotated[str, Parameter(help="How far a sender's clock may be ahead [1d].")] = ""
    late: Annotated[str, Parameter(help="How long after the act an event is looked for [7d].")] = ""


@Parameter(name="*", group=_NARROW)
@dataclass(frozen=True)
class Narrow:
    """What else must hold."""

    type: Annotated[str, Parameter(help="Are of this type, e.g. crm.customer.*.")] = ""
    category: Annotated[str, Parameter(help="Are of this one, e.g. export.")] = ""
    outcome: _Outcome = ""


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """How it is asked, and what is done with the answer."""

    bundle: Annotated[
        Path | None,
        Parameter(name=("--bundle", "-b"), group=_ANSWER, help="File to write the evidence to."),
    ] = None
    withhold: Annotated[
        list[Literal["payload", "person"]] | None,
        Parameter(group=_ANSWER, help="Section to leave out of the answer and of the evidence."),
    ] = None
    purpose: Purpose = ""
    server: ServerOptions | None = None
    json: Json = False


@app.command(name="who-accessed")
def who_accessed(
    target: _Target,
    /,
    *,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Who did anything to a target.

    vitne ask who-accessed customer/cus_90331 --from 2026-03-01 --to 2026-04-01
    """
    _ask(AnswerRequest(ask="who_accessed", target=target), period, narrow, asking)


@app.command(name="what-did")
def what_did(
    actor: _Actor,
    /,
    *,
    issuer: _Issuer = None,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Everything that somebody did."""
    request = AnswerRequest(ask="what_did", actor=actor, issuer=issuer)
    _ask(request, period, narrow, asking)


@app.command(name="did")
def did(  # noqa: PLR0913  # the words of the sentence, and the options
    actor: _Actor,
    touch: Annotated[Literal["touch"], Parameter(help="This word.")],
    target: _Target,
    /,
    *,
    issuer: _Issuer = None,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Whether somebody did anything to a target.

    vitne ask did usr_77 touch customer/cus_90331 --from 2026-03-01 --to 2026-04-01
    """
    del touch
    request = AnswerRequest(ask="did_touch", actor=actor, issuer=issuer, target=target)
    _ask(request, period, narrow, asking)


@app.command(name="did-anyone")
def did_anyone(
    what: Annotated[str, Parameter(help="An event type (or crm.*), a category, or an action id.")],
    target: _Target,
    /,
    *,
    outcome: _Outcome = "",
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Whether a thing was done to a target, by anyone.

    vitne ask did-anyone crm.customer.exported customer/cus_90331
    """
    is_type, is_category = "." in what, what in get_args(Category)
    request = AnswerRequest(
        ask="did_anyone",
        target=target,
        outcome=outcome,
        type=what if is_type else "",
        category=what if is_category else "",
        action="" if is_type or is_category else what,
    )
    _ask(request, period, None, asking)


@app.command(name="all-of-type")
def all_of_type(
    type: Annotated[str, Parameter(help="A whole event type.")],  # noqa: A002  # what it is
    /,
    *,
    outcome: _Outcome = "",
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Every event of a type."""
    request = AnswerRequest(ask="all_of_type", type=type, outcome=outcome)
    _ask(request, period, None, asking)


@app.command(name="all-of-action")
def all_of_action(
    action: Annotated[str, Parameter(help="The action's id.")],
    /,
    *,
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Every event of one action of a user interface."""
    _ask(AnswerRequest(ask="all_of_action", action=action), period, None, asking)


@app.command(name="all-of-stream")
def all_of_stream(
    source: Annotated[str, Parameter(help="As application/service.")],
    stream: Annotated[str, Parameter(help="The sender's stream id.")],
    /,
    *,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Every event of one run of a sender."""
    request = AnswerRequest(ask="all_of_stream", source=source, stream=stream)
    _ask(request, period, narrow, asking)


# ---------------------------------------------------------------- asking


def _ask(
    request: AnswerRequest, period: Period | None, narrow: Narrow | None, asking: Asking | None
) -> None:
    """Send the question, show the answer, and write the bundle if that is wanted."""
    how, when, only = asking or Asking(), period or Period(), narrow or Narrow()
    out = Output(how.json)
    with HttpClient(how.server, how.purpose) as client:
        request = replace(
            request,
            tenant=client.tenant,
            from_=when.from_,
            to=when.to,
            clock=when.clock,
            early=when.early,
            late=when.late,
            type=only.type or request.type,
            category=only.category or request.category,
            outcome=only.outcome or request.outcome,
            withhold=how.withhold or [],
            with_bundle=how.bundle is not None,
        )
        headers = {**JSON_BODY, "Accept": "application/json"}
        content = msgspec.json.encode(request)
        reply = client.exchange("POST", "/v1/answers", headers=headers, content=content)
    if how.bundle is not None:
        _keep(bytes(read_reply(reply, _WithBundle).bundle), how.bundle)
    answer = replace(read_reply(reply, AnswerReply), bundle=None)
    out.result(answer, lambda: _lines(answer))
    if how.bundle is not None:
        out.note(
            f"{how.bundle}: the evidence; check it anywhere with:  vitne verify {how.bundle}",
            fold=False,
        )


class _WithBundle(msgspec.Struct):
    """The bundle of an answer, byte for byte as it came, so that it still verifies."""

    bundle: msgspec.Raw


def _keep(data: bytes, file: Path) -> None:
    """Verify a bundle as it came, and write it. Raises `VerificationError`, `BadInputError`."""
    from vitne.evidence.bundle.verify import verify_bundle  # noqa: PLC0415  # needed with --bundle alone

    try:
        verify_bundle(data)
    except VerificationError as error:
        error.hint = "the server or the way to it is not to be trusted; keep this reply"
        raise
    write_file(file, data)


# ---------------------------------------------------------------- showing


def _lines(answer: AnswerReply) -> Iterator[Printed]:
    yield plain(answer.question.text)
    yield plain(answer.headline, "bold")
    for reason in answer.reasons:
        place = f" [{reason.where}]" if reason.where else ""
        yield plain(f"  - {reason.code}: {reason.text}{place}")
    if answer.actions:
        yield ""
        yield table("", _COLUMNS, [_cells(one) for one in answer.actions])
    if answer.grade:
        yield plain(f"Evidence grade: {answer.grade}, {answer.grade_means}")
    claims = answer.claims
    yield from sections(
        ("How complete the log is there", answer.coverage.sentences),
        ("What is proved", claims.proved),
        ("What you have to trust", claims.trust),
        ("Withheld", claims.withheld),
        ("What is not proved", claims.not_proved),
    )


def _cells(one: FoundAction) -> tuple[str, ...]:
    more = len(one.targets) - _TARGETS_SHOWN
    return (
        second(one.occurred_at),
        one.type,
        " ".join(filter(None, (one.actor.id, one.actor.name))),
        ", ".join(one.targets[:_TARGETS_SHOWN]) + (f" and {more} more" if more > 0 else ""),
        one.outcome,
        one.purpose,
        one.grade,
        one.signed,
    )
