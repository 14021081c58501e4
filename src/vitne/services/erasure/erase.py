"""Erase: sections of records go, their commitments stay (transparency-log §8).

First an erase entry says which sections of which records, on what basis; then they are deleted from
the hot rows, the quarantined bytes and the segments, which are rewritten under new names. Killed in
between, the next start goes on from what is noted. Nothing in the tree changes: every earlier proof
holds, and the index still counts the entry.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.control import EraseEntry, PruneEntry
from vitne.core.entry.entry import ERASE, ControlEntry, decode_entry
from vitne.core.entry.keyring import erase_sections, erased_sections
from vitne.core.filter.matches import filter_predicate
from vitne.core.filter.nodes import Filter
from vitne.core.filter.syntax import parse_filter
from vitne.core.values import (
    SECTIONS,
    Facets,
    LeafIndex,
    LogId,
    Record,
    Section,
    forget_personal_values,
    parse_uuid,
)
from vitne.errors import BadInputError, HeldError, NotFoundError
from vitne.ports import Hold, Ports, Segment

MOST_RECORDS: Final = 100_000
OWN_TYPES: Final = "audit."
"""How types of events begin that tell what was done with the log itself (event-schema §3)."""
_PAGE: Final = 1_000
_READ_AT_ONCE: Final = 4_096
_ITEMS_PER_ENTRY: Final = 2_000
"""About 45 kB of an entry's 64."""
_BASIS_MAX, _REF_MAX = 64, 128

Tell = Callable[[LogId, Sequence[ControlEntry]], Sequence[LeafIndex]]
"""Appends control entries; where they stand (`Writer.control`)."""


class ErasureRequest(Struct, frozen=True):
    """What somebody asks to be erased."""

    log: LogId
    sections: tuple[Section, ...]
    basis: str
    """Why: `gdpr-17`, a court order; stands in the log, so no identity."""
    ref: str
    """The case; likewise."""
    events: tuple[str, ...] = ()
    """UUIDs of events."""
    where: str = ""
    """Filter of the events (search language); used if no events are named."""
    mentions: tuple[str, ...] = ()
    """Texts (at least 4 characters) by which quarantined bytes are found too."""


class ErasePlan(Struct, frozen=True):
    """What an erasure would do."""

    records: tuple[LeafIndex, ...]
    """Records of which a section is there that would go, ascending."""
    already: int
    """Records found of which those sections are gone already."""
    segments: int
    """Segments that would be rewritten."""
    asides: tuple[LeafIndex, ...]
    """Quarantined events whose bytes would go."""
    holds: tuple[Hold, ...]
    """Legal holds in the way."""
    below: LeafIndex = LeafIndex(0)
    """Entries below it were looked at."""


class ErasureResult(Struct, frozen=True):
    """What was erased."""

    plan: ErasePlan
    entries: tuple[LeafIndex, ...]
    """The erase entries that say so."""


