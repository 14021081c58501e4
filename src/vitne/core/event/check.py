"""The slow, complete way through an event: every fault of form, each with its JSON path.

`core.event.validate` comes here when an event does not decode straight into the types of
`core.event.schema`. The types themselves are walked, so both ways know the same rules. What is at
fault is left out of the result, and prose is cleaned, so the rest can be checked further.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec.inspect as types

from vitne.core.event.event import Problem
from vitne.core.event.schema import Event
from vitne.core.values import MAX_DEPTH, Json, json_faults, text

_SHOWN_VALUE: Final = 64
_EVENT = types.type_info(Event)


class Checked:
    """What the walk found out about one event."""

    def __init__(self, *, newer_minor: bool) -> None:
        self.newer_minor = newer_minor
        self.problems: list[Problem] = []
        self.value: dict[str, Json] = {}
        """The event without what is at fault, without nulls and empty parents, prose cleaned."""
        self.unknown: dict[str, Json] = {}
        """Members of a newer minor version, by JSON Pointer."""
        self.cleaned = False
        """Whether prose had to be cleaned."""

    def report(self, code: str, path: str, expected: str, got: str) -> None:
        """Note one fault."""
        self.problems.append(Problem(code, path, expected, got))


class _Gone:
    """Stands for a value that was at fault or empty."""


_GONE = _Gone()
_Value = object


def check_form(value: object, *, newer_minor: bool) -> Checked:
    """Walk a parsed JSON value as an event.

    Args:
        value: what a JSON parser gave.
        newer_minor: the event says that it is of a newer minor version: unknown members are kept.
    """
    checked = Checked(newer_minor=newer_minor)
    if not isinstance(value, dict):
        checked.report("wrong_type", "$", "an object", describe_problems(value))
        return checked
    deep = next((f for f in json_faults(value, text=False) if f.code == "too_large"), None)
    if deep is not None:
        checked.report("too_large", "$", f"nesting of at most {MAX_DEPTH} levels", "deeper")
        return checked
    found = _walk_object(_EVENT, value, "$", checked)
    checked.value = found if isinstance(found, dict) else {}
    return checked


def describe_problems(value: object) -> str:
    """Type and length of a JSON value, never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return f"string of {len(value)} characters"
    if isinstance(value, list):
        return f"array of {len(value)}"
    if isinstance(value, dict):
        return "object"
    return "integer" if isinstance(value, int) else "float"


