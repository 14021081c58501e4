"""The searches that are measured, with values that occur in the load."""

import random
from typing import Any

from bench.scenarios import Query
from vitne.core.values import format_utc

_DAY_US = 86_400 * 1_000_000


def queries_for(events: list[dict[str, Any]], end_us: int) -> dict[str, Query]:
    """One maker of search texts for each kind of question."""
    actors = [event["actor"]["id"] for event in events]
    targets = [
        f"{target['type']}/{target['id']}"
        for event in events
        for target in event.get("targets", ())
    ]
    types = sorted({event["type"] for event in events})
    names = [
        target["name"]
        for event in events
        for target in event.get("targets", ())
        if target.get("name")
    ]

    def window(chance: random.Random, days: int) -> str:
        start = end_us - chance.randrange(days * _DAY_US, 360 * _DAY_US)
        return f"since:{format_utc(start)} until:{format_utc(start + days * _DAY_US)}"

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "").replace('"', "") + '"'

    return {
        "newest page": lambda _: "",
        "actor": lambda chance: f"actor:{chance.choice(actors)}",
        "target": lambda chance: f"target:{chance.choice(targets)}",
        "actor and target": lambda chance: (
            f"actor:{chance.choice(actors)} target:{chance.choice(targets)}"
        ),
        "no such actor": lambda chance: f"actor:usr_nobody{chance.randrange(10**6)}",
        "type and a week": lambda chance: f"type:{chance.choice(types)} {window(chance, 7)}",
        "denied and a week": lambda chance: f"outcome:denied {window(chance, 7)}",
        "text in 30 days": lambda chance: f"{quoted(chance.choice(names))} {window(chance, 30)}",
    }
