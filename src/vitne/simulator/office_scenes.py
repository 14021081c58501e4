"""What people in offices and at the vendor do: cases, prices, money, rights, support."""

from msgspec.structs import replace

from vitne.simulator.day import Day, Who, order_targets, subject, thing
from vitne.simulator.kinds import Event
from vitne.simulator.rota import SECOND_US
from vitne.simulator.store_scenes import Scene, masked, pause, replaced
from vitne.simulator.world import CUSTOMERS_PER_STORE, GOODS, Person, supplier

INTENT: Event = {"result": "unknown", "code": "intent"}
"""How a fail-closed act stands before it was done."""

_HOUR_US = 3600 * SECOND_US


def case(number: int) -> str:
    """Reference of a customer's case."""
    return f"CASE-{10_000 + number}"


def work_case(day: Day, who: Who, at_us: int) -> int:
    """Customer service works a complaint: the card, the order, sometimes an export."""
    person, chance = who.person, day.random.random
    tenant = person.tenant
    number = day.customer(tenant, -1)
    purpose: Event = {
        "code": "complaint",
        "reference": case(day.number * 50 % 100_000 + int(chance() * 50)),
        "declared_by": "user",
    }
    targets = [subject(tenant, number)]
    day.add_backed(at_us, "crm.customer.viewed", who, targets, purpose=purpose)
    at_us = pause(day, at_us, 20, 90)
    order = order_targets(tenant, day.order(tenant, -1))
    day.add(at_us, "order.order.viewed", who, order, purpose=purpose)
    at_us = pause(day, at_us, 60, 400)
    luck = chance()
    if luck < 0.3:
        day.add_backed(at_us, "crm.customer.updated", who, targets, purpose=purpose,
                       changes=masked("/email"))  # fmt: skip
    elif luck < 0.36:
        step = 1 if number % CUSTOMERS_PER_STORE < CUSTOMERS_PER_STORE - 1 else -1
        other = subject(tenant, number + step)
        day.add(at_us, "crm.customer.merged", who, [*targets, other], purpose=purpose)
    elif luck < 0.42:
        export_customer(day, who, at_us, number, purpose)
    elif luck < 0.45:
        wish: Event = {**purpose, "code": "erasure_request"}
        action = day.add(at_us, "crm.customer.erased", who, targets, phase="intent",
                         purpose=wish, outcome=INTENT)  # fmt: skip
        day.add(at_us + 2 * SECOND_US, "crm.customer.erased", who, targets,
                action_id=action, purpose=wish)  # fmt: skip
    return pause(day, at_us, 120, 500)


def export_customer(
    day: Day, who: Who, at_us: int, number: int, purpose: Event | None = None
) -> str:
    """A fail-closed act: its intent, the act under the same action, the backstop; that action."""
    target = [subject(who.person.tenant, number, "exported")]
    more: dict[str, object] = {"purpose": purpose} if purpose else {}
    action = day.add(at_us, "crm.customer.exported", who, target, phase="intent",
                     outcome=INTENT, **more)  # fmt: skip
    extra: Event = {"rows": 1, "format": "csv", "fields": ["name", "address", "phone"]}
    day.add_backed(at_us + 2 * SECOND_US, "crm.customer.exported", who, target,
                   action_id=action, extra=extra, **more)  # fmt: skip
    return action


def buy(day: Day, who: Who, at_us: int) -> int:
    """Suppliers' terms and product data."""
    chance = day.random.random
    sold_by, name = supplier(int(chance() * 12))
    day.add(at_us, "pim.supplier_terms.viewed", who,
            [{**thing("supplier", sold_by), "name": name}])  # fmt: skip
    for _ in range(1 + int(chance() * 3)):
        at_us = pause(day, at_us, 60, 600)
        goods = thing("product", GOODS[int(chance() * len(GOODS))])
        day.add(at_us, "pim.product.changed", who, [goods],
                changes=replaced("/price", "999.00", "1049.00"))  # fmt: skip
    if chance() < 0.1:
        day.add(at_us + 9 * SECOND_US, "pim.price_list.published", who,
                [thing("price_list", "retail-no")],
                extra={"version": str(day.number), "items": 400 + int(chance() * 90)})  # fmt: skip
    return pause(day, at_us, 120, 600)


