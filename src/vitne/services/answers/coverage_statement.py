"""The coverage statement of an answer, for people: who should have spoken, and what is not known.

It says nothing that changes a verdict: whatever does stands in the bundle (`ask_coverage`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.index.coverage import CoverageCounter, StreamCount
from vitne.core.index.index_record import Coverage
from vitne.core.index.source_summary import Grade, SourceSummary, Spoken
from vitne.core.values import format_utc
from vitne.evidence.bundle.document import StreamMember
from vitne.ports import Count
from vitne.services.answers.completeness import SearchedRange, relevant
from vitne.services.answers.key_entries import RegisteredStream
from vitne.wire.answers import (
    CoverageReply,
    QuarantineCoverage,
    SourceCoverage,
    StreamCoverage,
)

MEANS: Final[Mapping[str, str]] = {
    "A": "a verdict on the person: a verified token or session",
    "B": "a verdict on the person, by a signed ticket or an exclusive checkout",
    "C": "a verdict on the account only: the person was inferred",
    "D": "a verdict on what the sender reported: the person is its word",
    "E": "no verdict on a person: none is known",
}
"""What an evidence grade supports (event-schema §4.2)."""

_RANGES_MAX: Final = 20
_STREAMS_MAX: Final = 200
_SOURCES_MAX: Final = 200
_NAMED_MAX: Final = 5


class StatementFacts(Struct, frozen=True):
    """What is known of a log's coverage, from which the statement is made."""

    summaries: Sequence[SourceSummary]
    spoken: Sequence[Spoken]
    streams: Mapping[bytes, RegisteredStream]
    counter: CoverageCounter | None
    """Streams that may hide an event, at the end of the last record; None: there is none."""
    counts: Coverage | None
    facts: Sequence[StreamMember]
    not_taken: Mapping[Count, int]
    """(source, event type, reason) → how many."""
    weaker: Mapping[Grade, int]
    covered_to: int
    uncosigned: str = ""
    """Why records of the index are not used, in a sentence; `""`: all are."""


def make_statement(searched: SearchedRange, known: StatementFacts) -> CoverageReply:
    """The statement of an answer."""
    names = relevant(searched.request, known.spoken)
    sources = _sources(searched, known)
    facts = [(searched.meets(one.from_us, one.to_us), one) for one in known.facts]
    facts.sort(key=lambda found: (not found[0], found[1].source, found[1].from_us))
    streams = [_stream(one, known, in_window=inside) for inside, one in facts]
    made = CoverageReply(
        about=searched.request.target[0] if searched.request.target else "",
        sources=sources[:_SOURCES_MAX],
        more_sources=max(len(sources) - _SOURCES_MAX, 0),
        streams=streams[:_STREAMS_MAX],
        more_streams=max(len(streams) - _STREAMS_MAX, 0),
        quarantined=list(_quarantined(searched, known, names)),
        covered_to=known.covered_to,
        tail=max(searched.range[1] - max(known.covered_to, searched.range[0]), 0),
        counts={}
        if known.counts is None
        else {name: getattr(known.counts, name) for name in Coverage.__struct_fields__},
        not_taken=_not_taken(known.not_taken, names),
        weaker={str(grade): number for grade, number in known.weaker.items()},
        sentences=[],
    )
    return replace(made, sentences=list(_sentences(searched, made, sources, known.uncosigned)))


# ---------------------------------------------------------------- sources


def _sources(searched: SearchedRange, known: StatementFacts) -> list[SourceCoverage]:
    """Sources that ever logged an event on such a target, by name; for no target: all."""
    request = searched.request
    by_source: dict[str, list[Spoken]] = {}
    for one in known.spoken:
        if (request.target is None or one.target_type == request.target[0]) and (
            request.kind != "all_of_stream" or one.source == request.source
        ):
            by_source.setdefault(one.source, []).append(one)
    heard = _heard(searched, known.summaries, by_source)
    opened: dict[str, list[RegisteredStream]] = {}
    for stream in known.streams.values():
        if stream.index < known.covered_to:
            opened.setdefault(stream.source, []).append(stream)
    wrong: dict[str, list[StreamMember]] = {}
    for fact in known.facts:
        wrong.setdefault(fact.source, []).append(fact)
    return [
        _source(name, said, opened.get(name, ()), wrong.get(name, ()), in_window=name in heard)
        for name, said in sorted(by_source.items())
    ]


def _heard(
    searched: SearchedRange,
    summaries: Iterable[SourceSummary],
    by_source: Mapping[str, Sequence[Spoken]],
) -> set[str]:
    wanted = {(one.source, one.target_type) for said in by_source.values() for one in said}
    return {
        one.source
        for part in summaries
        if part.start < searched.range[1] and part.end > searched.range[0]
        for one in part.spoken
        if (one.source, one.target_type) in wanted
        and searched.meets(one.recorded_us[0], one.recorded_us[1] + 1)
    }


def _source(
    name: str,
    said: Sequence[Spoken],
    streams: Sequence[RegisteredStream],
    wrong: Sequence[StreamMember],
    *,
    in_window: bool,
) -> SourceCoverage:
    return SourceCoverage(
        source=name,
        events=sum(one.events for one in said),
        first_at=format_utc(min(one.recorded_us[0] for one in said)),
        last_at=format_utc(max(one.recorded_us[1] for one in said)),
        in_window=in_window,
        streams=len(streams),
        silent=sum(one.silent for one in wrong),
        abandoned=sum(one.abandoned for one in wrong),
        beats=bool(streams) and all(stream.beat_s > 0 for stream in streams),
        numbered=bool(streams) and all(stream.numbers == "sender" for stream in streams),
    )


