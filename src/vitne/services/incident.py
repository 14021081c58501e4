"""What is told, and answered, when something that a sender signed is not taken."""

import msgspec
from msgspec import Struct

from vitne.core.control import StreamEntry
from vitne.core.entry import BeatEntry, VoidEntry, decode
from vitne.core.event import Problem
from vitne.core.ids import to_text, uuid8_for_original
from vitne.core.source import SourceRegistration
from vitne.core.types import LogId
from vitne.errors import IntegrityError, SenderRefusedError, StreamConflictError, VitneError
from vitne.ports import ApiKey
from vitne.services.draft import Act, Draft, Refusal, Sheaf
from vitne.services.prepare import Item, Preparer
from vitne.services.reply import Arrival

INCIDENT_TYPE = "system.pipeline.signature_refused"

_SERVER = SourceRegistration(
    application="vitne", service="server", layer="internal_service", party="vendor"
)
_KEY = ApiKey(
    id="", name=_SERVER.source_id, secret_sha256=b"", roles=("write",), tenants=(), source=_SERVER
)
_CONFLICTS = frozenset({"wrong_prev", "seq_repeat", "id_conflict", "stream_closed", "replayed"})
"""Refusals that only say where the stream stands: a sender that looks again can go on."""


class Incident(Struct, frozen=True, array_like=True):
    """Something signed that was refused, and for which somebody should be asked."""

    source: str
    stream: str
    code: str
    """A code of `core.event.PROBLEM_CODES`."""
    about: str
    """Tells it from others: the same thing sent again is told once."""


class Incidents:
    """Makes the events that tell of them. Any thread may call."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    def draft(self, log: LogId, incident: Incident) -> Draft:
        """The event, ready for the log.

        Raises:
            IntegrityError: intake refuses what Vitne itself wrote.
        """
        about = f"{log}/{incident.source}/{incident.stream}/{incident.code}/{incident.about}"
        event = {
            "id": to_text(uuid8_for_original(_SERVER.source_id, about)),
            "type": INCIDENT_TYPE,
            "category": "system",
            "severity": "critical",
            "tenant": {"id": log},
            "actor": {"type": "service", "id": incident.source, "attribution": "none"},
            "targets": [{"type": "stream", "id": incident.stream or "-", "role": "object"}],
            "outcome": {"result": "denied", "code": incident.code},
            "extra": {"about": incident.about},
        }
        body = msgspec.json.encode(event)
        ticket = self._preparer.prepare([Item(body)], len(body), _KEY, _SERVER, Arrival())
        if not ticket.sheaves or not ticket.sheaves[0].drafts:
            raise IntegrityError(f"Vitne's own event {INCIDENT_TYPE} was refused", where=log)
        return ticket.sheaves[0].drafts[0]


def incident_of(sheaf: Sheaf, refusal: Refusal) -> Incident:
    """What is told of a refused batch or act."""
    batch = sheaf.batch
    if batch is not None:
        about = batch.message_hash.hex()
        return Incident(batch.stream.source, batch.stream.name, refusal.problem.code, about)
    act = sheaf.acts[0]
    return Incident("", refusal.stream, refusal.problem.code, act.entry[-64:].hex())


def error_of(refusal: Refusal) -> VitneError:
    """What a refusal is answered with."""
    problem = refusal.problem
    if problem.code in _CONFLICTS:
        return StreamConflictError(
            f"the stream stands elsewhere: {problem.code}",
            where=refusal.stream,
            hint="the reply says where the log has it",
            problems=(problem,),
            stand=refusal.stand,
        )
    return refused(problem, where=refusal.stream)


def refused(*problems: Problem, where: str = "") -> SenderRefusedError:
    """The error about faults of what was signed."""
    codes = ", ".join(dict.fromkeys(problem.code for problem in problems))
    return SenderRefusedError(
        f"not taken: {codes}",
        where=where,
        hint="docs/howto/sign-at-the-source.md says what each code means",
        problems=problems,
    )


def streams_of(act: Act) -> set[bytes]:
    """Ids of the streams that an act is about."""
    entry = decode(act.entry)
    match entry:
        case StreamEntry():
            return {entry.stream_id} | ({entry.prev} if entry.prev else set())
        case BeatEntry() | VoidEntry():
            return {entry.stream_id}
        case _:
            return set()
