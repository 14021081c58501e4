"""Cosignatures of one tree as they come in, until a head has enough of them (pure)."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, field

from vitne.core.checkpoint import Checkpoint
from vitne.core.note import Verified
from vitne.errors import VerificationError
from vitne.evidence.policy import Policy

__all__ = ["Gathering", "Target"]

_HEADS_KEPT: Final = 8


class Target(Struct, frozen=True):
    """A signed head that witnesses are asked to cosign."""

    head: Checkpoint
    note: str
    """As the log signed it."""
    since_s: float
    """When it became the target, on the clock of the process."""

    @property
    def text(self) -> str:
        """What cosignatures are over."""
        return self.head.text()


class _Head(Struct):
    """What came for one head."""

    note: str
    size: int
    lines: dict[str, str] = field(default_factory=dict)
    """Cosignature lines by key name and id."""
    times_s: dict[str, int] = field(default_factory=dict)
    """By key name."""


class Gathering:
    """What came for the newest heads of one tree. Not for two threads at once."""

    def __init__(self) -> None:
        self._heads: dict[str, _Head] = {}
        self.size = 0
        """Of the newest head that met the quorum."""

    def has(self, text: str, names: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head."""
        head = self._heads.get(text)
        return head is not None and any(name in head.times_s for name in names)

    def has_at(self, size: int, names: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head of that size."""
        wanted = set(names)
        return any(
            head.size == size and wanted & head.times_s.keys() for head in self._heads.values()
        )

    def add(self, note: str, head: Checkpoint, found: Iterable[Verified]) -> bool:
        """Add verified cosignatures of a head; whether any is new.

        Args:
            note: the head as its log signed it.
            head: what it says.
            found: cosignatures over exactly that.
        """
        text = head.text()
        kept = self._heads.get(text)
        if kept is None:
            if head.size < self.size:
                return False
            kept = self._heads[text] = _Head(note, head.size)
            self._forget()
        new = False
        for one in found:
            name = one.verifier.name
            if one.time_s >= kept.times_s.get(name, 1):
                key = f"{name}+{one.verifier.key_id.hex()}"
                new |= kept.lines.get(key) != one.line
                kept.lines[key], kept.times_s[name] = one.line, one.time_s
        return new

    def cosigned(self, text: str, policy: Policy) -> str | None:
        """A head with all cosignatures that came for it; None as long as they are too few."""
        head = self._heads.get(text)
        if head is None or head.size < self.size or not _met(policy, head.times_s):
            return None
        self.size = head.size
        return head.note + "".join(head.lines[key] for key in sorted(head.lines))

    def _forget(self) -> None:
        for text in sorted(self._heads, key=lambda one: self._heads[one].size)[:-_HEADS_KEPT]:
            del self._heads[text]


def _met(policy: Policy, times_s: Mapping[str, int]) -> bool:
    try:
        policy.quorum_time_s(times_s)
    except VerificationError:
        return False
    return True
