"""Facts and bundles about a small log, and the right answers by looking at each event."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from vitne.answers.question import Question, QuestionKey
from vitne.core.entry import keys
from vitne.core.entry.keyring import erased_sections
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.index_record import parse_record
from vitne.core.tree.merkle import consistency_proof, leaf_hash
from vitne.core.tree.note import sign_note
from vitne.core.values.types import Section
from vitne.evidence.bundle.build import build_bundle
from vitne.evidence.bundle.document import SenderMember, StreamMember
from vitne.evidence.bundle.facts import BundleFacts, CoverageFacts, GapFacts, OpenedFacts

from .growing import SOURCE, Event, GrowingLog, path_of


class BundleLog(GrowingLog):
    """A log that also answers: `ask` makes the facts of a bundle, `bundle` its sealed bytes."""

    # ------------------------------------------------------------ asking

    def question_keys(
        self, kind: int, parts: tuple[str, ...], epochs: Collection[int], *, secrets: bool = True
    ) -> list[QuestionKey]:
        """The keys of a value in these epochs, by their definition."""
        if kind == keys.STREAM:
            number = b"\x04" + keys.stream_id(self.origin, *parts)
            return [QuestionKey(kind, 0, parts, number)]
        made: list[QuestionKey] = []
        for epoch in epochs:
            k = self.index_secrets[epoch]
            forms = [parts]
            if kind in (keys.TARGET, keys.ACTOR_TARGET):
                forms.append((*parts[:-1], keys.ANY_TARGET))
            for form in forms:
                found = self._secrets(k, kind, form)
                key = keys.pair_key(*found) if len(found) == 2 else keys.key(kind, found[0])
                made.append(QuestionKey(kind, epoch, form, key, found if secrets else ()))
        return made

    @staticmethod
    def _secrets(k: bytes, kind: int, parts: tuple[str, ...]) -> tuple[bytes, ...]:
        def target(pair: tuple[str, ...]) -> bytes:
            if pair[1] == keys.ANY_TARGET:
                return keys.overflow_secret(pair[0])
            return keys.secret(k, keys.TARGET, *pair)

        if kind == keys.TARGET:
            return (target(parts),)
        if kind == keys.ACTOR_TARGET:
            return keys.secret(k, keys.ACTOR, *parts[:2]), target(parts[2:])
        return (keys.secret(k, kind, *parts),)

    def recorded(self, index: int) -> int:
        """Recorded time of an entry."""
        return int.from_bytes(self.entries[index][10:18], "big")

    def ask(  # noqa: PLR0913 - a question has many members
        self,
        kind: int,
        parts: tuple[str, ...],
        from_us: int,
        to_us: int,
        *,
        clock: Any = "recorded",
        early_us: int = 0,
        late_us: int = 0,
        filter: str = "",  # noqa: A002 - its name in questions
        secrets: bool = True,
        runs: Sequence[int] | None = None,
        shown: Collection[Section] = ("core",),
        size: int | None = None,
        binding: Collection[int] = (),
        wrong: Callable[[StreamMember], StreamMember] | None = None,
    ) -> BundleFacts:
        """The facts about a question, complete and honest."""
        size = len(self.entries) if size is None else size
        times = [self.recorded(index) for index in range(size)]
        a = sum(1 for time in times if time < from_us - early_us)
        b = sum(1 for time in times if time < to_us + late_us)
        chosen = self._choose(a, b) if runs is None else list(runs)
        covered = max((self.runs[position][1] for position in chosen), default=a)
        epochs = sorted(self.index_secrets)
        question = Question(
            "did it happen?", clock, from_us, to_us, early_us, late_us, filter,
            self.question_keys(kind, parts, epochs, secrets=secrets),
        )  # fmt: skip
        wanted = {key.key for key in question.keys}
        gaps = [self._gap(position, question) for position in chosen]
        results = {i for i in range(a, b) if wanted & set(gap.keys_of(self.entries[i]))}
        opened = sorted({*results, *binding})
        signed = [self._sender(index) for index in opened]
        needed = {i for i in (a - 1, a, b - 1, b) if i >= 0} | set(range(covered, b))
        needed |= {self.erased[key] for key in self.erased if key[0] in opened}
        needed |= {one.batch for one in signed if one is not None}
        given = sorted({*self.landmarks, *opened, *needed} & set(range(size)))
        heads, policies = self.heads(size), self.policy_texts()
        positions = sorted(chosen)
        return BundleFacts(
            origin=self.origin,
            range=(a, b),
            question=question,
            log_policy=policies[0],
            index_policy=policies[1],
            log_checkpoint=heads[0],
            index_checkpoint=heads[1],
            entries={index: self.entries[index] for index in given},
            path=path_of(self.leaves[:size], given),
            link=consistency_proof(self.leaves[:size], covered) if chosen else [],
            records=[(position, self.runs[position][2]) for position in positions],
            index_path=path_of([leaf_hash(data) for _, _, data, _ in self.runs], positions),
            gaps=sorted(gaps, key=lambda one: one.record),
            opened=[self._opened(index, shown) for index in opened],
            senders=[one for one in signed if one is not None],
            coverage=self._coverage(chosen, wrong) if chosen else None,
        )

    def _choose(self, a: int, b: int) -> list[int]:
        """Runs of the lowest level that tile from `a` on."""
        low = [
            (start, position)
            for position, (start, end, data, _) in enumerate(self.runs)
            if parse_record(data).level == 0 and end > a and (start < b or start <= a)
        ]
        return [position for _, position in sorted(low)]

    def _gap(self, position: int, question: Question) -> GapFacts:
        _, _, data, run = self.runs[position]
        record = parse_record(data)
        found: dict[int, gap.GapLeaf] = {}
        for key in question.keys:
            if key.parts[-1] != keys.ANY_TARGET or record.overflow:
                at = run.find(key.key)
                found[at] = run.leaves[at]
        leaves = [leaf_hash(leaf.encode()) for leaf in run.leaves]
        return GapFacts(
            record=position,
            leaves=[(at, leaf.encode()) for at, leaf in sorted(found.items())],
            path=path_of(leaves, list(found)),
            postings={at: run.postings[at] for at in found},
        )

    def _opened(self, index: int, shown: Collection[Section]) -> OpenedFacts:
        record = self.records[index]
        gone = erased_sections(record)
        return OpenedFacts(
            record,
            [name for name in shown if name not in gone],
            {name: self.erased[index, name] for name in gone},
        )

    def _sender(self, index: int) -> SenderMember | None:
        for stream in self.streams.values():
            if index in stream.signed:
                batch, first, leaves = stream.signed[index]
                number = int.from_bytes(self.entries[index][42:50], "big")
                return SenderMember(index, batch, path_of(leaves, [number - first]))
        return None

    def _coverage(
        self, chosen: Sequence[int], wrong: Callable[[StreamMember], StreamMember] | None
    ) -> CoverageFacts:
        last = max(chosen, key=lambda position: self.runs[position][0])
        record = parse_record(self.runs[last][2])
        counter = CoverageCounter()
        for entry in self.entries[: record.end]:
            counter.add(entry)
        streams = [
            StreamMember(
                stream_id, SOURCE, int(one.silent(record.recorded_us[1])), int(one.abandoned),
                one.missing(), one.voided(), 0, 2**53 - 1,
            )
            for stream_id, one in counter.streams.items()
        ]  # fmt: skip
        bad = [one for one in streams if one.silent or one.abandoned or one.missing or one.voided]
        return CoverageFacts(last, record.coverage, [wrong(one) if wrong else one for one in bad])

    def sign_seal(self, text: str) -> str:
        """A note under the receipt key."""
        return sign_note(text, [self.receipt])

    def bundle(self, *args: Any, **more: Any) -> bytes:
        """The sealed bytes of `ask`."""
        return build_bundle(self.ask(*args, **more), self.sign_seal)

    def sealed(self, facts: BundleFacts) -> bytes:
        """The sealed bytes of facts, honest or not."""
        return build_bundle(facts, self.sign_seal)

    def expected(self, kind: int, parts: tuple[str, ...], low: int, high: int) -> list[int]:
        """Events about a value that were recorded in [low, high): by looking at each."""
        return [
            told.index
            for told in self.events
            if low <= told.recorded_us < high and is_about(told, kind, parts)
        ]


def is_about(told: Event, kind: int, parts: tuple[str, ...]) -> bool:
    """Whether an event is about a value."""
    return {
        keys.ACTOR: told.actor == parts,
        keys.TARGET: parts in told.targets,
        keys.ACTOR_TARGET: told.actor == parts[:2] and parts[2:] in told.targets,
        keys.STREAM: (told.source, told.stream) == parts,
        keys.EVENT_TYPE: (told.type,) == parts,
        keys.ACTION: (told.action,) == parts,
    }[kind]
