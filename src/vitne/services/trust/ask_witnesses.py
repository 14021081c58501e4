"""Have the heads of all logs and index logs cosigned by witnesses.

Witnesses are asked about one head of a tree at a time, so that their signatures meet: a newer head
takes its place when enough have cosigned it, or after ten seconds. The newest head that met the
quorum is kept as `checkpoint.cosigned` beside `checkpoint`.

A crash loses at most what witnesses said since: they are asked again. A witness that is ahead of
what is kept here tells its size (409); one that is ahead of the *log* proves that this store went
back. So a log that has published before is not published after a start until one witness was
asked about it, or none answered for a while.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from msgspec import Struct

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT, verify_growth
from vitne.core.tree.note import Verified, Verifier, open_checkpoint, open_note
from vitne.core.tree.witness import encode_request, read_size
from vitne.core.values import LogId, Origin
from vitne.errors import BadInputError, DecodeError, UnavailableError, VerificationError, VitneError
from vitne.ports import Clock, Witness
from vitne.services.log import index_log_id
from vitne.services.trust.contradictions import WitnessIncident, WitnessIncidents
from vitne.services.trust.cosignatures import CosignTarget
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.policies import PolicyTexts, base_log
from vitne.services.trust.witness_loop import Asker, Outcome

_LOG: Final = logging.getLogger("vitne.witness")
_GATE_S: Final = 10.0
"""How long a log waits for the first answer of a witness before it is published all the same."""
_SPACING_S: Final = 0.02
"""Between trees that are asked about only because the server has started."""
_ROUNDS: Final = 4
"""Of one question: a size that we did not know costs one more."""
_OK, _CONFLICT, _UNPROCESSABLE, _BUSY, _FAULT = 200, 409, 422, 429, 500


class WitnessEndpoint(Struct, frozen=True):
    """A witness that is asked, with all its keys."""

    witness: Witness
    verifiers: tuple[Verifier, ...]
    for_logs: bool
    for_indexes: bool

    @property
    def vkeys(self) -> list[str]:
        """Its keys."""
        return [verifier.vkey for verifier in self.verifiers]

    def serves(self, tree: LogId) -> bool:
        """Whether the policy of this kind of tree names it."""
        return self.for_logs if base_log(tree) == tree else self.for_indexes


class Witnessing:
    """Asks every witness in a thread of its own; `moved` and `may_publish` are for any thread.

    Args:
        places: the witnesses; none: nothing is asked.
        policies: the keys of all trees.
        heads: what they are asked about, and where their words are kept.
        incidents: where contradictions are kept.
        clock: for the time of incidents.
        halt: stops the publishing of a tree, with the reason.
        record_event: makes an event of an incident.
        interval_s: between two questions to one witness about one tree.
    """

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        places: Sequence[WitnessEndpoint],
        policies: PolicyTexts,
        heads: WitnessedHeads,
        incidents: WitnessIncidents,
        *,
        clock: Clock,
        halt: Callable[[LogId, str], None],
        record_event: Callable[[WitnessIncident], None],
        interval_s: float,
    ) -> None:
        self._policies = policies
        self._heads = heads
        self._incidents = incidents
        self._clock = clock
        self._halt = halt
        self._record_event = record_event
        self._lock = threading.Lock()  # guards: cosigned, _last, _asked, _cleared, _gates
        self.cosigned = 0
        """Cosignatures that witnesses gave."""
        self._last: dict[tuple[str, LogId], int] = {}
        self._asked: set[tuple[str, LogId]] = set()
        self._cleared: set[LogId] = set()
        self._gates: dict[LogId, float] = {}
        self._askers = [
            (place, Asker(place.witness.name, partial(self._ask, place), interval_s))
            for place in places
        ]

    # ------------------------------------------------------------ what others call

    def resume(self) -> None:
        """Stop again what an earlier run had to stop."""
        names = {place.witness.name for place, _ in self._askers}
        for incident in self._incidents.load():
            if incident.kind == "objection":
                self._remember(incident)
            elif incident.witness in names:
                self._stop(incident)
            else:
                _LOG.warning("not asked any more: %s (%s)", incident.witness, incident.reason)
                self._incidents.drop(incident)

    def _remember(self, incident: WitnessIncident) -> None:
        """An auditor's objection stops nothing; it counts as long as the policy names its key."""
        named = self._policies.base(incident.tree).policy.witnesses.values()
        if incident.witness not in {key.name for key in named}:
            _LOG.warning("no auditor any more: %s (%s)", incident.witness, incident.reason)
            self._incidents.drop(incident)

    def start(self, logs: Sequence[LogId]) -> None:
        """Begin to ask, about every log once."""
        for _, asker in self._askers:
            asker.start()
        self.look(logs)

    def look(self, logs: Sequence[LogId]) -> None:
        """Ask about every tree whose newest head is not cosigned."""
        names = [place.witness.name for place, _ in self._askers]
        for at, log in enumerate(logs):
            for tree in (log, index_log_id(log)):
                size = self._heads.size(tree) if self._places(tree) else None
                if size is not None and (
                    size > self._heads.quorum_size(tree) or not self._was_asked(tree, names)
                ):
                    self._want(tree, at * _SPACING_S)

    def moved(self, trees: Sequence[LogId]) -> None:
        """These have a new head; returns at once."""
        for tree in trees:
            if self._places(tree):
                self._heads.waits(tree)
                self._want(tree)

    def may_publish(self, tree: LogId) -> bool:
        """Whether a new head may be signed: false while the first witness is being asked."""
        with self._lock:
            if tree in self._cleared or not self._askers:
                return True
            since_s = self._gates.get(tree)
        if not self._places(tree) or self._heads.size(tree) is None:
            self._clear(tree)
            return True
        now_s = time.monotonic()
        if since_s is None:
            with self._lock:
                self._gates[tree] = now_s
            self._want(tree)
            return False
        if now_s < since_s + _GATE_S:
            return False
        _LOG.warning("no witness has answered about %s: it is published all the same", tree)
        self._clear(tree)
        return True

    def _clear(self, tree: LogId) -> None:
        """Let a tree be published: a witness was asked, or there is nothing to ask."""
        with self._lock:
            self._cleared.add(tree)

    def close(self) -> None:
        """Stop asking."""
        for _, asker in self._askers:
            asker.close()

    @property
    def places(self) -> Sequence[tuple[str, Asker]]:
        """The witnesses by address, with what became of their questions."""
        return [(place.witness.name, asker) for place, asker in self._askers]

    # ------------------------------------------------------------ one question

    def _ask(self, place: WitnessEndpoint, tree: LogId) -> Outcome:
        """Have one witness cosign the target of a tree."""
        name = place.witness.name
        target = self._heads.target(tree)
        if target is None:
            return "done"
        if self._has_signed(place, tree, target) and self._was_asked(tree, [name]):
            if self._heads.is_newest(tree, target):
                return "done"
            if not all(
                self._has_signed(one, tree, target) for one, _ in self._askers if one.serves(tree)
            ):
                return "again"
            # Whoever is asked has signed it: what it still lacks, others bring when they can.
            target = self._heads.target(tree, renew=True) or target
        old = self._known_size(place, tree)
        for _ in range(_ROUNDS):
            if old > target.head.size:  # it has cosigned a later head of ours
                target = self._heads.target(tree, renew=True) or target
            reply = place.witness.add(self._request(tree, old, target))
            if reply.status == _CONFLICT:
                stated = read_size(reply.body)
                if stated > (self._heads.size(tree) or 0):
                    return self._contradicted(place, tree, "ahead", stated)
                if stated == old:
                    raise UnavailableError("it states the size that we sent", where=name)
                old = stated
                continue
            return self._settle(place, tree, target, old, reply.status, reply.body)
        raise UnavailableError("it states another size each time", where=name)

    def _has_signed(self, place: WitnessEndpoint, tree: LogId, target: CosignTarget) -> bool:
        return self._heads.has_signed(tree, target, place.vkeys)

    def _settle(
        self,
        place: WitnessEndpoint,
        tree: LogId,
        target: CosignTarget,
        old: int,
        status: int,
        body: bytes,
    ) -> Outcome:
        """What any answer but 409 means."""
        name = place.witness.name
        if status == _OK:
            found = _cosignatures(place, target, body)
            with self._lock:
                self._last[name, tree] = target.head.size
                self._asked.add((name, tree))
                self._cleared.add(tree)
            if self._incidents.clear(tree, name):
                _LOG.warning("%s cosigns %s again: restart to publish it", name, tree)
            self._heads.gather(tree, target.note, target.head, found)
            with self._lock:
                self.cosigned += 1
            return "done" if self._heads.is_newest(tree, target) else "again"
        if status == _UNPROCESSABLE and old:
            return self._contradicted(place, tree, "fork", old)
        if status in {_BUSY, 408} or status >= _FAULT:
            raise UnavailableError(f"it answered {status}", where=name)
        # It does not know the log, or its key: for a person to mend, and no word against the log.
        self._clear(tree)
        said = body[:200].decode("utf-8", "replace").strip()
        raise VerificationError(f"it answered {status}: {said}", where=name)

    def _request(self, tree: LogId, old: int, target: CosignTarget) -> bytes:
        """What is sent; the proof is held against our own tree first."""
        reader = self._heads.reader(tree, target.head.size)
        proof = reader.consistency_proof(old) if old else []
        before = reader.root(old) if old else EMPTY_ROOT
        # A damaged tile must not look like a fork to anybody.
        verify_growth(old, target.head.size, before, target.head.root, proof)
        return encode_request(old, proof, target.note)

    def _contradicted(
        self, place: WitnessEndpoint, tree: LogId, kind: Literal["ahead", "fork"], size: int
    ) -> Outcome:
        """The witness has another log than ours: publishing stops, and somebody is told."""
        name = place.witness.name
        shown = self._shown(place, tree)
        if kind == "fork" and shown is not None and self._is_ours(tree, shown[0]):
            raise VerificationError("it refuses a proof, and shows a head of ours", where=name)
        incident = WitnessIncident(
            tree,
            name,
            kind,
            self._heads.size(tree) or 0,
            size,
            self._clock.now_us(),
            shown[1] if shown and not self._is_ours(tree, shown[0]) else "",
        )
        with self._lock:
            self._asked.add((name, tree))
        if self._incidents.add(incident):
            self._stop(incident)
            self._record_event(incident)
        return "refused"

    def _stop(self, incident: WitnessIncident) -> None:
        log = base_log(incident.tree)
        _LOG.error("log %s is not published any more: %s", log, incident.reason)
        self._halt(index_log_id(log), incident.reason)
        if incident.tree == log:
            self._halt(log, incident.reason)

    def _shown(self, place: WitnessEndpoint, tree: LogId) -> tuple[Checkpoint, str] | None:
        """The head that the witness shows, if our own key signed it."""
        key = self._policies.signer(tree).verifier
        try:
            shown = place.witness.newest(Origin(key.name))
            head, opened = open_checkpoint(shown or b"", key, place.verifiers)
        except VitneError:
            return None
        return head, f"{opened.text}\n{''.join(one.line for one in opened.verified)}"

    def _is_ours(self, tree: LogId, head: Checkpoint) -> bool:
        return self._heads.root(tree, head.size) == head.root

    def _known_size(self, place: WitnessEndpoint, tree: LogId) -> int:
        """What it cosigned last, as far as we know; it says so itself if that is wrong."""
        with self._lock:
            known = self._last.get((place.witness.name, tree))
        return self._heads.kept_size(tree, place.vkeys) if known is None else known

    def _was_asked(self, tree: LogId, names: Sequence[str]) -> bool:
        with self._lock:
            return any((name, tree) in self._asked for name in names)

    def _places(self, tree: LogId) -> bool:
        return any(place.serves(tree) for place, _ in self._askers)

    def _want(self, tree: LogId, after_s: float = 0.0) -> None:
        for place, asker in self._askers:
            if place.serves(tree):
                asker.want(tree, after_s)


def _cosignatures(place: WitnessEndpoint, target: CosignTarget, body: bytes) -> list[Verified]:
    """The good cosignatures in an answer.

    Raises:
        DecodeError: it is not made of signature lines.
        VerificationError: one fails, or there is none by a key that we know.
    """
    try:
        opened = open_note(target.text.encode() + b"\n" + body, place.verifiers)
    except BadInputError as error:  # pragma: no cover - a text of ours is well formed
        raise DecodeError(error.message) from None
    if opened.text != target.text or any(one.time_s == 0 for one in opened.verified):
        raise VerificationError("the answer is no cosignature of this head", rule="signature")
    return list(opened.verified)
