"""A small log with its index log, made from the definitions alone, and bundles about it.

It answers questions by looking at every event it was given, so it is the oracle of the verifier; it
shares no code with the services that make bundles in earnest.
"""

from typing import Any

from .asking import BundleLog, is_about
from .growing import ISSUER, ORIGIN, START_US, STEP_US, path_of, seed

__all__ = [
    "ISSUER",
    "ORIGIN",
    "START_US",
    "STEP_US",
    "BundleLog",
    "example",
    "is_about",
    "path_of",
    "seed",
]


def example(**more: Any) -> BundleLog:
    """Two segments and a tail, streams of all three modes, a hit in each, one erased section."""
    log = BundleLog(**more)
    for name, mode in (("full-1", "full"), ("body-1", "body"), ("none-1", "none")):
        log.register(name, mode)
    for at in range(12):
        log.event(("full-1", "body-1", "none-1")[at % 3], f"usr_{at % 4}", (f"cus_{at % 5}",))
    log.batch("full-1")
    log.batch("body-1")
    log.seal()
    for at in range(12):
        log.event(("full-1", "body-1", "none-1")[at % 3], f"usr_{at % 4}", (f"cus_{at % 5}",))
    log.batch("full-1")
    log.batch("body-1")
    log.erase(log.events[4].index, ["person"])
    log.seal()
    log.event("full-1", "usr_9", ("cus_9",))
    log.batch("full-1")
    return log
