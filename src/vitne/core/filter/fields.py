"""The searchable fields: one table, and how each is read from a record.

Every evaluator of the filter language (memory, SQL over hot rows, DuckDB over segments) and every
help text goes by this table, so a field means the same everywhere. A field has *texts*: none, one,
or several (a list field). Values of another JSON type than text have none.

Where a field lives:

- `record`: a column of the row itself (ids, times, and the facets derived at intake);
- `core`, `core_record`: a path into that JSON part, `*` stepping through a list;
- `person`: the same path, but the part is flat and keyed by JSON Pointer (event-schema §3.4), so
  `("targets", "*", "name")` is every member whose name starts with `/targets/` and ends in `/name`.

A field is visible to a reader who may see its `section`. Readers without a section get records
whose parts of that section are None, and such parts have no texts: nothing else is needed here.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, cast

import msgspec
from msgspec import Struct

from vitne.core.values import JsonObject, Record, Section, uuid_text
from vitne.errors import FilterSyntaxError

Kind = Literal["text", "folded", "int"]
Part = Literal["record", "core", "core_record", "person"]


class Field(Struct, frozen=True):
    """One searchable field."""

    name: str
    kind: Kind
    """`text` compares exactly; `folded` ignores case and accents; `int` has ranges only."""
    part: Part
    path: tuple[str, ...]
    """Steps from the top of the part; for `record` the one name of the column."""
    help: str
    aliases: tuple[str, ...] = ()
    facet: bool = True
    """Whether counting its values makes sense (not for ids that never repeat)."""
    choices: tuple[str, ...] = ()
    """Every value of a closed list; empty for open fields."""

    @property
    def section(self) -> Section:
        """The section that a reader must be allowed to see."""
        return "person" if self.part == "person" else "core"

    @property
    def many(self) -> bool:
        """Whether one event may have several texts of it."""
        return "*" in self.path or self.name == "target"

    @property
    def pointer(self) -> str:
        """The path as a JSON Pointer, `*` for a list's steps."""
        return "".join(f"/{step}" for step in self.path)


def _text(name: str, path: str, text: str, *aliases: str, facet: bool = True) -> Field:
    return Field(name, "text", "core", tuple(path.split("/")), text, aliases, facet)


def _list(name: str, path: str, choices: str, *aliases: str, part: Part = "core") -> Field:
    known = tuple(choices.split())
    text = f"{', '.join(known[:-1])} or {known[-1]}."
    return Field(name, "text", part, tuple(path.split("/")), text, aliases, choices=known)


def _person(name: str, path: str, text: str, *, kind: Kind = "folded") -> Field:
    return Field(name, kind, "person", tuple(path.split("/")), text, facet=kind == "text")


def _row(name: str, text: str, *aliases: str, kind: Kind = "text", facet: bool = True) -> Field:
    return Field(name, kind, "record", (name,), text, aliases, facet and kind == "text")


_CATEGORIES = """view search export import create update delete execute approve share
    authenticate authorize configure impersonate audit system"""

