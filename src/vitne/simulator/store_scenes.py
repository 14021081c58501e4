"""What people in stores do: customers, drawings, orders, tills.

A scene begins at a moment and returns the moment at which it is over.
"""

from collections.abc import Callable

from vitne.simulator.day import Day, Who, order_targets, subject, thing
from vitne.simulator.kinds import Event
from vitne.simulator.rota import SECOND_US
from vitne.simulator.world import GOODS, customer_id, customer_name, order_id

Scene = Callable[[Day, Who, int], int]

_REASONS = ("price_match", "damaged_box", "loyalty", "campaign_missed")
_DENIED: Event = {
    "result": "denied",
    "code": "not_your_store",
    "checks": [{"permission": "order:read", "granted": False, "policy": "store-scope"}],
}


def pause(day: Day, at_us: int, low_s: float, high_s: float) -> int:
    """The moment after a while of low to high seconds."""
    return at_us + int((low_s + day.random.random() * (high_s - low_s)) * SECOND_US)


def serve_customer(day: Day, who: Who, at_us: int) -> int:
    """Search, open the card, perhaps change it: the commonest chain of all."""
    person, chance = who.person, day.random.random
    number = day.customer(person.tenant, person.store)
    near = [number, *(number + step for step in range(1, 1 + int(chance() * 4)))]
    day.add(at_us, "crm.customer.searched", who, [], query=_name_search(who, near))
    at_us = pause(day, at_us, 4, 25)
    targets = [subject(person.tenant, number)]
    purpose: Event = {"code": "order_service", "declared_by": "system"}
    action = day.add_backed(at_us, "crm.customer.viewed", who, targets, purpose=purpose)
    if chance() < 0.12:
        at_us = _repeat_view(day, who, targets, action, at_us)
    if chance() < 0.22:
        at_us = pause(day, at_us, 20, 120)
        day.add_backed(
            at_us, "crm.customer.updated", who, targets, purpose=purpose, changes=masked("/phone")
        )
    elif chance() < 0.06:
        at_us = pause(day, at_us, 10, 60)
        given = chance() < 0.5
        changes = replaced("/consents/marketing", not given, given)
        day.add(at_us, "crm.consent.changed", who, targets, changes=changes)
    return pause(day, at_us, 60, 400)


def _repeat_view(day: Day, who: Who, targets: list[Event], action: str, at_us: int) -> int:
    """The same card again within ten minutes: folded, and told when the window closes."""
    count = 2 + int(day.random.random() * 4)
    last_us = pause(day, at_us, 60, 540)
    closed_us = at_us + 600 * SECOND_US
    day.add(
        closed_us,
        "crm.customer.viewed",
        who,
        targets,
        action_id=action,
        occurred_at=day.time(at_us),
        repeat={"count": count, "last_at": day.time(last_us)},
        observed={"role": "part", "layer": "bff", "seen": "shown", "surface": "CustomerCard"},
        correlation={"action_id": action, "part": {"k": 2, "key": "repeat"}},
    )
    return closed_us


