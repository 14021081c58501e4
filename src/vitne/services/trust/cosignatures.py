"""Cosignatures of one tree as they come in, until a head has enough of them; that head, stored."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct, field

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Verified
from vitne.core.values import LogId
from vitne.errors import VerificationError, VitneError
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import check_head
from vitne.ports import ObjectStore
from vitne.services.log import COSIGNED, Published, index_log_id, log_key, parse_checkpoint
from vitne.services.trust.contradictions import WitnessIncidents
from vitne.services.trust.policies import PolicyTexts

_HEADS_KEPT: Final = 8


class CosignTarget(Struct, frozen=True):
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
    found: dict[str, Verified] = field(default_factory=dict)
    """Cosignatures by vkey."""


class CosignatureSet:
    """What came for the newest heads of one tree. Not for two threads at once."""

    def __init__(self) -> None:
        self._heads: dict[str, _Head] = {}
        self.size = 0
        """Of the newest head that met the quorum."""

    def has(self, text: str, vkeys: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head."""
        head = self._heads.get(text)
        return head is not None and any(vkey in head.found for vkey in vkeys)

    def has_at(self, size: int, vkeys: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head of that size."""
        wanted = set(vkeys)
        return any(
            head.size == size and wanted & head.found.keys() for head in self._heads.values()
        )

    def lacking(self, policy: Policy) -> list[str]:
        """Keys of a policy that have cosigned no head beyond the newest that met it, by name."""
        said = {
            vkey for head in self._heads.values() if head.size > self.size for vkey in head.found
        }
        return sorted({key.name for key in policy.witnesses.values() if key.vkey not in said})

    def newest_s(self, vkey: str) -> int:
        """When a key cosigned last, as far as is known; 0: never."""
        times = [head.found[vkey].time_s for head in self._heads.values() if vkey in head.found]
        return max(times, default=0)

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
            known = kept.found.get(one.verifier.vkey)
            if known is None or one.time_s > known.time_s:
                kept.found[one.verifier.vkey] = one
                new = True
        return new

    def cosigned(self, text: str, policy: Policy) -> str | None:
        """A head with all cosignatures that came for it; None as long as they are too few."""
        head = self._heads.get(text)
        if head is None or head.size < self.size:
            return None
        # By the policy's own keys: one witness may sign with two, of which each counts for itself.
        found = [
            Verified(key, head.found[key.vkey].time_s, head.found[key.vkey].line)
            for key in policy.witnesses.values()
            if key.vkey in head.found
        ]
        if not _met(policy, found):
            return None
        self.size = head.size
        return head.note + "".join(one.line for one in found)

    def _forget(self) -> None:
        for text in sorted(self._heads, key=lambda one: self._heads[one].size)[:-_HEADS_KEPT]:
            del self._heads[text]


def _met(policy: Policy, found: Sequence[Verified]) -> bool:
    try:
        policy.quorum_time_of(found)
    except VerificationError:
        return False
    return True


class CosignedHeads:
    """Heads that bundles may stand under. Any thread may ask."""

    def __init__(
        self, objects: ObjectStore, policies: PolicyTexts, incidents: WitnessIncidents
    ) -> None:
        self._objects = objects
        self._policies = policies
        self._incidents = incidents
        # Without a lock: two threads that check the same note come to the same.
        self._good: dict[LogId, bytes] = {}

    def newest(self, tree: LogId) -> str | None:
        """The newest head of a tree that meets the quorum; None if there is none yet.

        Where the settings name no witness: the newest published one.
        """
        if not self._policies.base(tree).asks:
            return Published(self._objects, tree).checkpoint()
        note = self._objects.get(log_key(tree, COSIGNED))
        return None if note is None or not self._holds(tree, note) else note.decode()

    def index(self, log: LogId) -> str | None:
        """The same of the index log of a log."""
        return self.newest(index_log_id(log))

    def covers(self, log: LogId, position: int) -> bool:
        """Whether the newest such head of the index log covers a record."""
        note = self.index(log)
        return note is not None and parse_checkpoint(note).size > position

    def objection(self, log: LogId) -> str:
        """What auditors have against the index log of a log, in a sentence; `""`: nothing."""
        found = self._incidents.objections(index_log_id(log))
        return " ".join(one.reason for one in found)

    def _holds(self, tree: LogId, note: bytes) -> bool:
        """Whether it meets the policy of today: the settings may have changed since."""
        if self._good.get(tree) == note:
            return True
        try:
            check_head(note.decode("utf-8", "replace"), self._policies.policy(tree))
        except VitneError:
            return False
        self._good[tree] = note
        return True
