"""Expressions of a mapping: a field or a template, and what is done to its text."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from vitne.formats.mapped import clip_text, snake_case

Form = Literal["text", "lower", "upper", "snake"]


class Expression(Struct, frozen=True, forbid_unknown_fields=True):
    """One value of an event, made from fields of a record."""

    from_: str | list[str] = msgspec.field(name="from", default="")
    template: str = ""
    default: str = ""
    skip: list[str] = []
    map: dict[str, str] = {}
    form: Form = "text"
    most: Annotated[int, Meta(ge=1)] = 0


class RecordFields:
    """A record, and which of its fields were read."""

    def __init__(self, record: Mapping[str, object]) -> None:
        self._record = record
        self.read: set[str] = set()

    def get(self, path: str | list[str]) -> object:
        """The value at a path: one step an item; or a name, or else a dotted path."""
        whole = isinstance(path, str) and path in self._record
        steps = [str(path)] if whole else path.split(".") if isinstance(path, str) else path
        self.read.add(".".join(steps))
        value: object = self._record
        for step in steps:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value


def read_field(fields: RecordFields, path: str | list[str]) -> str:
    """A field as text; `""` if it is absent, null, or no scalar."""
    value = fields.get(path)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


_FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "text": lambda text: text,
    "lower": str.lower,
    "upper": str.upper,
    "snake": snake_case,
}
_PLACE = re.compile(r"\{([^{}|]+)(?:\|(\w+))?\}")


def evaluate_expression(expression: Expression, fields: RecordFields) -> str | None:
    """The text of an expression; `""` leaves the member out.

    Returns:
        None if `map` has no entry for the value and there is no `default`.
    """
    if expression.template:
        text = _fill(expression.template, fields)
    else:
        text = read_field(fields, expression.from_)
    if text in expression.skip:
        text = ""
    if expression.map and text:
        mapped = expression.map.get(text)
        if mapped is None:
            return expression.default or None
        return mapped
    text = _FORMS[expression.form](text) or expression.default
    return clip_text(text, expression.most) if expression.most else text


def _fill(template: str, fields: RecordFields) -> str:
    """The template with its fields; `""` if one of them is absent or empty."""
    lacking = False

    def put(match: re.Match[str]) -> str:
        nonlocal lacking
        value = read_field(fields, match[1])
        lacking = lacking or not value
        return _FORMS.get(match[2] or "text", _FORMS["text"])(value)

    made = _PLACE.sub(put, template)
    return "" if lacking else made
