"""What the rules of a bundle have found out so far: each reads what those before it put here."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct, field

from vitne.answers.question import Question
from vitne.answers.verdict import Reason, reason
from vitne.core.entry.commit import SectionLeaves
from vitne.core.entry.entry import Entry, EventEntry
from vitne.core.entry.sender import SignedMode
from vitne.core.index.gap import GapLeaf
from vitne.core.index.index_record import Coverage, IndexRecord
from vitne.core.values.canonical import Json
from vitne.core.values.types import Section
from vitne.errors import VerificationError, VitneError
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

__all__ = ["BundleRun", "Case", "UnknownEntry", "named", "rule_failed"]


class UnknownEntry(Struct, frozen=True):
    """An entry of a later version: only its header is understood."""

    type: int
    recorded_us: int


class BundleRun(Struct):
    """A record of the index log, and the gap leaves that were given for it."""

    position: int
    record: IndexRecord
    keys: frozenset[bytes] = frozenset()
    """Keys that are looked up in it."""
    leaves: dict[int, GapLeaf] = field(default_factory=dict)


class Case(Struct):
    """The working state of one verification."""

    data: bytes
    bundle: Bundle
    given: Policies | None
    question: Question
    reasons: list[Reason] = field(default_factory=list)
    policies: tuple[Policy, Policy] | None = None
    trust: Trust = "bundled"
    heads: list[VerifiedHead] = field(default_factory=list)
    """Of the log, then of the index log."""
    runs: list[BundleRun] = field(default_factory=list)
    """Ascending by start."""
    covered: int = 0
    entries: dict[int, Entry | UnknownEntry] = field(default_factory=dict)
    pruned: int = 0
    """Records below it may be gone."""
    window: tuple[int, int] = (0, 0)
    values: dict[int, bytes] = field(default_factory=dict)
    """Epoch → tagged key of the value."""
    pseudo: dict[int, bytes] = field(default_factory=dict)
    """Epoch → tagged key of the pseudo-target."""
    all_keys: frozenset[bytes] = frozenset()
    """Both, of all epochs."""
    candidates: dict[int, set[bytes]] = field(default_factory=dict)
    """Index → keys by which the index log or the tail names it."""
    opened: dict[int, OpenedMember] = field(default_factory=dict)
    leaves: dict[int, dict[Section, SectionLeaves]] = field(default_factory=dict)
    cores: dict[int, dict[str, Json]] = field(default_factory=dict)
    """Opened cores, as the senders sent them."""
    erasures: dict[int, frozenset[tuple[int, Section]]] = field(default_factory=dict)
    """Index of an erase entry → what it lists."""
    signed: dict[int, SignedMode] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    binding: Binding = "stated"
    counts: Coverage | None = None
    stamps: list[AttachedStamp] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)
    seal: ExporterSignature = ExporterSignature("none")

    @property
    def log(self) -> VerifiedHead:
        """The log's head."""
        return self.heads[0]

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
        return self.all_keys if run is None else run.keys


def rule_failed(message: str, where: str = "") -> VerificationError:
    """What a rule raises; `named` adds which."""
    return VerificationError(message, where=where)


@contextmanager
def named(rule: str) -> Iterator[None]:
    """Whatever fails inside fails this rule."""
    try:
        yield
    except VitneError as error:
        raise VerificationError(
            error.message, rule=rule, where=error.where, hint=error.hint
        ) from error
