"""A filter as an SQL condition over the hot rows (the table `record`).

It finds what `vitne.core.filter.matches` finds, which a property test holds it to. Everything a
person typed is bound, never formatted; the condition itself is put together from the fixed texts
below. Most leaves first look for the value as plain text in the row, which SQLite does fast and
without the interpreter; JSON is parsed, and Python called, only for rows that may match.

Run `add_functions` on a connection before using a condition on it.
"""

import sqlite3
from collections.abc import Iterable

from vitne.core.filter.compile import Condition, Dialect, Value, compile_filter
from vitne.core.filter.fields import Field, pointer_ends, target_texts
from vitne.core.filter.nodes import Filter, fits_pattern
from vitne.core.filter.search_text import text_found
from vitne.core.values import Parts, encode_trusted, fold_text, parse_uuid
from vitne.errors import BadInputError

_NEVER = Condition("0")

_COLUMNS = {"type": "type", "actor": "actor", "outcome": "outcome"}
_PARTS = "core, payload, person, core_record, payload_record, person_record"
_TEXTS = (
    "(coalesce(core, '') || coalesce(payload, '') || coalesce(person, '')"
    " || coalesce(core_record, '') || coalesce(payload_record, '')"
    " || coalesce(person_record, ''))"
)
_ID_TEXT = (
    "lower(substr(hex(event_id), 1, 8) || '-' || substr(hex(event_id), 9, 4) || '-'"
    " || substr(hex(event_id), 13, 4) || '-' || substr(hex(event_id), 17, 4) || '-'"
    " || substr(hex(event_id), 21))"
)
# Text that is not plain ASCII, or that JSON escapes, may fold to something that it does not show.
_UNPLAIN = f"instr({_TEXTS}, '\\') > 0 OR length({_TEXTS}) <> length(CAST({_TEXTS} AS BLOB))"


def row_condition(where: Filter | None) -> Condition:
    """The condition of a filter; None finds every row.

    Raises:
        FilterSyntaxError: an unknown field, or one of the wrong kind.
        TooLargeError: the filter is too large.
    """
    return Condition("1") if where is None else compile_filter(where, _SQLITE)


def add_functions(connection: sqlite3.Connection) -> None:
    """Register the functions that conditions call."""
    for name, count, function in (
        ("vitne_fold", 1, _sql_fold),
        ("vitne_text", 7, _sql_text),
        ("vitne_target", 2, _sql_target),
        ("vitne_target_like", 2, _sql_target_like),
    ):
        connection.create_function(name, count, function, deterministic=True)


# ---------------------------------------------------------------- leaves


def _text(needle: str) -> Condition:
    shown = f"instr(lower({_TEXTS}), ?) > 0 OR " if needle.isascii() else ""
    params = (needle, needle) if needle.isascii() else (needle,)
    return Condition(f"(({shown}{_UNPLAIN}) AND vitne_text(?, {_PARTS}))", params)


def _equals(of: Field, value: str) -> Condition:  # noqa: PLR0911 - one per kind of column
    if of.part != "record":
        test = "vitne_fold(item.value) = ?" if of.kind == "folded" else "item.value = ?"
        params = (fold_text(value) if of.kind == "folded" else value,)
        found = _in_json(of, test, params)
        if of.kind == "folded":
            return found
        # Canonical JSON writes a text in one way only, so a part without it has no such value.
        shown = encode_trusted(value).decode()
        return Condition(f"(instr({of.part}, ?) > 0 AND {found.sql})", (shown, *found.params))
    if of.name == "target":
        if "\n" in value:
            return _NEVER
        return Condition(
            "(instr(targets, ?) > 0 OR (instr(targets, ?) > 0 AND vitne_target(targets, ?)))",
            (f"\n{value}\n", f"/{value}\n", value),
        )
    if of.name == "id":
        try:
            return Condition("event_id = ?", (parse_uuid(value),))
        except BadInputError:
            return _NEVER
    return Condition(f"{_COLUMNS[of.name]} = ?", (value,)) if value else _NEVER


def _like(of: Field, parts: list[str]) -> Condition:
    if of.part != "record":
        if of.kind == "folded":
            return _in_json(of, "vitne_fold(item.value) GLOB ?", (_glob(map(fold_text, parts)),))
        return _in_json(of, "item.value GLOB ?", (_glob(parts),))
    if of.name == "target":
        longest = max(parts, key=len)
        pattern = "\x00".join(parts)
        return Condition(
            "(instr(targets, ?) > 0 AND vitne_target_like(targets, ?))", (longest, pattern)
        )
    if of.name == "id":
        return Condition(f"{_ID_TEXT} GLOB ?", (_glob(parts),))
    column = _COLUMNS[of.name]
    return Condition(f"({column} <> '' AND {column} GLOB ?)", (_glob(parts),))


def _in_json(of: Field, test: str, params: tuple[Value, ...]) -> Condition:
    """Whether a text of the field, as `item.value`, passes a test."""
    part = f"nullif({of.part}, '')"  # a record part that says nothing is no JSON
    if of.part == "person" and of.many:
        return Condition(
            f"EXISTS (SELECT 1 FROM json_each({part}) AS item"  # noqa: S608 - fixed texts only
            f" WHERE item.type = 'text' AND item.key GLOB ? AND {test})",
            (_glob(pointer_ends(of.path)), *params),
        )
    rest: tuple[str, ...] = ()
    if of.part == "person":
        path = f'$."{of.pointer}"'
    else:
        at = of.path.index("*") if of.many else len(of.path)
        path, rest = ".".join(("$", *of.path[:at])), of.path[at + 1 :]
    if not rest:
        # json_each walks a list; of a text it makes one item.
        return Condition(
            f"EXISTS (SELECT 1 FROM json_each({part}, ?) AS item"  # noqa: S608 - fixed texts only
            f" WHERE item.type = 'text' AND {test})",
            (path, *params),
        )
    member = ".".join(("$", *rest))
    return Condition(
        "EXISTS (SELECT 1 FROM (SELECT CASE WHEN each.type = 'object' AND"  # noqa: S608 - likewise
        " json_type(each.value, ?) = 'text' THEN json_extract(each.value, ?) END AS value"
        f" FROM json_each({part}, ?) AS each) AS item WHERE {test})",
        (member, member, path, *params),
    )


def _glob(parts: Iterable[str]) -> str:
    escaped = ("".join(f"[{c}]" if c in "*?[" else c for c in part) for part in parts)
    return "*".join(escaped)


_SQLITE = Dialect(
    true="1",
    false="0",
    numbers={
        "occurred": "occurred_us",
        "recorded": "recorded_us",
        "index": "(pos & 1099511627775)",  # pos = log number << 40 | index
    },
    text=_text,
    equals=_equals,
    like=_like,
)


# ---------------------------------------------------------------- functions in SQL


def _sql_fold(value: object) -> str | None:
    return fold_text(value) if isinstance(value, str) else None


def _sql_text(needle: str, *parts: str | None) -> bool:
    stored = Parts(*(None if part is None else part.encode() for part in parts))
    return text_found(needle, stored)


def _sql_target(targets: str, target_id: str) -> bool:
    return any(text.partition("/")[2] == target_id for text in target_texts(targets))


def _sql_target_like(targets: str, pattern: str) -> bool:
    parts = pattern.split("\x00")
    return any(
        fits_pattern(text, parts) or fits_pattern(text.partition("/")[2], parts)
        for text in target_texts(targets)
    )
