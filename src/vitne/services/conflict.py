"""The event about an id conflict: someone sent another event under an id that is taken."""

import msgspec

from vitne.core.ids import to_text, uuid8_for_original
from vitne.core.source import SourceRegistration
from vitne.core.types import LogId
from vitne.errors import IntegrityError
from vitne.ports import ApiKey
from vitne.services.draft import Draft
from vitne.services.prepare import Item, Preparer
from vitne.services.reply import Arrival

_SERVER = SourceRegistration(
    application="vitne", service="server", layer="internal_service", party="vendor"
)
_KEY = ApiKey(
    id="", name=_SERVER.source_id, secret_sha256=b"", roles=("write",), tenants=(), source=_SERVER
)


class Conflicts:
    """Makes `system.id.conflict` events. Called by the writer, inside its transaction."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer

    def draft(self, log: LogId, refused: Draft) -> Draft:
        """The event about a refused one; the same id for the same refused event.

        So a sender that tries again and again leaves one such event, not many.

        Raises:
            IntegrityError: intake refuses what Vitne itself wrote.
        """
        about = f"{refused.id}/{refused.digest.hex()}"
        event = {
            "id": to_text(uuid8_for_original(_SERVER.source_id, about)),
            "type": "system.id.conflict",
            "category": "system",
            "tenant": {"id": log},
            "actor": {"type": "service", "id": refused.stream.source, "attribution": "none"},
            "targets": [{"type": "event", "id": refused.id, "role": "object"}],
            "outcome": {"result": "denied", "code": "id_conflict"},
            "extra": {"digest": refused.digest.hex()},
        }
        body = msgspec.json.encode(event)
        ticket = self._preparer.prepare([Item(body)], len(body), _KEY, _SERVER, Arrival())
        if not ticket.sheaves or not ticket.sheaves[0].drafts:
            raise IntegrityError("Vitne's own event system.id.conflict was refused", where=log)
        return ticket.sheaves[0].drafts[0]
