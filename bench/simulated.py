"""Events of the simulated vendor, as they are sent by one bench source to one tenant."""

import time
from typing import Any

from bench.server import TENANT
from vitne.simulator import Simulation

_DAY_US = 86_400 * 1_000_000
_DAYS = 30


def simulated_events(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """The first `count` events of a month, all ascribed to the bench's tenant and source."""
    start_us = time.time_ns() // 1000 - _DAYS * _DAY_US
    found: list[dict[str, Any]] = []
    for event in Simulation(seed, start_us, _DAYS, 1).events():
        found.append(_ours(event))
        if len(found) == count:
            break
    return found


def slim(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what the schema requires and what finds it: some 620 bytes of JSON."""
    actor, source, observed = event["actor"], event["source"], event["observed"]
    kept = {key: event[key] for key in _KEPT if key in event}
    targets = [
        {key: target[key] for key in ("type", "id", "role", "exposure", "name") if key in target}
        for target in event.get("targets", ())
    ]
    return kept | {
        "actor": {key: actor[key] for key in ("type", "id", "party", "attribution")},
        "source": {key: source[key] for key in _SOURCE},
        "observed": {key: observed[key] for key in ("role", "layer", "seen")},
        **({"targets": targets} if targets else {}),
    }


_KEPT = ("schema", "type", "category", "outcome", "tenant", "changes", "severity")
_SOURCE = ("application", "service", "environment", "deployment")


def _ours(event: dict[str, Any]) -> dict[str, Any]:
    source = {**event["source"], "application": "crm", "service": "crm-bff"}
    return {**event, "tenant": {"id": TENANT}, "source": source}
