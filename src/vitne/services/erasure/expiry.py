"""Retention: records whose class has run out are deleted, segment by segment (transparency-log §8).

A class is kept for so many days from the time of recording. What is deleted are all three sections
of the records of that class in whole segments that are old enough: one prune entry says up to which
index, under which rule, before anything is deleted. The entries, the tree and the index stay, so
that every earlier proof holds and the events are still counted. What a legal hold covers stays.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from vitne.core.entry.control import PruneEntry
from vitne.core.entry.keyring import erased_sections
from vitne.core.values import SECTIONS, LeafIndex, LogId, Record
from vitne.errors import BadInputError
from vitne.ports import Ports, Segment
from vitne.services.erasure.erase import Erase

_DAY_US: Final = 86_400 * 1_000_000
CLASSES: Final[Mapping[str, int]] = {
    "security-13m": 396,
    "access-24m": 731,
    "rights-7y": 2_557,
    "money-10y": 3_653,
}
"""Days that each class is kept at least (event-schema §10)."""


class Expiry(Struct, frozen=True):
    """What runs out of one class in one log."""

    log: LogId
    retention_class: str
    days: int
    min_index: LeafIndex
    """Records of the class below it go."""
    records: tuple[LeafIndex, ...]
    held: int
    """Records that a legal hold keeps."""


class _Added(Struct):
    retention_class: str = ""


def parse_rules(text: str) -> dict[str, int]:
    """`access-24m, security-13m=500`: the classes that expire, each with its days.

    Raises:
        BadInputError: no such class, or fewer days than its floor.
    """
    found: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = item.partition("=")
        if name not in CLASSES:
            raise BadInputError(f"expected one of {', '.join(CLASSES)}, got {name[:80]!r}")
        days = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 0  # noqa: PLR2004 - 2,700 years
        if equals and days < CLASSES[name]:
            raise BadInputError(
                f"{name} is kept for at least {CLASSES[name]} days, got {number[:20]!r}",
                hint="a class can be lengthened, never shortened below its floor",
            )
        found[name] = days if equals else CLASSES[name]
    return found


class Retain:
    """Plans and does expiries."""

    def __init__(self, ports: Ports, erase: Erase) -> None:
        self._ports = ports
        self._erase = erase

    def plan(self, log: LogId, rules: Mapping[str, int]) -> list[Expiry]:
        """What would go, by class; changes nothing. Reads each segment that is old enough."""
        now_us = self._ports.clock.now_us()
        before_us = {name: now_us - days * _DAY_US for name, days in rules.items()}
        going: dict[str, list[LeafIndex]] = {name: [] for name in rules}
        held, end = dict.fromkeys(rules, 0), dict.fromkeys(rules, LeafIndex(0))
        for segment in self._ports.segments.segments(log):
            due = {name for name in rules if segment.recorded_us[1] < before_us[name]}
            records = self._due(log, segment, due) if due else []
            kept = self._erase.held(log, records)
            for record in records:
                if record.index in kept:
                    held[_class_of(record)] += 1
                else:
                    going[_class_of(record)].append(record.index)
            end |= dict.fromkeys(due, segment.end)
        return [
            Expiry(log, name, days, end[name], tuple(going[name]), held[name])
            for name, days in sorted(rules.items())
            if going[name]
        ]

    def run(self, log: LogId, rules: Mapping[str, int]) -> list[Expiry]:
        """Delete what has run out; what was deleted, by class.

        Raises:
            StorageError: it is noted and not deleted everywhere; the next start goes on.
        """
        done = self.plan(log, rules)
        for one in done:
            rule = f"retention/{one.retention_class}/{one.days}d"
            entry = PruneEntry(0, one.min_index, "records", rule)
            self._erase.prune(log, entry, one.records)
        return done

    def _due(self, log: LogId, segment: Segment, classes: Collection[str]) -> Sequence[Record]:
        """The records of these classes of which anything is left."""
        return [
            record
            for record in self._ports.archive.records(log, segment.start, segment.end)
            if record.event_id
            and len(erased_sections(record)) < len(SECTIONS)
            and _class_of(record) in classes
        ]


def _class_of(record: Record) -> str:
    """The retention class that intake wrote; `access-24m` if it wrote none."""
    part = record.parts.core_record
    if not part:
        return "access-24m"
    return msgspec.json.decode(part, type=_Added).retention_class or "access-24m"
