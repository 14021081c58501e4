"""An answer as JSON: what the verifier said of the bundle, the events, and how complete it is."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from vitne.core.index.source_summary import GRADES
from vitne.core.values.record import Record
from vitne.core.values.times import format_utc
from vitne.core.values.types import Section
from vitne.evidence.bundle.answer import Hit
from vitne.evidence.bundle.sentences import claims_of_answer
from vitne.evidence.record.verify import VerifiedHead
from vitne.services.answers.answer import AnsweredQuestion
from vitne.services.answers.coverage_statement import (
    MEANS,
    CoverageStatement,
    QuarantinedEvents,
    SourceSeen,
    StreamSeen,
)
from vitne.services.search.row import to_row


class KeyAsked(Struct, frozen=True):
    """One value that was looked up."""

    kind: Annotated[int, Meta(description="1 actor, 2 target, 3 both, 4 stream, 5 type, 6 action.")]
    epoch: Annotated[int, Meta(description="Of the tenant's index secret; 0 for a stream.")]
    parts: list[str]


class QuestionShown(Struct, frozen=True, kw_only=True):
    """What was asked, with every default stated."""

    ask: str
    text: str
    issuer: Annotated[str, Meta(description="That the actor's id was taken to be of.")]
    clock: Literal["recorded", "occurred"]
    from_: Annotated[str, Meta(description="RFC 3339.")] = field(name="from")
    to: Annotated[str, Meta(description="RFC 3339; not part of the period.")]
    early_s: int
    late_s: int
    filter: str
    keys: list[KeyAsked]


class ReasonShown(Struct, frozen=True):
    """Why the answer is not the last word."""

    code: str
    text: str
    where: str = ""


class ActorShown(Struct, frozen=True):
    """Who acted, as the event says."""

    type: str
    id: str
    issuer: str
    name: str = ""


class ActionShown(Struct, frozen=True, kw_only=True):
    """One event that answers the question."""

    index: Annotated[int, Meta(description="Position of its entry in the log.")]
    id: str
    recorded_at: str
    occurred_at: str
    type: str
    category: str
    actor: ActorShown
    targets: Annotated[list[str], Meta(description="Each as `type/id`.")]
    outcome: str
    purpose: str
    attribution: str
    grade: Annotated[str, Meta(description="A to E: how the person was established.")]
    signed: Annotated[
        Literal["full", "body", "log"],
        Meta(description="By its sender with or without lookup keys; else by the log only."),
    ]
    event: Annotated[dict[str, Any], Meta(description="The event, without what is withheld.")]
    withheld: list[str]
    erased: list[str]


class StreamShown(Struct, frozen=True, kw_only=True):
    """A stream with gaps or silences."""

    stream: str
    source: str
    name: str
    silent: bool
    abandoned: bool
    missing: int
    voided: int
    ranges: Annotated[list[tuple[int, int]], Meta(description="Numbers [first, last], 20 at most.")]
    from_: str = field(name="from")
    to: str
    in_window: bool


class SourceShown(Struct, frozen=True, kw_only=True):
    """A source that speaks for the kind of target."""

    source: str
    events: int
    first_at: str
    last_at: str
    in_window: bool
    streams: int
    silent: int
    abandoned: int
    beats: Annotated[bool, Meta(description="It promised heartbeats in every stream.")]
    numbered: Annotated[bool, Meta(description="It numbers its events itself.")]


class AsideShown(Struct, frozen=True, kw_only=True):
    """Quarantined events in the window."""

    source: str
    events: int
    from_: str = field(name="from")
    to: str


class CoverageShown(Struct, frozen=True, kw_only=True):
    """How complete the log is where the question looked."""

    about: str
    sentences: list[str]
    sources: list[SourceShown]
    more_sources: int
    streams: list[StreamShown]
    more_streams: int
    quarantined: list[AsideShown]
    covered_to: Annotated[int, Meta(description="The index speaks for entries below it.")]
    tail: Annotated[int, Meta(description="Entries of the range that no index covers yet.")]
    counts: dict[str, int]
    not_taken: dict[str, int]
    weaker: Annotated[
        dict[str, int],
        Meta(description="Events of others on the same target, by grades C, D and E."),
    ]


class HeadShown(Struct, frozen=True, kw_only=True):
    """A checkpoint that the answer stands under."""

    origin: str
    size: int
    key: str
    quorum_at: Annotated[str, Meta(description="When a quorum had cosigned it; empty: none asked.")]
    cosigned_by: list[str]


class TrustShown(Struct, frozen=True, kw_only=True):
    """What the answer rests on."""

    log: HeadShown
    index: HeadShown
    binding: Annotated[
        Literal["key", "sender", "log", "stated"],
        Meta(description="On whose word the lookup key is that of the value."),
    ]
    bound: Annotated[
        bool,
        Meta(description="Whoever has no tenant index secret sees that too, in the bundle."),
    ]
    seal: str
    stamps: int


class ClaimsShown(Struct, frozen=True):
    """The same in sentences."""

    proved: list[str]
    trust: list[str]
    withheld: list[str]
    not_proved: list[str]


class AnswerShown(Struct, frozen=True, kw_only=True):
    """The answer to a question."""

    tenant: str
    question: QuestionShown
    verdict: Literal["proved", "disproved", "undecidable"]
    exact: Annotated[bool, Meta(description="Nothing limits it: exactly these, or none at all.")]
    headline: str
    reasons: list[ReasonShown]
    actions: Annotated[list[ActionShown], Meta(description="All of them; none is left out.")]
    grade: Annotated[str, Meta(description="The lowest of the answer; empty: there is none.")]
    grade_means: str
    coverage: CoverageShown
    claims: ClaimsShown
    trust: TrustShown
    range: Annotated[tuple[int, int], Meta(description="Entries [a, b) that were looked through.")]
    high_water: Annotated[int, Meta(description="Entries that the log had when it was asked.")]
    published: Annotated[int, Meta(description="Entries under the checkpoint of this answer.")]
    bundle_bytes: int
    bundle: Annotated[
        dict[str, Any] | None, Meta(description="`vitne-bundle/v1`, if `with_bundle` was asked.")
    ] = None


def show(found: AnsweredQuestion) -> AnswerShown:
    """An answer as its reader sees it."""
    answer = found.answer
    claims = claims_of_answer(answer)
    grade = found.grade
    return AnswerShown(
        tenant=found.log,
        question=_question(found),
        verdict=answer.verdict,
        exact=answer.exact,
        headline=claims.headline,
        reasons=[ReasonShown(one.code, one.text, one.where) for one in answer.reasons],
        actions=[
            _action(hit, found.records[hit.index], found.request.withhold) for hit in answer.hits
        ],
        grade=grade or "",
        grade_means=MEANS[grade] if grade else "",
        coverage=_coverage(found.statement),
        claims=ClaimsShown(
            [*_pseudonyms(found), *claims.proved],
            _trust(found, claims.trust),
            list(claims.withheld),
            [*claims.not_proved, *_unbound(found)],
        ),
        trust=TrustShown(
            log=_head(answer.log_head),
            index=_head(answer.index_head),
            binding=answer.binding,
            bound=found.bound,
            seal=answer.seal.state,
            stamps=len(answer.stamps),
        ),
        range=answer.range,
        high_water=found.high_water,
        published=answer.log_head.size,
        bundle_bytes=len(found.bundle),
    )


def _trust(found: AnsweredQuestion, told: Sequence[str]) -> list[str]:
    """On whose word; the verifier was the server, so its first sentence is about the server."""
    if found.answer.trust != "given":
        return list(told)
    return ["The keys and witnesses are those of this server's policies.", *told[1:]]


def _pseudonyms(found: AnsweredQuestion) -> list[str]:
    return [
        f"An id that was asked about is personal; in the log stands its keyed pseudonym {name}."
        for name in found.pseudonyms
    ]


def _unbound(found: AnsweredQuestion) -> list[str]:
    if found.bound or found.answer.binding != "key":
        return []
    told = (
        "To somebody without the tenant's index secret: that the key which was looked up is that of"
        " this value. No event of the log names it alone, so the bundle by itself is undecidable."
    )
    return [told]


def _question(found: AnsweredQuestion) -> QuestionShown:
    asked = found.answer.question
    return QuestionShown(
        ask=found.request.kind,
        text=asked.text,
        issuer=found.issuer,
        clock=asked.clock,
        from_=format_utc(asked.from_us),
        to=format_utc(asked.to_us),
        early_s=asked.early_us // 1_000_000,
        late_s=asked.late_us // 1_000_000,
        filter=asked.filter,
        keys=[KeyAsked(one.kind, one.epoch, list(one.parts)) for one in asked.keys],
    )


def _action(hit: Hit, record: Record, withhold: tuple[Section, ...]) -> ActionShown:
    row = to_row(_without(record, withhold))
    event = row.event
    actor = _object(event.get("actor"))
    targets = [_object(one) for one in _list(event.get("targets"))]
    purpose = _object(event.get("purpose"))
    reference = f":{purpose['reference']}" if "reference" in purpose else ""
    return ActionShown(
        index=hit.index,
        id=str(event.get("id", "")),
        recorded_at=format_utc(hit.recorded_us),
        occurred_at=format_utc(hit.occurred_us),
        type=str(event.get("type", "")),
        category=str(event.get("category", "")),
        actor=ActorShown(*(str(actor.get(name, "")) for name in ("type", "id", "issuer", "name"))),
        targets=[f"{one.get('type')}/{one.get('id')}" for one in targets],
        outcome=str(_object(event.get("outcome")).get("result", "")),
        purpose=f"{purpose.get('code', '')}{reference}",
        attribution=hit.attribution,
        grade=GRADES.get(hit.attribution, "E"),
        signed=hit.signed or "log",
        event=event,
        withheld=[name for name in row.gone if name in withhold],
        erased=[name for name in row.gone if name not in withhold],
    )


def _without(record: Record, withhold: tuple[Section, ...]) -> Record:
    gone: dict[str, None] = {}
    for section in withhold:
        gone |= {section: None, f"{section}_record": None}
    return replace(record, parts=replace(record.parts, **gone)) if gone else record


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _head(head: VerifiedHead) -> HeadShown:
    return HeadShown(
        origin=head.origin,
        size=head.size,
        key=head.key,
        quorum_at="" if head.quorum_s is None else format_utc(head.quorum_s * 1_000_000),
        cosigned_by=[one.name for one in head.cosigned],
    )


# ---------------------------------------------------------------- coverage


def _coverage(made: CoverageStatement) -> CoverageShown:
    return CoverageShown(
        about=made.about,
        sentences=made.sentences,
        sources=[_source(one) for one in made.sources],
        more_sources=made.more_sources,
        streams=[_stream(one) for one in made.streams],
        more_streams=made.more_streams,
        quarantined=[_aside(one) for one in made.quarantined],
        covered_to=made.covered_to,
        tail=made.tail,
        counts=dict(made.counts),
        not_taken=dict(made.not_taken),
        weaker={str(grade): number for grade, number in made.weaker.items()},
    )


def _source(one: SourceSeen) -> SourceShown:
    return SourceShown(
        source=one.source,
        events=one.events,
        first_at=format_utc(one.first_us),
        last_at=format_utc(one.last_us),
        in_window=one.in_window,
        streams=one.streams,
        silent=one.silent,
        abandoned=one.abandoned,
        beats=one.beats,
        numbered=one.numbered,
    )


def _stream(one: StreamSeen) -> StreamShown:
    return StreamShown(
        stream=one.stream,
        source=one.source,
        name=one.name,
        silent=one.silent,
        abandoned=one.abandoned,
        missing=one.missing,
        voided=one.voided,
        ranges=one.ranges,
        from_=format_utc(one.from_us),
        to=format_utc(one.to_us),
        in_window=one.in_window,
    )


def _aside(one: QuarantinedEvents) -> AsideShown:
    return AsideShown(
        source=one.source,
        events=one.events,
        from_=format_utc(one.from_us),
        to=format_utc(one.to_us),
    )
