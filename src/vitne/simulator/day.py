"""One day's sheet: events are added in any order, by scenes that know who acts and when."""

from random import Random

from msgspec import Struct

from vitne.core.values import format_utc
from vitne.simulator.kinds import BACKSTOPS, KINDS, Event, EventKind
from vitne.simulator.rota import SECOND_US, midnight_us
from vitne.simulator.world import (
    CUSTOMERS_PER_STORE,
    ORDERS_A_DAY,
    ORDERS_BEFORE,
    Company,
    Person,
    World,
    customer_id,
    customer_name,
    customer_of_order,
    order_id,
)

ISSUER = "https://id.nordvare.example"
SUCCEEDED: Event = {"result": "succeeded"}
_BACKSTOP_AFTER_US = 40_000


class Who(Struct, frozen=True):
    """Somebody in a session: the parts of an event that stay the same in it."""

    person: Person
    tenant: Event
    actor: Event
    client: Event
    purpose: Event | None = None
    on_behalf_of: Event | None = None


Row = tuple[int, int, str, str, Event]
"""Moment, order of adding (tells equal moments apart), service, tenant, event without stream."""


class Day:
    """The sheet of one local day, with the day's own chance: days do not depend on each other."""

    def __init__(self, world: World, number: int, first: int, random: Random) -> None:
        self.world = world
        self.number = number
        self.age = number - first
        """Days since the simulation began."""
        self.random = random
        self.start_us = midnight_us(number)
        self.rows: list[Row] = []
        self._minutes: dict[int, str] = {}

    # ------------------------------------------------------------ ids and times

    def new_id(self, at_us: int) -> str:
        """A UUIDv7 of that moment, from the day's chance."""
        stamp = f"{at_us // 1000:012x}"
        bits = self.random.getrandbits(74)
        rest = f"{bits & 0xFFFFFFFFFFFFFFF:015x}"
        variant = "89ab"[bits >> 72]
        return f"{stamp[:8]}-{stamp[8:]}-7{bits >> 60 & 0xFFF:03x}-{variant}{rest[:3]}-{rest[3:15]}"

    def time(self, at_us: int) -> str:
        """A moment as events tell it: UTC with milliseconds."""
        minute, rest = divmod(at_us, 60 * SECOND_US)
        front = self._minutes.get(minute)
        if front is None:
            front = self._minutes[minute] = format_utc(minute * 60 * SECOND_US)[:17]
        return f"{front}{rest // SECOND_US:02d}.{rest // 1000 % 1000:03d}Z"

    def at(self, second: float) -> int:
        """The moment so many seconds after local midnight."""
        return self.start_us + int(second * SECOND_US)

    # ------------------------------------------------------------ adding events

    def add(
        self, at_us: int, event_type: str, who: Who, targets: list[Event], **more: object
    ) -> str:
        """One event; returns its action id, a new one unless `action_id` is among `more`."""
        action_id = str(more.pop("action_id", "")) or self.new_id(at_us)
        self._row(at_us, KINDS[event_type], who, targets, action_id, more)
        return action_id

    def add_backed(
        self, at_us: int, event_type: str, who: Who, targets: list[Event], **more: object
    ) -> str:
        """A primary event, and what the joint customer service tells of the same action."""
        action_id = self.add(at_us, event_type, who, targets, **more)
        after_us = at_us + _BACKSTOP_AFTER_US + self.random.getrandbits(15)
        bare = [{n: v for n, v in t.items() if n != "name"} for t in targets if _is_customer(t)]
        kept: Event = {n: more[n] for n in ("outcome", "severity", "changes") if n in more}
        chain = [{"type": "service", "id": "svc-crm-bff", "hop": 1}]
        self._row(after_us, BACKSTOPS[event_type], who, bare, action_id, {"chain": chain, **kept})
        return action_id

    def _row(
        self,
        at_us: int,
        kind: EventKind,
        who: Who,
        targets: list[Event],
        action_id: str,
        more: dict[str, object],
    ) -> None:
        event: Event = {
            **kind.base,
            "id": self.new_id(at_us),
            "occurred_at": self.time(at_us),
            "outcome": SUCCEEDED,
            "tenant": who.tenant,
            "actor": who.actor,
            "client": who.client,
            "correlation": {"action_id": action_id},
        }
        if targets:
            event["targets"] = targets
        if who.purpose is not None:
            event["purpose"] = who.purpose
        if who.on_behalf_of is not None:
            event["on_behalf_of"] = who.on_behalf_of
        event.update(more)
        self.rows.append((at_us, len(self.rows), kind.service, str(who.tenant["id"]), event))

    # ------------------------------------------------------------ who and what

    def web(self, person: Person, *, home: bool = False, owner: Company | None = None) -> Who:
        """Somebody at a screen, signed in by the identity service.

        Args:
            person: who.
            home: from the person's home, not from work.
            owner: whose data is worked on, if it is not the person's own tenant.
        """
        tenant = owner or person.tenant
        vendor = person.tenant is self.world.vendor
        actor = _actor(
            person,
            party="vendor" if vendor else "tenant",
            roles=list(person.roles),
            attribution="token",
            method="oidc",
            mfa=home or vendor,
            session=self.world.pseudonym("session", f"{self.number}/{person.number}/{home}"),
        )
        client: Event = {
            "ip": person.home_ip if home else person.ip,
            "user_agent": person.agent,
            "site": "remote" if home else person.site,
        }
        return Who(person, {"id": tenant.id, "name": tenant.name}, actor, client)

    def till(self, person: Person, till: int, *, pin_of: Person | None = None) -> Who:
        """Somebody at a till, known by a PIN: perhaps not the person whose PIN it is."""
        shown = pin_of or person
        actor = _actor(
            shown,
            party="tenant",
            roles=["till"],
            attribution="session",
            method="pin",
            mfa=False,
            session=self.world.pseudonym("till", f"{self.number}/{shown.number}/{till}"),
        )
        client: Event = {
            "ip": person.ip,
            "device_id": f"{person.site}/till-{till}",
            "site": person.site,
        }
        tenant = person.tenant
        return Who(shown, {"id": tenant.id, "name": tenant.name}, actor, client)

    def customer(self, tenant: Company, store: int) -> int:
        """Number of some customer of a store (of any, for an office)."""
        at = store if store >= 0 else self.random.randrange(tenant.stores)
        return at * CUSTOMERS_PER_STORE + 1 + int(self.random.random() * (CUSTOMERS_PER_STORE - 1))

    def order(self, tenant: Company, store: int) -> int:
        """Number of some order that a store has taken until today; mostly a recent one."""
        at = store if store >= 0 else self.random.randrange(tenant.stores)
        taken = ORDERS_BEFORE + self.age * ORDERS_A_DAY
        back = int(self.random.expovariate(1 / 60)) % taken
        return (taken - 1 - back) * tenant.stores + at


