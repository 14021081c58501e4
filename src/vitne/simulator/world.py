"""Who and what there is: tenants, stores, staff, customers, orders; all from one number, `scale`.

At scale 1: a kitchen chain (4 stores), a bath retailer (3 stores) and the vendor of their
software; 40 people. Customers, orders and suppliers are numbers until somebody touches them, so
a world of millions costs nothing.
"""

import hashlib
from typing import Literal

from msgspec import Struct

FIRST = (
    *("Anna", "Ola", "Kari", "Nils", "Ingrid", "Per", "Solveig", "Lars", "Mona", "Jonas"),
    *("Berit", "Tor", "Liv", "Erik", "Hanne", "Geir", "Astrid", "Knut", "Marit", "Sindre"),
    *("Turid", "Odd", "Silje", "Rune", "Gunn", "Håkon", "Åse", "Bjørn", "Øyvind", "Sæmund"),
    *("Maja", "Emil", "Nora", "Jakob", "Sara", "Aksel", "Leila", "Amir", "Zofia", "Tomasz"),
    *("Aino", "Mikko", "Freja", "Magnus", "Elin", "Søren", "Katarzyna", "Dariusz", "Thuy"),
)
LAST = (
    *("Berg", "Haugen", "Lie", "Moen", "Dahl", "Strand", "Solberg", "Bakke", "Lunde", "Vik"),
    *("Nygård", "Sæther", "Ødegård", "Åsen", "Holm", "Foss", "Eide", "Ruud", "Tangen", "Myhre"),
    *("Kvale", "Brekke", "Hagen", "Lien", "Skog", "Fjeld", "Sand", "Nes", "Aune", "Krogh"),
    *("Nowak", "Kowalski", "Nguyen", "Ahmed", "Virtanen", "Korhonen", "Lindqvist", "Jensen"),
    *("Thorvaldsen", "Grønli", "Bjørnstad", "Kristoffersen", "Mæland", "Røed", "Stenberg"),
)
GOODS = (
    *("worktop-oak-40", "worktop-quartz-20", "front-matt-white", "front-ash", "tap-arc", "sink-60"),
    *("oven-built-in-a", "hood-slim-90", "drawer-soft-800", "shower-door-90", "basin-round-45"),
    *("mirror-led-80", "tile-slate-30", "bathtub-free-170", "wc-rimless", "mixer-thermo"),
)
SUPPLIERS = (
    "Granitt og Stein AS",
    "Baltic Fronts",
    "Nordic Taps AB",
    "Fliser fra Sør",
    "Hvit Vare",
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) Version/18.1 Safari/605.1.15",
)


