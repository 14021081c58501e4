"""A filter as the text that means it: what `parse_filter` reads back."""

from vitne.core.filter.nodes import (
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    pattern_parts,
    simplify_filter,
)
from vitne.core.filter.values import moment_text

_SPECIAL = frozenset(' \t\n"(),*\\')


def format_filter(where: Filter) -> str:
    """The one text of a filter: `parse` makes `simplify(where)` of it."""
    plain = simplify_filter(where)
    if isinstance(plain, And) and plain.all:
        return " ".join(_term(each) for each in plain.all)
    return _group(plain)


def _term(where: Filter) -> str:
    """One of several that stand side by side."""
    text = _group(where)
    return f"({text})" if isinstance(where, Or) and not _one_field(where) else text


def _group(where: Filter) -> str:  # noqa: PLR0911 - one per kind of node
    match where:
        case And(()):
            return "*"
        case And(inner):
            return f"({' '.join(_term(each) for each in inner)})"
        case Or(inner):
            return _or(where)
        case Not(inner):
            return f"-{_term(inner)}"
        case Text(needle):
            return _quote(needle)
        case Between(name, low, high):
            return _range(name, low, high)
        case Equals(name) | Like(name):
            return f"{name}:{_value(where)}"


def _or(where: Or) -> str:
    leaves = _one_field(where)
    if leaves:
        return f"{leaves[0].field}:{','.join(map(_value, leaves))}"
    return " OR ".join(_term(each) for each in where.any)


def _one_field(where: Or) -> list[Equals | Like]:
    """Its leaves, if they are values of one field; else none."""
    leaves = [each for each in where.any if isinstance(each, Equals | Like)]
    same = len(leaves) == len(where.any) and len({each.field for each in leaves}) == 1
    return leaves if same else []


def _value(leaf: Equals | Like) -> str:
    if isinstance(leaf, Like):
        texts = pattern_parts(leaf.pattern)
        return "*".join("".join(map(_escape, text)) for text in texts)
    bare = leaf.value and not _SPECIAL & set(leaf.value)
    return leaf.value if bare and leaf.value.isprintable() else _quote(leaf.value)


def _escape(char: str) -> str:
    return f"\\{char}" if char in _SPECIAL else char


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _range(name: str, low: int | None, high: int | None) -> str:
    if name == "index":
        if low is None:
            return "index:.." if high is None else f"index:<{high}"
        return f"index:>={low}" if high is None else f"index:{low}..{high - 1}"
    start = "" if low is None else moment_text(low)
    end = "" if high is None else moment_text(high)
    return f"{name}:{start}..{end}"