def subject(tenant: Company, number: int, exposure: str = "full") -> Event:
    """A customer as the target whose data is touched."""
    return {
        "type": "customer",
        "id": customer_id(tenant, number),
        "name": customer_name(tenant, number),
        "role": "subject",
        "exposure": exposure,
        "labels": ["pii"],
    }


def order_targets(tenant: Company, number: int) -> list[Event]:
    """An order, and the customer whose it is."""
    customer = subject(tenant, customer_of_order(tenant, number), "summary")
    return [thing("order", order_id(tenant, number)), customer]


def thing(kind: str, name: str, role: str = "object", exposure: str = "full") -> Event:
    """Any other target."""
    return {"type": kind, "id": name, "role": role, "exposure": exposure}


def _actor(  # noqa: PLR0913 - what differs between a screen and a till
    person: Person,
    *,
    party: str,
    roles: list[str],
    attribution: str,
    method: str,
    mfa: bool,
    session: str,
) -> Event:
    return {
        "type": "user",
        "id": person.id,
        "issuer": ISSUER,
        "name": person.name,
        "party": party,
        "tenant_id": person.tenant.id,
        "roles": roles,
        "unit": person.site,
        "attribution": attribution,
        "auth": {"method": method, "mfa": mfa, "session_ref": session},
    }


def _is_customer(target: Event) -> bool:
    return target["type"] == "customer"
