"""From a call of `record` to bytes that may be numbered: filled, cleaned, checked, encoded."""

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.event.intake import IntakeContext, Quarantined, Rejected, SourceRegistration
from vitne.core.event.sections import join_sections
from vitne.core.event.validate import validate_event
from vitne.errors import EventRefusedError
from vitne.sdk.events.build import Builder, EventFields
from vitne.sdk.events.clean import MAX_REDACTIONS, cleaned_event, needs_cleaning
from vitne.sdk.events.coalesce import Coalescer, repeat_of
from vitne.sdk.events.context import bound_fields, new_id
from vitne.sdk.options import Options


class Checker:
    """Checks events as the server will, with the options of one client as the registration."""

    def __init__(self, options: Options) -> None:
        self._tenant = options.tenant
        self._registration = SourceRegistration(
            application=options.application,
            service=options.service,
            layer=options.layer,
            environment=options.environment,
            deployment=options.deployment,
            issuer=options.issuer,
            party=options.party,
            may_import=True,  # old times are a matter of the server's rights, not of form
        )

    def problems(self, body: bytes, now_us: int) -> tuple[str, ...]:
        """Every fault of an encoded event, a sentence each; empty if the server would take it."""
        judged = validate_event(body, self.context(now_us))
        return problem_sentences(judged.problems) if isinstance(judged, Rejected) else ()

    def context(self, now_us: int, tenant: str = "") -> IntakeContext:
        """What the server's intake is given of an event of this client."""
        return IntakeContext(
            now_us=now_us,
            registration=self._registration,
            fresh=os.urandom,
            pseudonym=lambda _tenant, _plain: "0" * 32,
            default_tenant=tenant or self._tenant or "unnamed",
        )

    def complete(self, body: bytes, now_us: int) -> tuple[bytes, tuple[str, ...]]:
        """The event as it can be signed, with everything in it that the server would fill in.

        Returns:
            The event, and every fault for which the log would refuse it.
        """
        # With a place in a stream, which it gets later, it takes the quick way through validation.
        judged = validate_event(body[:-1] + _SOME_PLACE, self.context(now_us))
        if isinstance(judged, Rejected):
            return body, problem_sentences(judged.problems)
        if isinstance(judged, Quarantined):
            return body, (f"$: quarantined, {judged.reason}",)
        if "id_pseudonymised" in judged.warnings:
            return body, ("$: forbidden_content, an id that names a person: use native_id",)
        if judged.filled in {(), ("$.tenant.id",)} and not judged.warnings:
            return body, ()
        parts = (judged.core, judged.payload, judged.person)
        whole = join_sections(*(_decode(part) for part in parts))
        del whole["stream"]
        if "$.tenant.id" in judged.filled:
            del whole["tenant"]  # it names none, so its stream is not signed
        return _encode(whole), ()


def problem_sentences(problems: tuple[Problem, ...]) -> tuple[str, ...]:
    """Problems as sentences."""
    return tuple(
        f"{p.path}: {p.code}, expected {p.expected or '-'}, got {p.got or '-'}" for p in problems
    )


_SOME_PLACE = b',"stream":{"id":"-","seq":1}}'
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


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
