"""What a verified bundle says: the result of `bundle.verify`."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from vitne.answers.question import Question
from vitne.answers.verdict_and_reasons import Reason, Verdict
from vitne.core.entry.sender import SignedMode
from vitne.core.index.index_record import Coverage
from vitne.core.values import JsonObject, Origin, Parts, Section
from vitne.evidence.bundle.document import StreamMember
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import Trust, VerifiedHead

Binding = Literal["key", "sender", "log", "stated"]
"""On whose word the lookup key is that of the value: nobody's (K was given, or it follows from the
value), a sender's signature, the log's, or only the exporter's."""


class Policies(Struct, frozen=True):
    """What the verifier trusts, instead of what the bundle names; trust is *given* if both are."""

    log: Policy | None = None
    """None: the one that the bundle names."""
    index: Policy | None = None
    """Likewise, of the index log."""
    index_secrets: Mapping[int, bytes] = {}
    """K by epoch, if the verifier has it: 32 bytes each, secret."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Policies(index_secrets of {sorted(self.index_secrets)})"


class Hit(Struct, frozen=True):
    """An event that answers the question."""

    index: int
    recorded_us: int
    occurred_us: int
    stream_id: bytes
    stream_seq: int
    parts: Parts
    """Canonical JSON of what is opened; None where withheld or erased."""
    signed: SignedMode | None
    """Its sender signed it: `full` with, `body` without its lookup keys; None: nothing shown."""

    def core(self) -> JsonObject:
        """The core section as the sender sent it."""
        return _object(self.parts.core)

    @property
    def attribution(self) -> str:
        """How the human was established (event-schema §4.2); empty if the event does not say."""
        actor = self.core().get("actor")
        found = actor.get("attribution") if isinstance(actor, dict) else None
        return found if isinstance(found, str) else ""


class AttachedStamp(Struct, frozen=True):
    """A time stamp that came along; its token is not checked here."""

    kind: Literal["rfc3161", "ots"]
    over: Literal["log", "index", "other"]
    """Which checkpoint it is over."""
    token: bytes


class Detection(Struct, frozen=True):
    """What the exporter says about a detection rule."""

    rule: str
    hash: bytes
    matches: int
    runs: tuple[int, ...]
    shown: bool
    """Every run is an opened `system.detection.ran` event of this log."""


class ExporterSignature(Struct, frozen=True):
    """Who exported the bundle, and nothing more."""

    state: Literal["held", "unknown_key", "none"]
    """`held`: by a receipt key that the log itself announced; `unknown_key`: no such key came
    along; `none`: not sealed."""
    key: str = ""
    """Vkey, if held."""


class Answer(Struct, frozen=True, kw_only=True):
    """A verdict and everything that it rests on."""

    verdict: Verdict
    hits: tuple[Hit, ...]
    exact: bool
    """Nothing limits the answer: `exactly these`; else `at least these`."""
    reasons: tuple[Reason, ...]
    binding: Binding
    trust: Trust
    origin: Origin
    question: Question
    log_head: VerifiedHead
    index_head: VerifiedHead
    range: tuple[int, int]
    """[a, b): entries that were searched."""
    window: tuple[int, int]
    """[lo, hi): recorded times that were searched."""
    covered: int
    """c: entries below it are covered by the index log, those of [c, b) were given whole."""
    runs: int
    """How many records of the index log were used."""
    coverage: Coverage | None
    streams: tuple[StreamMember, ...]
    limits: tuple[Reason, ...]
    """Those of `reasons` that the exporter states itself."""
    withheld: tuple[tuple[int, Section], ...]
    erased: tuple[tuple[int, Section, int], ...]
    """(index, section, index of the erase entry)."""
    basis: Mapping[int, tuple[str, str]]
    """Index of an erase entry → its basis and reference."""
    stamps: tuple[AttachedStamp, ...]
    detections: tuple[Detection, ...]
    seal: ExporterSignature


def _object(part: bytes | None) -> JsonObject:
    return msgspec.json.decode(part, type=JsonObject) if part else {}
