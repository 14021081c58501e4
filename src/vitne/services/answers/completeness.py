"""How complete a log is where a question looked: what could hide an act.

Two things come of it: the streams that make the counts of the index, and the limits that the
exporter states itself. Both stand in the bundle, so that a verifier without a server comes to the
same verdict.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from vitne.answers.ask_request import QuestionRequest
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.source_summary import SourceSummary, Spoken
from vitne.core.values import format_utc
from vitne.evidence.bundle.document import LimitMember, StreamMember
from vitne.services.answers.key_entries import RegisteredStream

LIMITS_MAX: Final = 500
"""Limits of one answer; more are told as wider ones."""


class SearchedRange(Struct, frozen=True):
    """Where a question looked."""

    request: QuestionRequest
    window_us: tuple[int, int]
    range: tuple[int, int]

    def meets(self, from_us: int, to_us: int) -> bool:
        """Whether times [from_us, to_us) meet the window."""
        return from_us < self.window_us[1] and self.window_us[0] < to_us


# ---------------------------------------------------------------- streams


def stream_facts(
    counter: CoverageCounter, named: Mapping[bytes, RegisteredStream]
) -> list[StreamMember]:
    """What is wrong with each stream, once each, ascending by id, as a bundle lists it."""
    found = []
    for stream_id, stream in sorted(counter.streams.items()):
        troubles = stream.troubles(counter.recorded_us)
        if not troubles:
            continue
        known = named.get(stream_id)
        one = StreamMember(
            stream_id,
            known.source if known else "",
            max(one.silent for one in troubles),
            max(one.abandoned for one in troubles),
            sum(one.missing for one in troubles),
            sum(one.voided for one in troubles),
            min(one.from_us for one in troubles),
            max(one.to_us for one in troubles),
        )
        found.append(one)
    return found


# ---------------------------------------------------------------- limits


def relevant(request: QuestionRequest, spoken: Iterable[Spoken]) -> frozenset[str] | None:
    """Sources whose undeclared or quarantined events could hide what is asked about; None: all."""
    if request.kind == "all_of_stream":
        return frozenset({request.source, ""})
    if request.target is None:
        return None
    return frozenset({"", *(one.source for one in spoken if one.target_type == request.target[0])})


def limits_of(
    searched: SearchedRange,
    summaries: Sequence[SourceSummary],
    spoken: Iterable[Spoken],
    streams: Mapping[bytes, RegisteredStream],
    unattributed: Sequence[tuple[int, int]],
) -> list[LimitMember]:
    """What could hide an act, beside gaps of streams.

    Args:
        searched: where the question looked.
        summaries: of all that the log holds.
        spoken: what they say together.
        streams: by id.
        unattributed: (index, recorded_us) of events of others on the target, grade E.
    """
    sources = relevant(searched.request, spoken)
    found = [*_undeclared(searched, summaries, sources), *_kept(summaries, streams, sources)]
    found += [
        LimitMember(
            "not_attributed",
            "",
            at_us,
            at_us + 1,
            f"entry {index} is on the same target, and nobody knows which person it was",
        )
        for index, at_us in unattributed
    ]
    return _few([one for one in found if searched.meets(one.from_us, one.to_us)])


def _undeclared(
    searched: SearchedRange, summaries: Iterable[SourceSummary], sources: Collection[str] | None
) -> list[LimitMember]:
    wanted = searched.request.target[0] if searched.request.target else None
    return [
        LimitMember(
            "undeclared_event",
            one.source,
            one.undeclared_us[0],
            one.undeclared_us[1] + 1,
            f"{one.source} logged {one.undeclared} events of types that it did not declare:"
            " what it logs is not known in full",
        )
        for part in summaries
        for one in part.spoken
        if one.undeclared
        and (sources is None or one.source in sources)
        and (wanted is None or one.target_type in {wanted, ""})
    ]


def _kept(
    summaries: Iterable[SourceSummary],
    streams: Mapping[bytes, RegisteredStream],
    sources: Collection[str] | None,
) -> list[LimitMember]:
    found = []
    for part in summaries:
        for kept in part.kept:
            known = streams.get(kept.stream_id)
            source = known.source if known else ""
            if sources is None or source in sources:
                text = f"{kept.events} events of {source or 'a source'} are quarantined: they are"
                limit = LimitMember(
                    "quarantined_event",
                    source,
                    kept.recorded_us[0],
                    kept.recorded_us[1] + 1,
                    f"{text} kept aside, and not searched",
                )
                found.append(limit)
    return found


def _few(limits: list[LimitMember]) -> list[LimitMember]:
    """At most `LIMITS_MAX`: those of one code and source joined, if they are more."""
    if len(limits) <= LIMITS_MAX:
        return limits
    joined: dict[tuple[str, str], LimitMember] = {}
    for one in limits:
        old = joined.get((one.code, one.source))
        joined[one.code, one.source] = (
            one
            if old is None
            else LimitMember(
                one.code,
                one.source,
                min(old.from_us, one.from_us),
                max(old.to_us, one.to_us),
                f"several, from {format_utc(min(old.from_us, one.from_us))} on: {one.text}"
                if not old.text.startswith("several")
                else old.text,
            )
        )
    return list(joined.values())[:LIMITS_MAX]
