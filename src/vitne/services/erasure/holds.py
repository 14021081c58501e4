"""Legal holds: what matches one is neither erased nor pruned, however old it is."""

from collections.abc import Sequence
from typing import Final

from vitne.core.filter.syntax import parse_filter
from vitne.core.values import LogId
from vitne.errors import BadInputError
from vitne.ports import Hold, Ports
from vitne.services.access import Caller, OwnEvents

_REASON_MAX, _REFERENCE_MAX = 64, 128
_ID_BYTES: Final = 5


class Holds:
    """Sets, releases and lists holds; each act is an event of the log before it is answered."""

    def __init__(self, ports: Ports, own: OwnEvents) -> None:
        self._ports = ports
        self._own = own

    def put(self, log: LogId, where: str, reason: str, reference: str, caller: Caller) -> Hold:
        """Hold what a filter finds, now and later; `""` holds all of the log.

        Args:
            log: whose.
            where: filter (search language); it is kept apart, never in the log.
            reason: a code, as of a purpose; no identity.
            reference: the case; no identity.
            caller: who sets it.

        Raises:
            FilterSyntaxError: the filter does not parse.
            BadInputError: no reason, or one too long.
        """
        now_us = self._ports.clock.now_us()
        if where.strip():
            parse_filter(where, now_us)
        if not 0 < len(reason) <= _REASON_MAX or len(reference) > _REFERENCE_MAX:
            raise BadInputError(
                f"a hold has a reason of 1 to {_REASON_MAX} characters, and a reference of at most"
                f" {_REFERENCE_MAX}",
                where="reason",
            )
        hold_id = f"hold-{self._ports.ids.random_bytes(_ID_BYTES).hex()}"
        hold = Hold(hold_id, log, where.strip(), reason, reference, now_us)
        self._record_event("audit.log.hold_set", hold, caller)
        self._ports.erasure.add_hold(hold)
        return hold

    def release(self, log: LogId, hold_id: str, caller: Caller) -> Hold:
        """End a hold; one that has ended stays as it is. Raises `NotFoundError`."""
        known = self._known(log, hold_id)
        if known and not known[0].released_us:
            self._record_event("audit.log.hold_released", known[0], caller)
        self._ports.erasure.release_hold(log, hold_id, self._ports.clock.now_us())
        return self._known(log, hold_id)[0]

    def _known(self, log: LogId, hold_id: str) -> Sequence[Hold]:
        return [hold for hold in self._ports.erasure.holds(log) if hold.id == hold_id]

    def show(self, log: LogId, caller: Caller) -> Sequence[Hold]:
        """All holds of a log, released ones too, oldest first.

        Their filters may name people, so the look is an event too.
        """
        self._own.write(log, "audit.log.holds_viewed", caller)
        return self._ports.erasure.holds(log)

    def _record_event(self, kind: str, hold: Hold, caller: Caller) -> None:
        extra = {"reason": hold.reason, "reference": hold.reference}
        self._own.write(
            hold.log,
            kind,
            caller,
            target=("hold", hold.id),
            more={"extra": {name: value for name, value in extra.items() if value}},
        )
