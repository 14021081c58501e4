"""The same view again, in the same session, of the same target: counted, not sent again.

The first view is sent at once. When its window closes, one more event says how often it was
repeated and when last (`repeat`), as a part of the first one's action (event-schema §4 #5). Off
unless a type is named: without a catalog it is unknown whether its repeats have a meaning.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import cast

from msgspec import Struct

_MAX_SERIES = 10_000
_COUNT_FROM = 2


class Series(Struct):
    """One view and its repeats."""

    event: dict[str, object]
    ends_us: int
    last_at: object
    count: int = 1


class Coalescer:
    """The open series of one run. Thread-safe."""

    def __init__(self, windows_s: Mapping[str, float]) -> None:
        self._windows_s = windows_s
        self._lock = threading.Lock()  # guards: `_open`, `_closed`
        self._open: OrderedDict[tuple[str, ...], Series] = OrderedDict()
        self._closed: list[Series] = []

    def fold(self, event: dict[str, object], now_us: int) -> dict[str, object] | None:
        """The event that this one repeats, now counted there; None: send it."""
        window_s = self._windows_s.get(str(event["type"]))
        if window_s is None or "repeat" in event or not event.get("targets"):
            return None
        key = _key(event)
        with self._lock:
            series = self._open.get(key)
            if series is not None and now_us < series.ends_us:
                series.count += 1
                series.last_at = event["occurred_at"]
                return series.event
            if series is not None:
                self._closed.append(self._open.pop(key))
            self._open[key] = Series(event, now_us + int(window_s * 1e6), event["occurred_at"])
            if len(self._open) > _MAX_SERIES:
                self._closed.append(self._open.popitem(last=False)[1])
        return None

    def close_until(self, now_us: int) -> list[Series]:
        """Take the series whose window is over; repeated ones only."""
        with self._lock:
            over = [key for key, series in self._open.items() if series.ends_us <= now_us]
            closed = [*self._closed, *(self._open.pop(key) for key in over)]
            self._closed = []
        return [series for series in closed if series.count >= _COUNT_FROM]


def repeat_of(series: Series, event_id: str) -> dict[str, object]:
    """The event that closes a series: a part of the first event's action."""
    event = series.event
    correlation = cast(Mapping[str, object], event["correlation"])
    observed = cast(Mapping[str, object], event["observed"])
    return {
        **event,
        "id": event_id,
        "repeat": {"count": series.count, "last_at": series.last_at},
        "observed": {**observed, "role": "part"},
        "correlation": {**correlation, "part": {"k": 2, "key": "repeat"}},
    }


def _key(event: Mapping[str, object]) -> tuple[str, ...]:
    """What makes two views the same: type, tenant, actor and session, primary target, outcome."""
    actor = cast(Mapping[str, object], event.get("actor") or {})
    auth = cast(Mapping[str, object], actor.get("auth") or {})
    target = cast("list[Mapping[str, object]]", event["targets"])[0]
    tenant = cast(Mapping[str, object], event.get("tenant") or {})
    outcome = cast(Mapping[str, object], event["outcome"])
    values = (
        *(event["type"], tenant.get("id"), outcome.get("result")),
        *(actor.get("issuer"), actor.get("id"), auth.get("session_ref")),
        *(target.get("type"), target.get("id"), target.get("exposure")),
        *(event.get("on_behalf_of"), event.get("purpose")),
    )
    return tuple(str(value) for value in values)
