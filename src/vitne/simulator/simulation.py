"""Thirty days of a small vendor's applications, or a year of a large one's, from one seed."""

from collections.abc import Iterator
from random import Random

from vitne.core.event.schema import SCHEMA
from vitne.simulator.day import ISSUER, Day, Row, Who, thing
from vitne.simulator.kinds import DAY_OF_FLAKINESS, SERVICES, Event, Service
from vitne.simulator.office_scenes import OFFICE_SCENES
from vitne.simulator.rota import (
    DAY_S,
    HOUR_S,
    SECOND_US,
    Shift,
    day_of,
    midnight_us,
    shift,
    weekday,
)
from vitne.simulator.store_scenes import (
    Scene,
    close_till,
    draw,
    handle_order,
    sell,
    serve_customer,
    till_hour,
)
from vitne.simulator.story import Plot, Story
from vitne.simulator.world import Person, World

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
                    "source": sender.source,
                    "observed": {"role": "primary", "layer": sender.layer, "seen": "fetched"},
                    "correlation": {"action_id": event_id},
                    "stream": {"id": self._names[service], "seq": last + 1, "sdk": SDK,
                               "end": True},
                    "extra": {"events": last + 1, "lost": 0},
                },
            )  # fmt: skip


EVENTS_PER_SHIFT = 25.0
_EVENTS_PER_SCENE = 3.0
_LUNCH_S = 1800
_QUIET = {"admin": 0.2, "lead": 0.2, "developer": 0.15, "support": 0.4}
_STORE_SCENES: dict[str, tuple[Scene, ...]] = {
    # Each stands as often as it comes up.
    "seller": (serve_customer,) * 8
    + (handle_order,) * 4
    + (sell,) * 3
    + (till_hour,) * 4
    + (draw,),
    "designer": (draw,) * 7 + (serve_customer,) * 2 + (handle_order,),
    "manager": (serve_customer,) * 3 + (handle_order,) * 4 + (till_hour,) * 2 + (sell,),
}
_SCENES = {**_STORE_SCENES, **OFFICE_SCENES}


