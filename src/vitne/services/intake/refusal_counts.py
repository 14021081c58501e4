"""What intake did not take, told in each log: one `system.stream.stats` event an hour.

Counters of dropped and rejected events grow in the store (event-schema §3.2). An event is kept
there before it is sent and its counts are marked as told after it is durable, so a crash in
between sends the same event again: no count is told twice, none is left out.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vitne.core.values.ids import RANDOM_BYTES, to_text, uuid7
from vitne.core.values.times import format_utc
from vitne.core.values.types import LogId
from vitne.errors import VitneError
from vitne.ports import Clock, Count, IdSource, RecordStore, Telling
from vitne.services.access.audit_events import OwnEvents

_LOG = logging.getLogger("vitne.stats")

STATS_TYPE: Final = "system.stream.stats"
LISTED_MAX: Final = 20
"""Types and reasons that one event names: as many as a list in `extra` may hold."""
_LOGS_AT_ONCE: Final = 200


class Stats:
    """Tells the counts of all logs. Any thread may call; one tells at a time."""

    def __init__(self, store: RecordStore, own: OwnEvents, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._own = own
        self._clock = clock
        self._ids = ids
        self._lock = threading.Lock()

    def run_once(self) -> int:
        """Tell what has grown since it was last told; in how many logs.

        Raises:
            UnavailableError: an event could not be stored; it is sent again the next time.
        """
        with self._lock:
            told = self._send()
            untold = sorted(self._store.untold().items())
            for first in range(0, len(untold), _LOGS_AT_ONCE):
                some = untold[first : first + _LOGS_AT_ONCE]
                self._store.begin_telling({log: self._telling(log, counts) for log, counts in some})
                told += self._send()
        return told

    def finish(self) -> None:
        """The last time before a stop; what cannot be told is told after the next start."""
        try:
            self.run_once()
        except VitneError as error:
            _LOG.warning("counts are left untold: %s: %s", error.code, error)

    def _send(self) -> int:
        """Send what was begun, by this run or by one that a crash ended."""
        begun = self._store.tellings()
        self._own.send({log: one.event for log, one in begun.items()})
        if begun:
            self._store.end_telling(list(begun))
        return len(begun)

    def _telling(self, log: LogId, counts: Mapping[Count, int]) -> Telling:
        now_us = self._clock.now_us()
        event_id = to_text(uuid7(now_us, self._ids.random_bytes(RANDOM_BYTES)))
        event = {
            "id": event_id,
            "type": STATS_TYPE,
            "category": "system",
            "occurred_at": format_utc(now_us),
            "outcome": {"result": "succeeded"},
            "tenant": {"id": log},
            "actor": {
                "type": "system",
                "id": "vitne/api",
                "party": "vendor",
                "attribution": "none",
            },
            "severity": "info",
            "correlation": {"action_id": event_id},
            "extra": summary(counts),
        }
        return Telling(msgspec.json.encode(event), dict(counts))


def summary(counts: Mapping[Count, int]) -> dict[str, Any]:
    """The `extra` of the event: totals, the commonest types and reasons, and the rest as `other`.

    A line of `counts` is `<type> <reason> <number>`, `-` for a type that could not be read; over
    all sources, commonest first.
    """
    totals = Counter[str]()
    lines = Counter[tuple[str, str]]()
    for (_, event_type, reason), number in counts.items():
        totals[reason.partition(".")[0]] += number
        lines[event_type or "-", reason] += number
    ranked = sorted(lines.items(), key=lambda item: (-item[1], item[0]))
    return {
        "dropped": totals["dropped"],
        "rejected": totals["rejected"],
        "counts": [f"{kind} {reason} {number}" for (kind, reason), number in ranked[:LISTED_MAX]],
        "other": sum(number for _, number in ranked[LISTED_MAX:]),
    }
