"""The audit events that Vitne writes about itself: every read and every act of an administrator.

They take the way of any other event (`ingest`, `append`), so they are numbered, committed and
proved like the rest, and are durable before the act they tell of is answered.
"""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, Literal, Protocol

import msgspec
from msgspec import Struct

from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.errors import BadInputError, IntegrityError, UnavailableError
from vitne.ports import ApiKey
from vitne.services.writer import Arrival, Form
from vitne.wire.events import IntakeReply

OPERATOR: Final = LogId("vitne")
"""The tenant whose log holds the operator's own affairs."""

Channel = Literal["api", "cli"]

_WAIT_S: Final = 30.0
_PURPOSE: Final = re.compile(r"[a-z0-9_.-]{1,64}", re.ASCII)
_REFERENCE: Final = re.compile(r"[A-Za-z0-9._:/#-]{1,128}", re.ASCII)


class AuditPurpose(Struct, frozen=True):
    """Why somebody reads: a code, and the case or ticket that it refers to."""

    code: str = "unstated"
    reference: str = ""


def parse_purpose(text: str) -> AuditPurpose:
    """`code` or `code:reference`; nothing at all is the code `unstated`.

    Raises:
        BadInputError: not of that form.
    """
    if not text:
        return AuditPurpose()
    code, colon, reference = text.partition(":")
    if not _PURPOSE.fullmatch(code) or (colon and not _REFERENCE.fullmatch(reference)):
        raise BadInputError(
            "a purpose is a code (a-z 0-9 _ . -, up to 64), or code:reference"
            " (A-Z a-z 0-9 . _ : / # -, up to 128)",
            where="Audit-Purpose",
            hint="for example support_case:CASE-9917",
        )
    return AuditPurpose(code, reference)


class Caller(Struct, frozen=True):
    """Who acts on the log, as far as we know: the holder of an API key, or a user of the shell."""

    id: str
    """Opaque."""
    kind: Literal["user", "service"] = "user"
    name: str = ""
    """As a person would know them; goes into the person section."""
    party: Literal["tenant", "vendor"] = "vendor"
    tenant: str = ""
    """Home tenant, for `party` tenant."""
    method: str = "api_key"
    key_id: str = ""
    peer_ip: str = ""
    traceparent: str = ""
    purpose: AuditPurpose = AuditPurpose()


def holder(key: ApiKey, *, arrival: Arrival, purpose: AuditPurpose) -> Caller:
    """The holder of a key. A key without a person is a service: nobody in particular is named."""
    home = key.tenants[0] if len(key.tenants) == 1 else ""
    return Caller(
        id=key.person or f"key:{key.id}",
        kind="user" if key.person else "service",
        party="tenant" if home and home != OPERATOR else "vendor",
        tenant=home or OPERATOR,
        key_id=key.id,
        peer_ip=arrival.peer_ip,
        traceparent=arrival.traceparent,
        purpose=purpose,
    )


class EventIntake(Protocol):
    """The way in, as `services.intake.intake` offers it."""

    def submit(self, body: bytes, form: Form, key: ApiKey, arrival: Arrival) -> Future[IntakeReply]:
        """Take one request; the future is done once it is durable."""


class OwnEvents:
    """Writes them, as the source `vitne/api` or `vitne/cli`."""

    def __init__(self, intake: EventIntake, channel: Channel) -> None:
        self._intake = intake
        self._key = ApiKey(
            id="",
            name=f"vitne/{channel}",
            secret_sha256=b"",
            roles=("write",),
            tenants=(),
            source=SourceRegistration(
                application="vitne",
                service=channel,
                layer="internal_service",
                party="vendor",
                may_assert=True,
            ),
        )

    def write(
        self,
        log: LogId,
        event_type: str,
        caller: Caller,
        *,
        target: tuple[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one event to `log`; durable when the call returns.

        Args:
            log: whose log tells it.
            event_type: of the category `audit`.
            caller: who acted.
            target: type and id of what was acted on; None: the log.
            more: further members of the event, such as `query` or `outcome`.

        Raises:
            UnavailableError: it could not be stored; then the act must not be answered either.
            IntegrityError: intake refused what Vitne itself wrote.
        """
        event = _event(log, event_type, caller, target or ("log", log)) | dict(more or {})
        arrival = Arrival(peer_ip=caller.peer_ip, traceparent=caller.traceparent)
        _durable(self._submit(msgspec.json.encode(event), arrival), log)

    def send(self, events: Mapping[LogId, bytes]) -> None:
        """Append one finished event to each log; all are durable when the call returns.

        One that is in its log already is not stored again. Errors as `write`.
        """
        waiting = {log: self._submit(event, Arrival()) for log, event in events.items()}
        for log, one in waiting.items():
            _durable(one, log)

    def _submit(self, event: bytes, arrival: Arrival) -> Future[IntakeReply]:
        return self._intake.submit(event, "json", self._key, arrival)


def _durable(waiting: Future[IntakeReply], log: LogId) -> None:
    """Wait until it is stored, now or before. Raises as `OwnEvents.write`."""
    try:
        reply = waiting.result(timeout=_WAIT_S)
    except TimeoutError as error:
        raise UnavailableError(
            "the act could not be logged in time, so it is not answered",
            hint="send the request again",
        ) from error
    if reply.accepted + reply.duplicate != 1:
        faults = "; ".join(f"{fault.code} at {fault.path}" for fault in reply.results[0].problems)
        raise IntegrityError(f"Vitne's own event was refused: {faults}", where=log)


def _event(log: LogId, event_type: str, caller: Caller, target: tuple[str, str]) -> dict[str, Any]:
    """The members that every one of them has."""
    actor: dict[str, Any] = {"type": caller.kind, "id": caller.id, "party": caller.party}
    if caller.tenant and caller.tenant != log:
        actor["tenant_id"] = caller.tenant
    if caller.name:
        actor["name"] = caller.name
    actor["attribution"] = "session" if caller.kind == "user" else "none"
    actor["auth"] = {"method": caller.method}
    if caller.key_id:
        actor["auth"]["credential_ref"] = caller.key_id
    purpose: dict[str, Any] = {"code": caller.purpose.code}
    if caller.purpose.reference:
        purpose["reference"] = caller.purpose.reference
    purpose["declared_by"] = "system" if caller.purpose.code == "unstated" else "user"
    event: dict[str, Any] = {
        "type": event_type,
        "category": "audit",
        "tenant": {"id": log},
        "actor": actor,
        "targets": [{"type": target[0], "id": target[1], "role": "object"}],
        "purpose": purpose,
    }
    if caller.peer_ip:
        event["client"] = {"ip": caller.peer_ip}
    return event
