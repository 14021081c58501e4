"""Answers a question with a verdict, and with the bundle that carries its proof.

    logged      the question is an event of the log before anything is looked up
    published   a checkpoint covers that event, so the window of a question up to now is closed
    gathered    entries, index, records: `ask_gather`; completeness: `ask_coverage`
    built       the bundle, sealed with the receipt key
    verified    those very bytes, by the verifier that everybody has: its verdict is the answer
    logged      what was answered, and which events are shown

The server decides nothing about the verdict itself: what it knows beyond the proofs is in the
bundle as a limit, which can only weaken one.
"""

import logging
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from time import perf_counter
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.answers.ask import Epoch, plan_question, text_of
from vitne.answers.ask_request import QuestionRequest
from vitne.core.event.forbidden import is_personal_id
from vitne.core.index.source_summary import GRADES
from vitne.core.tree.note import sign_note
from vitne.core.values import LogId, Origin, Record, uuid_text
from vitne.errors import (
    AnswerTooLargeError,
    BadInputError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
    VerificationError,
)
from vitne.evidence.bundle import verify as bundle
from vitne.evidence.bundle.answer import Answer, Policies
from vitne.evidence.bundle.build import build_bundle
from vitne.evidence.bundle.document import MAX_BYTES
from vitne.evidence.bundle.facts import BundleFacts
from vitne.evidence.policy import parse_policy
from vitne.ports import Ports
from vitne.services.access import Caller, LoggedReads
from vitne.services.answers.assemble import Assembly, GatheredFacts, PlannedQuestion
from vitne.services.answers.gather import EvidenceGatherer, Heads, open_tiles
from vitne.services.answers.inputs import FactSources
from vitne.services.answers.key_entries import KeyEntryFinder
from vitne.services.answers.named_values import ValueLookup
from vitne.services.answers.source_summaries import SourceSummaries
from vitne.services.log import FIRST_EPOCH, Logs, parse_checkpoint
from vitne.wire.answers import CoverageReply

_LOG: Final = logging.getLogger("vitne.ask")
COVER_WAIT_S: Final = 5.0
"""How long an answer waits for the checkpoint that covers its question."""
SEAL_WAIT_S: Final = 10.0
"""How long it waits for the index to cover the newest entries."""
_LOOK_EVERY_S: Final = 0.01
_TRIES: Final = 3


class AnsweredQuestion(Struct, frozen=True):
    """An answer, and everything that is shown of it."""

    log: LogId
    request: QuestionRequest
    issuer: str
    answer: Answer
    bundle: bytes
    records: Mapping[int, Record]
    """Of the hits, whole."""
    statement: CoverageReply
    bound: bool
    """The bundle itself ties the keys to the values; else only whoever has K can."""
    pseudonyms: tuple[str, ...]
    """Ids that stand in the log for personal ones that were asked about."""
    high_water: int
    """Entries that the log had when the question was logged."""
    took_ms: Mapping[str, float]

    @property
    def grade(self) -> str:
        """The lowest evidence grade; `""`: the answer rests on no event's attribution."""
        grades = [GRADES.get(hit.attribution, "E") for hit in self.answer.hits]
        return max([*grades, *self.statement.weaker], default="")


