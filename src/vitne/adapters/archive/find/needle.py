"""Free-text search over segments: the condition of one folded needle.

Most rows are searched as they are stored: `core` as JSON in lower case, `person` put in lower case.
A needle may then also hit what is no value: the name of a member, or the signs between values.
`may_hit_names` and `may_hit_signs` tell such needles; they are rare, and get their records read.
Ids that are held in binary columns (see `columns`) are compared whole.
"""

from itertools import product
from typing import Final

from msgspec import Struct

from vitne.adapters.archive.parquet.columns import ACTION_ID, EVENT_ID, HELD, TRACE_ID
from vitne.core.event import schema
from vitne.core.filter.compile import Condition
from vitne.core.filter.search_text import SEPARATOR, is_id

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
