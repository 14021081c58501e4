"""Which head of each tree witnesses are asked about, and which ones have enough cosignatures.

The newest head that met the quorum is kept as the object `checkpoint.cosigned`; whatever else is
here is lost with the process, and asked for again.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.tree.note import Opened, Verified, open_checkpoint, parse_note
from vitne.core.tree.signature import ED25519
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LogId
from vitne.errors import ConflictError, VerificationError, VitneError
from vitne.ports import CheckpointStore, ObjectStore
from vitne.services.log import COSIGNED, Published, log_key
from vitne.services.trust.cosignatures import CosignatureSet, CosignTarget
from vitne.services.trust.policies import PolicyTexts

_LOG: Final = logging.getLogger("vitne.witness")
_STALE_S: Final = 10.0
"""Age of a target after which a newer head takes its place though too few have cosigned it."""


class WitnessedHeads:
    """Of all trees. Any thread may call."""

    def __init__(self, policies: PolicyTexts, heads: CheckpointStore, objects: ObjectStore) -> None:
        self._policies = policies
        self._heads = heads
        self._objects = objects
        # Held while a cosigned head is stored: an older one must not be stored after a newer.
        self._lock = Lock()  # guards: _targets, _gathered and what is in it
        self._waiting_lock = Lock()  # guards: _waiting_s; the publisher does not wait for the disk
        self._targets: dict[LogId, CosignTarget] = {}
        self._gathered: dict[LogId, CosignatureSet] = {}
        self._waiting_s: dict[LogId, float] = {}

    def waits(self, tree: LogId) -> None:
        """A tree has a new head."""
        with self._waiting_lock:
            self._waiting_s.setdefault(tree, time.monotonic())

    def lag_s(self) -> float:
        """For how long the tree that waits longest has had a head without quorum."""
        with self._waiting_lock:
            since_s = min(self._waiting_s.values(), default=None)
        return 0.0 if since_s is None else time.monotonic() - since_s

    def size(self, tree: LogId) -> int | None:
        """Of the newest signed head; None without one."""
        head = self._heads.head(tree)
        return head.size if head else None

    def target(self, tree: LogId, *, renew: bool = False) -> CosignTarget | None:
        """The head that witnesses are asked about now; None without a published one.

        Args:
            tree: whose.
            renew: take the newest head, whatever the old one still lacks.
        """
        cosignatures = self._cosignatures(tree)
        with self._lock:
            target, now_s = self._targets.get(tree), time.monotonic()
            head = self._heads.head(tree)
            if head is None:
                return None
            met = target is not None and cosignatures.size >= target.head.size
            if target is None or (
                head.size > target.head.size and (met or renew or now_s > target.since_s + _STALE_S)
            ):
                found = Checkpoint.parse(parse_note(head.note)[0])
                target = self._targets[tree] = CosignTarget(found, head.note, now_s)
            return target

    def is_newest(self, tree: LogId, target: CosignTarget) -> bool:
        """Whether the tree has no later head."""
        return (self.size(tree) or 0) <= target.head.size

    def reader(self, tree: LogId, size: int) -> TileReader:
        """The tiles of a tree."""
        return TileReader(Published(self._objects, tree).get, size)

    def root(self, tree: LogId, size: int) -> Hash | None:
        """Root of our tree at a size; None if it is smaller."""
        newest = self.size(tree)
        if newest is None or size > newest:
            return None
        return self.reader(tree, newest).root(size) if size else EMPTY_ROOT

    def quorum_size(self, tree: LogId) -> int:
        """Size of the newest head that met the quorum; 0 without one."""
        cosignatures = self._cosignatures(tree)
        with self._lock:
            return cosignatures.size

    def has_signed(self, tree: LogId, target: CosignTarget, vkeys: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head."""
        cosignatures = self._cosignatures(tree)
        with self._lock:
            return cosignatures.has(target.text, vkeys)

    def kept_size(self, tree: LogId, vkeys: Iterable[str]) -> int:
        """Size of the newest head that met the quorum, if one of these keys cosigned it; else 0."""
        cosignatures = self._cosignatures(tree)
        with self._lock:
            signed = cosignatures.has_at(cosignatures.size, vkeys)
            return cosignatures.size if signed else 0

    def _cosignatures(self, tree: LogId) -> CosignatureSet:
        """What came for the heads of a tree; at first what an earlier run kept."""
        with self._lock:
            found = self._gathered.get(tree)
        if found is None:
            found = CosignatureSet()
            self._read_kept(tree, found)
            with self._lock:
                found = self._gathered.setdefault(tree, found)
        return found

    def gather(self, tree: LogId, note: str, head: Checkpoint, found: Sequence[Verified]) -> None:
        """Add cosignatures of a head; once it has enough, keep it durably."""
        policy, cosignatures = self._policies.policy(tree), self._cosignatures(tree)
        with self._lock:
            if not cosignatures.add(note, head, found):
                return
            cosigned = cosignatures.cosigned(head.text(), policy)
            if cosigned is None:
                return
            self._objects.replace({log_key(tree, COSIGNED): cosigned.encode()})
            newest = self.size(tree) or 0
            with self._waiting_lock:
                if newest <= head.size:
                    self._waiting_s.pop(tree, None)
                else:
                    self._waiting_s[tree] = time.monotonic()

    def behind(self, tree: LogId) -> tuple[int, Sequence[str]]:
        """Size of the newest head, and whose cosignatures the quorum may be waiting for.

        Nobody, if that head met the quorum, or if no quorum is asked for.
        """
        cosignatures, newest = self._cosignatures(tree), self.size(tree) or 0
        policy = self._policies.policy(tree)
        with self._lock:
            if not self._policies.base(tree).asks or cosignatures.size >= newest:
                return newest, ()
            return newest, cosignatures.lacking(policy)

    def newest_s(self, tree: LogId, vkey: str) -> int:
        """When a key cosigned a tree last, as far as is known; 0: never."""
        cosignatures = self._cosignatures(tree)
        with self._lock:
            return cosignatures.newest_s(vkey)

    def take(self, tree: LogId, note: str) -> Sequence[Verified]:
        """Take cosignatures that somebody brings; those by keys of the policy.

        Args:
            tree: whose.
            note: a checkpoint of that tree, ours, with one cosignature at least.

        Raises:
            DecodeError: no checkpoint.
            VerificationError: not ours, not by a key of the policy, or a signature fails.
            ConflictError: another tree than the one that we have at this size.
            NotFoundError: no such log.
        """
        keys = tuple(self._policies.policy(tree).witnesses.values())
        head, opened = open_checkpoint(note, self._policies.signer(tree).verifier, keys)
        found = [one for one in opened.verified if one.verifier in keys]
        if not found:
            raise VerificationError("no cosignature by a key of the policy", rule="signature")
        if self.root(tree, head.size) != head.root:
            raise ConflictError("this is no head of this tree", where=head.origin)
        self.gather(tree, _alone(opened), head, found)
        return found

    def _read_kept(self, tree: LogId, cosignatures: CosignatureSet) -> None:
        kept = self._objects.get(log_key(tree, COSIGNED))
        if kept is None:
            return
        policy = self._policies.policy(tree)
        keys = tuple(policy.witnesses.values())
        try:
            head, opened = open_checkpoint(kept, self._policies.signer(tree).verifier, keys)
        except VitneError as error:
            _LOG.error("a cosigned checkpoint of %s is damaged: %s", tree, error)
            return
        found = [one for one in opened.verified if one.verifier in keys]
        cosignatures.add(_alone(opened), head, found)
        cosignatures.cosigned(head.text(), policy)


def _alone(opened: Opened) -> str:
    """The note as its log signed it, without anybody else's lines."""
    own = [one.line for one in opened.verified if one.verifier.kind == ED25519]
    return f"{opened.text}\n{''.join(own)}"