class Answers:
    """Answers questions. Any thread may ask.

    Args:
        ports: what is read.
        logs: their origins and keys.
        summaries: what the sources in a log said.
        fact_sources: what other chapters know.
        pause: how to wait, in seconds.
    """

    def __init__(
        self,
        ports: Ports,
        logs: Logs,
        summaries: SourceSummaries,
        fact_sources: FactSources,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ports = ports
        self._logs = logs
        self._summaries = summaries
        self._fact_sources = fact_sources
        self._pause = pause
        self._values = ValueLookup(ports)
        self._key_entries = KeyEntryFinder(ports)

    def answer(
        self, log: LogId, request: QuestionRequest, caller: Caller, reading: LoggedReads
    ) -> AnsweredQuestion:
        """Answer a question.

        Args:
            log: whose.
            request: checked.
            caller: who asks.
            reading: writes the question and the answer into the log.

        Raises:
            BadInputError: an actor's issuer cannot be told.
            AnswerTooLargeError: more events answer it than one answer shows.
            UnavailableError: no checkpoint, or no index, covers the log yet.
            IntegrityError: what was gathered does not verify: never an answer.
        """
        spans = _Spans()
        request, pseudonyms = self._as_logged(log, request)
        issuer = self._values.issuer(log, request.actor, request.issuer) if request.actor else ""
        text = text_of(request, issuer)
        reading.asked(caller, log, text)
        spans.end("log the question")
        high_water = self._ports.store.log(log).next_index
        found, collected = self._collected(log, request, issuer, high_water, spans)
        data = self._sealed(collected.facts, found.origin)
        spans.end("build")
        answer = self._verified(data, found)
        spans.end("verify")
        shown = [hit.index for hit in answer.hits]
        records = {at: collected.records[at] for at in shown}
        reading.answered(
            caller,
            log,
            text,
            verdict=answer.verdict,
            shown=[uuid_text(record.event_id) for record in records.values()],
            bundle_sha256=sha256(data).hexdigest(),
        )
        spans.end("log the answer")
        spans.tell(answer, len(data))
        return AnsweredQuestion(
            log=log,
            request=request,
            issuer=issuer,
            answer=answer,
            bundle=data,
            records=records,
            statement=collected.statement,
            bound=collected.bound,
            pseudonyms=pseudonyms,
            high_water=high_water,
            took_ms=spans.took_ms,
        )

    def _as_logged(
        self, log: LogId, request: QuestionRequest
    ) -> tuple[QuestionRequest, tuple[str, ...]]:
        """The request with ids as intake keeps them: of a personal one a pseudonym (ADR 24)."""
        found = []
        if is_personal_id(request.actor):
            found.append(f"h:{self._logs.pseudonym(log, request.actor)}")
            request = replace(request, actor=found[-1])
        if request.target is not None and is_personal_id(request.target[1]):
            found.append(f"h:{self._logs.pseudonym(log, request.target[1])}")
            request = replace(request, target=(request.target[0], found[-1]))
        return request, tuple(found)

    # ------------------------------------------------------------ gather

    def _collected(
        self, log: LogId, request: QuestionRequest, issuer: str, needed: int, spans: "_Spans"
    ) -> tuple[PlannedQuestion, GatheredFacts]:
        """Everything but the verdict.

        Segments may be merged while they are read; then their files are gone, and the newer list
        is gone by.
        """
        missing: NotFoundError | None = None
        for _ in range(_TRIES):
            try:
                found = self._gathered(log, request, issuer, needed, spans)
                counts = self._ports.store.counts(log)
                assembly = Assembly(
                    found, self._values, self._summaries, self._fact_sources, counts
                )
                return found, assembly.collect(spans.end)
            except NotFoundError as error:
                missing = error
        raise IntegrityError(
            "what the list of segments or a checkpoint names is missing",
            where=str(missing),
            hint="vitne fsck tells what is damaged",
        ) from missing

    def _gathered(
        self, log: LogId, request: QuestionRequest, issuer: str, needed: int, spans: "_Spans"
    ) -> PlannedQuestion:
        heads = self._heads(log, needed)
        spans.end("publish")
        found = self._under(log, request, issuer, heads)
        needed_end = found.gatherer.needed_end
        if found.gatherer.covered < needed_end and self._seal(log, needed_end):
            found = self._under(log, request, issuer, self._heads(log, needed))
            spans.end("seal")
        return found

    def _under(
        self, log: LogId, request: QuestionRequest, issuer: str, heads: Heads
    ) -> PlannedQuestion:
        """The question planned and ready to be gathered for, under two checkpoints."""
        origin = self._logs.origin(log)
        # The epochs come from the log, and the question has a key for each.
        tiles = open_tiles(self._ports.objects, log, heads.log.size)
        key_entries = self._key_entries.of(log, tiles)
        listed = [
            number
            for number, entries in sorted(key_entries.epochs.items())
            if entries[0] < tiles.size
        ]
        epochs = [self._epoch(log, number) for number in listed or [FIRST_EPOCH]]
        question = plan_question(request, issuer, epochs, origin)
        gatherer = EvidenceGatherer(self._ports, log, question, heads, tiles)
        return PlannedQuestion(log, origin, request, question, epochs, key_entries, gatherer)

    def _epoch(self, log: LogId, number: int) -> Epoch:
        """An index secret. Raises `BadInputError` if it was destroyed."""
        try:
            return Epoch(number, self._logs.known_index_secret(log, number))
        except NotFoundError as error:
            raise BadInputError(
                f"the index secret of epoch {number} was destroyed, so nothing can be looked up",
                where=log,
            ) from error

    def _heads(self, log: LogId, needed: int) -> Heads:
        """The newest checkpoints; of the log one that covers the question, if it comes in time."""
        facts = self._fact_sources
        self._wait(
            lambda: _size(facts.log_note(log)) >= needed or bool(facts.trouble(log)), COVER_WAIT_S
        )
        note, index = facts.log_note(log), facts.index_note(log)
        if index is None and facts.seal_on_demand(log, SEAL_WAIT_S):
            index = facts.index_note(log)
        if note is None or index is None:
            raise UnavailableError(
                "no checkpoint of the log, or none of its index, has been published yet",
                where=log,
                hint="ask again in a minute",
                retry_after_s=60 if note else 1,
            )
        newest, lacking = self._fact_sources.behind(log)
        return Heads(note, index, newest, lacking)

    def _seal(self, log: LogId, needed: int) -> bool:
        """Have the index cover the entries below `needed`; whether it does better now."""
        if not self._fact_sources.seal_on_demand(log, SEAL_WAIT_S):
            return False
        segments = self._ports.segments.segments(log)
        wanted = next((one.record for one in segments if one.end >= needed), None)
        if wanted is not None:
            self._wait(lambda: _size(self._fact_sources.index_note(log)) > wanted, SEAL_WAIT_S)
        return True

    def _wait(self, is_there: Callable[[], bool], most_s: float) -> None:
        """Have it published, and wait until it is, or as long as one should."""
        waited = 0.0
        while not is_there() and waited < most_s:
            self._fact_sources.nudge()
            self._pause(_LOOK_EVERY_S)
            waited += _LOOK_EVERY_S

    # ------------------------------------------------------------ build and verify

    def _sealed(self, facts: BundleFacts, origin: Origin) -> bytes:
        signer = self._logs.receipt_signer(origin)
        data = build_bundle(facts, lambda text: sign_note(text, [signer]))
        if len(data) > MAX_BYTES:
            raise AnswerTooLargeError(
                f"the evidence of {len(facts.opened):,} events has {len(data):,} bytes;"
                f" a bundle has at most {MAX_BYTES:,}",
                hint="ask about a shorter period, or narrow it by type, category or outcome",
            )
        return data

    def _verified(self, data: bytes, found: PlannedQuestion) -> Answer:
        """What the verifier says of the very bytes that are handed out.

        Raises:
            IntegrityError: they do not verify.
        """
        log_text, index_text = self._fact_sources.policies(found.log)
        policies = Policies(
            parse_policy(log_text),
            parse_policy(index_text),
            {epoch.number: epoch.index_secret for epoch in found.epochs},
        )
        try:
            return bundle.verify_bundle(data, policies)
        except VerificationError as error:
            raise IntegrityError(
                f"the evidence of an answer does not verify: rule {error.rule}: {error.message}",
                where=found.origin,
                hint="vitne fsck tells what is damaged",
            ) from error


class _Spans:
    """How long each step took."""

    def __init__(self) -> None:
        self.took_ms: dict[str, float] = {}
        self._at_s = perf_counter()

    def end(self, name: str) -> None:
        """A step is done."""
        now_s = perf_counter()
        took_ms = (now_s - self._at_s) * 1e3
        self.took_ms[name] = round(self.took_ms.get(name, 0.0) + took_ms, 2)
        self._at_s = now_s

    def tell(self, answer: Answer, size: int) -> None:
        """Write them into the program's log; no value of the question stands there."""
        extra = {
            "verdict": answer.verdict,
            "hits": len(answer.hits),
            "bundle_bytes": size,
            "took_ms": self.took_ms,
        }
        _LOG.debug("answered a question", extra=extra)


def _size(note: str | None) -> int:
    """Of a checkpoint; 0 without one."""
    return parse_checkpoint(note).size if note else 0
