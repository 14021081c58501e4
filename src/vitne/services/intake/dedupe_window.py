"""The dedupe window: which event ids are remembered, and how a later retry is recognised.

The hot store forgets ids of version 7 after the window, by the time in their first bytes as well as
by that of recording. So only those that look older than the window need to be looked for among the
sealed segments.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vitne.core.event.sections import join_sections, without_members
from vitne.core.values import Json, LogId, Parts, Record, uuid_time_us, uuid_version
from vitne.ports import Ports

Find = Callable[[LogId, bytes], Record | None]
"""The record of an event id among the sealed segments."""

_FORGOTTEN_VERSION = 7
_AT_ONCE = 2_000
"""Ids of one short transaction, so that intake waits for it no longer than for a batch."""

_SLACK_US = 3_600_000_000
"""Ids are kept so much longer than the window: intake must take for old whatever is forgotten, also
in a request that is prepared before and written after, and when the clock is set back a little."""
_read = msgspec.json.Decoder(dict[str, Any]).decode


def may_be_forgotten(event_id: bytes, before_us: int) -> bool:
    """Whether the id is of the kind that is forgotten, and says that it was made before then."""
    if uuid_version(event_id) != _FORGOTTEN_VERSION:
        return False
    return uuid_time_us(event_id) < before_us


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
    return without_members(join_sections(core, payload, person), paths)


class Forget:
    """Keeps the table of remembered ids as small as the window says."""

    def __init__(self, ports: Ports, dedupe_us: int) -> None:
        self._ports = ports
        self._dedupe_us = dedupe_us

    def run_once(self, most: int = 20_000) -> int:
        """Forget up to `most` ids, by default as many as hold up nobody; how many went.

        An id is kept while its row is hot, however old: what is forgotten must be sealed, since
        that is where a very late retry is looked for.
        """
        before_us = self._ports.clock.now_us() - self._dedupe_us - _SLACK_US
        for info in self._ports.store.logs():
            oldest_us = self._ports.store.oldest_hot_us(info.log)
            if oldest_us is not None:
                before_us = min(before_us, oldest_us)
        gone = 0
        while gone < most:
            went = self._ports.store.forget(before_us, min(_AT_ONCE, most - gone))
            gone += went
            if went < _AT_ONCE:
                break
        return gone
