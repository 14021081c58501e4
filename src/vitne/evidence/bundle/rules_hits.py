"""Rule 16 of a bundle: which of the candidates answer the question."""

from msgspec import UnsetType

from vitne.answers.bundle_filter import BundleFilter, parse_bundle_filter
from vitne.answers.core_values import says, text_at
from vitne.core.entry.entry import EventEntry
from vitne.core.values.record import Parts
from vitne.core.values.times import parse_utc
from vitne.core.values.types import Section
from vitne.evidence.bundle.answer import Hit
from vitne.evidence.bundle.state import Case

__all__ = ["hits"]


def hits(case: Case) -> None:
    """Rule 16: of every candidate, whether it is a hit, is none, or cannot be told."""
    where = parse_bundle_filter(case.question.filter)
    values = frozenset(case.values.values())
    for index in sorted(case.candidates):
        event = case.event(index)
        own = not values.isdisjoint(case.candidates[index])
        if event is not None and _is_hit(case, index, event, where, own=own):
            case.hits.append(_hit(case, index, event))


def _is_hit(case: Case, index: int, event: EventEntry, where: BundleFilter, *, own: bool) -> bool:
    """The steps of the rule; `own`: it is filed under the value, not under its pseudo-target."""
    asked, core, here = case.question, case.cores.get(index), f"entry {index}"
    if core is not None:
        claimed = text_at(core, "occurred_at")
        if claimed is not None and parse_utc(claimed) != event.occurred_us:
            case.limit("other_time", here)
            return False
    time_us = event.recorded_us if asked.clock == "recorded" else event.occurred_us
    if not asked.from_us <= time_us < asked.to_us:
        return False
    if core is None:
        case.limit(_why_hidden(case, index), here)
        return False
    key = asked.keys[0]
    if own and not says(core, key.kind, key.parts):
        case.limit("other_value", here)
        return False
    if not where.matches(core):
        return False
    if not own:
        case.limit("overflow", here)
    return own


def _why_hidden(case: Case, index: int) -> str:
    if not isinstance(case.opened[index].core.erased, UnsetType):
        return "core_erased"
    return "core_pruned" if index < case.pruned else "core_withheld"


def _hit(case: Case, index: int, event: EventEntry) -> Hit:
    opened = case.opened[index]

    def added(name: Section) -> bytes | None:
        record = opened.section(name).record
        return b"" if isinstance(record, UnsetType) else record.data()

    return Hit(
        index=index,
        recorded_us=event.recorded_us,
        occurred_us=event.occurred_us,
        stream_id=event.stream_id,
        stream_seq=event.stream_seq,
        parts=Parts(
            core=opened.core.event.data(),
            payload=opened.payload.event.data(),
            person=opened.person.event.data(),
            core_record=added("core"),
            payload_record=added("payload"),
            person_record=added("person"),
        ),
        signed=None,
    )