FIELDS: Final[tuple[Field, ...]] = (
    _row("type", "Event type, such as crm.customer.viewed or crm.*."),
    _list("category", "category", _CATEGORIES),
    _list("outcome", "outcome", "succeeded denied failed partial unknown", "result", part="record"),
    _text("code", "outcome/code", "Why it did not succeed, as a code."),
    _row("actor", "Id of the person or thing that acted.", "who", "actor.id"),
    _list("actor.type", "actor/type", "user service system agent anonymous"),
    _person("actor.name", "actor/name", "Name of the actor, as it was then."),
    _person("actor.email", "actor/email", "E-mail address of the actor, as it was then."),
    _text("actor.role", "actor/roles/*", "A role that the actor had."),
    _list("party", "actor/party", "tenant vendor partner consumer", "actor.party"),
    _text("issuer", "actor/issuer", "Who vouches for the actor's id.", "actor.issuer"),
    _text("unit", "actor/unit", "Organisational unit of the actor.", "actor.unit"),
    _list(
        "attribution",
        "actor/attribution",
        "token session ticket checkout inferred asserted none",
    ),
    _text("behalf", "on_behalf_of/id", "Id of the one whose rights were used.", "on_behalf_of"),
    _row("target", "What was acted on: type/id, or an id of any type.", "on"),
    _text("target.type", "targets/*/type", "Type of a target, such as customer."),
    _person("target.name", "targets/*/name", "Name of a target, as it was then."),
    _list("target.role", "targets/*/role", "subject object parent recipient related"),
    _list("exposure", "targets/*/exposure", "none existence summary full exported"),
    _list("role", "observed/role", "primary backstop part", "observed.role"),
    _text("purpose", "purpose/code", "Stated purpose, as a code."),
    _text("reference", "purpose/reference", "Case or ticket that the purpose names."),
    _text("app", "source/application", "Application that reported it.", "application"),
    _text("service", "source/service", "Service that reported it."),
    _list("env", "source/environment", "prod staging test dev", "environment"),
    _text("action", "correlation/action_id", "Id of the user's action.", "action_id", facet=False),
    _text("trace", "correlation/trace_id", "Trace id, 32 hex digits.", "trace_id", facet=False),
    _text("request", "correlation/request_id", "Request id.", "request_id", facet=False),
    _text("stream", "stream/id", "The sender's stream."),
    _text("session", "actor/auth/session_ref", "Keyed hash of the session."),
    _person("ip", "client/ip", "Address of the client.", kind="text"),
    _text("site", "client/site", "Shop, till or office."),
    _list("severity", "severity", "info notice warning critical"),
    _list("status", "status", "accepted quarantined", part="core_record"),
    Field("warning", "text", "core_record", ("warnings", "*"), "Warning given at intake."),
    _row("id", "Id of the event.", "event", facet=False),
    _row("occurred", "When it happened, as the sender says.", "occurred_at", kind="int"),
    _row("recorded", "When the log recorded it.", "recorded_at", kind="int"),
    _row("index", "Position in the log.", kind="int"),
)

_BY_NAME: Final = {name: f for f in FIELDS for name in (f.name, *f.aliases)}
FIELD_NAMES: Final[tuple[str, ...]] = tuple(sorted(_BY_NAME))
"""Every name and alias, for suggestions."""


def find_field(name: str) -> Field:
    """The field of a name or an alias.

    Raises:
        FilterSyntaxError: there is no such field.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise FilterSyntaxError(f"there is no field {name!r}", where=name)
    return found


def text_field(name: str) -> Field:
    """The field of a name, which must have texts. Raises `FilterSyntaxError`."""
    found = find_field(name)
    if found.kind == "int":
        raise FilterSyntaxError(f"field {found.name!r} is a number: give a range", where=name)
    return found


def int_field(name: str) -> Field:
    """The field of a name, which must be a number. Raises `FilterSyntaxError`."""
    found = find_field(name)
    if found.kind != "int":
        raise FilterSyntaxError(f"field {found.name!r} is a text: it has no range", where=name)
    return found


# ---------------------------------------------------------------- reading a record

CORE_FIELDS: Final = tuple(f for f in FIELDS if f.part == "core")


def _head(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path up to its list, if it has one."""
    return path[: path.index("*")] if "*" in path else path


def _struct(name: str, paths: set[tuple[str, ...]]) -> type[Struct]:
    """A struct that decodes just these paths out of a JSON object; what lacks is None."""
    fields: list[tuple[str, type, Any]] = []  # the default of its type
    for step in sorted({path[0] for path in paths}):
        inner = {path[1:] for path in paths if path[0] == step and len(path) > 1}
        kind = _struct(f"{name}_{step}", inner) if inner else None
        fields.append((step, kind, kind()) if kind else (step, cast("type", Any), None))  # any JSON
    return msgspec.defstruct(name, fields, frozen=True)


_CORE_PLACE: Final = {f.name: place for place, f in enumerate(CORE_FIELDS)}
_JSON: Final = msgspec.json.Decoder()