def count_money(day: Day, who: Who, at_us: int) -> int:
    """Cost prices, reports, terms; now and then a supplier's bank account, with two persons."""
    person, chance = who.person, day.random.random
    goods = thing("product", GOODS[int(chance() * len(GOODS))])
    day.add(at_us, "erp.cost_price.viewed", who, [goods])
    at_us = pause(day, at_us, 60, 500)
    luck = chance()
    if luck < 0.3:
        day.add(at_us, "erp.report.exported", who, [thing("report", "margin-by-store")],
                purpose={"code": "finance", "declared_by": "user"},
                extra={"report": "margin-by-store", "rows": 40 + int(chance() * 900)})  # fmt: skip
    elif luck < 0.5:
        order = order_targets(person.tenant, day.order(person.tenant, -1))
        day.add(at_us, "order.payment_terms.changed", who, order,
                changes=replaced("/terms", "net 30", "net 14"))  # fmt: skip
    elif luck < 0.54:
        sold_by, name = supplier(int(chance() * 12))
        approver = day.world.working(person.tenant, "manager")[0]
        day.add(at_us, "erp.supplier_bank.changed", who, [{**thing("supplier", sold_by),
                                                           "name": name}], changes=[
            {"path": "/account", "op": "replace", "form": "hmac", "target": 0,
             "before": day.world.pseudonym("account", sold_by),
             "after": day.world.pseudonym("account", f"{sold_by}/{day.number}")}],
            extra={"approved_by": approver.id}, severity="notice")  # fmt: skip
    elif luck < 0.62:
        day.add(at_us, "erp.bom.changed", who, [thing("bom", f"bom_{int(chance() * 300)}")],
                changes=replaced("/lines/3/qty", 2, 4))  # fmt: skip
    return pause(day, at_us, 200, 900)


def administer(day: Day, who: Who, at_us: int) -> int:
    """Users, roles, keys: always logged."""
    person, chance = who.person, day.random.random
    colleagues = day.world.working(person.tenant, "seller", "designer", "support", "service")
    other = colleagues[int(chance() * len(colleagues))]
    user: Event = {**thing("user", other.id), "name": other.name}
    luck = chance()
    if luck < 0.35:
        kind = "identity.role.granted" if luck < 0.2 else "identity.role.revoked"
        day.add(at_us, kind, who, [user, thing("role", "store-manager", "related")],
                purpose={"code": "staffing", "declared_by": "user"})  # fmt: skip
    elif luck < 0.65:
        day.add(at_us, "identity.mfa.reset", who, [user],
                purpose={"code": "helpdesk", "reference": case(int(chance() * 999)),
                         "declared_by": "user"})  # fmt: skip
    elif luck < 0.8:
        made = thing("user", f"usr_new_{day.number}{int(chance() * 100):02d}")
        day.add(at_us, "identity.user.created", who, [made])
        if chance() < 0.3:
            day.add(at_us + 40 * SECOND_US, "identity.user.deactivated", who, [made],
                    extra={"reason_code": "duplicate"})  # fmt: skip
    else:
        kind = "identity.api_key.created" if chance() < 0.6 else "identity.api_key.revoked"
        day.add(at_us, kind, who, [thing("api_key", f"key_{int(chance() * 5000)}")])
    return pause(day, at_us, 600, 2400)