class Erase:
    """Plans and does erasures. Any thread may call; one at a time deletes.

    Args:
        store, archive, catalog, erasures: where everything lies.
        tell: appends the erase entries.
        segments_lock: held while segments are rewritten: nothing is sealed or merged meanwhile.
        forget: has other processes empty their caches of personal values.
    """

    def __init__(
        self,
        ports: Ports,
        tell: Tell,
        segments_lock: AbstractContextManager[object],
        forget: Callable[[], None],
    ) -> None:
        self._ports = ports
        self._tell = tell
        self._segments_lock = segments_lock
        self._forget = forget

    def erased_by(self, log: LogId, index: LeafIndex | int) -> dict[Section, LeafIndex]:
        """Section → the erase entry that names it, for one record."""
        return self._ports.erasure.erased(log, LeafIndex(index))

    def plan(self, request: ErasureRequest, below: LeafIndex | None = None) -> ErasePlan:
        """What would go, and what is in the way; changes nothing.

        Args:
            request: what is to go.
            below: look at entries below it; None: at all.

        Raises:
            BadInputError: no section, basis or subject; a filter that does not parse; the core of
                an event that tells who read or erased.
            NotFoundError: an event that is named is not in the log.
        """
        _check(request)
        if below is None:
            below = self._ports.store.log(request.log).next_index
        found = sorted(self._found(request, below), key=lambda record: record.index)
        _keep_reads(request, found)
        there = [one for one in found if set(request.sections) - set(erased_sections(one))]
        indices = tuple(record.index for record in there)
        segments = self._segments_of(request.log, indices)
        asides = tuple(
            aside.index
            for aside in self._ports.store.asides(request.log)
            if aside.body and any(form in aside.body for form in _forms(request.mentions))
        )
        holds = tuple(
            hold
            for hold in self._holding(request.log)
            if any(map(_covers(hold), there)) or (asides and not hold.where)
        )
        return ErasePlan(indices, len(found) - len(there), len(segments), asides, holds, below)

    def run(self, request: ErasureRequest, below: LeafIndex | None = None) -> ErasureResult:
        """Erase. When the call returns nothing of it is left in the store's files.

        Args:
            request: what is to go.
            below: as `plan`; of a plan that was told: so that what tells it is not erased with it.

        Raises:
            HeldError: a legal hold covers one of the records; nothing is erased.
            BadInputError, NotFoundError: as `plan`.
            StorageError: it is noted and not deleted everywhere; the next start goes on.
        """
        plan = self.plan(request, below)
        if plan.holds:
            names = ", ".join(hold.id for hold in plan.holds)
            raise HeldError(
                f"{len(plan.holds)} legal holds cover these records",
                where=names,
                hint="a hold beats erasure: release it first (vitne hold release)",
            )
        items = [(index, section) for index in plan.records for section in request.sections]
        entries: list[LeafIndex] = []
        for first in range(0, len(items), _ITEMS_PER_ENTRY):
            some = tuple(sorted(items[first : first + _ITEMS_PER_ENTRY]))
            (entry,) = self._tell(request.log, [EraseEntry(0, some, request.basis, request.ref)])
            self._ports.erasure.note(request.log, entry, some)
            entries.append(entry)
        self.apply(request.log)
        if plan.asides:
            self._ports.erasure.clear_asides(request.log, plan.asides)
        self._scrub()
        return ErasureResult(plan, tuple(entries))

    def prune(self, log: LogId, entry: PruneEntry, indices: Sequence[LeafIndex]) -> None:
        """Delete all sections of records, under a retention rule. Errors as `run`."""
        (at,) = self._tell(log, [entry])
        self._ports.erasure.note(
            log, at, [(index, name) for index in indices for name in SECTIONS], pruned=True
        )
        self.apply(log)
        self._scrub()

    def held(self, log: LogId, records: Sequence[Record]) -> set[LeafIndex]:
        """Those of the records that a legal hold covers."""
        tests = [_covers(hold) for hold in self._holding(log)]
        return {one.index for one in records if any(test(one) for test in tests)}

    def apply(self, log: LogId) -> int:
        """Delete what is noted and not deleted everywhere; how many sections."""
        pending = self._ports.erasure.pending(log)
        if not pending:
            return 0
        wanted: dict[LeafIndex, set[Section]] = {}
        for index, section in pending:
            wanted.setdefault(index, set()).add(section)
        with self._segments_lock:
            self._erase_hot(log, wanted)
            for segment in self._segments_of(log, tuple(wanted)):
                self._rewrite(log, segment, wanted)
        self._ports.erasure.settle(log, pending)
        self._scrub()
        return len(pending)

    def resume(self) -> int:
        """Go on with whatever was begun and not finished; how many sections of all logs."""
        done = 0
        for info in self._ports.store.logs():
            self._note_hot(info.log, info.next_index)
            done += self.apply(info.log)
        return done

    def _note_hot(self, log: LogId, end: LeafIndex) -> None:
        """Note what erase entries among the hot rows name: a crash may have come in between."""
        start = self._ports.store.first_index(log)
        while start is not None and start < end:
            stop = LeafIndex(min(start + _READ_AT_ONCE, end))
            for at, data in enumerate(self._ports.store.entries(log, start, stop), start):
                if data[4] == ERASE and isinstance(entry := decode_entry(data), EraseEntry):
                    self._ports.erasure.note(log, LeafIndex(at), entry.items)
            start = stop

    # ---------------------------------------------------------------- the deleting

    def _scrub(self) -> None:
        """Leave nothing deleted in the store's files, nor values of it in memory."""
        self._ports.erasure.scrub()
        forget_personal_values()
        self._forget()

    def _erase_hot(self, log: LogId, wanted: dict[LeafIndex, set[Section]]) -> None:
        hot = [self._ports.store.record(log, index) for index in sorted(wanted)]
        gone = [
            without_sections(record, wanted[record.index]) for record in hot if record is not None
        ]
        if gone:
            self._ports.erasure.overwrite(log, gone)

    def _rewrite(self, log: LogId, segment: Segment, wanted: dict[LeafIndex, set[Section]]) -> None:
        records = self._ports.archive.records(log, segment.start, segment.end)
        kept = [
            without_sections(one, wanted[one.index]) if one.index in wanted else one
            for one in records
        ]
        new = self._ports.archive.rewrite(log, segment, kept)
        self._ports.segments.replace(log, segment, new)
        self._ports.archive.refresh(log)
        self._ports.archive.remove([segment])

    def _segments_of(self, log: LogId, indices: Sequence[LeafIndex]) -> list[Segment]:
        """The segments that hold one of these indices."""
        ordered = sorted(indices)
        return [
            segment
            for segment in self._ports.segments.segments(log)
            if bisect_left(ordered, segment.start) < bisect_left(ordered, segment.end)
        ]

    # ---------------------------------------------------------------- what is meant

    def _found(self, request: ErasureRequest, below: LeafIndex) -> Iterator[Record]:
        if request.events:
            for text in request.events:
                event_id = parse_uuid(text)
                record = self._ports.store.find(request.log, event_id) or self._ports.archive.find(
                    request.log, event_id
                )
                if record is None:
                    raise NotFoundError("this log holds no event of that id", where=text)
                yield record
            return
        where = parse_filter(request.where, self._ports.clock.now_us())
        for seen, record in enumerate(self._all(request.log, where, below)):
            if seen == MOST_RECORDS:
                raise BadInputError(
                    f"more than {MOST_RECORDS:,} records match", hint="erase period by period"
                )
            yield record

    def _all(self, log: LogId, where: Filter, end: LeafIndex) -> Iterator[Record]:
        """Every match, page by page, newest first: hot rows, then segments."""
        sealed = min(self._ports.store.log(log).sealed_end, end)
        for store, low, high in (
            (self._ports.store, sealed, end),
            (self._ports.archive, LeafIndex(0), sealed),
        ):
            stop = high
            while stop > low:
                page = store.scan(log, where, low, stop, _PAGE)
                yield from page
                stop = page[-1].index if len(page) == _PAGE else low

    def _holding(self, log: LogId) -> list[Hold]:
        return [hold for hold in self._ports.erasure.holds(log) if not hold.released_us]


