"""An event as a reader gets it: its sections joined, with what the log added."""

from typing import Any

import msgspec

from vitne.core.event.sections import join_sections
from vitne.core.values import Json, LogId, Record, format_utc
from vitne.wire.search import FoundEvent

_read = msgspec.json.Decoder(dict[str, Any]).decode


def found_event(log: LogId, record: Record) -> FoundEvent:
    """The event of a record; members of sections that are erased or withheld are not in it."""
    parts = record.parts
    sections = {"core": parts.core, "payload": parts.payload, "person": parts.person}
    added: dict[str, Json] = {}
    # The members of the three parts have different names.
    for part in (parts.core_record, parts.payload_record, parts.person_record):
        added |= _object(part)
    event = join_sections(*(_object(part) for part in sections.values()))
    return FoundEvent(
        tenant=log,
        index=record.index,
        id=str(event.get("id", "")),
        recorded_at=format_utc(record.recorded_us),
        event=event,
        record=added,
        withheld=[name for name, part in sections.items() if part is None],
    )


def _object(part: bytes | None) -> dict[str, Json]:
    return _read(part) if part else {}