class Simulation:
    """A vendor of kitchen, bath and retail software, its customers, and one story of misuse.

    The same arguments give the same events, byte for byte. Days do not depend on each other, but
    for the numbers in their streams.

    Args:
        seed: chooses another history.
        start_us: the first local day is the one that holds this moment.
        days: how many local days.
        scale: 1 is 40 people in 7 stores and 3 offices; 125 is 5,000 people.
        events_per_shift: how busy people are, on average and roughly.
    """

    def __init__(
        self,
        seed: int,
        start_us: int,
        days: int = 30,
        scale: float = 1.0,
        *,
        events_per_shift: float = EVENTS_PER_SHIFT,
    ) -> None:
        self.world = World(seed, scale)
        self.first_day = day_of(start_us)
        self.days = days
        self._seed = seed
        self._scenes = events_per_shift / _EVENTS_PER_SCENE
        self._plot = Plot(self.world, seed, self.first_day, days)

    @property
    def story(self) -> Story:
        """The planted story's ground truth."""
        return self._plot.story()

    def events(self, until_us: int | None = None) -> Iterator[Event]:
        """Every event in time order, complete, each with its place in its source's stream.

        Events share inner objects with others: change none of them in place.

        Args:
            until_us: leave out what happens at or after this moment; None: nothing.
        """
        streams = Streams()
        for day in range(self.first_day, self.first_day + self.days):
            for at_us, event in self._day(day, streams):
                if until_us is not None and at_us >= until_us:
                    return
                yield event

    def live(self, from_us: int) -> Iterator[tuple[int, Event]]:
        """(moment, event) from a moment on, without end and without story, in streams of its own.

        The history goes on as it would have: same people, same habits, same chance.
        """
        streams = Streams(run="live")
        day = day_of(from_us)
        while True:
            for at_us, event in self._day(day, streams):
                if at_us >= from_us:
                    yield at_us, event
            day += 1

    # ------------------------------------------------------------ one day

    def _day(self, number: int, streams: Streams) -> Iterator[tuple[int, Event]]:
        """The events of one local day in time order."""
        chance = Random(f"{self._seed}/{number}")
        day = Day(self.world, number, self.first_day, chance)
        for person in self.world.people:
            worked = shift(person, number)
            if worked is not None:
                self._work(day, person, worked)
        self._night(day)
        inside = (day.start_us, midnight_us(number + 1) - SECOND_US)
        rows: list[Row] = [row for row in day.rows if inside[0] <= row[0] < inside[1]]
        rows += self._plot.rows(number)
        rows.sort()  # moment and order are unique, so nothing behind them is ever compared
        for at_us, _, service, tenant, event in rows:
            event["stream"] = streams.place(service, tenant, number, at_us, event)
            yield at_us, event
        if weekday(number) == 6:  # every process restarts in the night to Monday
            yield from streams.close(day, self.world)

    def _work(self, day: Day, person: Person, worked: Shift) -> None:
        """One person's shift: sign in, one scene after another, lunch between."""
        chance = day.random
        who = day.web(person)
        at_us = day.at(worked.start_s + chance.random() * 600)
        _sign_in(day, who, at_us)
        wanted = self._scenes * _QUIET.get(person.job, 1.0)
        scenes = max(round(chance.gauss(wanted, wanted / 4)), 1)
        end_us = day.at(worked.end_s - 900)
        choices = _SCENES[person.job]
        for left in range(scenes, 0, -1):
            at_us += int((end_us - at_us) / left * (0.2 + 0.9 * chance.random()))
            at_us = _after_lunch(day, worked, at_us)
            if at_us >= end_us:
                break
            at_us = choices[int(chance.random() * len(choices))](day, who, at_us)
        if person.job == "manager":
            close_till(day, who, day.at(worked.end_s - 600))

    def _night(self, day: Day) -> None:
        """Jobs that somebody set up: product data, production orders, keys that expire."""
        for tenant in self.world.chains:
            owners = self.world.working(tenant, "buyer", "finance")
            if not owners:
                continue
            owner = _job_of(day.web(owners[0]), "svc-scheduler")
            counts: Event = {"added": int(day.random.random() * 40), "changed": 7}
            feed = thing("feed", "suppliers-nightly")
            day.add(
                day.at(2 * 3600 + day.random.random() * 300), "pim.feed.imported", owner, [feed],
                extra=counts,
                correlation={"action_id": day.new_id(day.start_us),
                             "batch_id": f"feed-{day.number}"},
            )  # fmt: skip
            for at in range(2):
                order = thing("production_order", f"pro_{tenant.number + 1}{day.number}{at}")
                day.add(day.at(5.5 * 3600 + at * 40), "erp.production_order.released", owner,
                        [order], extra={"plant": "main"})  # fmt: skip
        if weekday(day.number) == 0:
            robot = _robot(day.web(self.world.working(self.world.vendor, "admin")[0]))
            day.add(day.at(4 * 3600), "identity.api_key.revoked", robot,
                    [thing("api_key", f"key_expired_{day.number}")])  # fmt: skip


def source_registrations() -> list[tuple[str, str, str]]:
    """(application, service, layer) of every source that a simulation sends as."""
    return [(one.application, one.service, one.layer) for one in SERVICES.values()]


def _sign_in(day: Day, who: Who, at_us: int) -> None:
    if day.random.random() < 0.06:  # one sign-in in 16 begins with a typing error
        outcome: Event = {"result": "denied", "code": "bad_password"}
        day.add(at_us - 20 * SECOND_US, "identity.user.signed_in", who, [], outcome=outcome,
                severity="warning")  # fmt: skip
    day.add(at_us, "identity.user.signed_in", who, [])


def _after_lunch(day: Day, worked: Shift, at_us: int) -> int:
    begins, ends = day.at(worked.lunch_s), day.at(worked.lunch_s + _LUNCH_S)
    return ends if begins <= at_us < ends else at_us


def _job_of(who: Who, service: str) -> Who:
    """A job in the night, ascribed to its owner: grade C."""
    actor = {**who.actor, "attribution": "inferred",
             "auth": {"method": "schedule", "mfa": False}}  # fmt: skip
    client: Event = {"site": "hq"}
    purpose: Event = {"code": "scheduled", "reference": service, "declared_by": "system"}
    return Who(who.person, who.tenant, actor, client, purpose)


def _robot(who: Who) -> Who:
    """The identity service itself, with nobody behind it: grade E."""
    actor: Event = {"type": "service", "id": "svc-key-rotation", "party": "vendor",
                    "issuer": ISSUER, "tenant_id": "nordvare",
                    "attribution": "none"}  # fmt: skip
    return Who(who.person, who.tenant, actor, {"site": "hq"})
