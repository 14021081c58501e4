"""A sender's report of its own stream: `system.stream.stats`, with what was lost.

Sent when numbers were lost, so that the gap has an explanation from its side, and as the last
event of every stream (`stream.end`), so that a clean stop differs from a crash.
"""

from vitne.core.event.schema import SCHEMA
from vitne.core.values.times import format_utc
from vitne.core.values.verbs import category_of
from vitne.sdk.delivery.numbering import NumberedStream
from vitne.sdk.delivery.stats import Stats
from vitne.sdk.options import Options

STATS_TYPE = "system.stream.stats"


def stats_event(
    options: Options, stream: NumberedStream, stats: Stats, event_id: str, now_us: int
) -> dict[str, object]:
    """The event; `stream.reported` is not changed here."""
    extra: dict[str, object] = {
        "events": stream.last_seq,
        "lost": stream.lost,
        "damaged": stats.damaged,
        "folded": stats.folded,
        "redacted": stats.redacted,
        "rejected": stats.rejected,
        "after_close": stats.after_close,
    }
    if stream.lost_ranges:
        extra["lost_ranges"] = [f"{first}-{last}" for first, last in stream.lost_ranges]
    source = {"application": options.application, "service": options.service}
    event: dict[str, object] = {
        "schema": SCHEMA,
        "id": event_id,
        "type": STATS_TYPE,
        "category": category_of(STATS_TYPE),
        "occurred_at": format_utc(now_us),
        "clock": {"sync": options.clock_sync},
        "outcome": {"result": "succeeded"},
        "actor": {
            "type": "system",
            "id": f"{options.application}/{options.service}",
            "party": options.party,
            "attribution": "none",
        },
        "severity": "warning" if stream.lost or stats.damaged else "info",
        "source": {**source, "environment": options.environment, "deployment": options.deployment},
        "observed": {"role": "primary", "layer": options.layer, "seen": "fetched"},
        "correlation": {"action_id": event_id},
        "extra": extra,
    }
    if stream.tenant:
        event["tenant"] = {"id": stream.tenant}
    return event
