"""`vitne ask`: a question with a verdict, and the file that proves the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from cyclopts import App, Group, Parameter

from vitne.cli.base.client import Client, Purpose, Server
from vitne.cli.base.output import Json, Output, plain, table
from vitne.core.event.schema import Category
from vitne.errors import BadInputError, VerificationError
from vitne.evidence.bundle import verify as bundle

__all__ = ["Asking", "Narrow", "Period", "app"]

PATH = "/v1/answers"
BUNDLE_TYPE = "application/vnd.vitne.bundle+json"

_PERIOD = Group("Period", sort_key=10)
_NARROW = Group("Only events that", sort_key=20)
_ANSWER = Group("Answer", sort_key=30)
_COLUMNS = ("occurred (UTC)!", "type", "actor", "targets", "outcome", "purpose?", "grade", "signed")
_TARGETS_SHOWN = 2

app = App(
    name="ask",
    help="Ask who did what; the answer is proved, disproved or undecidable, and says why.",
)


@Parameter(name="*")
@dataclass(frozen=True)
class Period:
    """Which time is asked about."""

    from_: Annotated[
        str,
        Parameter(name="--from", group=_PERIOD, help="First moment: 2026-03-01, 7d; else 1970."),
    ] = ""
    to: Annotated[
        str, Parameter(name="--to", group=_PERIOD, help="First moment after it; else now.")
    ] = ""
    clock: Annotated[
        Literal["recorded", "occurred"],
        Parameter(
            name="--clock",
            group=_PERIOD,
            help="When the log took it, or when it happened by its sender's word.",
        ),
    ] = "recorded"
    early: Annotated[
        str,
        Parameter(
            name="--early", group=_PERIOD, help="How far a sender's clock may be ahead; else 1d."
        ),
    ] = ""
    late: Annotated[
        str,
        Parameter(
            name="--late", group=_PERIOD, help="How long after the act it is looked for; else 7d."
        ),
    ] = ""

    def members(self) -> dict[str, str]:
        """As the request has them."""
        return {
            "from": self.from_,
            "to": self.to,
            "clock": self.clock,
            "early": self.early,
            "late": self.late,
        }


@Parameter(name="*")
@dataclass(frozen=True)
class Narrow:
    """What else must hold."""

    type: Annotated[
        str, Parameter(name="--type", group=_NARROW, help="Are of this type, e.g. crm.customer.*.")
    ] = ""
    category: Annotated[
        str, Parameter(name="--category", group=_NARROW, help="Are of this one, e.g. export.")
    ] = ""
    outcome: Annotated[
        str, Parameter(name="--outcome", group=_NARROW, help="Ended so, e.g. succeeded, denied.")
    ] = ""

    def members(self) -> dict[str, str]:
        """As the request has them."""
        return {"type": self.type, "category": self.category, "outcome": self.outcome}


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """How it is asked, and what is done with the answer."""

    bundle: Annotated[
        Path | None,
        Parameter(
            name=("--bundle", "-b"), group=_ANSWER, help="Also write the evidence to this file."
        ),
    ] = None
    withhold: Annotated[
        list[Literal["payload", "person"]] | None,
        Parameter(name="--withhold", group=_ANSWER, help="Leave a section out of both."),
    ] = None
    purpose: Purpose = ""
    server: Server | None = None
    json: Json = False


@app.command(name="who-accessed")
def who_accessed(
    target: Annotated[str, Parameter(help="As type/id.")],
    /,
    *,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Who did anything to a target.

    vitne ask who-accessed customer/cus_90331 --from 2026-03-01 --to 2026-04-01
    """
    _ask({"ask": "who_accessed", "target": target}, period, narrow, asking)


