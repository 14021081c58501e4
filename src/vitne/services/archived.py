"""Telling a very late retry from a new event: ids older than the dedupe window (pure).

The hot store forgets ids of version 7 after the window, by the time in their first bytes as well as
by that of recording. So only those that look older than the window need to be looked for among the
sealed segments.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vitne.core.canonical import Json
from vitne.core.ids import time_us, version
from vitne.core.record import Parts, Record
from vitne.core.sections import join_sections, without
from vitne.core.types import LogId

Find = Callable[[LogId, bytes], Record | None]
"""The record of an event id among the sealed segments."""

_FORGOTTEN_VERSION = 7
_read = msgspec.json.Decoder(dict[str, Any]).decode


def may_be_forgotten(event_id: bytes, before_us: int) -> bool:
    """Whether the id is of the kind that is forgotten, and says that it was made before then."""
    if version(event_id) != _FORGOTTEN_VERSION:
        return False
    return time_us(event_id) < before_us


def same_event(old: Parts, new: Parts) -> bool:
    """Whether two records hold the same event as their senders sent it.

    An event of which a section was erased counts as the same: a retry must not bring it back.
    """
    if None in (old.core, old.payload, old.person):
        return True
    return _as_sent(old) == _as_sent(new)


def _as_sent(parts: Parts) -> Mapping[str, Json]:
    core, payload, person, added = (
        _read(part or b"{}")
        for part in (parts.core, parts.payload, parts.person, parts.core_record)
    )
    filled = added.get("filled", [])
    paths = tuple(str(path) for path in filled) if isinstance(filled, list) else ()
    return without(join_sections(core, payload, person), paths)
