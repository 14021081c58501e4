"""Puts together what was gathered for an answer: the facts of its bundle, and the statement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final
from unicodedata import normalize

from msgspec import Struct

from vitne.answers.ask import Epoch, target_keys
from vitne.answers.ask_request import QuestionRequest
from vitne.answers.question import Question, QuestionKey
from vitne.core.entry import keys
from vitne.core.entry.control import StreamEntry
from vitne.core.entry.entry import decode_entry
from vitne.core.entry.keyring import erased_sections
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.source_summary import Grade
from vitne.core.values import SECTIONS, LeafIndex, LogId, Origin, Record, Section
from vitne.evidence.bundle.document import LimitMember, SenderMember, StampMember
from vitne.evidence.bundle.facts import BundleFacts, CoverageFacts, OpenedFacts
from vitne.ports import Count
from vitne.services.answers.completeness import SearchedRange, limits_of, stream_facts
from vitne.services.answers.coverage_statement import StatementFacts, make_statement
from vitne.services.answers.gather import EvidenceGatherer, holds
from vitne.services.answers.inputs import FactSources
from vitne.services.answers.key_entries import KeyEntries, RegisteredStream, stream_of
from vitne.services.answers.named_values import ValueLookup, binds
from vitne.services.answers.source_summaries import SourceSummaries, weak_of
from vitne.wire.answers import CoverageReply

_BESIDE: Final[tuple[Grade, ...]] = ("C", "D", "E")
"""Grades of events by others that weaken an answer about one person."""


class PlannedQuestion(Struct, frozen=True):
    """A question under two checkpoints."""

    log: LogId
    origin: Origin
    request: QuestionRequest
    question: Question
    epochs: Sequence[Epoch]
    key_entries: KeyEntries
    gatherer: EvidenceGatherer


class GatheredFacts(Struct, frozen=True):
    """Everything of an answer but its verdict."""

    facts: BundleFacts
    records: Mapping[int, Record]
    """Of all candidates."""
    statement: CoverageReply
    bound: bool
    """Each secret of the question has an entry that binds it."""


class Assembly:
    """Of one answer. For one thread.

    Args:
        planned: the question.
        values: looks up entries that bind keys.
        summaries: what the sources in the log said.
        fact_sources: what other chapters know.
        not_taken: what intake dropped and rejected, by source, type and reason.
    """

    def __init__(
        self,
        planned: PlannedQuestion,
        values: ValueLookup,
        summaries: SourceSummaries,
        fact_sources: FactSources,
        not_taken: Mapping[Count, int],
    ) -> None:
        self._planned = planned
        self._gatherer = planned.gatherer
        self._values = values
        self._summaries = summaries
        self._fact_sources = fact_sources
        self._not_taken = not_taken
        self._searched = SearchedRange(
            planned.request, self._gatherer.window_us, self._gatherer.range
        )

    def collect(self, done: Callable[[str], None]) -> GatheredFacts:
        """Everything; `done` is told the name of each step.

        Raises:
            AnswerTooLargeError, UnavailableError, IntegrityError: as `EvidenceGatherer`.
        """
        gatherer = self._gatherer
        _ = gatherer.range
        done("window")
        candidates = gatherer.candidates
        done("index")
        records = gatherer.fetch(candidates)
        done("records")
        bindings, bound = self._bindings(records)
        done("bindings")
        coverage, known, limits = self._coverage()
        done("coverage")
        facts = self._facts(records, bindings, coverage, limits)
        done("proofs")
        return GatheredFacts(facts, records, make_statement(self._searched, known), bound)

    # ------------------------------------------------------------ facts

    def _facts(
        self,
        records: Mapping[int, Record],
        bindings: Mapping[int, Record],
        coverage: CoverageFacts | None,
        limits: Sequence[LimitMember],
    ) -> BundleFacts:
        gatherer, planned = self._gatherer, self._planned
        shown = frozenset(set(SECTIONS) - set(planned.request.withhold))
        both = sorted({**bindings, **records}.items())
        core: frozenset[Section] = frozenset({"core"})
        opened = [self._opened(row, shown if at in records else core) for at, row in both]
        signed = [self._sender(row) for _, row in both]
        senders = [one for one in signed if one is not None]
        known = {at: row.entry for at, row in both} | gatherer.not_indexed
        entries = gatherer.entries(self._wanted(opened, senders), known)
        log_policy, index_policy = self._fact_sources.policies(planned.log)
        runs = sorted(gatherer.runs, key=lambda run: run.segment.record)
        return BundleFacts(
            origin=planned.origin,
            range=gatherer.range,
            question=planned.question,
            log_policy=log_policy,
            index_policy=index_policy,
            log_checkpoint=gatherer.heads.log_note,
            index_checkpoint=gatherer.heads.index_note,
            entries=entries,
            path=gatherer.path(entries),
            link=gatherer.link,
            records=gatherer.records,
            index_path=gatherer.index_path,
            gaps=[run.gap for run in runs],
            opened=opened,
            senders=senders,
            coverage=coverage,
            stamps=self._stamps(),
            limits=limits,
        )

    def _opened(self, record: Record, shown: frozenset[Section]) -> OpenedFacts:
        gone = erased_sections(record)
        if not gone:
            return OpenedFacts(record, shown)
        by = self._fact_sources.erased(self._planned.log, record.index)
        erased = {
            section: entry
            for section, entry in by.items()
            if section in gone and entry < self._gatherer.size
        }
        return OpenedFacts(record, shown - set(gone), erased)

    def _wanted(
        self, opened: Sequence[OpenedFacts], senders: Sequence[SenderMember]
    ) -> Iterator[int]:
        """Every entry that the bundle must hold."""
        size, key_entries = self._gatherer.size, self._planned.key_entries
        yield from self._gatherer.boundaries()
        yield from self._gatherer.not_indexed
        for one in opened:
            yield one.record.index
            yield from one.erased.values()
        by_index: dict[int, bytes] = {one.record.index: one.record.entry for one in opened}
        for sender in senders:
            yield from (sender.batch, *self._registration(by_index[sender.index]))
        for listed in (*key_entries.epochs.values(), key_entries.receipt):
            yield from (at for at in listed if at < size)
        if any(erased_sections(one.record) and not one.erased for one in opened):
            yield from (at for at in key_entries.prunes if at < size)

    def _sender(self, record: Record) -> SenderMember | None:
        """The signed batch of an event, if all that proves it is below the checkpoint."""
        if not self._registration(record.entry):
            return None
        found = self._fact_sources.senders(self._planned.log, record.index)
        return None if found is None or found.batch >= self._gatherer.size else found

    def _registration(self, event: bytes) -> tuple[int, ...]:
        """Where an event's stream was registered, and where its source's key was announced.

        Nothing for a stream that is not signed.
        """
        gatherer, key_entries = self._gatherer, self._planned.key_entries
        stream = key_entries.streams.get(stream_of(event))
        if stream is None or not stream.signed or stream.index >= gatherer.size:
            return ()
        entry = decode_entry(gatherer.tiles.entry(stream.index))
        if not isinstance(entry, StreamEntry):
            return ()
        added = key_entries.sources.get((stream.source, entry.key))
        return () if added is None or added >= gatherer.size else (stream.index, added)

    def _stamps(self) -> list[StampMember]:
        heads = self._gatherer.heads
        notes = (heads.log_note, heads.index_note)
        return [one for note in notes for one in self._fact_sources.stamps(self._planned.log, note)]

    # ------------------------------------------------------------ bindings

    def _bindings(self, records: Mapping[int, Record]) -> tuple[dict[int, Record], bool]:
        """Entries beside the candidates that tie secrets to values; whether all are tied."""
        found: dict[int, Record] = {}
        bound = True
        for one in self._planned.question.keys:
            for kind, parts, secret in _secrets(one):
                key = keys.key(kind, secret)
                if any(binds(row, key) for row in (*records.values(), *found.values())):
                    continue
                end = LeafIndex(self._gatherer.size)
                row = self._values.binding(self._planned.log, key, parts, end)
                if row is None:
                    bound = False
                else:
                    found[row.index] = row
        return found, bound

    # ------------------------------------------------------------ completeness

    def _coverage(self) -> tuple[CoverageFacts | None, StatementFacts, list[LimitMember]]:
        planned, gatherer = self._planned, self._gatherer
        streams = {
            key: one
            for key, one in planned.key_entries.streams.items()
            if one.index < gatherer.size
        }
        summaries = self._summaries.over(planned.log, LeafIndex(gatherer.size))
        spoken = self._summaries.spoken(planned.log, summaries)
        coverage, counter = self._counted(streams)
        weaker = self._beside
        unattributed = gatherer.times(weaker.get("E", ()))
        limits = limits_of(self._searched, summaries, spoken, streams, unattributed)
        limits += self._troubled()
        known = StatementFacts(
            summaries=summaries,
            spoken=spoken,
            streams=streams,
            counter=counter,
            counts=coverage.counts if coverage else None,
            facts=coverage.streams if coverage else (),
            not_taken=self._not_taken,
            weaker={grade: len(held) for grade, held in weaker.items()},
            covered_to=gatherer.covered,
            uncosigned=gatherer.heads.uncosigned,
        )
        return coverage, known, limits

    def _counted(
        self, streams: Mapping[bytes, RegisteredStream]
    ) -> tuple[CoverageFacts | None, CoverageCounter | None]:
        """The counts of the last record, and what makes them."""
        if not self._gatherer.runs:
            return None, None
        last = self._gatherer.runs[-1]
        counter = self._fact_sources.counter(self._planned.log, last.segment.record)
        if counter is None:
            return None, None
        facts = CoverageFacts(
            last.segment.record, last.record.coverage, stream_facts(counter, streams)
        )
        return facts, counter

    def _troubled(self) -> list[LimitMember]:
        """That the log is not published any more, or that an auditor objects to its index.

        What was logged since may be lacking; what the index does not tell may be there.
        """
        log, (low, high) = self._planned.log, self._searched.window_us
        trouble, objection = self._fact_sources.trouble(log), self._fact_sources.objection(log)
        told = {
            "log_halted": f"the log is not published any more: {trouble}" if trouble else "",
            "index_disputed": objection,
        }
        return [
            # A bundle takes no other form of Unicode; names of keys may have any.
            LimitMember(code, "", low, high, normalize("NFC", text)[:512])
            for code, text in told.items()
            if text
        ]

    @cached_property
    def _beside(self) -> dict[Grade, list[int]]:
        """Events on the target in the range, by grade, that are not this actor's and are weak.

        Only where it is asked whether one person did something to one target: what nobody is known
        to have done may have been done by that person.
        """
        if self._planned.request.kind != "did_touch":
            return {}
        gatherer, (a, b) = self._gatherer, self._gatherer.range
        wanted = [key.key for key in target_keys(self._planned.request, self._planned.epochs)]
        found = {at for at in gatherer.postings(wanted) if a <= at < b}
        found |= {at for at, entry in gatherer.not_indexed.items() if holds(entry, set(wanted))}
        others = sorted(found - set(gatherer.candidates))
        weak = weak_of(self._summaries.over(self._planned.log, LeafIndex(gatherer.size)), others)
        return {grade: weak[grade] for grade in _BESIDE if weak.get(grade)}


def _secrets(key: QuestionKey) -> Iterator[tuple[int, tuple[str, ...], bytes]]:
    """(kind, parts, secret) of every value that a key is made of; none for pseudo-targets."""
    if not key.secrets:
        return
    if key.kind == keys.ACTOR_TARGET:
        yield keys.ACTOR, key.parts[:2], key.secrets[0]
        if key.parts[3] != keys.ANY_TARGET:
            yield keys.TARGET, key.parts[2:], key.secrets[1]
    elif key.kind != keys.TARGET or key.parts[1] != keys.ANY_TARGET:
        yield key.kind, key.parts, key.secrets[0]
