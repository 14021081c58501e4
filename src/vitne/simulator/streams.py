"""Places in streams: every service restarts on Sunday night, and one of them is flaky.

The flaky source loses its connection every Wednesday around noon: what it saw then arrives as
spooled events, with a clock that nobody vouches for. Every second Wednesday it also loses three
events for good, so their numbers are missing; and it never ends a stream cleanly.
"""

from collections.abc import Iterator

from vitne.core.event.schema import SCHEMA
from vitne.simulator.day import Day
from vitne.simulator.kinds import DAY_OF_FLAKINESS, SERVICES, Event, Service
from vitne.simulator.rota import DAY_S, HOUR_S, SECOND_US, midnight_us, weekday
from vitne.simulator.world import World

SDK = "vitne-python/0.1.0"
STATS_TYPE = "system.stream.stats"
_AWAY_FROM_S, _AWAY_TO_S = 10 * HOUR_S, 13 * HOUR_S
_LOST = 3


class Streams:
    """The last number of every stream, as one simulation goes on.

    Args:
        run: stands in the names of the streams in place of the week.
    """

    def __init__(self, run: str = "") -> None:
        self._run = run
        self._seq: dict[tuple[str, str], int] = {}
        self._week = -1
        self._names: dict[str, str] = {}
        self._gap: set[tuple[str, int]] = set()

    def place(self, service: str, tenant: str, day: int, at_us: int, event: Event) -> Event:
        """The event's `stream`; a spooled event also gets its `clock`."""
        week = day - weekday(day)
        if week != self._week:
            self._week = week
            self._seq.clear()
            self._names = {name: self._name(sender) for name, sender in SERVICES.items()}
        seq = self._seq.get((service, tenant), 0) + 1
        sender = SERVICES[service]
        stream: Event = {"id": self._names[service], "seq": seq, "sdk": SDK}
        if sender.flaky and weekday(day) == DAY_OF_FLAKINESS:
            second = (at_us - midnight_us(day)) // SECOND_US
            if _AWAY_FROM_S <= second < _AWAY_TO_S:
                stream["spooled"] = True
                event["clock"] = {"sync": "unknown", "offset_ms": -1500}
            elif second >= _AWAY_TO_S and day % 14 < 7 and (tenant, day) not in self._gap:
                self._gap.add((tenant, day))
                stream["seq"] = seq = seq + _LOST
        self._seq[service, tenant] = seq
        return stream

    def _name(self, sender: Service) -> str:
        run = self._run or f"w{self._week // 7}"
        return f"{sender.id}/{sender.instance}/{run}"

    def close(self, day: Day, world: World) -> Iterator[tuple[int, Event]]:
        """The last word of every open stream, but for those of the flaky source."""
        at_us = midnight_us(day.number) + DAY_S * SECOND_US - SECOND_US // 2
        names = {tenant.id: tenant.name for tenant in world.tenants}
        for (service, tenant), last in sorted(self._seq.items()):
            sender = SERVICES[service]
            if sender.flaky:
                continue
            event_id = day.new_id(at_us)
            yield (
                at_us,
                {
                    "schema": SCHEMA,
                    "id": event_id,
                    "type": STATS_TYPE,
                    "category": "system",
                    "occurred_at": day.time(at_us),
                    "clock": {"sync": "ntp"},
                    "outcome": {"result": "succeeded"},
                    "tenant": {"id": tenant, "name": names[tenant]},
                    "actor": {"type": "system", "id": sender.id, "attribution": "none",
                              "party": "vendor", "tenant_id": "nordvare"},
                    "source": {"application": sender.application, "service": sender.service,
                               "version": sender.version, "environment": "prod",
                               "deployment": "saas", "instance": sender.instance},
                    "observed": {"role": "primary", "layer": sender.layer, "seen": "fetched"},
                    "correlation": {"action_id": event_id},
                    "stream": {"id": self._names[service], "seq": last + 1, "sdk": SDK,
                               "end": True},
                    "extra": {"events": last + 1, "lost": 0},
                },
            )  # fmt: skip
