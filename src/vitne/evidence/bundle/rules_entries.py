"""Rules 8, 9 and 13 to 16 of a bundle: the entries, what they commit to, and which are hits."""

import msgspec
from msgspec import UnsetType

from vitne.answers.bundle_filter import BundleFilter, parse_bundle_filter, says, text_at
from vitne.core.entry import entry as entries_
from vitne.core.entry.commit import RECORD_PART, SectionLeaves, verify_body
from vitne.core.entry.control import EraseEntry, PruneEntry
from vitne.core.entry.entry import HEADER, EventEntry
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.values import MAX_INT, SECTIONS, Json, Parts, Section, parse_utc
from vitne.errors import UnknownEntryTypeError
from vitne.evidence.bundle.answer import Hit
from vitne.evidence.bundle.document import OpenedMember, SectionMember
from vitne.evidence.bundle.rules_index import after_quorum
from vitne.evidence.bundle.state import Case, UnknownEntry, rule_failed


def entries(case: Case) -> None:
    """Rule 8: the entries stand in the log, in the order of their recorded times."""
    given = case.bundle.log
    leaves = [(at, leaf_hash(data)) for at, data in given.entries]
    if multiproof_root(case.log.size, leaves, given.path) != case.log.root:
        raise rule_failed("the entries are not in the log")
    before, found = 0, dict[int, entries_.Entry | UnknownEntry]()
    for index, data in given.entries:
        entry = found[index] = _decode(case, index, data)
        if entry.recorded_us < before:
            raise rule_failed("recorded times go back", f"entry {index}")
        before = entry.recorded_us
    case.entries = found
    prunes = (one.min_index for one in found.values() if isinstance(one, PruneEntry))
    case.pruned = max(prunes, default=0)
    after_quorum(case, case.log, before)


def _decode(case: Case, index: int, data: bytes) -> entries_.Entry | UnknownEntry:
    try:
        return entries_.decode_entry(data)
    except UnknownEntryTypeError:
        _, type_, _, _, _, recorded_us, *_ = HEADER.unpack_from(data)
        if not 0 < recorded_us <= MAX_INT:
            raise rule_failed("an entry without a recorded time", f"entry {index}") from None
        case.limit("unknown_entry_type", f"entry {index} of type {type_}")
        return UnknownEntry(type_, recorded_us)


def window(case: Case) -> None:
    """Rule 9: the entries next to both ends show that the range is the whole window."""
    (a, b), asked, size = case.bundle.range, case.question, case.log.size
    if b > size or asked.from_us >= asked.to_us:
        raise rule_failed("a range beyond the log, or a period without time")
    if asked.clock == "recorded" and (asked.early_us or asked.late_us):
        raise rule_failed("nothing is early or late by the log's own clock")
    low, high = asked.from_us - asked.early_us, asked.to_us + asked.late_us
    for index, after in ((a, low), (b, high)):
        if index > 0 and _recorded(case, index - 1) >= after:
            raise rule_failed("the entry before an end is recorded too late", f"entry {index - 1}")
        if index < size and _recorded(case, index) < after:
            raise rule_failed("the entry at an end is recorded too early", f"entry {index}")
    case.window = (low, high)
    if b == size:
        case.limit("open_end")


def _recorded(case: Case, index: int) -> int:
    found = case.entries.get(index)
    if found is None:
        raise rule_failed("an entry next to an end of the range is not given", f"entry {index}")
    return found.recorded_us


def tail(case: Case) -> None:
    """Rule 13: what the index log does not cover yet is given whole."""
    b = case.bundle.range[1]
    given = [index for index in case.entries if case.covered <= index < b]
    if len(given) != max(b - case.covered, 0):
        raise rule_failed(
            "an entry that no record covers is not given", f"from entry {case.covered}"
        )
    found = dict(case.posted)
    for index in given:
        event = case.event(index)
        if event and (keys := case.all_keys & set(_keys(event))):
            found[index] = keys
    case.candidates = found


def held(case: Case) -> None:
    """Rule 14: candidates hold their key, and what holds one is a candidate."""
    for index, keys in case.candidates.items():
        found = case.entries.get(index)
        if isinstance(found, UnknownEntry):
            continue
        if not isinstance(found, EventEntry) or not keys <= set(_keys(found)):
            raise rule_failed(
                "a posting names an entry that does not hold the key", f"entry {index}"
            )
    a, b = case.bundle.range
    for index in case.entries:
        event = case.event(index)
        if event is None or not a <= index < b:
            continue
        if case.keys_at(index) & set(_keys(event)) - case.candidates.get(index, set()):
            raise rule_failed("the index leaves out an entry that holds the key", f"entry {index}")


