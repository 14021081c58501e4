"""What a log knows of the values that a question names: an actor's issuers, entries that bind keys.

An id is an actor's only together with who gave it. And a key in the index is a pseudonym: an entry
whose open core names the value, and which has exactly one key of that kind, ties the two together
(transparency-log §6.3, rule 18).
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from vitne.core.entry import keys
from vitne.core.entry.commit import OVERFLOW_FLAG
from vitne.core.entry.entry import EventEntry, decode_entry
from vitne.core.filter.nodes import Equals, Filter
from vitne.core.values import LeafIndex, LogId, Record
from vitne.errors import BadInputError
from vitne.ports import Ports

_LOOKED_AT: Final = 256
"""How many of the newest events of a value are tried as a binding."""
_ISSUERS_MAX: Final = 64


class ValueLookup:
    """Looks values up in the hot rows and the segments. Any thread may ask."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def issuer(self, log: LogId, actor: str, given: str | None) -> str:
        """Who vouches for an actor's id; `""`: nobody is named.

        Args:
            log: whose.
            actor: the id.
            given: by whoever asks; None: to be found.

        Raises:
            BadInputError: several do, or none and the log knows several; names them.
        """
        if given is not None:
            return given
        known = self._issuers(log, actor)
        if len(known) == 1:
            return known[0]
        if not known:
            known = sorted(self._all_issuers(log))
            if len(known) <= 1:
                return known[0] if known else ""
            what = "the log holds nothing of this actor, and knows several issuers of ids"
        else:
            what = "several issuers gave out this actor's id: each is somebody else"
        raise BadInputError(
            what, where="issuer", hint=f"name one, or ask about each: {', '.join(map(repr, known))}"
        )

    def _issuers(self, log: LogId, actor: str) -> list[str]:
        """Issuers under which the log has events of an actor's id, by name."""
        end, wanted = self._ports.store.log(log).next_index, Equals("actor", actor)
        span = (LeafIndex(0), end)
        hot = self._ports.store.facets(log, wanted, *span, ["issuer"], _ISSUERS_MAX)["issuer"]
        found = set(hot)
        if self._ports.store.count(log, wanted, *span, end + 1) > sum(hot.values()):
            found.add("")
        sealed = self._ports.archive.issuers_of(log, actor)
        if sealed is None:
            raise _too_many()
        return sorted(found | sealed)

    def _all_issuers(self, log: LogId) -> frozenset[str]:
        """Every issuer that the log knows; Vitne's own events have none."""
        sealed = self._ports.archive.issuers(log)
        if sealed is None or len(sealed) > _ISSUERS_MAX:
            raise _too_many()
        if sealed - {""}:
            return sealed - {""}
        info = self._ports.store.log(log)
        span = (info.sealed_end, info.next_index)
        return frozenset(
            self._ports.store.facets(log, None, *span, ["issuer"], _ISSUERS_MAX)["issuer"]
        )

    # ------------------------------------------------------------ bindings

    def binding(
        self, log: LogId, key: bytes, parts: Sequence[str], end: LeafIndex
    ) -> Record | None:
        """An event below `end` that ties a key of kind 1, 2, 5 or 6 to its value.

        One of the newest of that value; None: none of those that were looked at does.
        """
        hot = self._ports.store.scan(log, _value(key[0], parts), LeafIndex(0), end, _LOOKED_AT)
        either = chain(hot, self._sealed(log, key, end))
        return next((record for record in either if binds(record, key)), None)

    def _sealed(self, log: LogId, key: bytes, end: LeafIndex) -> Iterator[Record]:
        """The newest sealed events that hold a key; few are read at first, since one is enough."""
        left, step = _LOOKED_AT, 1
        segments = [one for one in self._ports.segments.segments(log) if one.start < end][::-1]
        for number, segment in enumerate(segments):
            if not left:
                return
            if number == 1:  # it is rare enough to be looked for everywhere
                self._ports.archive.expect(segments[1:], [key])
            held = [at for at in self._ports.archive.postings(log, segment, [key]) if at < end]
            while held and left:
                some = held[-min(step, left) :]
                del held[-len(some) :]
                left, step = left - len(some), step * 4
                yield from reversed(self._ports.archive.fetch(log, [LeafIndex(at) for at in some]))


def binds(record: Record, key: bytes) -> bool:
    """Whether an event has this key, no other of its kind, no overflow list, and its core."""
    entry = decode_entry(record.entry)
    if not isinstance(entry, EventEntry) or record.parts.core is None:
        return False
    same = [one for one in entry.keys if one[0] == key[0]]
    return same == [key] and not (key[0] == keys.TARGET and entry.flags & OVERFLOW_FLAG)


def _value(kind: int, parts: Sequence[str]) -> Filter:
    """The events that may bind a key. Whether they are of the actor's issuer, the key says."""
    match kind:
        case keys.ACTOR:
            return Equals("actor", parts[1])
        case keys.TARGET:
            return Equals("target", f"{parts[0]}/{parts[1]}")
        case keys.EVENT_TYPE:
            return Equals("type", parts[0])
        case _:
            return Equals("action", parts[0])


def _too_many() -> BadInputError:
    return BadInputError(
        "the log knows too many issuers to try each", where="issuer", hint="name the issuer"
    )
