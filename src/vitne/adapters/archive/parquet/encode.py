"""Records as rows of a segment and back, fast: sealing must not cost more than taking events in.

Values are held out of a core part only if putting them back gives the same bytes (see
`_held_out`); else the text stays whole.

Free text: `core_text` is null where the core part, as stored, may itself be searched (plain ASCII
in lower case); else it holds the part in lower case, or the folded values if it is not plain.
`rest_text` is null where `person`, in lower case, and `person_record` may be searched; else it
holds the folded values of the person and payload sections.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

import pyarrow as pa
from msgspec.structs import replace

from vitne.adapters.archive.parquet.columns import (
    ACTION_ID,
    CORE_COLUMNS,
    EVENT_ID,
    HELD,
    MICROS,
    MILLIS,
    PARTS,
    RECORD_COLUMNS,
    SCHEMA,
    TRACE_ID,
    WHOLE,
)
from vitne.core.entry.entry import times_of
from vitne.core.event.sections import facets_of
from vitne.core.filter.fields import core_reader, find_field, target_texts
from vitne.core.filter.search_text import search_text
from vitne.core.values import (
    Facets,
    LeafIndex,
    Parts,
    Record,
    format_utc,
    personal_cache,
    uuid_text,
)

_UUID_CHARS, _TRACE_CHARS = 36, 32
_READ = (*CORE_COLUMNS, find_field("action"), find_field("trace"))
_ACTION, _TRACE = len(CORE_COLUMNS), len(CORE_COLUMNS) + 1
_read = core_reader(_READ)
_OCCURRED = '"occurred_at":"'
_EMPTY = b"{}"
_NO_VALUES: tuple[Any, ...] = (None,) * len(_READ)
_GONE = Parts(None, None, None, None, None, None)

Held = tuple[str | None, bytes | None, str | None, bytes | None, str | None]
"""Core text, action id in binary, else as text, trace id in binary, else as text."""

_NOTHING_HELD: Held = (None, None, "", None, None)
_PART_VALUES = cast("Callable[[Parts], tuple[bytes | None, ...]]", attrgetter(*PARTS))


def to_table(records: Sequence[Record]) -> pa.Table:
    """The rows of consecutive records, in their order."""
    values = [_read(r.parts.core) if r.event_id else _NO_VALUES for r in records]
    pairs = zip(records, values, strict=True)
    held = [_held_out(r, v) if r.event_id else _NOTHING_HELD for r, v in pairs]
    core, action_id, action, trace_id, trace = zip(*held, strict=True)
    fields = list(zip(*values, strict=True))
    parts = list(
        zip(*(_PART_VALUES(r.parts if r.event_id else _GONE) for r in records), strict=True)
    )
    data = {
        **_facet_columns(records),
        **{of.name: _scalars(fields[place]) for place, of in enumerate(CORE_COLUMNS)},
        "action_id": _uuids(action_id),
        "action": pa.array(action, pa.string()),
        "trace_id": _uuids(trace_id),
        "trace": pa.array(trace, pa.string()),
        "keyring": pa.array([record.keyring for record in records], pa.binary()),
        **{
            n: pa.array(p, pa.binary()).cast(pa.string()) for n, p in zip(PARTS, parts, strict=True)
        },
        "core": pa.array(core, pa.string()),
        "core_text": pa.array(list(map(_core_text, held, records)), pa.string()),
        "rest_text": pa.array([_rest_text(record) for record in records], pa.string()),
    }
    return pa.table([data[name] for name in SCHEMA.names], schema=SCHEMA)


# ---------------------------------------------------------------- the core text


def _held_out(record: Record, values: tuple[Any, ...]) -> Held:
    """Take event id, action id, trace id and time out of the core part."""
    action, trace = values[_ACTION], values[_TRACE]
    event_id = uuid_text(record.event_id)
    action_id = _binary(action, _UUID_CHARS) if action != event_id else None
    trace_id = _binary(trace, _TRACE_CHARS)
    if action_id is not None or action == event_id:
        action_text = None
    else:
        action_text = action if isinstance(action, str) else ""
    trace_text = trace if trace_id is None and isinstance(trace, str) else None
    part = record.parts.core
    text = None if part is None else part.decode()
    # Each held member stands for one known text, and the part itself holds no `HELD`: so putting
    # the texts back, in any order, gives the part again.
    if text is None:
        pass
    elif HELD in text:
        text = WHOLE + text
    else:
        text = text.replace(f'"id":"{event_id}"', EVENT_ID)
        if action_id is not None:
            text = text.replace(f'"action_id":"{action}"', ACTION_ID)
        if trace_id is not None:
            text = text.replace(f'"trace_id":"{trace}"', TRACE_ID)
        text = _hold_out_time(text, record.facets.occurred_us)
    return text, action_id, action_text, trace_id, trace_text


def _binary(text: object, chars: int) -> bytes | None:
    """The 16 bytes of an id in the form that they are written in again; else None."""
    if not isinstance(text, str) or len(text) != chars:
        return None
    digits = text
    if chars == _UUID_CHARS:
        if not text[8] == text[13] == text[18] == text[23] == "-":
            return None
        digits = text.replace("-", "")
    try:
        found = bytes.fromhex(digits)
    except ValueError:
        return None
    return found if found.hex() == digits else None


def _hold_out_time(text: str, occurred_us: int) -> str:
    held = text.replace(f'{_OCCURRED}{millis(occurred_us)}"', MILLIS)
    if len(held) == len(text):
        return text.replace(f'{_OCCURRED}{format_utc(occurred_us)}"', MICROS)
    return held


@lru_cache(1024)
def _minute(minute: int) -> str:
    return format_utc(minute * 60_000_000)[:17]


def millis(time_us: int) -> str:
    """A time with three digits, as most senders write it; `format_utc` writes six."""
    minute, rest = divmod(time_us // 1000, 60_000)
    return f"{_minute(minute)}{rest // 1000:02d}.{rest % 1000:03d}Z"


def restore_core(
    text: str,
    event_id: bytes,
    action_id: bytes | None,
    trace_id: bytes | None,
    occurred_us: int,
) -> str:
    """The core part with what was held out in its place again."""
    if text.startswith(WHOLE):
        return text.removeprefix(WHOLE)
    text = text.replace(EVENT_ID, f'"id":"{uuid_text(event_id)}"')
    if action_id is not None:
        text = text.replace(ACTION_ID, f'"action_id":"{uuid_text(action_id)}"')
    if trace_id is not None:
        text = text.replace(TRACE_ID, f'"trace_id":"{trace_id.hex()}"')
    if MILLIS in text:
        return text.replace(MILLIS, f'{_OCCURRED}{millis(occurred_us)}"')
    return text.replace(MICROS, f'{_OCCURRED}{format_utc(occurred_us)}"')


# ---------------------------------------------------------------- text for searching


def _core_text(held: Held, record: Record) -> str | None:
    if not record.event_id:
        return None
    stored, _, action, _, trace = held
    added, plain = _added(record.parts.core_record)
    # Ids and times that are not held out stand in the text, where a search must not find them.
    hidden = not action and trace is None and stored is not None and _is_time_held(stored)
    if not plain or not hidden or stored is None or not stored.isascii() or "\\" in stored:
        parts = Parts(core=record.parts.core, core_record=record.parts.core_record)
        return search_text(parts) or None
    lower = stored.lower()
    return None if lower == stored and added.lower() == added else lower + added.lower()


def _is_time_held(stored: str) -> bool:
    return MILLIS in stored or MICROS in stored or _OCCURRED not in stored


# What intake adds to the core part is the same for nearly all events of a source.
@personal_cache(1024)
def _added(part: bytes | None) -> tuple[str, bool]:
    """The record part of core, and whether its text may be searched as it is."""
    text = (part or b"").decode()
    return text, text.isascii() and "\\" not in text


# Likewise of the person section: the address of an application's server.
@personal_cache(1024)
def _is_plain(part: bytes | None) -> bool:
    """Whether a record part may be searched as it is stored."""
    text, plain = _added(part)
    return plain and text == text.lower()


def _rest_text(record: Record) -> str | None:
    if not record.event_id:
        return None
    parts, person = record.parts, record.parts.person
    alone = parts.payload in {_EMPTY, None} and not parts.payload_record
    plain = person is not None and person.isascii() and b"\\" not in person
    if alone and plain and _is_plain(parts.person_record):
        return None
    return search_text(replace(parts, core=None, core_record=None))


# ---------------------------------------------------------------- columns


def _facet_columns(records: Sequence[Record]) -> dict[str, pa.Array]:
    facets = [record.facets for record in records]
    return {
        "index": pa.array([record.index for record in records], pa.int64()),
        "recorded_us": pa.array([record.recorded_us for record in records], pa.int64()),
        "occurred_us": pa.array([each.occurred_us for each in facets], pa.int64()),
        "event_id": _uuids([record.event_id or None for record in records]),
        "type": pa.array([each.type for each in facets], pa.string()),
        "actor": pa.array([each.actor for each in facets], pa.string()),
        "outcome": pa.array([each.outcome for each in facets], pa.string()),
        "target": pa.array(
            [target_texts(each.targets) or None for each in facets], pa.list_(pa.string())
        ),
    }


def _scalars(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):  # another JSON type than text: no text
        return pa.array([v if isinstance(v, str) else None for v in values], pa.string())


def _uuids(values: Sequence[bytes | None]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


def to_records(table: pa.Table, indices: Sequence[int], entries: Sequence[bytes]) -> list[Record]:
    """The records of rows.

    Args:
        table: `RECORD_COLUMNS`, ids as plain bytes.
        indices: log index of each row.
        entries: of each row.

    Raises:
        DecodeError: a core part is none.
    """
    columns = [table.column(name).to_pylist() for name in RECORD_COLUMNS]
    rows = zip(*columns, strict=True)
    return [
        _record(LeafIndex(index), row, entry)
        for index, row, entry in zip(indices, rows, entries, strict=True)
    ]


def _record(index: LeafIndex, row: tuple[Any, ...], entry: bytes) -> Record:
    event_id, action_id, trace_id, keyring, core, *parts = row
    recorded_us, occurred_us = times_of(entry)
    if event_id is None:
        return Record(index, recorded_us, entry, keyring=keyring)
    facets = Facets(occurred_us)
    if core is not None:
        core = restore_core(core, event_id, action_id, trace_id, occurred_us).encode()
        facets = facets_of(core, occurred_us)
    kept = Parts(core, *(None if part is None else part.encode() for part in parts))
    return Record(index, recorded_us, entry, event_id, keyring, kept, facets)
