"""Whether a filter finds a record: the reference, with which SQL and DuckDB must agree.

The nodes are in `vitne.core.filter.nodes`, the grammar in `vitne.core.filter.syntax`.
"""

from collections.abc import Callable

from vitne.core.filter.fields import SearchedRecord, int_field, text_field
from vitne.core.filter.nodes import (
    EVERYTHING,
    And,
    Between,
    Equals,
    Filter,
    Like,
    Not,
    Or,
    Text,
    fits_pattern,
    pattern_parts,
)
from vitne.core.filter.search_text import text_found
from vitne.core.values import Record, fold_text

Test = Callable[[SearchedRecord], bool]


def filter_predicate(where: Filter | None) -> Callable[[Record], bool]:
    """Whether a filter finds a record; None finds every event. Control entries are never found.

    Raises:
        FilterSyntaxError: the filter names an unknown field, or one of the wrong kind.
    """
    test = _test(EVERYTHING if where is None else where)
    return lambda record: bool(record.event_id) and test(SearchedRecord(record))


def _test(where: Filter) -> Test:  # noqa: PLR0911 - one per kind of node
    match where:
        case Equals(name, value):
            return _equals(name, value)
        case Like(name, pattern):
            return _like(name, pattern)
        case Between(name, low, high):
            return _between(name, low, high)
        case Text(needle):
            folded = fold_text(needle)
            return lambda reading: text_found(folded, reading.record.parts)
        case Not(inner):
            inside = _test(inner)
            return lambda reading: not inside(reading)
        case And(inner):
            every = [_test(each) for each in inner]
            return lambda reading: all(test(reading) for test in every)
        case Or(inner):
            some = [_test(each) for each in inner]
            return lambda reading: any(test(reading) for test in some)


def _equals(name: str, value: str) -> Test:
    of = text_field(name)
    if of.kind == "folded":
        folded = fold_text(value)
        return lambda reading: any(fold_text(text) == folded for text in reading.texts(of))
    return lambda reading: value in reading.texts(of)


def _like(name: str, pattern: str) -> Test:
    of = text_field(name)
    parts = pattern_parts(pattern)
    if of.kind == "folded":
        parts = [fold_text(part) for part in parts]
        return lambda reading: any(
            fits_pattern(fold_text(text), parts) for text in reading.texts(of)
        )
    return lambda reading: any(fits_pattern(text, parts) for text in reading.texts(of))


def _between(name: str, low: int | None, high: int | None) -> Test:
    of = int_field(name)
    return lambda reading: (
        (low is None or low <= reading.number(of)) and (high is None or reading.number(of) < high)
    )
