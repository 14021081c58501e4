"""What is recorded and answered when something that a sender signed is not accepted."""

from collections.abc import Sequence

from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.errors import SenderRefusedError, StreamConflictError, VitneError
from vitne.ports import Count
from vitne.services.writer.prepared import LogBatch, PlannedBatch, Refusal

_CONFLICTS = frozenset({"wrong_prev", "seq_repeat", "id_conflict", "stream_closed", "replayed"})
"""Refusals that only say where the stream stands: a sender that looks again can go on."""


class Incident(Struct, frozen=True, array_like=True):
    """Something signed that was refused, and for which somebody should be asked."""

    source: str
    stream: str
    code: str
    """A code of `core.event.event.PROBLEM_CODES`."""
    about: str
    """Tells it from others: the same thing sent again is told once."""


def incident_of(batch: LogBatch, refusal: Refusal) -> Incident:
    """What is told of a refused batch or act."""
    signed = batch.signed
    if signed is not None:
        about = signed.message_hash.hex()
        return Incident(signed.stream.source, signed.stream.name, refusal.problem.code, about)
    act = batch.acts[0]
    return Incident("", refusal.stream, refusal.problem.code, act.entry[-64:].hex())


def error_of(refusal: Refusal) -> VitneError:
    """What a refusal is answered with."""
    problem = refusal.problem
    if problem.code in _CONFLICTS:
        return StreamConflictError(
            f"the stream stands elsewhere: {problem.code}",
            where=refusal.stream,
            hint="the reply says where the log has it",
            problems=(problem,),
            stand=refusal.stand,
        )
    return refused(problem, where=refusal.stream)


def refused(*problems: Problem, where: str = "") -> SenderRefusedError:
    """The error about faults of what was signed."""
    codes = ", ".join(dict.fromkeys(problem.code for problem in problems))
    return SenderRefusedError(
        f"not taken: {codes}",
        where=where,
        hint="docs/howto/sign-at-the-source.md says what each code means",
        problems=problems,
    )


def count_refusals(
    planned: Sequence[PlannedBatch], batches: Sequence[LogBatch]
) -> dict[Count, int]:
    """Counts of what the plan refused: repeats and conflicts."""
    counts: dict[Count, int] = {}
    for one, batch in zip(planned, batches, strict=True):
        if one.refusal is not None and batch.signed is not None:
            key = (batch.signed.stream.source, "", f"rejected.{one.refusal.problem.code}")
            counts[key] = counts.get(key, 0) + max(1, len(batch.events))
        if not one.refused:
            continue
        about = {event.position: event for event in batch.events}
        for position, _, problem in one.refused:
            event = about.get(position)
            source = event.stream.source if event else ""
            key = (source, event.facets.type if event else "", f"rejected.{problem.code}")
            counts[key] = counts.get(key, 0) + 1
    return counts
