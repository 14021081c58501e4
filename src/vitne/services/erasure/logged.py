"""Erasure and expiry as acts of somebody: each is an event of the log before it is answered.

The event tells counts, sections, basis and case, never whose data it was: no filter, no text, no
id of an event. A plan alone is told too, for it says how much there is of somebody.
"""

from collections.abc import Mapping
from typing import Any, Final

from vitne.core.values import LogId
from vitne.errors import BadInputError, HeldError, NotFoundError
from vitne.services.access import OPERATOR, Caller, OwnEvents
from vitne.services.erasure.erase import Erase, ErasePlan, ErasureRequest, ErasureResult
from vitne.services.erasure.expiry import Expiry, Retain

RETENTION: Final = Caller("vitne/retention", "service", tenant=OPERATOR, method="none")
"""Who lets records expire day by day: the server itself, as it was set up to."""


class Erasing:
    """Erases and lets expire, and tells it."""

    def __init__(self, erase: Erase, retain: Retain, own: OwnEvents) -> None:
        self._erase = erase
        self._retain = retain
        self._own = own

    def plan(self, request: ErasureRequest, caller: Caller) -> ErasePlan:
        """What an erasure would do. Raises as `Erase.plan`, and `UnavailableError`."""
        plan = self._erase.plan(request)
        self._record_event("audit.log.erasure_planned", request, plan, caller)
        return plan

    def run(self, request: ErasureRequest, caller: Caller) -> ErasureResult:
        """Erase; told before it is done, and told as denied if it is refused.

        Raises:
            HeldError: a legal hold covers one of the records; nothing is erased.
            UnavailableError: it could not be told, so nothing is erased.
            BadInputError, NotFoundError, StorageError: as `Erase.run`.
        """
        plan = self._erase.plan(request)
        if not plan.holds:
            self._record_event("audit.log.erased", request, plan, caller)
        try:
            # What was logged since the plan, its own event among it, is not part of it.
            return self._erase.run(request, plan.below)
        except (HeldError, BadInputError, NotFoundError) as error:
            denied = {"result": "denied", "code": error.code}
            self._record_event("audit.log.erased", request, plan, caller, outcome=denied)
            raise

    def expiring(self, log: LogId, rules: Mapping[str, int], caller: Caller) -> list[Expiry]:
        """What would expire now. Raises `UnavailableError`."""
        found = self._retain.plan(log, rules)
        self._record_expiry("audit.log.expiry_planned", log, found, caller)
        return found

    def expire(self, log: LogId, rules: Mapping[str, int], caller: Caller) -> list[Expiry]:
        """Let expire what has run out; told before it is done, not at all if nothing has.

        Raises as `Retain.run`, and `UnavailableError`.
        """
        if planned := self._retain.plan(log, rules):
            self._record_expiry("audit.log.expired", log, planned, caller)
            return self._retain.run(log, rules)
        return []

    def _record_event(
        self,
        kind: str,
        request: ErasureRequest,
        plan: ErasePlan,
        caller: Caller,
        *,
        outcome: Mapping[str, str] | None = None,
    ) -> None:
        extra: dict[str, Any] = {
            "sections": ",".join(request.sections),
            "basis": request.basis,
            "ref": request.ref,
            "records": len(plan.records),
            "already": plan.already,
            "quarantined": len(plan.asides),
            "holds": len(plan.holds),
        }
        more: dict[str, Any] = {"extra": extra}
        if outcome:
            more["outcome"] = dict(outcome)
        self._own.write(request.log, kind, caller, more=more)

    def _record_expiry(self, kind: str, log: LogId, found: list[Expiry], caller: Caller) -> None:
        extra: dict[str, int] = {}
        for one in found:
            counts = (one.days, len(one.records), one.held, int(one.min_index))
            for name, count in zip(("days", "records", "held", "below"), counts, strict=True):
                extra[f"{one.retention_class.replace('-', '_')}_{name}"] = count
        more = {"extra": extra} if extra else {}
        self._own.write(log, kind, caller, more=more)
