"""What the core section of an event says: read from JSON that anybody may have made."""

from collections.abc import Mapping, Sequence

from vitne.core.entry import keys
from vitne.core.values.canonical import Json


def text_at(core: Mapping[str, Json], *path: str) -> str | None:
    """The text at a path of members; None if there is none."""
    found: Json = dict(core)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def targets_of(core: Mapping[str, Json]) -> list[tuple[str, str]]:
    """(type, id) of every target."""
    listed = core.get("targets")
    named = [
        (text_at(one, "type"), text_at(one, "id"))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    ]
    return [(kind, id_) for kind, id_ in named if kind is not None and id_ is not None]


def says(core: Mapping[str, Json], kind: int, parts: Sequence[str]) -> bool:
    """Whether an event is about a value, given the parts of the value's lookup key.

    A stream's key is the stream's id in the entry's header, so core is not asked.
    """
    match kind:
        case keys.ACTOR:
            return _actor(core) == tuple(parts)
        case keys.TARGET:
            return tuple(parts) in targets_of(core)
        case keys.ACTOR_TARGET:
            return _actor(core) == tuple(parts[:2]) and tuple(parts[2:]) in targets_of(core)
        case keys.EVENT_TYPE:
            return text_at(core, "type") == parts[0]
        case keys.ACTION:
            return text_at(core, "correlation", "action_id") == parts[0]
        case _:
            return kind == keys.STREAM


def _actor(core: Mapping[str, Json]) -> tuple[str | None, str | None]:
    actor = core.get("actor")
    named = isinstance(actor, dict) and "issuer" in actor
    return text_at(core, "actor", "issuer") if named else "", text_at(core, "actor", "id")
