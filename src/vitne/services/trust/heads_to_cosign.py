"""Which head of each tree witnesses are asked about, and which ones have enough cosignatures.

The newest head that met the quorum is kept as the object `checkpoint.cosigned`; whatever else is
here is lost with the process, and asked for again.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.tree.note import Verified, open_checkpoint
from vitne.core.tree.signature import ED25519
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, LogId
from vitne.errors import ConflictError, VerificationError, VitneError
from vitne.ports import Ports
from vitne.services.log import COSIGNED, Published, log_key, parse_checkpoint
from vitne.services.trust.cosignatures import CosignatureSet, CosignTarget
from vitne.services.trust.policies import PolicyTexts

_LOG: Final = logging.getLogger("vitne.witness")
_STALE_S: Final = 10.0
"""Age of a target after which a newer head takes its place though too few have cosigned it."""


class WitnessedHeads:
    """Of all trees. Any thread may call."""

    def __init__(self, ports: Ports, policies: PolicyTexts) -> None:
        self._ports = ports
        self._policies = policies
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
        head = self._ports.heads.head(tree)
        return head.size if head else None

    def target(self, tree: LogId, *, renew: bool = False) -> CosignTarget | None:
        """The head that witnesses are asked about now; None without a published one.

        Args:
            tree: whose.
            renew: take the newest head, whatever the old one still lacks.
        """
        with self._cosignatures(tree) as cosignatures:
            target, now_s = self._targets.get(tree), time.monotonic()
            head = self._ports.heads.head(tree)
            if head is None:
                return None
            met = target is not None and cosignatures.size >= target.head.size
            if target is None or (
                head.size > target.head.size and (met or renew or now_s > target.since_s + _STALE_S)
            ):
                found = parse_checkpoint(head.note)
                target = self._targets[tree] = CosignTarget(found, head.note, now_s)
            return target

    def is_newest(self, tree: LogId, target: CosignTarget) -> bool:
        """Whether the tree has no later head."""
        return (self.size(tree) or 0) <= target.head.size

    def reader(self, tree: LogId, size: int) -> TileReader:
        """The tiles of a tree."""
        return TileReader(Published(self._ports.objects, tree).get, size)

    def root(self, tree: LogId, size: int) -> Hash | None:
        """Root of our tree at a size; None if it is smaller."""
        newest = self.size(tree)
        if newest is None or size > newest:
            return None
        return self.reader(tree, newest).root(size) if size else EMPTY_ROOT

    def quorum_size(self, tree: LogId) -> int:
        """Size of the newest head that met the quorum; 0 without one."""
        with self._cosignatures(tree) as cosignatures:
            return cosignatures.size

    def has_signed(self, tree: LogId, target: CosignTarget, vkeys: Iterable[str]) -> bool:
        """Whether one of these keys has cosigned a head."""
        with self._cosignatures(tree) as cosignatures:
            return cosignatures.has(target.text, vkeys)

    def kept_size(self, tree: LogId, vkeys: Iterable[str]) -> int:
        """Size of the newest head that met the quorum, if one of these keys cosigned it; else 0."""
        with self._cosignatures(tree) as cosignatures:
            signed = cosignatures.has_at(cosignatures.size, vkeys)
            return cosignatures.size if signed else 0

    @contextmanager
    def _cosignatures(self, tree: LogId) -> Iterator[CosignatureSet]:
        """What came for the heads of a tree, with the lock; at first what an earlier run kept."""
        with self._lock:
            known = tree in self._gathered
        if not known:
            kept = self._read_kept(tree)
            with self._lock:
                self._gathered.setdefault(tree, kept)
        with self._lock:
            yield self._gathered[tree]

    def gather(self, tree: LogId, note: str, head: Checkpoint, found: Sequence[Verified]) -> None:
        """Add cosignatures of a head; once it has enough, keep it durably."""
        policy = self._policies.policy(tree)
        with self._cosignatures(tree) as cosignatures:
            if not cosignatures.add(note, head, found):
                return
            cosigned = cosignatures.cosigned(head.text(), policy)
            if cosigned is None:
                return
            self._ports.objects.replace({log_key(tree, COSIGNED): cosigned.encode()})
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
        newest, policy = self.size(tree) or 0, self._policies.policy(tree)
        with self._cosignatures(tree) as cosignatures:
            if not self._policies.base(tree).asks or cosignatures.size >= newest:
                return newest, ()
            return newest, cosignatures.lacking(policy)

    def newest_s(self, tree: LogId, vkey: str) -> int:
        """When a key cosigned a tree last, as far as is known; 0: never."""
        with self._cosignatures(tree) as cosignatures:
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
        head, own, found = self._opened(tree, note)
        if not found:
            raise VerificationError("no cosignature by a key of the policy", rule="signature")
        if self.root(tree, head.size) != head.root:
            raise ConflictError("this is no head of this tree", where=head.origin)
        self.gather(tree, own, head, found)
        return found

    def _read_kept(self, tree: LogId) -> CosignatureSet:
        cosignatures = CosignatureSet()
        kept = self._ports.objects.get(log_key(tree, COSIGNED))
        if kept is not None:
            try:
                head, own, found = self._opened(tree, kept)
            except VitneError as error:
                _LOG.error("a cosigned checkpoint of %s is damaged: %s", tree, error)
                return cosignatures
            cosignatures.add(own, head, found)
            cosignatures.cosigned(head.text(), self._policies.policy(tree))
        return cosignatures

    def _opened(self, tree: LogId, note: str | bytes) -> tuple[Checkpoint, str, list[Verified]]:
        """A head, its note as its log signed it, and the cosignatures by keys of the policy."""
        keys = tuple(self._policies.policy(tree).witnesses.values())
        head, opened = open_checkpoint(note, self._policies.signer(tree).verifier, keys)
        own = "".join(one.line for one in opened.verified if one.verifier.kind == ED25519)
        found = [one for one in opened.verified if one.verifier in keys]
        return head, f"{opened.text}\n{own}", found
