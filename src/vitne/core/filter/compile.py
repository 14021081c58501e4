"""From a filter to an SQL condition: the walk over its nodes, which every dialect shares (pure).

A dialect says how one leaf is tested; the walk joins the tests and collects the values of their
`?` in order. Everything that a person typed is such a value: the texts come from the dialect alone.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from vitne.core.filter.fields import Field, int_field, text_field
from vitne.core.filter.nodes import (
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    check_filter,
    pattern_parts,
)
from vitne.core.values import fold_text

Value = str | int | bytes

_INT64 = 2**63 - 1


class Condition(NamedTuple):
    """An SQL expression, the values of its `?` in order, and whether it finds only matches."""

    sql: str
    params: tuple[Value, ...] = ()
    exact: bool = True


class Dialect(NamedTuple):
    """How one database tests the leaves of a filter."""

    true: str
    false: str
    numbers: Mapping[str, str]
    """Integer field → its expression."""
    text: Callable[[str], Condition]
    """Whether a folded text occurs anywhere in the record."""
    equals: Callable[[Field, str], Condition]
    like: Callable[[Field, list[str]], Condition]
    """Whether a field matches a pattern, given as `pattern_parts` has it."""


def compile_filter(where: Filter, dialect: Dialect) -> Condition:
    """The condition that finds what `core.filter.matches` finds, or more where it is not exact.

    Raises:
        FilterSyntaxError: an unknown field, or one of the wrong kind.
        TooLargeError: the filter is too large.
    """
    check_filter(where)
    return _condition(where, dialect)


def _condition(where: Filter, dialect: Dialect) -> Condition:  # noqa: PLR0911 - one per kind of node
    match where:
        case And(inner):
            return _join(" AND ", [_condition(each, dialect) for each in inner], dialect.true)
        case Or(inner):
            return _join(" OR ", [_condition(each, dialect) for each in inner], dialect.false)
        case Not(inner):
            inside = _condition(inner, dialect)
            if not inside.exact:
                return Condition(dialect.true, exact=False)
            # A part that is gone is null to SQL; in the language it does not match.
            return Condition(f"NOT coalesce({inside.sql}, {dialect.false})", inside.params)
        case Between(name, low, high):
            return _between(dialect, int_field(name).name, low, high)
        case Text(needle):
            return dialect.text(fold_text(needle))
        case Equals(name, value):
            return dialect.equals(text_field(name), value)
        case Like(name, pattern):
            return dialect.like(text_field(name), pattern_parts(pattern))


def _join(word: str, inner: list[Condition], empty: str) -> Condition:
    if not inner:
        return Condition(empty)
    return Condition(
        f"({word.join(each.sql for each in inner)})",
        tuple(value for each in inner for value in each.params),
        all(each.exact for each in inner),
    )


def _between(dialect: Dialect, name: str, low: int | None, high: int | None) -> Condition:
    column = dialect.numbers[name]
    bounds = [(bound, test) for bound, test in ((low, ">="), (high, "<")) if bound is not None]
    return _join(
        " AND ",
        [
            Condition(f"{column} {test} ?", (min(max(bound, -_INT64), _INT64),))
            for bound, test in bounds
        ],
        dialect.true,
    )
