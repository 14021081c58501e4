"""The columns of a segment's Parquet file.

A row is one record. The six parts are columns of canonical JSON, so any tool can read them. Four
values that stand in nearly every core part and do not compress are held in other columns, in
binary, and `HELD` stands in their place in the text:

    "id":"…" event_id    "action_id":"…" action_id    "trace_id":"…" trace_id
    "occurred_at":"…" occurred_us with three digits of a second, or twice `HELD`: with six

Facets and the fields that are searched most are columns of their own, dictionary-encoded; other
fields are read from the parts. Entries are not here: they are in the log's bundles. `core_text`
and `rest_text` serve free-text search, see `encode`.
"""

from typing import Final

import pyarrow as pa

from vitne.core.filter.fields import find_field

HELD: Final = "\x7f"
"""Valid in JSON, ASCII, and no character of clean text; a part that has it is stored whole."""
EVENT_ID, ACTION_ID, TRACE_ID, MILLIS, MICROS = (
    *(f'"id":"{HELD}"', f'"action_id":"{HELD}"', f'"trace_id":"{HELD}"'),
    *(f'"occurred_at":"{HELD}"', f'"occurred_at":"{HELD}{HELD}"'),
)
"""The members as they are stored."""
WHOLE: Final = " "
"""In front of a core part of which nothing is held out; canonical JSON never starts so."""

FORMAT: Final = "vitne-segment/v1"

ROW_GROUP_ROWS: Final = 1024
"""Rows that are unpacked to read one. Fewer make single records faster, and files larger."""

PARTS: Final = ("core", "payload", "person", "core_record", "payload_record", "person_record")
"""In the order of `vitne.core.values.record.Parts`."""

CORE_COLUMNS: Final = tuple(
    find_field(name)
    for name in (
        *("category", "code", "issuer", "party", "unit", "behalf", "role", "purpose", "reference"),
        *("app", "service", "env", "session", "site", "severity"),
    )
)
"""Scalar fields of the core part that have a column of their own, of the same name."""

SCHEMA: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("recorded_us", pa.int64(), nullable=False),
        pa.field("occurred_us", pa.int64(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("target", pa.list_(pa.string())),
        *(pa.field(of.name, pa.string()) for of in CORE_COLUMNS),
        pa.field("event_id", pa.uuid()),  # null: a control entry
        pa.field("action_id", pa.uuid()),
        pa.field("action", pa.string()),
        pa.field("trace_id", pa.uuid()),
        pa.field("trace", pa.string()),
        pa.field("keyring", pa.binary(), nullable=False),
        *(pa.field(name, pa.string()) for name in PARTS),
        pa.field("core_text", pa.string()),
        pa.field("rest_text", pa.string()),
    ],
    metadata={b"format": FORMAT.encode()},
)

DICTIONARY: Final = [
    *("type", "actor", "outcome", "target.list.element", *(of.name for of in CORE_COLUMNS)),
    *("action", "trace", "payload", "core_record", "payload_record", "person_record"),
]
"""Columns whose values repeat."""

DELTA: Final = ("index", "recorded_us", "occurred_us")
"""Columns of numbers that mostly grow."""

RECORD_COLUMNS: Final = (
    *("event_id", "action_id", "trace_id", "keyring"),
    *PARTS,
)
"""What a record is rebuilt from, beside its entry; together in the schema, so that a group of rows
is one read (see `rows`). The others serve searches: unpacking them too takes twice the time."""