def support_case(day: Day, who: Who, at_us: int) -> int:
    """Vendor support helps a customer company: asks, is let in, looks, leaves."""
    person, chance = who.person, day.random.random
    world = day.world
    tenant = world.chains[int(chance() * len(world.chains))]
    insiders = world.working(tenant, "seller", "service")
    insider = insiders[int(chance() * len(insiders))]
    leads = world.working(world.vendor, "lead")
    lead = leads[person.number % len(leads)]
    reference = case(60_000 + day.number % 100 * 100 + int(chance() * 100))
    purpose: Event = {"code": "support_case", "reference": reference, "declared_by": "user"}
    grant = thing("grant", f"grt_{day.number}{at_us // SECOND_US % 86_400:05d}{person.number}")
    asking = replace(day.web(person, owner=tenant), purpose=purpose)
    session = replace(asking, on_behalf_of=_behalf(insider, lead, purpose, day, at_us))
    action = day.add(at_us, "support.impersonation.requested", asking, [grant])
    at_us = pause(day, at_us, 60, 600)
    approving = replace(day.web(lead, owner=tenant), purpose=purpose)
    day.add(at_us, "support.impersonation.approved", approving, [grant],
            correlation={"action_id": day.new_id(at_us), "causation_id": action})  # fmt: skip
    at_us = pause(day, at_us, 20, 120)
    day.add(at_us, "support.impersonation.started", session, [grant])
    for _ in range(1 + int(chance() * 3)):
        at_us = pause(day, at_us, 30, 240)
        number = day.customer(tenant, -1)
        if chance() < 0.5:
            targets = [subject(tenant, number)]
            day.add_backed(at_us, "crm.customer.viewed", session, targets)
        else:
            targets = [subject(tenant, number, "summary")]
            day.add(at_us, "support.tenant_data.viewed", session, targets)
    at_us = pause(day, at_us, 30, 120)
    day.add(at_us, "support.impersonation.ended", session, [grant])
    return pause(day, at_us, 300, 1500)


def _behalf(insider: Person, lead: Person, purpose: Event, day: Day, at_us: int) -> Event:
    return {
        "type": "user",
        "id": insider.id,
        "tenant_id": insider.tenant.id,
        "mode": "impersonation",
        "grant_ref": str(purpose["reference"]),
        "approved_by": lead.id,
        "expires_at": day.time(at_us + 2 * _HOUR_US),
        "name": insider.name,
    }


def debug(day: Day, who: Who, at_us: int) -> int:
    """A developer borrows an account and runs a query on a customer company's data."""
    person, chance = who.person, day.random.random
    tenant = day.world.chains[int(chance() * len(day.world.chains))]
    reference = case(80_000 + int(chance() * 500))
    purpose: Event = {
        "code": "incident",
        "reference": reference,
        "declared_by": "user",
        "justification": "Order totals differ between till and ledger",
    }
    session = replace(day.web(person, owner=tenant), purpose=purpose)
    account = thing("service_account", "svc-readonly")
    expires = day.time(at_us + _HOUR_US)
    day.add(at_us, "identity.service_account.checked_out", session, [account],
            extra={"expires_at": expires})  # fmt: skip
    at_us = pause(day, at_us, 60, 300)
    query: Event = {"kind": "report", "text": "SELECT id, total FROM orders WHERE day = $1",
                    "result_count": int(chance() * 900)}  # fmt: skip
    action = day.add(at_us, "support.db_query.run", session, [thing("database", "orders")],
                     query=query, phase="intent",
                     outcome=INTENT)  # fmt: skip
    day.add(at_us + 3 * SECOND_US, "support.db_query.run", session, [thing("database", "orders")],
            query=query, action_id=action, extra={"rows": query["result_count"]})  # fmt: skip
    return pause(day, at_us, 600, 3000)


OFFICE_SCENES: dict[str, tuple[Scene, ...]] = {
    "service": (work_case,),
    "buyer": (buy,),
    "finance": (count_money,),
    "admin": (administer,),
    "support": (support_case,),
    "lead": (administer,),
    "developer": (debug,),
}