def draw(day: Day, who: Who, at_us: int) -> int:
    """A drawing session: open, save now and then, price, perhaps print or share."""
    person, chance = who.person, day.random.random
    number = day.customer(person.tenant, person.store)
    project = thing("project", f"prj_{person.tenant.number + 1}{number:06d}")
    parent = {**subject(person.tenant, number, "existence"), "role": "parent"}
    targets = [project, parent]
    day.add(at_us, "design.project.opened", who, targets)
    for _ in range(1 + int(chance() * 3)):
        at_us = pause(day, at_us, 240, 1200)
        edits = 3 + int(chance() * 60)
        day.add(
            at_us, "design.project.saved", who, [project],
            extra={"edit_count": edits}, changes=[{"path": "/drawing", "op": "replace",
                                                   "form": "omitted", "target": 0}],
        )  # fmt: skip
    at_us = pause(day, at_us, 20, 90)
    total = f"{20_000 + int(chance() * 180_000)}.00"
    extra: Event = {"total": total, "currency": "NOK", "margin_shown": chance() < 0.3}
    day.add(at_us, "design.quote.priced", who, targets, extra=extra)
    if chance() < 0.45:
        at_us = pause(day, at_us, 10, 60)
        extra = {"format": "pdf", "pages": 2 + int(chance() * 9)}
        day.add(
            at_us, "design.drawing.exported", who, [project], extra=extra,
            purpose={"code": "order_service", "declared_by": "system"},
        )  # fmt: skip
    elif chance() < 0.2:
        at_us = pause(day, at_us, 10, 60)
        recipient = {**subject(person.tenant, number, "none"), "role": "recipient"}
        day.add(
            at_us, "design.project.shared", who, [project, recipient],
            extra={"access": "view", "expires_at": day.time(at_us + 14 * 86_400 * SECOND_US)},
        )  # fmt: skip
    elif chance() < 0.03:
        day.add(at_us + SECOND_US, "design.project.deleted", who, targets,
                extra={"recoverable_until": day.time(at_us + 30 * 86_400 * SECOND_US)})  # fmt: skip
    return pause(day, at_us, 60, 300)


