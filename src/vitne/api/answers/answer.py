"""An answer as JSON: what the verifier said of the bundle, the events, and how complete it is."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from vitne.core.index.source_summary import GRADES
from vitne.core.values import LogId, Record, Section, format_utc
from vitne.evidence.bundle.answer import Hit
from vitne.evidence.bundle.sentences import claims_of_answer
from vitne.evidence.record.verify import VerifiedHead
from vitne.services.answers import MEANS, AnsweredQuestion
from vitne.services.search import found_event
from vitne.wire.answers import (
    AnswerReason,
    AnswerReply,
    AskedKey,
    AskedQuestion,
    CheckpointReply,
    ClaimsReply,
    FoundAction,
    FoundActor,
    TrustReply,
)


def to_answer_reply(found: AnsweredQuestion) -> AnswerReply:
    """An answer as its reader sees it."""
    answer = found.answer
    claims = claims_of_answer(answer)
    return AnswerReply(
        tenant=found.log,
        question=_question(found),
        verdict=answer.verdict,
        exact=answer.exact,
        headline=claims.headline,
        reasons=[AnswerReason(one.code, one.text, one.where) for one in answer.reasons],
        actions=[
            _action(found.log, hit, found.records[hit.index], found.request.withhold)
            for hit in answer.hits
        ],
        grade=found.grade,
        grade_means=MEANS.get(found.grade, ""),
        coverage=found.statement,
        claims=ClaimsReply(
            [*_pseudonyms(found), *claims.proved],
            _trust(found, claims.trust),
            list(claims.withheld),
            [*claims.not_proved, *_unbound(found)],
        ),
        trust=TrustReply(
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


def _question(found: AnsweredQuestion) -> AskedQuestion:
    asked = found.answer.question
    return AskedQuestion(
        ask=found.request.kind,
        text=asked.text,
        issuer=found.issuer,
        clock=asked.clock,
        from_=format_utc(asked.from_us),
        to=format_utc(asked.to_us),
        early_s=asked.early_us // 1_000_000,
        late_s=asked.late_us // 1_000_000,
        filter=asked.filter,
        keys=[AskedKey(one.kind, one.epoch, list(one.parts)) for one in asked.keys],
    )


def _action(log: LogId, hit: Hit, record: Record, withhold: tuple[Section, ...]) -> FoundAction:
    found = found_event(log, _without(record, withhold))
    event = found.event
    actor = _object(event.get("actor"))
    targets = [_object(one) for one in _list(event.get("targets"))]
    purpose = _object(event.get("purpose"))
    reference = f":{purpose['reference']}" if "reference" in purpose else ""
    return FoundAction(
        index=hit.index,
        id=found.id,
        recorded_at=format_utc(hit.recorded_us),
        occurred_at=format_utc(hit.occurred_us),
        type=str(event.get("type", "")),
        category=str(event.get("category", "")),
        actor=FoundActor(*(str(actor.get(name, "")) for name in ("type", "id", "issuer", "name"))),
        targets=[f"{one.get('type')}/{one.get('id')}" for one in targets],
        outcome=str(_object(event.get("outcome")).get("result", "")),
        purpose=f"{purpose.get('code', '')}{reference}",
        attribution=hit.attribution,
        grade=GRADES.get(hit.attribution, "E"),
        signed=hit.signed or "log",
        event=event,
        withheld=[name for name in found.withheld if name in withhold],
        erased=[name for name in found.withheld if name not in withhold],
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


def _head(head: VerifiedHead) -> CheckpointReply:
    return CheckpointReply(
        origin=head.origin,
        size=head.size,
        key=head.key,
        quorum_at="" if head.quorum_s is None else format_utc(head.quorum_s * 1_000_000),
        cosigned_by=[one.name for one in head.cosigned],
    )