@app.command(name="what-did")
def what_did(
    actor: Annotated[str, Parameter(help="The actor's id.")],
    /,
    *,
    issuer: Annotated[str | None, Parameter(help="Who gave them the id, if several do.")] = None,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Everything that somebody did."""
    wanted = {"ask": "what_did", "actor": actor, "issuer": issuer}
    _ask(wanted, period, narrow, asking)


@app.command(name="did")
def did(  # noqa: PLR0913  # the words of the sentence, and the options
    actor: Annotated[str, Parameter(help="The actor's id.")],
    touch: Annotated[Literal["touch"], Parameter(help="This word.")],
    target: Annotated[str, Parameter(help="As type/id.")],
    /,
    *,
    issuer: Annotated[str | None, Parameter(help="Who gave them the id, if several do.")] = None,
    period: Period | None = None,
    narrow: Narrow | None = None,
    asking: Asking | None = None,
) -> None:
    """Whether somebody did anything to a target.

    vitne ask did usr_77 touch customer/cus_90331 --from 2026-03-01 --to 2026-04-01
    """
    del touch
    wanted = {"ask": "did_touch", "actor": actor, "issuer": issuer, "target": target}
    _ask(wanted, period, narrow, asking)


@app.command(name="did-anyone")
def did_anyone(
    what: Annotated[str, Parameter(help="An event type (or crm.*), a category, or an action id.")],
    target: Annotated[str, Parameter(help="As type/id.")],
    /,
    *,
    outcome: Annotated[str, Parameter(help="Ended so, e.g. succeeded, denied.")] = "",
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Whether a thing was done to a target, by anyone.

    vitne ask did-anyone crm.customer.exported customer/cus_90331
    """
    name = "type" if "." in what else "category" if what in get_args(Category) else "action"
    wanted = {"ask": "did_anyone", "target": target, name: what, "outcome": outcome}
    _ask(wanted, period, None, asking)


@app.command(name="all-of-type")
def all_of_type(
    type: Annotated[str, Parameter(help="A whole event type.")],  # noqa: A002  # what it is
    /,
    *,
    outcome: Annotated[str, Parameter(help="Ended so, e.g. succeeded, denied.")] = "",
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Every event of a type."""
    _ask({"ask": "all_of_type", "type": type, "outcome": outcome}, period, None, asking)


@app.command(name="all-of-action")
def all_of_action(
    action: Annotated[str, Parameter(help="The action's id.")],
    /,
    *,
    period: Period | None = None,
    asking: Asking | None = None,
) -> None:
    """Every event of one action of a user interface."""
    _ask({"ask": "all_of_action", "action": action}, period, None, asking)


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
    wanted = {"ask": "all_of_stream", "source": source, "stream": stream}
    _ask(wanted, period, narrow, asking)


# ---------------------------------------------------------------- asking


def _ask(
    wanted: dict[str, Any],
    period: Period | None,
    narrow: Narrow | None,
    asking: Asking | None,
) -> None:
    """Send the question, show the answer, and write the bundle if that is wanted."""
    how = asking or Asking()
    out = Output(how.json)
    members = wanted | (period or Period()).members() | (narrow or Narrow()).members()
    members = {name: value for name, value in members.items() if value not in {"", None}}
    if wanted.get("issuer") == "":
        members["issuer"] = ""
    if how.withhold:
        members["withhold"] = list(how.withhold)
    with Client(how.server or Server(), how.purpose) as client:
        if client.tenant:
            members["tenant"] = client.tenant
        if how.bundle is None:
            answer = client.post(PATH, msgspec.json.encode(members), "application/json")
        else:
            answer = _with_bundle(client, members, how.bundle)
    out.result(answer, *_lines(answer))
    if how.bundle is not None:
        out.note(f"{how.bundle}: the evidence; check it anywhere with:  vitne verify {how.bundle}")


def _with_bundle(client: Client, members: dict[str, Any], file: Path) -> Any:  # noqa: ANN401  # JSON
    """The answer and its bundle, which come together: a second question would be another one."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    content = msgspec.json.encode(members | {"with_bundle": True})
    reply = client.send("POST", PATH, headers=headers, content=content)
    answer = msgspec.json.decode(reply.content, type=dict[str, msgspec.Raw])
    data = bytes(answer.pop("bundle"))
    _check(data)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise BadInputError(f"cannot write the file: {error.strerror}", where=str(file)) from error
    return msgspec.json.decode(msgspec.json.encode(answer))


def _check(data: bytes) -> None:
    """Verify a bundle as it came, before it is kept. Raises `VerificationError`."""
    try:
        bundle.verify_bundle(data)
    except VerificationError as error:
        error.hint = "the server or the way to it is not to be trusted; keep this reply"
        raise


# ---------------------------------------------------------------- showing


def _lines(answer: dict[str, Any]) -> Iterator[Any]:
    yield plain(answer["question"]["text"])
    yield plain(answer["headline"], "bold")
    for reason in answer["reasons"]:
        place = f" [{reason['where']}]" if reason["where"] else ""
        yield plain(f"  - {reason['code']}: {reason['text']}{place}")
    if answer["actions"]:
        yield ""
        yield table("", _COLUMNS, [_cells(one) for one in answer["actions"]])
    if answer["grade"]:
        yield plain(f"Evidence grade: {answer['grade']}, {answer['grade_means']}")
    yield from _coverage(answer["coverage"])
    for title, name in (
        ("What is proved", "proved"),
        ("On whose word", "trust"),
        ("Withheld", "withheld"),
        ("What is not proved", "not_proved"),
    ):
        sentences = answer["claims"].get(name) or []
        if sentences:
            yield ""
            yield plain(title, "bold")
            for sentence in sentences:
                yield plain(f"  - {sentence}")


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    actor = one["actor"]
    targets = one["targets"]
    named = ", ".join(targets[:_TARGETS_SHOWN])
    more = len(targets) - _TARGETS_SHOWN
    return (
        str(one["occurred_at"])[:19].replace("T", " "),
        one["type"],
        " ".join(part for part in (actor.get("id", ""), actor.get("name", "")) if part),
        named + (f" and {more} more" if more > 0 else ""),
        one["outcome"],
        one["purpose"],
        one["grade"],
        one["signed"],
    )


def _coverage(coverage: dict[str, Any]) -> Iterator[Any]:
    yield ""
    yield plain("How complete the log is there", "bold")
    for sentence in coverage["sentences"]:
        yield plain(f"  - {sentence}")
