"""The filter language: text to AST, and `matches`, the reference of all evaluators."""

from msgspec import Struct


class Equals(Struct, frozen=True, tag=True):
    """The field holds exactly this value (for a list field: one of its values does)."""

    field: str
    value: str


class Like(Struct, frozen=True, tag=True):
    """The field matches a pattern in which `*` stands for any run of characters."""

    field: str
    pattern: str


class Between(Struct, frozen=True, tag=True):
    """low <= field < high, for the integer fields; None is unbounded."""

    field: str
    low: int | None
    high: int | None


class Text(Struct, frozen=True, tag=True):
    """The needle occurs in any text of the record, folded for case and accents."""

    needle: str


class Not(Struct, frozen=True, tag=True):
    """The inner filter does not match."""

    inner: "Filter"


class And(Struct, frozen=True, tag=True):
    """All match; an empty one matches everything."""

    all: tuple["Filter", ...]


class Or(Struct, frozen=True, tag=True):
    """At least one matches."""

    any: tuple["Filter", ...]


Filter = Equals | Like | Between | Text | Not | And | Or
