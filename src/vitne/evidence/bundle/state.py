"""What the rules of a bundle have found out so far: each reads what those before it have set."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from vitne.answers.question import Question
from vitne.answers.verdict_and_reasons import Reason, reason
from vitne.core.entry.commit import SectionLeaves
from vitne.core.entry.entry import Entry, EventEntry
from vitne.core.entry.sender import SignedMode
from vitne.core.index.gap import GapLeaf
from vitne.core.index.index_record import Coverage, IndexRecord
from vitne.core.values import Json, Section
from vitne.errors import VerificationError
from vitne.evidence.bundle.answer import (
    AttachedStamp,
    Binding,
    Detection,
    ExporterSignature,
    Hit,
    Policies,
)
from vitne.evidence.bundle.document import Bundle, OpenedMember
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import Trust, VerifiedHead


class UnknownEntry(Struct, frozen=True):
    """An entry of a later version: only its header is understood."""

    type: int
    recorded_us: int


class BundleRun(Struct, frozen=True):
    """A record of the index log, and its position there."""

    position: int
    record: IndexRecord


class Case:
    """One verification: what was given, and what each rule has found out.

    A rule sets its members once, and later rules read them. To read one before its rule has run,
    or to set it again, is an `AttributeError`: so the order of the rules is checked each time.
    """

    log_policy: Policy  # rule 2
    index_policy: Policy
    trust: Trust
    log: VerifiedHead  # rule 3
    index: VerifiedHead  # rule 4
    runs: Sequence[BundleRun]  # rule 5
    """Ascending by start."""
    covered: int  # rule 6
    entries: Mapping[int, Entry | UnknownEntry]  # rule 8
    pruned: int
    """Records below it may be gone."""
    window: tuple[int, int]  # rule 9
    values: Mapping[int, bytes]  # rule 10
    """Epoch → tagged key of the value."""
    all_keys: frozenset[bytes]
    """Those, and the keys of the pseudo-target."""
    run_keys: Mapping[int, frozenset[bytes]]
    """Position of a run → keys that are looked up in it."""
    gap_leaves: Mapping[int, Mapping[int, GapLeaf]]  # rule 11
    """Position of a run → the leaves that were given for it, by their positions."""
    posted: Mapping[int, AbstractSet[bytes]]  # rule 12
    """Index → keys by which the index log names it."""
    candidates: Mapping[int, AbstractSet[bytes]]  # rule 13
    """The same, with what no record covers."""
    opened: Mapping[int, OpenedMember]  # rule 15
    leaves: Mapping[int, dict[Section, SectionLeaves]]
    cores: Mapping[int, dict[str, Json]]
    """Opened cores, as the senders sent them."""
    hits: Sequence[Hit]  # rule 16
    signed: Mapping[int, SignedMode]  # rule 17
    binding: Binding  # rule 18
    counts: Coverage | None  # rule 19
    stamps: Sequence[AttachedStamp]  # rule 20
    detections: Sequence[Detection]
    seal: ExporterSignature

    def __init__(
        self, data: bytes, bundle: Bundle, given: Policies | None, question: Question
    ) -> None:
        self.data = data
        self.bundle = bundle
        self.given = given
        self.question = question
        self.reasons: list[Reason] = []

    def __setattr__(self, name: str, value: object) -> None:
        """Set a member for the first time."""
        if name in self.__dict__:
            raise AttributeError(f"an earlier rule has set {name}")
        super().__setattr__(name, value)

    def limit(self, code: str, where: str = "") -> None:
        """Note a reason."""
        self.reasons.append(reason(code, where))

    def event(self, index: int) -> EventEntry | None:
        """The given event at an index; None if it is none, or not given."""
        found = self.entries.get(index)
        return found if isinstance(found, EventEntry) else None

    def run_at(self, index: int) -> BundleRun | None:
        """The run that holds an entry of [a, c); None in the tail."""
        if index >= self.covered or not self.runs:
            return None
        return self.runs[bisect_right(self.runs, index, key=lambda run: run.record.start) - 1]

    def keys_at(self, index: int) -> frozenset[bytes]:
        """Keys that are looked up at an entry of [a, b)."""
        run = self.run_at(index)
        return self.all_keys if run is None else self.run_keys[run.position]


def rule_failed(message: str, where: str = "") -> VerificationError:
    """What a rule raises; `named_rule` adds which."""
    return VerificationError(message, where=where)