def _not_taken(counts: Mapping[Count, int], names: frozenset[str] | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for (source, _, reason), number in sorted(counts.items()):
        if names is None or source in names:
            found[reason] = found.get(reason, 0) + number
    return found


# ---------------------------------------------------------------- streams


def _stream(one: StreamMember, known: StatementFacts, *, in_window: bool) -> StreamCoverage:
    named = known.streams.get(one.stream)
    count = known.counter.streams.get(one.stream) if known.counter else None
    return StreamCoverage(
        stream=one.stream.hex(),
        source=one.source,
        name=named.name if named else "",
        silent=bool(one.silent),
        abandoned=bool(one.abandoned),
        missing=one.missing,
        voided=one.voided,
        ranges=_ranges(count) if count else [],
        from_=format_utc(one.from_us),
        to=format_utc(one.to_us),
        in_window=in_window,
    )


def _ranges(count: StreamCount) -> list[tuple[int, int]]:
    """Numbers without an event and without an excuse."""
    there = count.events.union(count.excused)
    edges = [0, *there.lasts]
    nexts = [*there.firsts, count.largest + 1]
    found = [
        (before + 1, after - 1)
        for before, after in zip(edges, nexts, strict=True)
        if after - before > 1
    ]
    return found[:_RANGES_MAX]


def _quarantined(
    searched: SearchedRange, known: StatementFacts, names: frozenset[str] | None
) -> Iterator[QuarantineCoverage]:
    for part in known.summaries:
        for kept in part.kept:
            first, last = kept.recorded_us
            stream = known.streams.get(kept.stream_id)
            source = stream.source if stream else ""
            if searched.meets(first, last + 1) and (names is None or source in names):
                yield QuarantineCoverage(
                    source=source,
                    events=kept.events,
                    from_=format_utc(first),
                    to=format_utc(last),
                )


# ---------------------------------------------------------------- sentences


def _sentences(
    searched: SearchedRange,
    made: CoverageReply,
    sources: Sequence[SourceCoverage],
    uncosigned: str,
) -> Iterator[str]:
    low, high = (format_utc(max(at, 0))[:19] + "Z" for at in searched.window_us)
    asked = searched.request
    a, b = searched.range
    yield f"Looked through {b - a:,} entries from {a:,} on, recorded {low} to before {high}."
    if asked.clock == "occurred":
        yield (
            f"An act is found if the log took it at most {_span(asked.early_us)} before it"
            f" happened by its sender's clock and at most {_span(asked.late_us)} after it."
        )
    yield from _about_sources(made, sources)
    yield from _about_streams(made)
    if made.tail:
        yield f"The newest {made.tail:,} entries were given whole: no index covers them yet."
        if uncosigned:
            yield uncosigned
    for one in made.quarantined[:_NAMED_MAX]:
        named = one.source or "a source that is not named"
        yield f"{one.events} events of {named} are quarantined, and were not searched."
    if made.not_taken:
        told = ", ".join(f"{number:,} {reason}" for reason, number in made.not_taken.items())
        yield f"Not taken into the log from these sources, ever: {told}."
    if made.weaker:
        told = ", ".join(f"{number:,} of grade {grade}" for grade, number in made.weaker.items())
        yield f"On the same target, by others or by nobody known: {told}."
    yield "Whether an application logged every act at all cannot be proved by any log."


def _about_sources(made: CoverageReply, sources: Sequence[SourceCoverage]) -> Iterator[str]:
    about = f" of the kind {made.about}" if made.about else ""
    if not sources:
        yield f"No source ever logged an event on a target{about}: nobody speaks for it."
        return
    names = [one.source or "(erased)" for one in sources]
    yield f"Sources that speak for targets{about}: {_some(names)}."
    quiet = [one.source for one in sources if not one.in_window]
    if quiet:
        yield f"Of these nothing was recorded in the window from: {_some(quiet)}."
    deaf = [one.source for one in sources if not one.beats]
    if deaf:
        yield f"No heartbeats are promised by {_some(deaf)}: their silence says nothing."
    loose = [one.source for one in sources if not one.numbered]
    if loose:
        yield f"Events of {_some(loose)} are numbered on arrival: loss before it is not seen."


def _about_streams(made: CoverageReply) -> Iterator[str]:
    if not made.counts:
        yield "No record of the index counts gaps and silences there yet."
        return
    counts = made.counts
    yield (
        f"Streams up to entry {made.covered_to:,}: {counts['registered']:,} registered,"
        f" {counts['open']:,} open, {counts['silent']:,} silent, {counts['abandoned']:,} abandoned;"
        f" {counts['missing']:,} numbers are missing, {counts['voided']:,} voided."
    )
    here = [one for one in made.streams if one.in_window]
    for one in here[:_NAMED_MAX]:
        wrong = [
            *(["silent"] if one.silent else []),
            *(["abandoned"] if one.abandoned else []),
            *([f"{one.missing:,} numbers missing"] if one.missing else []),
            *([f"{one.voided:,} voided"] if one.voided else []),
        ]
        ranges = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in one.ranges[:_NAMED_MAX])
        told = f" ({ranges})" if ranges else ""
        yield f"Stream {one.name or one.stream} of {one.source}: {', '.join(wrong)}{told}."
    if len(here) > _NAMED_MAX:
        yield f"{len(here) - _NAMED_MAX:,} more streams have gaps or silences in the window."


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_MAX])
    return shown if len(names) <= _NAMED_MAX else f"{shown} and {len(names) - _NAMED_MAX} more"


def _span(span_us: int) -> str:
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000)):
        if span_us and span_us % size == 0:
            return f"{span_us // size} {unit}"
    return f"{span_us // 1_000_000} s"
