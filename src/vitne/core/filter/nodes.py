"""The nodes of the filter language, and what every evaluator of them must keep to.

A filter speaks of one event. Its leaves name fields of `core.filter.fields`. Control entries are
no events: no filter finds them, not even one that matches everything.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from vitne.core.filter.fields import int_field, text_field
from vitne.core.filter.search_text import SEPARATOR
from vitne.errors import FilterSyntaxError, TooLargeError

MAX_NODES = 200
MAX_DEPTH = 12
MAX_VALUE_CHARS = 600
"""Longest value, pattern or needle: above the longest `type/id` of a target."""


MAX_STARS = 4
"""Each further star may cost a matcher that goes back another factor of the text's length."""


class Equals(Struct, frozen=True, tag=True):
    """The field holds exactly this value (for a list field: one of its values does).

    Fields of kind `folded` compare as `vitne.core.values.text.fold_text` has them.
    """

    field: str
    value: str


class Like(Struct, frozen=True, tag=True):
    r"""The field matches a pattern: `*` is any run of characters, `\*` a star, `\\` a backslash."""

    field: str
    pattern: str


class Between(Struct, frozen=True, tag=True):
    """low <= field < high, for the integer fields; None is unbounded."""

    field: str
    low: int | None
    high: int | None


class Text(Struct, frozen=True, tag=True):
    """The needle occurs in any value of the record, folded for case and accents."""

    needle: str


class Not(Struct, frozen=True, tag=True):
    """The inner filter does not match."""

    inner: "Filter"


class And(Struct, frozen=True, tag=True):
    """All match; an empty one matches everything."""

    all: tuple["Filter", ...]


class Or(Struct, frozen=True, tag=True):
    """At least one matches; an empty one matches nothing."""

    any: tuple["Filter", ...]


Filter = Equals | Like | Between | Text | Not | And | Or

EVERYTHING = And(())


def filter_leaves(where: Filter) -> Iterator[Equals | Like | Between | Text]:
    """Every leaf, left to right."""
    match where:
        case Not(inner):
            yield from filter_leaves(inner)
        case And(inner) | Or(inner):
            for each in inner:
                yield from filter_leaves(each)
        case _:
            yield where


def check_filter(where: Filter) -> None:
    """Refuse a filter that no evaluator can run, whoever built it.

    Raises:
        FilterSyntaxError: an unknown field, or one of the wrong kind.
        TooLargeError: too many nodes, nested too deep, or a value too long.
    """
    if _count(where, MAX_DEPTH) > MAX_NODES:
        raise TooLargeError(f"a filter has at most {MAX_NODES} parts")
    for leaf in filter_leaves(where):
        value = ""
        match leaf:
            case Equals(name, value) | Like(name, value):
                text_field(name)
            case Between(name):
                int_field(name)
                continue
            case Text(value):
                if SEPARATOR in value:
                    raise FilterSyntaxError("a control character in the text")
        if isinstance(leaf, Like) and len(pattern_parts(value)) > MAX_STARS + 1:
            raise TooLargeError(f"a pattern has at most {MAX_STARS} stars")
        if len(value) > MAX_VALUE_CHARS:
            raise TooLargeError(f"a value has at most {MAX_VALUE_CHARS} characters")


def _count(where: Filter, depth: int) -> int:
    if depth == 0:
        raise TooLargeError(f"a filter is nested at most {MAX_DEPTH} deep")
    match where:
        case Not(inner):
            return 1 + _count(inner, depth - 1)
        case And(inner) | Or(inner):
            return 1 + sum(_count(each, depth - 1) for each in inner)
        case _:
            return 1


def simplify_filter(where: Filter) -> Filter:
    """The same filter in its one plain form: without nesting that says nothing.

    And in And and Or in Or are joined, groups of one are opened, `Not(Not(x))` is x, and the
    empty Or is `Not` of everything.
    """
    match where:
        case Not(inner):
            plain = simplify_filter(inner)
            return plain.inner if isinstance(plain, Not) else Not(plain)
        case And(inner):
            parts: list[Filter] = []
            for each in map(simplify_filter, inner):
                parts += each.all if isinstance(each, And) else [each]
            return parts[0] if len(parts) == 1 else And(tuple(parts))
        case Or(inner):
            parts = []
            for each in map(simplify_filter, inner):
                parts += each.any if isinstance(each, Or) else [each]
            if not parts:
                return Not(EVERYTHING)
            return parts[0] if len(parts) == 1 else Or(tuple(parts))
        case Like(name, pattern):
            texts = pattern_parts(pattern)
            inside = [text for text in texts[1:-1] if text]
            ends = [texts[0], *inside, texts[-1]] if len(texts) > 1 else texts
            return Like(name, pattern_of(ends))
        case _:
            return where


def fits_pattern(text: str, parts: Sequence[str]) -> bool:
    """Whether a text has these parts in order, the first at its start and the last at its end."""
    first, *inner, last = parts if len(parts) > 1 else (parts[0], "")
    if len(parts) == 1:
        return text == first
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at = len(first)
    for part in inner:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def pattern_parts(pattern: str) -> list[str]:
    """The literal texts of a pattern, between its stars: `a*b` is `["a", "b"]`."""
    parts, part, chars = [], "", iter(pattern)
    for char in chars:
        if char == "*":
            parts.append(part)
            part = ""
        else:
            part += next(chars, "\\") if char == "\\" else char
    return [*parts, part]


def pattern_of(parts: list[str]) -> str:
    """The pattern with these literal texts between its stars."""
    return "*".join(part.replace("\\", "\\\\").replace("*", "\\*") for part in parts)