def person_name(number: int) -> str:
    """The name of person or customer `number`; neighbours in number get different names."""
    first = FIRST[number * 7 % len(FIRST)]
    last = LAST[(number * 13 + number // len(FIRST)) % len(LAST)]
    return f"{first} {last}"


Job = Literal[
    "manager", "seller", "designer", "service", "buyer", "finance", "admin",
    "support", "lead", "developer",
]  # fmt: skip

CUSTOMERS_PER_STORE = 500
ORDERS_BEFORE = 2000
"""Orders that every store had when the simulation begins."""
ORDERS_A_DAY = 6
"""New orders of a store, on average."""

_STORE_JOBS: dict[str, tuple[Job, ...]] = {
    "fjordkjokken": ("manager", "seller", "seller", "designer"),
    "badbolig": ("manager", "seller", "seller"),
}
_OFFICE_JOBS: dict[str, tuple[Job, ...]] = {
    "fjordkjokken": ("service", "service", "buyer", "finance", "admin"),
    "badbolig": ("service", "finance"),
    "nordvare": ("lead", "support", "support", "support", "support", "admin", "developer",
                 "developer"),
}  # fmt: skip
_STORES = {"fjordkjokken": 4, "badbolig": 3, "nordvare": 0}
_NAMES = {"fjordkjokken": "Fjordkjøkken", "badbolig": "Bad & Bolig", "nordvare": "Nordvare"}
_PERMISSIONS: dict[Job, tuple[str, ...]] = {
    "manager": ("store-manager", "till", "crm-read"),
    "seller": ("seller", "till", "crm-read"),
    "designer": ("designer", "crm-read"),
    "service": ("customer-service", "crm-write", "crm-export"),
    "buyer": ("buyer", "pim-write"),
    "finance": ("finance", "erp-write"),
    "admin": ("admin",),
    "support": ("support-l2",),
    "lead": ("support-lead", "impersonation-approver"),
    "developer": ("developer", "db-read"),
}


class Company(Struct, frozen=True):
    """One company, and so one log."""

    id: str
    name: str
    number: int
    stores: int


class Person(Struct, frozen=True):
    """Somebody who works with the software."""

    number: int
    """Position in `World.people`."""
    id: str
    name: str
    tenant: Company
    job: Job
    site: str
    """`store-012` or `hq`."""
    store: int
    """0-based store of the tenant; -1 at an office."""
    ip: str
    home_ip: str
    agent: str
    device: str

    @property
    def roles(self) -> tuple[str, ...]:
        """What the person may do."""
        return _PERMISSIONS[self.job]


class World:
    """Everything that does not change while days pass.

    Args:
        seed: makes pseudonyms differ between simulations.
        scale: multiplies stores, offices' staff and customers.
    """

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        self._salt = str(seed).encode()
        self.tenants = tuple(
            Company(name, _NAMES[name], number, max(round(stores * scale), 1) if stores else 0)
            for number, (name, stores) in enumerate(_STORES.items())
        )
        self.people: list[Person] = []
        self._working: dict[tuple[str, tuple[Job, ...]], list[Person]] = {}
        for tenant in self.tenants:
            for store in range(tenant.stores):
                for job in _STORE_JOBS[tenant.id]:
                    self._hire(tenant, job, store)
            for _ in range(max(round(scale), 1)):
                for job in _OFFICE_JOBS[tenant.id]:
                    self._hire(tenant, job, -1)
        self._managers = {(p.tenant.id, p.store): p for p in self.people if p.job == "manager"}
        self.chains = self.tenants[:2]
        self.vendor = self.tenants[2]

    def _hire(self, tenant: Company, job: Job, store: int) -> None:
        number = len(self.people)
        here = f"10.{tenant.number + 1}.{(store + 1) // 250}.{(store + 1) % 250 + 1}"
        self.people.append(
            Person(
                number=number,
                id=f"usr_{1000 + number}",
                name=person_name(number + 17),
                tenant=tenant,
                job=job,
                site=f"store-{store + 1:03d}" if store >= 0 else "hq",
                store=store,
                ip=here,
                home_ip=f"198.51.{number // 250 % 100 + 100}.{number % 250 + 1}",
                agent=AGENTS[number % len(AGENTS)],
                device=f"dev-{number * 7919 % 100_000:05d}",
            )
        )

    def working(self, tenant: Company, *jobs: Job) -> list[Person]:
        """The people of a tenant with one of these jobs; a list to read only."""
        found = self._working.get((tenant.id, jobs))
        if found is None:
            found = [p for p in self.people if p.tenant is tenant and p.job in jobs]
            self._working[tenant.id, jobs] = found
        return found

    def manager(self, person: Person) -> Person | None:
        """The manager of somebody's store; None at an office."""
        return self._managers.get((person.tenant.id, person.store))

    def pseudonym(self, kind: str, text: str) -> str:
        """A keyed pseudonym as an application would make it: `h:` and 16 hex digits."""
        digest = hashlib.blake2b(f"{kind}/{text}".encode(), key=self._salt, digest_size=8)
        return f"h:{digest.hexdigest()}"


def customer_id(tenant: Company, number: int) -> str:
    """Id of the 0-based customer of a tenant; those of store s are numbered from 500 s."""
    return f"cus_{(tenant.number + 1) * 10_000_000 + number}"


def customer_name(tenant: Company, number: int) -> str:
    """The customer's name."""
    return person_name(number * 31 + tenant.number * 5 + 3)


def customer_of_order(tenant: Company, number: int) -> int:
    """Whose order it is: 0-based number of a customer of the store that took it."""
    store = number % tenant.stores
    return store * CUSTOMERS_PER_STORE + 1 + number * 7919 % (CUSTOMERS_PER_STORE - 1)


def order_id(tenant: Company, number: int) -> str:
    """Id of the 0-based order of a tenant."""
    return f"ord_{(tenant.number + 1) * 100_000_000 + number}"


def supplier(number: int) -> tuple[str, str]:
    """Id and name of a supplier."""
    name = SUPPLIERS[number % len(SUPPLIERS)]
    return f"sup_{100 + number}", name if number < len(SUPPLIERS) else f"{name} {number}"
