"""For tests of applications and of Vitne itself: a whole server in memory, and a clock to set.

from vitne.testing import FixedClock, memory_house

with memory_house(clock=FixedClock()) as house:
    house.append.create("acme")
    ...
"""

from typing import Any

from vitne.adapters.memory.archive import MemoryArchive
from vitne.adapters.memory.clock import TEST_START_US, FixedClock, SeededIds
from vitne.adapters.memory.house import MemoryHouse
from vitne.adapters.memory.keys import MemoryVault
from vitne.adapters.memory.objects import MemoryObjects
from vitne.core.ids import to_text, uuid7
from vitne.core.source import SourceRegistration
from vitne.core.times import format_utc
from vitne.core.types import LogId
from vitne.ports import ApiKey, Clock, IdSource
from vitne.settings import Settings
from vitne.wiring import Adapters, House

__all__ = [
    "TEST_START_US",
    "FixedClock",
    "SeededIds",
    "memory_adapters",
    "memory_house",
    "sample_event",
    "sample_key",
]


def memory_adapters(clock: Clock | None = None, ids: IdSource | None = None) -> Adapters:
    """Adapters that keep everything in memory and foresee every key; never for production."""
    rows = MemoryHouse()
    return Adapters(
        store=rows.records,
        heads=rows.checkpoints,
        segments=rows.segments,
        state=rows.state,
        objects=MemoryObjects(),
        archive=MemoryArchive(rows.segments),
        vault=MemoryVault(),
        clock=clock or FixedClock(),
        ids=ids or SeededIds(),
    )


def memory_house(
    settings: Settings | None = None, clock: Clock | None = None, ids: IdSource | None = None
) -> House:
    """A house in memory, not started yet."""
    return House(memory_adapters(clock, ids), settings or Settings(folder="memory"))


def sample_key(*tenants: str, **registration: Any) -> ApiKey:  # noqa: ANN401 - of SourceRegistration
    """A key of the source `crm/crm-bff` that may write for these tenants (none: for all)."""
    source = SourceRegistration(**{"application": "crm", "service": "crm-bff"} | registration)
    return ApiKey(
        id="k" * 12,
        name="sample",
        secret_sha256=b"",
        roles=("write",),
        tenants=tuple(LogId(tenant) for tenant in tenants),
        source=source,
    )


def sample_event(
    number: int, *, tenant: str = "acme", stream: str = "pod-1", at_us: int = TEST_START_US
) -> dict[str, Any]:
    """A complete event as an SDK sends it; equal numbers and streams give equal events."""
    unique = f"{stream}/{number}".encode().ljust(10, b".")[-10:]
    return {
        "schema": "vitne.audit/1.0",
        "id": to_text(uuid7(at_us, unique)),
        "type": "crm.customer.viewed",
        "category": "view",
        "occurred_at": format_utc(at_us + number),
        "outcome": {"result": "succeeded"},
        "tenant": {"id": tenant},
        "actor": {
            "type": "user",
            "id": f"usr_{number % 7}",
            "issuer": "https://id.vendor.example",
            "name": "Kari Nordmann",
            "party": "vendor",
            "tenant_id": "vendor",
            "attribution": "token",
            "auth": {"method": "oidc", "mfa": True},
        },
        "targets": [
            {
                "type": "customer",
                "id": f"cus_{number % 11}",
                "name": "Åse Ødegård",
                "role": "subject",
                "exposure": "full",
            }
        ],
        "purpose": {"code": "support_case", "reference": "CASE-9917", "declared_by": "user"},
        "source": {
            "application": "crm",
            "service": "crm-bff",
            "environment": "prod",
            "deployment": "saas",
        },
        "observed": {"role": "primary", "layer": "bff", "seen": "shown"},
        "correlation": {"action_id": to_text(uuid7(at_us, unique[::-1]))},
        "stream": {"id": stream, "seq": number, "sdk": "vitne-python/1.0"},
    }
