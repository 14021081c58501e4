"""Numbers 1, 2, 3, … for every event, per tenant: a number that never arrives is a loss."""

from msgspec import Struct, json

from vitne.core.event.schema import SCHEMA
from vitne.core.values import category_of, format_utc
from vitne.sdk.delivery.stats import Stats
from vitne.sdk.options import Options

_MAX_RANGES = 20
_NAMELESS = "/key"
_MAX_GENERATION = 99_999
NAME_ROOM_CHARS = 1 + len(str(_MAX_GENERATION))
"""How much longer than the given name a stream's name can get."""


class NumberedStream(Struct):
    """One run of this sender into one tenant's log (transparency-log §7)."""

    tenant: str
    name: str = ""
    head: bytes = b""
    """The bytes before the number in its events."""
    last_seq: int = 0
    lost: int = 0
    """Numbers given to events that were then lost."""
    lost_ranges: list[list[int]] = []
    """[first, last] of the lost numbers since they were last reported, at most 20 of them."""
    reported: int = 0
    """How much of `lost` was reported in a `system.stream.stats` event."""

    def lose(self, seq: int) -> None:
        """Note a number whose event is lost."""
        self.lost += 1
        if self.lost_ranges and self.lost_ranges[-1][1] == seq - 1:
            self.lost_ranges[-1][1] = seq
        elif len(self.lost_ranges) < _MAX_RANGES:
            self.lost_ranges.append([seq, seq])


class NumberedStreams:
    """The streams of one run. All tenants' first streams have one name; each numbers for itself.

    A stream that was closed because it was idle is followed by another, whose name says so.

    Events that name no tenant go to the one that the API key is for. It may be named by others, so
    the stream of the nameless has a name of its own: two counters must never share a stream.
    """

    def __init__(self, name: str, sdk: str) -> None:
        self.name = name
        self._tail = b',"sdk":' + json.encode(sdk)
        self._by_tenant: dict[str, NumberedStream] = {}
        self._generation: dict[str, int] = {}

    def of(self, tenant: str) -> NumberedStream:
        """The stream of a tenant, opened with number 0 given."""
        stream = self._by_tenant.get(tenant)
        if stream is None:
            name = self.name if tenant else f"{self.name}{_NAMELESS}"
            if generation := self._generation.get(tenant, 0):
                name = f"{name}/{generation + 1}"
            head = b',"stream":{"id":' + json.encode(name) + b',"seq":'
            stream = self._by_tenant[tenant] = NumberedStream(tenant, name, head)
        return stream

    def end(self, stream: NumberedStream) -> bool:
        """Let the tenant's next event begin another stream; False if there can be no more."""
        generation = self._generation.get(stream.tenant, 0) + 1
        if generation >= _MAX_GENERATION or self._by_tenant.get(stream.tenant) is not stream:
            return False
        self._generation[stream.tenant] = generation
        del self._by_tenant[stream.tenant]
        return True

    def all(self) -> list[NumberedStream]:
        """Every stream that was opened, in that order."""
        return list(self._by_tenant.values())

    def number(self, event: bytes, stream: NumberedStream, *, end: bool = False) -> bytes:
        """Give an encoded event (an object without `stream`) the next number, as last member."""
        stream.last_seq += 1
        close = b',"end":true}}' if end else b"}}"
        return b"%b%b%d%b%b" % (event[:-1], stream.head, stream.last_seq, self._tail, close)


STATS_TYPE = "system.stream.stats"


def stats_event(
    options: Options, stream: NumberedStream, stats: Stats, event_id: str, now_us: int
) -> dict[str, object]:
    """The event; `stream.reported` is not changed here."""
    told = ("damaged", "folded", "redacted", "rejected", "after_close")
    counts = {name: getattr(stats, name) for name in told}
    extra: dict[str, object] = {"events": stream.last_seq, "lost": stream.lost, **counts}
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
