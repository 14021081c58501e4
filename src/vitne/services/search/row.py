"""An event as a reader gets it: its sections joined, with what the log added."""

from typing import Any

import msgspec
from msgspec import Struct

from vitne.core.event.sections import join_sections
from vitne.core.values import Json, LeafIndex, Record, Section

_read = msgspec.json.Decoder(dict[str, Any]).decode


class Row(Struct, frozen=True):
    """One event of a page."""

    index: LeafIndex
    recorded_us: int
    event: dict[str, Json]
    record: dict[str, Json]
    """What the log added at intake; the members of its three parts have different names."""
    gone: tuple[Section, ...] = ()
    """Sections that are erased or withheld: their members are not in `event`."""


def row_of_record(record: Record) -> Row:
    """The event of a record."""
    parts = record.parts
    sections = {"core": parts.core, "payload": parts.payload, "person": parts.person}
    added: dict[str, Json] = {}
    for part in (parts.core_record, parts.payload_record, parts.person_record):
        added |= _object(part)
    gone: tuple[Section, ...] = tuple(
        name  # type: ignore[misc]  # the three names
        for name, part in sections.items()
        if part is None
    )
    event = join_sections(*(_object(part) for part in sections.values()))
    return Row(record.index, record.recorded_us, event, added, gone)


def _object(part: bytes | None) -> dict[str, Json]:
    return _read(part) if part else {}
