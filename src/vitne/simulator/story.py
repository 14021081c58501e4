"""The planted misuse, with its ground truth: what an investigation should find, and whom it clears.

A seller of a kitchen store looks up one customer again and again: a former partner. Always in the
evening, from home, long after the store closed, and never for a purpose. On two days a colleague
is off, the same customer is looked up at the till under that colleague's PIN, while only the
seller is at work. A bulk export is denied; a few days later the address is printed on a letter.

A customer service agent opened the same card more often than anybody: every time at work, every
time for the same complaint, whose case number stands in each event. Counting alone
would accuse the wrong one.
"""

from random import Random

from msgspec import Struct
from msgspec.structs import replace

from vitne.simulator.day import Day, Row, Who, subject, thing
from vitne.simulator.kinds import Event
from vitne.simulator.office_scenes import INTENT
from vitne.simulator.rota import HOUR_S, SECOND_US, shift
from vitne.simulator.store_scenes import phone_search
from vitne.simulator.world import (
    CUSTOMERS_PER_STORE,
    World,
    customer_id,
    customer_name,
)

_STORE = 1
_EVENINGS = (0.08, 0.15, 0.24, 0.31, 0.40, 0.48, 0.57, 0.63, 0.72, 0.80, 0.86)
_TILL_DAYS = (0.33, 0.66)
_DENIED_AT, _EXPORT_AT = 0.89, 0.94
_CASE_DAYS = (
    *(0.30, 0.34, 0.38, 0.42, 0.45, 0.49, 0.52, 0.56),
    *(0.60, 0.64, 0.68, 0.71, 0.75, 0.79, 0.83, 0.87),
)
_CHAPTERS = ("evenings", "till", "denied", "exported", "explained")
_CASE = "CASE-14471"


class Story(Struct, frozen=True):
    """The ground truth. Ids of events are those of the primary events."""

    tenant: str
    culprit: str
    """Actor id of the seller."""
    culprit_name: str
    colleague: str
    """Actor id of the colleague whose PIN was used."""
    colleague_name: str
    innocent: str
    """Actor id of the customer service agent."""
    innocent_name: str
    target: str
    """`customer/<id>` of the one who was looked up."""
    target_name: str
    case: str
    """The complaint that explains the innocent agent's look-ups."""
    evenings: tuple[str, ...]
    """The look-ups from home: each card that was opened."""
    till: tuple[str, ...]
    """What was done at the till under the colleague's PIN, about this customer."""
    denied: tuple[str, ...]
    exported: tuple[str, ...]
    explained: tuple[str, ...]
    """The innocent agent's look-ups."""