def _walk(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON value
    """The value at the end of a path without `*`; None if there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _object(part: bytes | None) -> JsonObject:
    value = _JSON.decode(part) if part else {}
    return value if isinstance(value, dict) else {}


def core_reader(fields: Sequence[Field]) -> Callable[[bytes | None], tuple[Any, ...]]:  # any JSON
    """A function from a core part to the JSON values of some of its fields (two at least).

    Values are in the order of the fields, None where there is none; a list field gives its whole
    list. One pass in C over well-formed parts. A part with another shape (a text where an object
    should be) is walked in Python, to the same result.
    """
    heads = [_head(of.path) for of in fields]
    decode = msgspec.json.Decoder(_struct("Core", set(heads))).decode
    pick = cast("Callable[[Any], tuple[Any, ...]]", attrgetter(*map(".".join, heads)))

    def read(core: bytes | None) -> tuple[Any, ...]:  # any JSON
        try:
            return pick(decode(core or b"{}"))
        except msgspec.ValidationError:
            value = _object(core)
            return tuple(_walk(value, head) for head in heads)

    return read


core_values: Final = core_reader(CORE_FIELDS)
"""The values of all `CORE_FIELDS`, in that order."""


def texts_at(value: Any, path: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ANN401 - any JSON
    """The texts of a field, given what stands at its path up to the list."""
    if "*" not in path:
        return (value,) if isinstance(value, str) else ()
    if not isinstance(value, list):
        return ()
    rest = path[path.index("*") + 1 :]
    found = (_walk(item, rest) for item in value) if rest else iter(value)
    return tuple(text for text in found if isinstance(text, str))


def pointer_texts(part: JsonObject, path: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a field in a flat part that is keyed by JSON Pointer."""
    if "*" not in path:
        value = part.get("".join(f"/{step}" for step in path))
        return (value,) if isinstance(value, str) else ()
    start, end = pointer_ends(path)
    shortest = len(start) + len(end)
    return tuple(
        value
        for name, value in part.items()
        if len(name) >= shortest
        and name.startswith(start)
        and name.endswith(end)
        and isinstance(value, str)
    )


def pointer_ends(path: tuple[str, ...]) -> tuple[str, str]:
    """How the member names of a list field start and end: `/targets/`, `/name`."""
    at = path.index("*")
    start, end = path[:at], path[at + 1 :]
    return "".join(f"/{s}" for s in start) + "/", "".join(f"/{s}" for s in end)


def target_texts(targets: str) -> tuple[str, ...]:
    """`type/id` of every target of `Facets.targets`."""
    return tuple(targets[1:-1].split("\n")) if targets else ()


class SearchedRecord:
    """One record under search: its parts are decoded once, and only when a field needs them."""

    __slots__ = ("_core", "_core_record", "_person", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self._core: tuple[Any, ...] | None = None  # any JSON
        self._person: JsonObject | None = None
        self._core_record: JsonObject | None = None

    def values(self, of: Field) -> Sequence[str]:
        """The texts of a field as one would list and count them."""
        match of.part:
            case "record":
                return self._row(of.name)
            case "core":
                if self._core is None:
                    self._core = core_values(self.record.parts.core)
                return texts_at(self._core[_CORE_PLACE[of.name]], of.path)
            case "core_record":
                if self._core_record is None:
                    self._core_record = _object(self.record.parts.core_record)
                return texts_at(_walk(self._core_record, _head(of.path)), of.path)
            case "person":
                if self._person is None:
                    self._person = _object(self.record.parts.person)
                return pointer_texts(self._person, of.path)

    def texts(self, of: Field) -> Sequence[str]:
        """The texts that a filter compares: for `target` also each id without its type."""
        values = self.values(of)
        if of.name != "target":
            return values
        return (*values, *(value.partition("/")[2] for value in values))

    def number(self, of: Field) -> int:
        """The value of an integer field: microseconds, or the index."""
        match of.name:
            case "occurred":
                return self.record.facets.occurred_us
            case "recorded":
                return self.record.recorded_us
            case _:
                return self.record.index

    def _row(self, name: str) -> Sequence[str]:
        facets = self.record.facets
        match name:
            case "target":
                return target_texts(facets.targets)
            case "id":
                return (uuid_text(self.record.event_id),) if self.record.event_id else ()
            case "type":
                value = facets.type
            case "actor":
                value = facets.actor
            case _:
                value = facets.outcome
        return (value,) if value else ()
