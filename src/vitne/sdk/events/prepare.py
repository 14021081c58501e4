"""From a call of `record` to bytes that may be numbered: filled, cleaned, checked, encoded."""

import logging
import time
from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import Struct

from vitne.errors import EventRefusedError
from vitne.sdk.events.build import Builder
from vitne.sdk.events.check import Checker
from vitne.sdk.events.clean import MAX_REDACTIONS, cleaned_event, needs_cleaning
from vitne.sdk.events.coalesce import Coalescer, repeat_of
from vitne.sdk.events.context import bound_fields, new_id
from vitne.sdk.events.fields import EventFields
from vitne.sdk.options import Options

_log = logging.getLogger("vitne.sdk")

_CHECKED_PER_TYPE = 20
"""Unless `strict`, so many events of each type are checked: faults are in the code that records,
and the server checks every event anyway."""

_LOGGED_MAX = 1000

# Numbers, UUIDs and the like of an application become text; the check then judges the text.
_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="string")


class UnnumberedEvent(Struct, frozen=True):
    """An event that only lacks its number."""

    event_id: str
    action_id: str
    tenant: str
    body: bytes = b""
    folded: bool = False
    """It repeats the event named here, and was counted there: there is nothing to send."""
    redacted: int = 0
    problems: tuple[str, ...] = ()
    refused: bool = False
    """It cannot be signed, so it gets no number."""


class EventPreparer:
    """Prepares the events of one client. Any thread may call it.

    The counts of checked types and of logged faults have no lock: threads that record at the same
    moment may check an event more than `_CHECKED_PER_TYPE`, or log a fault twice. No event depends
    on them.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._builder = Builder(options)
        self._checker = Checker(options)
        self.coalescer = Coalescer(options.coalesce_s)
        self._checks: dict[str, int] = {}
        self._logged: set[str] = set()

    def prepare(
        self, event_type: str, fields: EventFields, *, fold: bool = True
    ) -> UnnumberedEvent:
        """Build, clean, check and encode one event.

        Raises:
            TypeError: a field that no event has, or a time without zone.
            EventRefusedError: `strict`, and the event breaks the schema.
        """
        now_us = time.time_ns() // 1000
        event_id = fields.get("id") or new_id()
        event = self._builder.build(event_type, event_id, now_us, fields, bound_fields())
        if fold and self._options.coalesce_s:
            first = self.coalescer.fold(event, now_us)
            if first is not None:
                return UnnumberedEvent(str(first["id"]), _action_id(first), "", folded=True)
        return self.finish(event, now_us)

    def finish(self, event: dict[str, object], now_us: int) -> UnnumberedEvent:
        """Clean, check and encode a built event. Raises `EventRefusedError` if `strict`."""
        redacted = 0
        try:
            body = _encoder.encode(event)
        except (UnicodeEncodeError, ValueError):
            event, _ = cleaned_event(event)  # half a surrogate pair: text that no encoding has
            body = _encoder.encode(event)
        if needs_cleaning(event, body):
            event, removed = cleaned_event(event)
            if removed:
                redacted = len(removed)
                event["redactions"] = removed[:MAX_REDACTIONS]
            body = _encoder.encode(event)
        refused = False
        if self._options.signing_key:
            body, problems = self._checker.complete(body, now_us)
            refused = bool(problems)
            self._report(str(event["type"]), problems)
        else:
            problems = self._check(str(event["type"]), body, now_us)
        tenant = cast(Mapping[str, object], event.get("tenant") or {})
        return UnnumberedEvent(
            event_id=str(event["id"]),
            action_id=_action_id(event),
            tenant=str(tenant.get("id", "")),
            body=body,
            redacted=redacted,
            problems=problems,
            refused=refused,
        )

    def repeats(self, now_us: int) -> list[UnnumberedEvent]:
        """The events that close the views whose window is over."""
        return [
            self.finish(repeat_of(series, new_id()), now_us)
            for series in self.coalescer.close_until(now_us)
        ]

    def _check(self, event_type: str, body: bytes, now_us: int) -> tuple[str, ...]:
        checked = self._checks.get(event_type, 0)
        if checked >= _CHECKED_PER_TYPE and not self._options.strict:
            return ()
        self._checks[event_type] = checked + 1
        problems = self._checker.problems(body, now_us)
        self._report(event_type, problems)
        return problems

    def _report(self, event_type: str, problems: tuple[str, ...]) -> None:
        """Raise if `strict`, else log each fault once."""
        if problems and self._options.strict:
            raise EventRefusedError(
                f"the log would reject this {event_type}: {'; '.join(problems)}",
                problems=problems,
            )
        for problem in problems:
            fault = f"{event_type} {problem}"
            if fault not in self._logged and len(self._logged) < _LOGGED_MAX:
                self._logged.add(fault)
                _log.warning("the log will reject events: %s", fault)


def _action_id(event: Mapping[str, object]) -> str:
    return str(cast(Mapping[str, object], event["correlation"])["action_id"])