class Plot:
    """Writes the story into the days of a simulation. Chance is its own, day by day."""

    def __init__(self, world: World, seed: int, first_day: int, days: int) -> None:
        self._world = world
        self._seed = seed
        self._first = first_day
        self._days = days
        chain = world.chains[0]
        store = _STORE % chain.stores
        sellers = [p for p in world.working(chain, "seller") if p.store == store]
        self.colleague, self.culprit = sellers[:2]
        self.innocent = world.working(chain, "service")[0]
        # Scenes draw customers from 1 upwards, so nobody else meets the first one by chance.
        self.customer = store * CUSTOMERS_PER_STORE
        self._told: dict[str, list[str]] = {}
        self._rows: dict[int, list[Row]] = {}
        self._case_days: set[int] = set()
        self._write()

    def rows(self, day: int) -> list[Row]:
        """The story's events of one day."""
        return self._rows.get(day, [])

    def story(self) -> Story:
        """The ground truth."""
        chain = self._world.chains[0]
        return Story(
            tenant=chain.id,
            culprit=self.culprit.id,
            culprit_name=self.culprit.name,
            colleague=self.colleague.id,
            colleague_name=self.colleague.name,
            innocent=self.innocent.id,
            innocent_name=self.innocent.name,
            target=f"customer/{customer_id(chain, self.customer)}",
            target_name=customer_name(chain, self.customer),
            case=_CASE,
            **{chapter: tuple(self._told.get(chapter, ())) for chapter in _CHAPTERS},
        )

    # ------------------------------------------------------------ writing

    def _write(self) -> None:
        scenes = [
            *((at, self._evening) for at in _EVENINGS),
            *((at, self._at_the_till) for at in _TILL_DAYS),
            (_DENIED_AT, self._denied),
            (_EXPORT_AT, self._export),
            *((at, self._case) for at in _CASE_DAYS),
        ]
        for number, (at, scene) in enumerate(scenes):
            wanted = self._first + int(at * self._days)
            chance = Random(f"{self._seed}/story/{number}")
            fitting = self._fitting(scene, wanted)
            if fitting is None:
                continue  # a history of a few days has no room for the whole story
            day = Day(self._world, fitting, self._first, chance)
            if scene == self._case:
                self._case_days.add(day.number)
            scene(day)
            rows = self._rows.setdefault(day.number, [])
            # Far above what scenes of the day reach, so that equal moments keep their order.
            rows += [(at_us, 2**40 + number * 1000 + n, *rest) for at_us, n, *rest in day.rows]  # type: ignore[misc]  # a row is five

    def _fitting(self, scene: object, wanted: int) -> int | None:
        """The first day from `wanted` on that suits a scene; None if none does in time."""
        last = self._first + self._days
        for day in range(wanted, last):
            free = shift(self.innocent, day) is None or day in self._case_days
            if scene == self._case and free:
                continue
            alone = shift(self.culprit, day) is not None and shift(self.colleague, day) is None
            if scene == self._at_the_till and not alone:
                continue
            return day
        return None

    def _tell(self, chapter: str, day: Day, *event_types: str) -> None:
        """Note the primary events that a scene has written as belonging to a chapter."""
        for _, _, service, _, event in day.rows:
            if event["type"] in event_types and service != "customer":
                self._told.setdefault(chapter, []).append(str(event["id"]))

    def _target(self, exposure: str = "full") -> Event:
        return subject(self._world.chains[0], self.customer, exposure)

    def _home(self, day: Day) -> tuple[Who, int]:
        at_us = day.at(21 * HOUR_S + day.random.random() * 2.4 * HOUR_S)
        return day.web(self.culprit, home=True), at_us

    def _evening(self, day: Day) -> None:
        who, at_us = self._home(day)
        name = customer_name(self._world.chains[0], self.customer)
        query: Event = {
            "kind": "search",
            "criteria": [{"field": "name", "op": "eq", "value": name[:3] + "*", "form": "masked"}],
            "result_count": 1,
            "shown": {"type": "customer", "ids": [str(self._target()["id"])], "total": 1},
        }
        day.add(at_us, "identity.user.signed_in", who, [])
        day.add(at_us + 25 * SECOND_US, "crm.customer.searched", who, [], query=query)
        day.add_backed(at_us + 33 * SECOND_US, "crm.customer.viewed", who, [self._target()])
        self._tell("evenings", day, "crm.customer.viewed")

    def _at_the_till(self, day: Day) -> None:
        worked = shift(self.culprit, day.number)
        start_s = worked.start_s + HOUR_S + 1200 if worked else 14 * HOUR_S
        at_us = day.at(start_s + day.random.random() * 1800)
        register = thing("till", f"{self.culprit.site}/till-2")
        own = day.till(self.culprit, 2)
        borrowed = day.till(self.culprit, 2, pin_of=self.colleague)
        query = phone_search(day, borrowed, self.customer)
        seen: Event = {"role": "primary", "layer": "bff", "seen": "shown",
                       "surface": "TillCustomer", "operation": "GET /customers/{id}"}  # fmt: skip
        day.add(at_us - 400 * SECOND_US, "pos.operator.switched", own, [register])
        day.add(at_us, "pos.operator.switched", borrowed, [register])
        day.add(at_us + 14 * SECOND_US, "pos.customer.looked_up", borrowed, [], query=query)
        day.add_backed(at_us + 21 * SECOND_US, "crm.customer.viewed", borrowed,
                       [self._target()], observed=seen)  # fmt: skip
        day.add(at_us + 75 * SECOND_US, "pos.operator.switched", own, [register])
        self._tell("till", day, "pos.customer.looked_up", "crm.customer.viewed")

    def _denied(self, day: Day) -> None:
        who, at_us = self._home(day)
        outcome: Event = {
            "result": "denied",
            "code": "export_not_permitted",
            "checks": [{"permission": "crm:export", "granted": False, "policy": "roles"}],
        }
        day.add_backed(at_us, "crm.customer.viewed", who, [self._target()])
        day.add(at_us + 48 * SECOND_US, "crm.customer.exported", who, [self._target("none")],
                outcome=outcome, severity="warning",
                extra={"format": "csv", "rows": 0})  # fmt: skip
        self._tell("evenings", day, "crm.customer.viewed")
        self._tell("denied", day, "crm.customer.exported")

    def _export(self, day: Day) -> None:
        who, at_us = self._home(day)
        target = [self._target("exported")]
        day.add_backed(at_us, "crm.customer.viewed", who, [self._target()])
        after_us = at_us + 95 * SECOND_US
        action = day.add(after_us, "crm.customer.exported", who, target, phase="intent",
                         outcome=INTENT)  # fmt: skip
        extra: Event = {"format": "letter", "rows": 1, "fields": ["name", "address"]}
        day.add_backed(after_us + SECOND_US, "crm.customer.exported", who, target,
                       action_id=action, extra=extra)  # fmt: skip
        self._tell("evenings", day, "crm.customer.viewed")
        self._tell("exported", day, "crm.customer.exported")

    def _case(self, day: Day) -> None:
        worked = shift(self.innocent, day.number)
        start_s = worked.start_s + 1800 if worked else 9 * HOUR_S
        at_us = day.at(start_s + day.random.random() * 2 * HOUR_S)
        purpose: Event = {"code": "complaint", "reference": _CASE, "declared_by": "user"}
        who = replace(day.web(self.innocent), purpose=purpose)
        day.add_backed(at_us, "crm.customer.viewed", who, [self._target()])
        order = thing("order", "ord_199000471")
        day.add(at_us + 40 * SECOND_US, "order.order.viewed", who,
                [order, self._target("summary")])  # fmt: skip
        self._tell("explained", day, "crm.customer.viewed")