def _keys(event: EventEntry) -> tuple[bytes, ...]:
    """Stored keys, and the stream's, which the header implies."""
    return (*event.keys, b"\x04" + event.stream_id)


def opened(case: Case) -> None:
    """Rule 15: every candidate's record is there, and is what its entry commits to."""
    case.opened = {found.index: found for found in case.bundle.opened}
    all_leaves, cores = dict[int, dict[Section, SectionLeaves]](), dict[int, dict[str, Json]]()
    erased = dict[int, frozenset[tuple[int, Section]]]()
    for index in case.candidates:
        if index not in case.opened and not isinstance(case.entries[index], UnknownEntry):
            raise rule_failed("the record of a result is not given", f"entry {index}")
    for index, found in case.opened.items():
        event = case.event(index)
        if event is None:
            raise rule_failed("a record of an entry that is no given event", f"entry {index}")
        leaves = {name: _leaves(found.section(name), name) for name in SECTIONS}
        verify_body(leaves, event.flags, event.body_root)
        all_leaves[index] = leaves
        _check_erased(case, found, erased)
        data = found.core.event.data()
        if data is not None:
            cores[index] = msgspec.json.decode(data, type=dict)
    case.leaves, case.cores = all_leaves, cores


def _leaves(found: SectionMember, name: Section) -> SectionLeaves:
    record = found.record
    return SectionLeaves(
        found.event.leaf(name),
        None if isinstance(record, UnsetType) else record.leaf(RECORD_PART[name]),
    )


def _check_erased(
    case: Case, found: OpenedMember, erased: dict[int, frozenset[tuple[int, Section]]]
) -> None:
    """`erased` remembers what an erase entry lists: many sections may name the same one."""
    for name in SECTIONS:
        section = found.section(name)
        if isinstance(section.erased, UnsetType):
            continue
        where = f"entry {found.index} {name}"
        if any(part.data() is not None for part in section.parts()):
            raise rule_failed("a section that is said to be erased is shown", where)
        erase = case.entries.get(section.erased)
        if not isinstance(erase, EraseEntry):
            raise rule_failed("what a section was erased by is no given erase entry", where)
        if section.erased not in erased:
            erased[section.erased] = frozenset(erase.items)
        if (found.index, name) not in erased[section.erased]:
            raise rule_failed("the erase entry does not list the section", where)


def hits(case: Case) -> None:
    """Rule 16: of every candidate, whether it is a hit, is none, or cannot be told."""
    where = parse_bundle_filter(case.question.filter)
    values, found = frozenset(case.values.values()), list[Hit]()
    for index in sorted(case.candidates):
        event = case.event(index)
        own = not values.isdisjoint(case.candidates[index])
        if event is not None and _is_hit(case, index, event, where, own=own):
            found.append(_hit(case, index, event))
    case.hits = found


def _is_hit(case: Case, index: int, event: EventEntry, where: BundleFilter, *, own: bool) -> bool:
    """The steps of the rule; `own`: it is filed under the value, not under its pseudo-target."""
    asked, core, here = case.question, case.cores.get(index), f"entry {index}"
    if core is not None:
        claimed = text_at(core, "occurred_at")
        if claimed is not None and parse_utc(claimed) != event.occurred_us:
            case.limit("other_time", here)
            return False
    time_us = event.recorded_us if asked.clock == "recorded" else event.occurred_us
    if not asked.from_us <= time_us < asked.to_us:
        return False
    if core is None:
        case.limit(_why_hidden(case, index), here)
        return False
    key = asked.keys[0]
    if own and not says(core, key.kind, key.parts):
        case.limit("other_value", here)
        return False
    if not where.matches(core):
        return False
    if not own:
        case.limit("overflow", here)
    return own


def _why_hidden(case: Case, index: int) -> str:
    if not isinstance(case.opened[index].core.erased, UnsetType):
        return "core_erased"
    return "core_pruned" if index < case.pruned else "core_withheld"


def _hit(case: Case, index: int, event: EventEntry) -> Hit:
    opened = case.opened[index]

    def added(name: Section) -> bytes | None:
        record = opened.section(name).record
        return b"" if isinstance(record, UnsetType) else record.data()

    return Hit(
        index=index,
        recorded_us=event.recorded_us,
        occurred_us=event.occurred_us,
        stream_id=event.stream_id,
        stream_seq=event.stream_seq,
        parts=Parts(
            core=opened.core.event.data(),
            payload=opened.payload.event.data(),
            person=opened.person.event.data(),
            core_record=added("core"),
            payload_record=added("payload"),
            person_record=added("person"),
        ),
        signed=None,
    )
