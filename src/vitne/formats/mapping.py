"""Mapping documents: how records of a log that Vitne does not know become events.

A mapping is TOML, so that it can be reviewed like code. `formats/mappings/example.toml` explains
every part by example. In short, a value of `[event]` is a constant (text, number, true) or an
expression:

    { from = "user.name" }                       a field, by dotted path
    { from = ["a.b", "c d"] }                    the same, for names with dots: one step an item
    { template = "work.{concept:name}", form = "snake" }
    { from = "result", map = { OK = "succeeded" }, default = "failed" }

with `default` (if the field is absent or empty), `skip` (values that are as good as absent),
`map`, `form` (`lower`, `upper`, `snake`, `text`) and `most` (characters; longer is cut with `…`).
A member without a value is left out, and an object of a list that lacks its `id` is left out too.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from vitne.core.event.event import Problem
from vitne.errors import ConfigurationError
from vitne.formats.mapped import (
    Mapped,
    clip_text,
    epoch_time,
    event_id,
    leaf_paths,
    pattern_time,
    refused_record,
    snake_case,
    utc_time,
    without_empty,
    wrong_type,
)

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


Path = str | list[str]


class IdRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Which field is a record's own id."""

    from_: Path = msgspec.field(name="from")


class TimeRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how a record says when it happened."""

    from_: Path = msgspec.field(name="from")
    form: str = "iso"
    """`iso`, `epoch_s`, `epoch_ms`, or a strptime pattern that holds a `%`."""
    offset: str = ""
    """Like `+01:00`: for times without one; without it such times are refused."""


class SourceRule(Struct, frozen=True, forbid_unknown_fields=True):
    """The foreign source: it goes into ids, so it never changes."""

    application: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]
    service: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,63}\Z")]


class MappingDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    mapping: Literal[1]
    source: SourceRule
    time: TimeRule
    event: dict[str, object]
    id: IdRule | None = None
    ignore: list[str] = []
    """Fields, as in reports, that are left to the original on purpose."""
    describe: str = ""


_EXPRESSION_KEYS: Final = frozenset(Expression.__struct_encode_fields__)
_UNITS_S: Final = {"epoch_s": 1.0, "epoch_ms": 0.001}
_OWNED: Final = frozenset({"id", "occurred_at", "clock", "source"})


class RecordMapping:
    """A mapping document, ready for use."""

    def __init__(self, document: MappingDocument, event: Mapping[str, object]) -> None:
        self._document = document
        self._event = event
        self.source_id = f"{document.source.application}/{document.source.service}"

    def apply(self, record: object, raw: str, fallback_id: str) -> Mapped:
        """One foreign record as an event.

        Args:
            record: the parsed record.
            raw: its text, exactly as it stood in the file.
            fallback_id: used as the record's own id, if the mapping names none.
        """
        if not isinstance(record, Mapping):
            return wrong_type(raw, "an object", record)
        fields = RecordFields(record)
        occurred_at = self._time(fields)
        if occurred_at is None:
            expected = f"a time of form {self._document.time.form}"
            return refused_record(raw, "bad_format", "$.occurred_at", expected)
        own = self._document.id
        original_id = read_field(fields, own.from_) if own is not None else fallback_id
        if not original_id:
            return refused_record(raw, "missing", "$.id", "the record's own id")
        problems: list[Problem] = []
        event = _filled(self._event, fields, "$", problems)
        made = {
            "id": event_id(self.source_id, original_id),
            "occurred_at": occurred_at,
            "clock": {"sync": "unknown"},
            **(event if isinstance(event, dict) else {}),
        }
        source = {
            "application": self._document.source.application,
            "service": self._document.source.service,
            "environment": "prod",
            "deployment": "customer_hosted",
        }
        given = made.get("source")
        made["source"] = source | (given if isinstance(given, dict) else {})
        ignored = {*self._document.ignore, *fields.read}
        leaves = leaf_paths(record)
        unmapped = tuple(leaf for leaf in leaves if leaf.replace("[]", "") not in ignored)
        if problems:
            return Mapped(None, raw, unmapped, tuple(problems))
        return Mapped(without_empty(made), raw, unmapped)

    def _time(self, fields: RecordFields) -> str | None:
        rule = self._document.time
        text = read_field(fields, rule.from_)
        if rule.form == "iso":
            return utc_time(text, rule.offset)
        if rule.form in _UNITS_S:
            return epoch_time(text, _UNITS_S[rule.form])
        return pattern_time(text, rule.form, rule.offset)


def read_mapping(data: bytes, where: str) -> RecordMapping:
    """The rule of a mapping file.

    Args:
        data: the file.
        where: its name, for errors.

    Raises:
        ConfigurationError: no TOML, or not of the form; says what and where.
    """
    try:
        document = msgspec.convert(tomllib.loads(data.decode()), MappingDocument)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"the mapping is not valid: {error}", where=where) from error
    form = document.time.form
    if form != "iso" and form not in _UNITS_S and "%" not in form:
        raise ConfigurationError(
            f"time.form is iso, epoch_s, epoch_ms or a pattern, not {form!r}", where=where
        )
    owned = _OWNED.intersection(document.event) - {"source"}
    if owned:
        raise ConfigurationError(
            f"event.{min(owned)} is made from [id] and [time], not from [event]", where=where
        )
    try:
        event = _prepared(document.event, "event")
    except msgspec.ValidationError as error:
        raise ConfigurationError(str(error), where=where) from error
    return RecordMapping(document, event)


def _prepared(value: Mapping[str, object], path: str) -> dict[str, object]:
    """The event part with its expressions as such."""
    return {name: _prepare(member, f"{path}.{name}") for name, member in value.items()}


def _prepare(value: object, path: str) -> object:
    if isinstance(value, dict):
        if _EXPRESSION_KEYS.issuperset(value) and ("from" in value or "template" in value):
            try:
                return msgspec.convert(value, Expression)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{path}: {error}") from error
        return _prepared(value, path)
    if isinstance(value, list):
        return [_prepare(item, f"{path}[{at}]") for at, item in enumerate(value)]
    return value


def _filled(part: object, fields: RecordFields, path: str, problems: list[Problem]) -> object:
    if isinstance(part, Expression):
        value = evaluate_expression(part, fields)
        if value is None:
            problems.append(Problem("not_in_list", path, "a value that the mapping knows"))
        return value
    if isinstance(part, Mapping):
        return {n: _filled(m, fields, f"{path}.{n}", problems) for n, m in part.items()}
    if isinstance(part, list):
        made = [_filled(m, fields, f"{path}[{at}]", problems) for at, m in enumerate(part)]
        return [m for m in made if not (isinstance(m, dict) and m.get("id") == "")]
    return part
