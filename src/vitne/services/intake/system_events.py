"""The events that the server writes about what it refused: id conflicts, and refused signatures."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vitne.core.event.body import SentEvent
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId, uuid8_for_original, uuid_text
from vitne.errors import IntegrityError
from vitne.ports import ApiKey
from vitne.services.intake.events import Preparer
from vitne.services.writer import Arrival, Incident, PreparedEvent

INCIDENT_TYPE = "system.pipeline.signature_refused"

_SERVER = SourceRegistration(
    application="vitne", service="server", layer="internal_service", party="vendor"
)
_KEY = ApiKey(
    id="", name=_SERVER.source_id, secret_sha256=b"", roles=("write",), tenants=(), source=_SERVER
)


class SystemEvents:
    """Makes them, ready for the log. Any thread may call.

    The same refused thing gives the same event id: who sends it again and again leaves one event.
    All methods raise `IntegrityError` if intake refuses what Vitne itself wrote.
    """

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    def id_conflict(self, log: LogId, refused: PreparedEvent) -> PreparedEvent:
        """Somebody sent another event under an id that is taken."""
        return self._prepared(
            log,
            f"{refused.id}/{refused.digest.hex()}",
            {
                "type": "system.id.conflict",
                "category": "system",
                "actor": {"type": "service", "id": refused.stream.source, "attribution": "none"},
                "targets": [{"type": "event", "id": refused.id, "role": "object"}],
                "outcome": {"result": "denied", "code": "id_conflict"},
                "extra": {"digest": refused.digest.hex()},
            },
        )

    def incident(self, log: LogId, incident: Incident) -> PreparedEvent:
        """Something signed was not taken, and somebody should be asked why."""
        return self._prepared(
            log,
            f"{log}/{incident.source}/{incident.stream}/{incident.code}/{incident.about}",
            {
                "type": INCIDENT_TYPE,
                "category": "system",
                "severity": "critical",
                "actor": {"type": "service", "id": incident.source, "attribution": "none"},
                "targets": [{"type": "stream", "id": incident.stream or "-", "role": "object"}],
                "outcome": {"result": "denied", "code": incident.code},
                "extra": {"about": incident.about},
            },
        )

    def _prepared(self, log: LogId, about: str, fields: Mapping[str, Any]) -> PreparedEvent:
        identity = {"id": uuid_text(uuid8_for_original(_SERVER.source_id, about))}
        body = msgspec.json.encode(identity | {"tenant": {"id": log}} | dict(fields))
        request = self._preparer.prepare([SentEvent(body)], len(body), _KEY, _SERVER, Arrival())
        if not request.batches or not request.batches[0].events:
            raise IntegrityError(f"Vitne's own event {fields['type']} was refused", where=log)
        return request.batches[0].events[0]
