"""Which part of a filter the index of a segment can answer."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from vitne.adapters.archive.index.lookup import IndexHeader, Lookup
from vitne.core.entry import keys
from vitne.core.filter.nodes import And, Between, Equals, Filter
from vitne.core.index.gap import keys_of
from vitne.core.values import LogId, parse_uuid
from vitne.errors import BadInputError

KeyOf = Callable[[LogId, int, int, tuple[str, ...]], bytes | None]
"""(log, epoch, kind, parts) → the tagged key; None if the index secret of that epoch is gone."""

_ID = "id"
_KINDS = {
    "actor": keys.ACTOR,
    "target": keys.TARGET,
    "type": keys.EVENT_TYPE,
    "action": keys.ACTION,
}


class Plan(Struct, frozen=True):
    """How to go about a filter."""

    equal: tuple[Equals, ...]
    """Leaves that must hold, and that the index knows."""
    whole: bool
    """Whether they are all there is to the filter."""
    occurred: tuple[int | None, int | None]
    """Bounds [low, high) that must hold, to pass over whole segments."""
    recorded: tuple[int | None, int | None]


def plan_lookup(where: Filter | None) -> Plan:
    """What must hold for a filter to match."""
    parts = where.all if isinstance(where, And) else () if where is None else (where,)
    equal = tuple(p for p in parts if isinstance(p, Equals) and p.field in {_ID, *_KINDS})
    return Plan(
        equal,
        bool(equal) and len(equal) == len(parts),
        _bounds(parts, "occurred"),
        _bounds(parts, "recorded"),
    )


def _bounds(parts: Sequence[Filter], name: str) -> tuple[int | None, int | None]:
    spans = [part for part in parts if isinstance(part, Between) and part.field == name]
    lows = [span.low for span in spans if span.low is not None]
    highs = [span.high for span in spans if span.high is not None]
    return max(lows, default=None), min(highs, default=None)


def may_lie_in(bounds: tuple[int | None, int | None], least: int, greatest: int) -> bool:
    """Whether a segment with values least..greatest may hold one within the bounds."""
    low, high = bounds
    return (low is None or greatest >= low) and (high is None or least < high)


def candidate_positions(
    lookup: Lookup, log: LogId, equal: Sequence[Equals], key_of: KeyOf
) -> list[int] | None:
    """Positions in the segment that may match all leaves, ascending; None: the index cannot say."""
    found: set[int] | None = None
    for leaf in equal:
        if leaf.field == _ID:
            held = set(_find(lookup, leaf.value))
        else:
            wanted = _keys(lookup.head, log, leaf, key_of)
            if wanted is None:
                return None
            held = {at for key in wanted for at in lookup.positions(key)}
        found = held if found is None else found & held
        if not found:
            return []
    return sorted(found) if found is not None else None


def confirms_entry(
    entry: bytes, lookup: Lookup, log: LogId, equal: Sequence[Equals], key_of: KeyOf
) -> bool:
    """Whether an entry really holds a key of each leaf, and not one that starts alike.

    An index says as much of every candidate; one that was looked at speaks for all of its value.
    Event ids are not in entries, so nothing is confirmed of them.
    """
    held = set(keys_of(entry))
    return all(
        leaf.field != _ID and held & (_keys(lookup.head, log, leaf, key_of) or set())
        for leaf in equal
    )


def _find(lookup: Lookup, text: str) -> list[int]:
    try:
        return lookup.find(parse_uuid(text))
    except BadInputError:
        return []


def _keys(head: IndexHeader, log: LogId, leaf: Equals, key_of: KeyOf) -> set[bytes] | None:
    """Every key that an event of the segment with this value may be filed under."""
    values = _values(head, leaf)
    if values is None:
        return None
    found = set()
    for epoch in head.epochs:
        for parts in values:
            key = key_of(log, epoch, _KINDS[leaf.field], parts)
            if key is None:
                return None
            found.add(key)
    return found


def _values(head: IndexHeader, leaf: Equals) -> list[tuple[str, ...]] | None:
    match leaf.field:
        case "actor":
            return None if head.issuers is None else [(i, leaf.value) for i in head.issuers]
        case "target":
            return (
                None if head.target_types is None else list(_targets(head.target_types, leaf.value))
            )
        case _:
            return [(leaf.value,)]


def _targets(types: Sequence[str], value: str) -> Iterator[tuple[str, str]]:
    """What `type/id`, or an id of any type, may mean."""
    for each in types:
        yield each, value
        if value.startswith(f"{each}/"):
            yield each, value[len(each) + 1 :]