def handle_order(day: Day, who: Who, at_us: int) -> int:
    """Look an order up, and now and then change it."""
    person, chance = who.person, day.random.random
    number = day.order(person.tenant, person.store)
    shown = [order_id(person.tenant, number)]
    query: Event = {
        "kind": "search",
        "criteria": [{"field": "order_number", "op": "eq", "value": shown[0], "form": "plain"}],
        "result_count": 1,
        "shown": {"type": "order", "ids": shown, "total": 1},
    }
    day.add(at_us, "order.order.searched", who, [], query=query)
    at_us = pause(day, at_us, 2, 12)
    if chance() < 0.02:
        other = (number // person.tenant.stores) * person.tenant.stores
        other += (person.store + 1) % person.tenant.stores
        day.add(at_us, "order.order.viewed", who, order_targets(person.tenant, other)[:1],
                outcome=_DENIED, severity="warning")  # fmt: skip
        return pause(day, at_us, 30, 90)
    targets = order_targets(person.tenant, number)
    day.add(at_us, "order.order.viewed", who, targets)
    at_us = pause(day, at_us, 15, 120)
    if chance() < 0.10:
        day.add(at_us, "order.delivery_address.changed", who, targets,
                changes=masked("/delivery/street"))  # fmt: skip
    elif chance() < 0.03:
        day.add(at_us, "order.order.cancelled", who, targets, extra={"reason_code": "changed_mind"})
    return pause(day, at_us, 30, 200)


def sell(day: Day, who: Who, at_us: int) -> int:
    """Make an order of a quote; a large discount needs somebody else's approval."""
    person, chance = who.person, day.random.random
    number = day.order(person.tenant, person.store)
    targets = order_targets(person.tenant, number)
    extra: Event = {"lines": 1 + int(chance() * 30), "total": f"{int(chance() * 90_000)}.00",
                    "currency": "NOK"}  # fmt: skip
    action = day.add(at_us, "order.order.created", who, targets, extra=extra)
    if chance() < 0.25:
        manager = day.world.manager(person)
        if manager is not None and manager is not person:
            at_us = pause(day, at_us, 120, 900)
            day.add(
                at_us, "order.discount.approved", day.web(manager), targets[:1],
                extra={"percent": 5 + int(chance() * 20)},
                correlation={"action_id": day.new_id(at_us), "causation_id": action},
            )  # fmt: skip
    return pause(day, at_us, 60, 400)


def till_hour(day: Day, who: Who, at_us: int) -> int:
    """An hour at the till: a PIN, a customer's phone number, and what needs a reason."""
    person, chance = who.person, day.random.random
    till = 1 + person.number % 2
    operator = day.till(person, till)
    register = thing("till", f"{person.site}/till-{till}")
    day.add(at_us, "pos.operator.switched", operator, [register])
    for _ in range(1 + int(chance() * 3)):
        at_us = pause(day, at_us, 120, 900)
        number = day.customer(person.tenant, person.store)
        day.add(at_us, "pos.customer.looked_up", operator, [], query=phone_search(day, who, number))
    sale = thing(
        "sale", f"sal_{person.tenant.number + 1}{person.store:03d}{at_us // 10**7 % 10**9}"
    )
    reason = _REASONS[int(chance() * len(_REASONS))]
    at_us = pause(day, at_us, 60, 600)
    luck = chance()
    if luck < 0.22:
        day.add(at_us, "pos.price.overridden", operator, [sale], extra={"reason_code": reason},
                changes=[{"path": "/lines/0/price", "op": "replace", "before": "1299.00",
                          "after": "1099.00", "form": "plain"}])  # fmt: skip
    elif luck < 0.30:
        customer = subject(person.tenant, day.customer(person.tenant, person.store), "summary")
        day.add(at_us, "pos.sale.refunded", operator, [sale, customer],
                extra={"amount": f"{200 + int(chance() * 4000)}.00", "currency": "NOK",
                       "tender": "card"})  # fmt: skip
    elif luck < 0.36:
        day.add(at_us, "pos.sale.voided", operator, [sale],
                extra={"amount": f"{int(chance() * 900)}.00",
                       "reason_code": "operator_error"})  # fmt: skip
    elif luck < 0.40:
        day.add(at_us, "pos.drawer.opened_no_sale", operator, [register],
                extra={"reason_code": "change"}, severity="notice")  # fmt: skip
    return pause(day, at_us, 300, 1500)


def close_till(day: Day, who: Who, at_us: int) -> int:
    """The day's report, and the stock that was counted."""
    person = who.person
    register = thing("till", f"{person.site}/till-1")
    operator = day.till(person, 1)
    day.add(at_us, "pos.operator.switched", operator, [register])
    at_us = pause(day, at_us, 20, 60)
    day.add(at_us, "pos.report.printed", operator, [register],
            extra={"report": "z-report", "period": day.time(day.start_us)[:10]})  # fmt: skip
    at_us = pause(day, at_us, 60, 300)
    goods = GOODS[int(day.random.random() * len(GOODS))]
    day.add(at_us, "erp.stock.adjusted", who, [thing("product", goods)],
            extra={"qty": 1 + int(day.random.random() * 5), "reason_code": "count"})  # fmt: skip
    return pause(day, at_us, 60, 200)


def _name_search(who: Who, numbers: list[int]) -> Event:
    tenant = who.person.tenant
    name = customer_name(tenant, numbers[0])
    return {
        "kind": "search",
        "criteria": [
            {"field": "name", "op": "contains", "value": name[:3] + "*", "form": "masked"}
        ],
        "page": 1,
        "result_count": len(numbers),
        "shown": {
            "type": "customer",
            "ids": [customer_id(tenant, n) for n in numbers],
            "total": len(numbers),
        },
    }


def phone_search(day: Day, who: Who, number: int) -> Event:
    """A look-up by phone number, which the log only holds as a keyed pseudonym."""
    tenant = who.person.tenant
    found = customer_id(tenant, number)
    value = day.world.pseudonym("phone", found)
    return {
        "kind": "search",
        "criteria": [{"field": "phone", "op": "eq", "value": value, "form": "hmac"}],
        "result_count": 1,
        "shown": {"type": "customer", "ids": [found], "total": 1},
    }


def masked(path: str) -> list[Event]:
    """A member changed, of which only some characters are told."""
    return replaced(path, "9** ** *12", "4** ** *07", "masked")


def replaced(path: str, before: object, after: object, form: str = "plain") -> list[Event]:
    """A member of the first target changed."""
    return [{"path": path, "op": "replace", "before": before, "after": after,
             "form": form, "target": 0}]  # fmt: skip
