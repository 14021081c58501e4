"""What intake did not take, reported in each log: one `system.stream.stats` event an hour.

Counters of dropped and rejected events grow in the store (event-schema §3.2). An event is kept
there before it is sent and its counts are marked as reported after it is durable, so a crash in
between sends the same event again: no count is reported twice, none is left out.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vitne.core.values import RANDOM_BYTES, LogId, format_utc, uuid7, uuid_text
from vitne.errors import VitneError
from vitne.ports import Count, CountReport, Ports
from vitne.services.access import OwnEvents

_LOG = logging.getLogger("vitne.stats")

STATS_TYPE: Final = "system.stream.stats"
LISTED_MAX: Final = 20
"""Types and reasons that one event names: as many as a list in `extra` may hold."""
_LOGS_AT_ONCE: Final = 200


class CountReporter:
    """Reports the counts of all logs. Any thread may call; one works at a time."""

    def __init__(self, ports: Ports, own: OwnEvents) -> None:
        self._ports = ports
        self._own = own
        self._lock = threading.Lock()  # guards: one report at a time

    def run_once(self) -> int:
        """Report what has grown since it was last reported; in how many logs.

        Raises:
            UnavailableError: an event could not be stored; it is sent again the next time.
        """
        with self._lock:
            reported = self._send()
            grown = sorted(self._ports.store.unreported_counts().items())
            for first in range(0, len(grown), _LOGS_AT_ONCE):
                some = grown[first : first + _LOGS_AT_ONCE]
                reports = {log: self._report(log, counts) for log, counts in some}
                self._ports.store.begin_reports(reports)
                reported += self._send()
        return reported

    def finish(self) -> None:
        """The last time before a stop; what cannot be reported is reported after the next start."""
        try:
            self.run_once()
        except VitneError as error:
            _LOG.warning("counts are left unreported: %s: %s", error.code, error)

    def _send(self) -> int:
        """Send what was begun, by this run or by one that a crash ended."""
        begun = self._ports.store.begun_reports()
        self._own.send({log: report.event for log, report in begun.items()})
        if begun:
            self._ports.store.end_reports(list(begun))
        return len(begun)

    def _report(self, log: LogId, counts: Mapping[Count, int]) -> CountReport:
        now_us = self._ports.clock.now_us()
        event_id = uuid_text(uuid7(now_us, self._ports.ids.random_bytes(RANDOM_BYTES)))
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
        return CountReport(msgspec.json.encode(event), dict(counts))


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