def without_sections(record: Record, sections: set[Section]) -> Record:
    """A record with sections erased, and with facets that tell nothing of an erased core."""
    gone = erase_sections(record, [name for name in SECTIONS if name in sections])
    if "core" not in erased_sections(gone):
        return gone
    return replace(gone, facets=Facets(occurred_us=record.facets.occurred_us))


def _forms(texts: Sequence[str]) -> list[bytes]:
    """How a text may stand in the bytes that a sender sent: as UTF-8, or escaped as JSON does."""
    escaped = [json.dumps(text)[1:-1] for text in texts]
    return [form.encode() for form in (*texts, *escaped)]


def _covers(hold: Hold) -> Callable[[Record], bool]:
    return (
        filter_predicate(parse_filter(hold.where, hold.set_us))
        if hold.where
        else lambda _record: True
    )


def _keep_reads(request: ErasureRequest, found: Sequence[Record]) -> None:
    """Nobody with an admin key erases that they looked: those events keep their core."""
    own = next((one for one in found if one.facets.type.startswith(OWN_TYPES)), None)
    if "core" in request.sections and own is not None:
        raise BadInputError(
            "the log's own events of reading, erasing and keys keep their core section",
            where=f"entry {own.index}, {own.facets.type}",
            hint=f"leave out the section core, or add `-type:{OWN_TYPES}*` to the filter",
        )


def _check(request: ErasureRequest) -> None:
    if not request.sections:
        raise BadInputError("expected at least one of the sections core, payload, person")
    if not (0 < len(request.basis) <= _BASIS_MAX and 0 < len(request.ref) <= _REF_MAX):
        raise BadInputError(
            f"an erasure has a basis of 1 to {_BASIS_MAX} characters, and a reference of 1 to"
            f" {_REF_MAX}",
            where="basis",
        )
    if not request.events and not request.where.strip():
        raise BadInputError("expected events, or a filter that names whose data to erase")
    if any(len(text) < 4 for text in request.mentions):  # noqa: PLR2004 - shorter ones are in anything
        raise BadInputError("a text to look for has at least 4 characters", where="mentions")