def _walk(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    """The value as it may stand, or `_GONE`; faults are reported."""
    if isinstance(node, types.Metadata):
        extra = node.extra or {}
        if extra.get("text") and isinstance(value, str):
            value = _clean(value, multiline=extra["text"] == "lines", out=out)
            return _walk_string(node.type, value, path, out, prose=True)
        return _walk(node.type, value, path, out)
    if isinstance(node, types.UnionType):
        return _walk_union(node, value, path, out)
    if isinstance(value, float):
        out.report("float", path, "an integer, or a decimal number in a string", "float")
        return _GONE
    walk = _WALKS.get(type(node))
    if walk is None:  # pragma: no cover  # the types of the schema are all listed
        return value
    return walk(node, value, path, out)


def _walk_union(node: types.UnionType, value: _Value, path: str, out: Checked) -> _Value:
    choices = [t for t in node.types if not isinstance(t, types.NoneType)]
    for choice in choices:
        if type(value) is _PYTHON.get(_bare(choice)):
            return _walk(choice, value, path, out)
    if isinstance(value, float):
        out.report("float", path, "an integer, or a decimal number in a string", "float")
    else:
        expected = " or ".join(expectation(choice) for choice in choices)
        out.report("wrong_type", path, expected, describe_problems(value))
    return _GONE


def _walk_object(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if not isinstance(node, types.StructType) or not isinstance(value, dict):
        return _wrong_type(node, value, path, out)
    known = _members(node.cls)
    found: dict[str, _Value] = {}
    for name, member in value.items():
        field = known.get(name)
        if field is None:
            _unknown(name, member, path, out)
        elif not _is_nothing(member):
            walked = _walk(field.type, member, f"{path}.{name}", out)
            if walked is not _GONE:
                found[name] = walked
    whole = True
    for name, field in known.items():
        if field.required and name not in found:
            whole = False
            if _is_nothing(value.get(name)):
                out.report("missing", f"{path}.{name}", expectation(field.type), "nothing")
    return found if found and whole else _GONE


def _walk_list(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if not isinstance(node, types.ListType) or not isinstance(value, list):
        return _wrong_type(node, value, path, out)
    most = node.max_length
    if most is not None and len(value) > most:
        out.report("too_many", path, f"at most {most}", str(len(value)))
    found = []
    for at, item in enumerate(value[:most]):
        if _is_nothing(item):
            _wrong_type(node.item_type, item, f"{path}[{at}]", out)
            continue
        walked = _walk(node.item_type, item, f"{path}[{at}]", out)
        if walked is not _GONE:
            found.append(walked)
    return found or _GONE


def _walk_dict(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if not isinstance(node, types.DictType) or not isinstance(value, dict):
        return _wrong_type(node, value, path, out)
    if node.max_length is not None and len(value) > node.max_length:
        out.report("too_many", path, f"at most {node.max_length} members", str(len(value)))
        return _GONE
    pattern = node.key_type.pattern if isinstance(node.key_type, types.StrType) else None
    found: dict[str, _Value] = {}
    for at, (name, member) in enumerate(value.items()):
        if pattern is not None and not re.search(pattern, name):
            place = f"{path}.{name}" if is_plain_name(name) else f"{path}[name {at}]"
            out.report("bad_key", place, "a name of [a-z0-9_]{1,48}", "another name")
        elif not _is_nothing(member):
            walked = _walk(node.value_type, member, f"{path}.{name}", out)
            if walked is not _GONE:
                found[name] = walked
    return found or _GONE


def _walk_string(
    node: types.Type, value: _Value, path: str, out: Checked, *, prose: bool = False
) -> _Value:
    if not isinstance(node, types.StrType) or not isinstance(value, str):
        return _wrong_type(node, value, path, out)
    if not prose and text.has_forbidden(value):
        out.report("control_character", path, "no control characters", describe_problems(value))
    elif node.max_length is not None and len(value) > node.max_length:
        out.report("too_long", path, expectation(node), describe_problems(value))
    elif (node.min_length is not None and len(value) < node.min_length) or (
        node.pattern is not None and not re.search(node.pattern, value)
    ):
        out.report("bad_format", path, expectation(node), describe_problems(value))
    elif not unicodedata.is_normalized("NFC", value):
        out.report("bad_format", path, "text in Unicode form NFC", describe_problems(value))
    else:
        return value
    return _GONE


def _walk_integer(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if not isinstance(node, types.IntType) or isinstance(value, bool) or not isinstance(value, int):
        return _wrong_type(node, value, path, out)
    low, high = node.ge, node.le
    if (low is not None and value < low) or (high is not None and value > high):
        got = str(value) if abs(value) < 10**20 else "a longer integer"
        out.report("out_of_range", path, expectation(node), got)
        return _GONE
    return value


def _walk_boolean(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if isinstance(value, bool):
        return value
    return _wrong_type(node, value, path, out)


def _walk_choice(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    if not isinstance(value, str):
        return _wrong_type(node, value, path, out)
    if isinstance(node, types.LiteralType) and value in node.values:
        return value
    is_shown = len(value) <= _SHOWN_VALUE and value.isprintable()
    shown = value if is_shown else describe_problems(value)
    out.report("not_in_list", path, expectation(node), shown)
    return _GONE


def _wrong_type(node: types.Type, value: _Value, path: str, out: Checked) -> _Value:
    out.report("wrong_type", path, expectation(node), describe_problems(value))
    return _GONE


_WALKS = {
    types.StructType: _walk_object,
    types.ListType: _walk_list,
    types.DictType: _walk_dict,
    types.StrType: _walk_string,
    types.IntType: _walk_integer,
    types.BoolType: _walk_boolean,
    types.LiteralType: _walk_choice,
}
_PYTHON: Mapping[type[types.Type], type] = {
    types.StructType: dict,
    types.ListType: list,
    types.DictType: dict,
    types.StrType: str,
    types.LiteralType: str,
    types.IntType: int,
    types.BoolType: bool,
}


def expectation(node: types.Type) -> str:
    """What a type of the schema expects, in words."""
    node = node.type if isinstance(node, types.Metadata) else node
    if isinstance(node, types.UnionType):
        return " or ".join(expectation(t) for t in node.types if not isinstance(t, types.NoneType))
    if isinstance(node, types.StrType):
        return _string_expectation(node)
    if isinstance(node, types.LiteralType):
        return f"one of {', '.join(str(value) for value in node.values)}"
    if isinstance(node, types.IntType):
        return f"integer, {node.ge} to {node.le}"
    return _NOUNS.get(type(node), "a value")


_NOUNS = {
    types.StructType: "an object",
    types.DictType: "an object",
    types.ListType: "an array",
    types.BoolType: "boolean",
}


def _string_expectation(node: types.StrType) -> str:
    if node.max_length is not None:
        form = f"string, {node.min_length or 0} to {node.max_length} characters"
    else:
        form = "string"
    return f"{form}, {node.pattern[1:-2]}" if node.pattern is not None else form


def _bare(node: types.Type) -> type[types.Type]:
    return type(node.type) if isinstance(node, types.Metadata) else type(node)


@lru_cache(maxsize=64)
def _members(cls: type) -> dict[str, types.Field]:
    info = types.type_info(cls)
    return {f.encode_name: f for f in info.fields} if isinstance(info, types.StructType) else {}


def _is_nothing(value: object) -> bool:
    """Nulls, empty objects and empty arrays are as good as absent."""
    return value in (None, {}, [])


def is_plain_name(name: str) -> bool:
    """Whether a member's name can be shown in a path as it is."""
    return name.isascii() and name.isprintable() and len(name) <= _SHOWN_VALUE


def _unknown(name: str, member: object, path: str, out: Checked) -> None:
    if not is_plain_name(name):
        out.report("bad_key", path, "names of printable ASCII", "another name")
    elif not out.newer_minor:
        out.report("unknown_field", f"{path}.{name}", "a field of vitne.audit/1.0", "another name")
    elif not _is_nothing(member):
        pruned = _without_nothing(member)
        faults = list(json_faults(pruned))
        for fault in faults:
            place = f"{path}.{name}{fault.path.removeprefix('$')}"
            out.report(fault.code, place, fault.expected, fault.got)
        if not faults and not _is_nothing(pruned):
            steps = re.sub(r"\[(\d+)\]", r".\1", path.removeprefix("$"))
            escaped = name.replace("~", "~0").replace("/", "~1")
            out.unknown[f"{steps.replace('.', '/')}/{escaped}"] = pruned


def _without_nothing(value: object) -> Json:
    if isinstance(value, dict):
        members = {name: _without_nothing(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if not _is_nothing(member)}
    if isinstance(value, list):
        return [item for item in map(_without_nothing, value) if not _is_nothing(item)]
    return value  # type: ignore[return-value]  # what is no Json is reported by `faults`


def _clean(value: str, *, multiline: bool, out: Checked) -> str:
    if text.is_clean(value, multiline=multiline):
        return value
    out.cleaned = True
    return text.clean_text(value, multiline=multiline)
