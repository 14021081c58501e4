"""A filter as a DuckDB condition over the rows of segments.

Every condition finds what `vitne.core.filter.matches` finds; some find more (`exact` is false), and
then whoever asks tests the records themselves. All that a person typed is bound, never formatted.
"""

from collections.abc import Callable
from itertools import product
from typing import Final

from msgspec import Struct

from vitne.adapters.archive.parquet.columns import ACTION_ID, CORE_COLUMNS, EVENT_ID, HELD, TRACE_ID
from vitne.core.event import schema
from vitne.core.filter.compile import Condition, Dialect, Value, compile_filter
from vitne.core.filter.fields import Field
from vitne.core.filter.nodes import Filter
from vitne.core.filter.search_text import SEPARATOR, is_id
from vitne.core.values import encode_trusted, fold_text, parse_uuid
from vitne.errors import BadInputError

_ADDED = (
    *("auth", "catalog_rev", "declared", "filled", "recorded_at", "retention_class", "signed_by"),
    *("skew_ms", "source_id", "status", "stream", "warnings"),
)
_CORE_NAMES: Final = "\n".join(
    (
        *(
            name
            for kind in vars(schema).values()
            if isinstance(kind, type) and issubclass(kind, Struct)
            for name in kind.__struct_encode_fields__
        ),
        *_ADDED,
    )
)
_POINTERS = (
    *("/actor/email", "/actor/name", "/actor/native_id", "/tenant/name", "/on_behalf_of/name"),
    *("/on_behalf_of/native_id", "/client/country", "/client/device_id", "/client/ip"),
    *("/client/ip_chain", "/client/user_agent"),
)
_NAMED_LISTS = product(("chain", "targets"), range(100), ("name", "native_id"))
_PERSON_NAMES: Final = "\n".join(
    ("peer_ip", *_POINTERS, *(f"/{parent}/{at}/{name}" for parent, at, name in _NAMED_LISTS))
)
_SIGNS: Final = frozenset(":,{}[]-0123456789truefalsn")
_IN_THE_REST: Final = (
    "(core_text IS NULL AND contains(core_record, ?))",
    "contains(coalesce(rest_text, lower(person)), ?)",
    "(rest_text IS NULL AND contains(person_record, ?))",
)
_PIECE_CHARS: Final = 4
_COMMON: Final = '"eotirc:,sand_puvmhy0.l}{1b62f5473-89gwk/'
"""What core parts consist of, commonest first; a blank is rare in them."""
_HELD_IDS: Final = (
    (EVENT_ID, "event_id = CAST(? AS UUID)"),
    (ACTION_ID, "action_id = CAST(? AS UUID)"),
)
_HELD_TRACE: Final = (TRACE_ID, "trace_id = CAST(? AS UUID)")
_UUID_CHARS: Final = 36


def text_condition(needle: str) -> Condition:
    """The condition of a folded needle."""
    if not needle:
        return Condition("true")
    if HELD in needle or SEPARATOR in needle:
        return Condition("true", exact=False)
    in_core, values = contains("coalesce(core_text, core)", needle)
    tests = [in_core, *_IN_THE_REST]
    params = [*values, *(needle for _ in _IN_THE_REST)]
    if is_id(needle):
        for member, test in _HELD_IDS if len(needle) == _UUID_CHARS else (_HELD_TRACE,):
            tests.append(f"({test} AND contains(core, ?))")
            params += [needle, member]
    # A test of what is null says nothing; the others decide.
    sql = " OR ".join(f"coalesce({test}, false)" for test in tests)
    exact = not (may_hit_names(needle) or may_hit_signs(needle))
    return Condition(f"({sql})", tuple(params), exact)


def contains(text: str, needle: str) -> tuple[str, tuple[str, ...]]:
    """The test whether an SQL text contains a needle, and its values.

    DuckDB jumps from one occurrence of the first byte to the next, so a needle that begins with a
    common letter is slow: the piece of it that begins with the rarest is looked for first.
    """
    pieces = [needle[at : at + _PIECE_CHARS] for at in range(len(needle) - _PIECE_CHARS + 1)]
    if len(pieces) <= 1 or not needle.isascii():
        return f"contains({text}, ?)", (needle,)
    piece = max(pieces, key=lambda piece: (_COMMON + piece[0]).index(piece[0]))
    if needle.startswith(piece):
        return f"contains({text}, ?)", (needle,)
    # CASE looks at the second test only where the first one holds; AND computes both.
    return (
        f"CASE WHEN contains({text}, ?) THEN contains({text}, ?) ELSE false END",
        (piece, needle),
    )


def may_hit_names(needle: str) -> bool:
    """Whether the needle is part of a name of a member in stored JSON."""
    return needle in _CORE_NAMES or needle in _PERSON_NAMES


