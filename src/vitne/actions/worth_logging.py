"""Is an event worth logging at all, and for how long is it kept (event-schema §4, §10)?

The test for every candidate: did a person, through our software, learn, change, move or decide
something - or try to? What fails it is dropped and counted, never silently. Senders should drop
it themselves; the server does so for those that do not. Imports are never dropped: their
originals were worth keeping to somebody.
"""

from functools import lru_cache

import msgspec

from vitne.core.event.event import ValidEvent

# Rows 4 and 22 of the policy: machines at work between two acts of a person.
_TECHNICAL_VERBS = """prefetched preloaded polled pinged cached typed scrolled hovered focused
    health_checked heartbeat access_checked measured"""
_TECHNICAL = frozenset(_TECHNICAL_VERBS.split())
_ALWAYS = frozenset({"authorize", "configure", "impersonate", "audit", "system"})
_READS = frozenset({"view", "search"})
_RIGHTS = frozenset({"authorize", "configure", "impersonate", "audit"})

_DENIED = "denied"


class _Level(msgspec.Struct, frozen=True):
    level: str = ""


class _Actor(msgspec.Struct, frozen=True):
    type: str = ""


class _Target(msgspec.Struct):
    id: str = ""
    role: str = ""
    exposure: str = ""


class _Core(msgspec.Struct):
    """What of a core part the policy asks for."""

    actor: _Actor = _Actor()
    sensitivity: _Level = _Level()
    targets: list[_Target] = []


_decode_core = msgspec.json.Decoder(_Core).decode


def not_worthy(event: ValidEvent, excluded: frozenset[str] = frozenset()) -> str:
    """Why the policy drops an event: `not_log_worthy`, `no_human`, `excluded`; `""`: it does not.

    Args:
        event: a valid event.
        excluded: event types that a catalog excludes.
    """
    if event.imported or event.category in _ALWAYS:
        return ""
    if event.type in excluded:
        return "excluded"
    if event.facets.outcome != _DENIED and _shows_nothing(event):
        return "not_log_worthy"
    if event.attribution == "none" and not _kept_without_human(event):
        return "no_human"
    return ""


def retention_class(event: ValidEvent) -> str:
    """How long an event is kept, as a class of event-schema §10."""
    if event.category in _RIGHTS:
        return "rights-7y"
    if event.category == "authenticate" or event.facets.outcome == _DENIED:
        return "security-13m"
    return "access-24m"


def _shows_nothing(event: ValidEvent) -> bool:
    """Rows 3, 4, 21 and 22: nothing was learnt, changed, moved or decided by somebody."""
    if _is_technical(event.type):
        return True
    if event.category not in _READS or event.party != "consumer":
        return False
    subjects = [target for target in _decode_core(event.core).targets if target.role == "subject"]
    return bool(subjects) and all(target.id == event.actor[1] for target in subjects)


def _kept_without_human(event: ValidEvent) -> bool:
    """Row 14 and what "never dropped" of §4.2 lists besides the categories."""
    core = _decode_core(event.core)
    restricted = core.sensitivity.level == "restricted"
    return core.actor.type == "agent" or (restricted and event.category in ("export", "delete"))


@lru_cache(maxsize=4096)
def _is_technical(event_type: str) -> bool:
    return event_type.rpartition(".")[2] in _TECHNICAL
