"""What auditors say of an index log: that they cosign it, or that it is false."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from vitne.core.tree.note import Verified, open_note
from vitne.core.tree.objection import parse_objection
from vitne.core.values import LogId
from vitne.errors import BadInputError, ConflictError, VerificationError
from vitne.ports import Clock
from vitne.services.log import parse_checkpoint
from vitne.services.trust.contradictions import WitnessIncident, WitnessIncidents
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.policies import PolicyTexts

_LOG: Final = logging.getLogger("vitne.witness")
_US: Final = 1_000_000
_AHEAD_S: Final = 300
"""How far an auditor's clock may be ahead of ours."""


class Auditors:
    """Takes their word. Any thread may call.

    Args:
        policies: whose word counts.
        heads: where cosignatures are kept.
        incidents: where objections are kept.
        clock: for the time that an objection may state.
        record_event: makes an event of an objection.
    """

    def __init__(
        self,
        policies: PolicyTexts,
        heads: WitnessedHeads,
        incidents: WitnessIncidents,
        clock: Clock,
        record_event: Callable[[WitnessIncident], None],
    ) -> None:
        self._policies = policies
        self._heads = heads
        self._incidents = incidents
        self._clock = clock
        self._record_event = record_event

    def cosign(self, tree: LogId, note: str) -> Sequence[Verified]:
        """Take cosignatures, which end older objections of the same auditor.

        Raises:
            DecodeError, VerificationError, ConflictError, NotFoundError: as `WitnessedHeads.take`.
        """
        found = self._heads.take(tree, note)
        size = parse_checkpoint(note).size
        for one in found:
            if self._incidents.end(tree, one.verifier.name, one.time_s * _US, size):
                _LOG.warning("%s cosigns %s again", one.verifier.name, tree)
        return found

    def object(self, tree: LogId, note: str) -> WitnessIncident:
        """Take an objection, which every answer names until its auditor cosigns again.

        Args:
            tree: an index log.
            note: an objection, signed by a key of the index policy.

        Raises:
            DecodeError: it is none.
            VerificationError: not by a key of the policy, a signature fails, or of another log.
            BadInputError: it is of a time to come.
            ConflictError: the same auditor has cosigned this index log since.
            NotFoundError: no such log.
        """
        keys = tuple(self._policies.policy(tree).witnesses.values())
        opened = open_note(note, keys)
        objection, by = parse_objection(opened.text), opened.verified[0]
        if objection.origin != self._policies.signer(tree).name:
            raise VerificationError("the objection is to another log", where=objection.origin)
        if by.time_s > self._clock.now_us() // _US + _AHEAD_S:
            raise BadInputError("the objection is of a time to come", where=by.verifier.name)
        newest_us = self._heads.newest_s(tree, by.verifier.vkey) * _US
        # Of one second nobody can tell which came first: then the objection stands.
        if by.time_s * _US < max(newest_us, self._incidents.over_us(tree, by.verifier.name)):
            raise ConflictError("its auditor has cosigned since", where=by.verifier.name)
        incident = WitnessIncident(
            tree,
            by.verifier.name,
            "objection",
            self._heads.size(tree) or 0,
            0,
            by.time_s * _US,
            f"{opened.text}\n{by.line}",
            objection.sentence,
        )
        if self._incidents.add(incident):
            _LOG.error("%s", incident.reason)
            self._record_event(incident)
        return incident