def may_hit_signs(needle: str) -> bool:
    """Whether the needle may be found in what stands between two texts of JSON."""
    if '"' in needle or "\\" in needle:
        return True
    # Between two quotes stand signs, numbers and literals; a colon only in front.
    return bool(set(needle) & set(":,{}[]")) and set(needle) <= _SIGNS and ":" not in needle[1:]


_NEVER = Condition("false")

_COLUMNS = {"type", "actor", "outcome", *(of.name for of in CORE_COLUMNS)}

# `action` is null where the id is binary: in `action_id`, or equal to the event's own id.
_TEXTS: dict[str, str] = {
    "id": "CAST(event_id AS VARCHAR)",
    "action": "CASE WHEN action IS NULL THEN CAST(coalesce(action_id, event_id) AS VARCHAR)"
    " ELSE nullif(action, '') END",
    "trace": "coalesce(trace, replace(CAST(trace_id AS VARCHAR), '-', ''))",
    "target": "target",
}


def segment_condition(where: Filter | None) -> Condition:
    """The condition of a filter; None finds every event. Control entries are never found.

    Raises:
        FilterSyntaxError: an unknown field, or one of the wrong kind.
        TooLargeError: the filter is too large.
    """
    if where is None:
        return Condition("event_id IS NOT NULL")
    inner = compile_filter(where, _DUCKDB)
    return Condition(f"(event_id IS NOT NULL AND {inner.sql})", inner.params, inner.exact)


def field_texts(of: Field) -> str:
    """The expression for a field's texts: a text, or a list of them; null if there are none."""
    if of.name in _TEXTS:
        return _TEXTS[of.name]
    if of.name in _COLUMNS:
        return f"nullif({of.name}, '')" if of.part == "record" else of.name
    part = f"nullif({of.part}, '')"
    if of.part == "person":
        return f"json_extract_string({part}, '$.\"{of.pointer}\"')"
    path = "$" + "".join("[*]" if step == "*" else f".{step}" for step in of.path)
    return f"json_extract_string({part}, '{path}')"


# ---------------------------------------------------------------- leaves


def _equals(of: Field, value: str) -> Condition:
    if of.name in {"id", "action"}:
        return _equals_id(of, value)
    if of.name == "target":
        return Condition(
            "(list_contains(target, ?)"
            " OR len(list_filter(target, lambda t: substr(t, position('/' IN t) + 1) = ?)) > 0)",
            (value, value),
        )
    if of.kind == "folded":
        return _folded(fold_text(value))
    if of.name in _COLUMNS or of.name == "trace":
        return Condition(f"{field_texts(of)} = ?", (value,))
    found = f"list_contains({field_texts(of)}, ?)" if of.many else f"{field_texts(of)} = ?"
    # Canonical JSON writes a text in one way only, so a part without it has no such value.
    shown = encode_trusted(value).decode()
    test, values = contains(of.part, shown)
    return Condition(f"({test} AND {found})", (*values, value))


def _equals_id(of: Field, value: str) -> Condition:
    try:
        event_id = parse_uuid(value).hex()
    except BadInputError:
        if of.name == "id" or not value:
            return _NEVER
        return Condition("action = ?", (value,))
    if of.name == "id":
        return Condition("event_id = CAST(? AS UUID)", (event_id,))
    return Condition(
        "(action IS NULL AND coalesce(action_id, event_id) = CAST(? AS UUID))", (event_id,)
    )


def _like(of: Field, parts: list[str]) -> Condition:
    if of.kind == "folded":
        return _folded(max(map(fold_text, parts), key=len))
    test, params = _like_test(parts)
    if of.name == "target":
        shown = test("t")
        short = test("substr(t, position('/' IN t) + 1)")
        return Condition(
            f"len(list_filter(target, lambda t: {shown} OR {short})) > 0", (*params, *params)
        )
    if of.many:
        return Condition(f"len(list_filter({field_texts(of)}, lambda t: {test('t')})) > 0", params)
    return Condition(test(field_texts(of)), params)


def _like_test(parts: list[str]) -> tuple[Callable[[str], str], tuple[Value, ...]]:
    """The test of a text against a pattern."""
    if len(parts) == 2 and not parts[1]:  # noqa: PLR2004 - one star, at the end
        return (lambda text: f"starts_with({text}, ?)"), (parts[0],)
    pattern = "%".join(
        "".join(f"^{char}" if char in "%_^" else char for char in part) for part in parts
    )
    return (lambda text: f"{text} LIKE ? ESCAPE '^'"), (pattern,)


def _folded(needle: str) -> Condition:
    """Names are not columns: what has their text at all is found, and then read."""
    return Condition("contains(coalesce(rest_text, lower(person)), ?)", (needle,), exact=False)


_DUCKDB = Dialect(
    true="true",
    false="false",
    numbers={"occurred": "occurred_us", "recorded": "recorded_us", "index": '"index"'},
    text=text_condition,
    equals=_equals,
    like=_like,
)
