"""Canonical JSON: the one form in which JSON is hashed (RFC 8785 over a smaller domain).

The domain (transparency-log §1) is what makes sorted compact output and JCS the same bytes: names
of printable ASCII, no floats, integers |n| <= 2^53-1, text in NFC without lone surrogates, no
name twice in an object, depth <= 32.

    encode   value → bytes, refusing what is outside the domain
    decode   untrusted bytes → value, strict: every refusal is a `DecodeError` with its place
    faults   every fault of a value, for those who report them all
"""

import json
import unicodedata
from collections.abc import Iterator
from typing import NoReturn, TypeAlias

import msgspec

from vitne.errors import BadInputError, DecodeError

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""A value of the domain. Floats are outside of it."""

MAX_DEPTH = 32
"""Levels of objects and arrays, the outermost included."""
MAX_INT = 2**53 - 1
MAX_BYTES = 64 * 1024 * 1024
"""Default bound of `decode`: that of the largest document we read, a bundle."""

encode_trusted = msgspec.json.Encoder(order="sorted").encode
"""The bytes of a value that is known to lie in the domain: the fast form of `encode`."""

_decode_any = msgspec.json.Decoder().decode


class Fault(msgspec.Struct, frozen=True):
    """One reason why a value is outside the domain; `path` is a JSON path, `$` the whole."""

    code: str
    """A problem code of event-schema §3.2."""
    path: str
    expected: str
    got: str


def encode_canonical(value: object) -> bytes:
    """Canonical bytes of a value.

    Raises:
        BadInputError: the value is outside the domain; `where` is the JSON path.
    """
    for fault in json_faults(value):
        raise BadInputError(f"expected {fault.expected}, got {fault.got}", where=fault.path)
    return encode_trusted(value)


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Json:
    """The value of strict JSON: any layout and order of names, but nothing outside the domain.

    Compare `encode(decode(data)) == data` where the bytes themselves must be canonical.

    Raises:
        DecodeError: not JSON, not UTF-8, too long, or outside the domain; `where` is a JSON path
            or a byte position.
    """
    if len(data) > max_bytes:
        raise DecodeError(f"expected at most {max_bytes} bytes, got {len(data)}", where="$")
    value = parse(data)
    simple = b"\\" not in data and data.isascii()
    for fault in json_faults(value, max_depth=max_depth, text=not simple):
        raise DecodeError(f"expected {fault.expected}, got {fault.got}", where=fault.path)
    name = repeated_name(data, value)
    if name is not None:
        raise DecodeError("a name occurs twice in an object", where=name)
    return value  # type: ignore[return-value]  # `faults` has shown that it is Json


def parse(data: bytes) -> object:
    """Plain JSON: the value, whatever domain it is of (floats and repeated names pass).

    Raises:
        DecodeError: not JSON, not UTF-8, lone surrogates, or nested beyond reason.
    """
    try:
        return _decode_any(data)
    except UnicodeDecodeError as error:
        raise DecodeError("the bytes are not UTF-8", where=f"byte {error.start}") from error
    except msgspec.DecodeError as error:
        raise DecodeError(f"the bytes are not JSON: {_json_reason(error)}") from error
    except RecursionError as error:
        raise DecodeError("nested too deep", where="$") from error
    except ValueError as error:  # an integer of thousands of digits
        raise DecodeError("a number is too long", where="$") from error


def json_faults(value: object, *, max_depth: int = MAX_DEPTH, text: bool = True) -> Iterator[Fault]:
    """Every reason why a value is outside the domain, in its own order.

    Args:
        value: what a JSON parser gave, or any Python value.
        max_depth: bound on nesting; what lies deeper is not looked at.
        text: look into strings (needless if the JSON text was ASCII without escapes).
    """
    return _faults(value, "$", max_depth, text)


def repeated_name(data: bytes, value: object) -> str | None:
    """JSON path of a name that occurs twice in an object; None if none does.

    Args:
        data: the JSON text.
        value: what `parse` made of it.
    """
    # Parsers keep the last of equal names, so the text then has more quotes than its value.
    if count_quotes(data) == _value_quotes(value):
        return None
    return _repeated_name_exactly(data)


def count_quotes(data: bytes) -> int:
    """Number of quotes in a JSON text that open or close a string."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return data.count(b'"')


def _value_quotes(value: object) -> int:
    """`count_quotes` of any JSON text of the value."""
    quotes = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            quotes += 2
        elif isinstance(item, dict):
            quotes += 2 * len(item)
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return quotes


def _faults(value: object, path: str, depth: int, text: bool) -> Iterator[Fault]:
    if isinstance(value, dict | list):
        if depth <= 0:
            yield Fault("too_large", path, "nesting within the limit", "deeper")
        elif isinstance(value, dict):
            yield from _object_faults(value, path, depth - 1, text)
        else:
            for position, item in enumerate(value):
                yield from _faults(item, f"{path}[{position}]", depth - 1, text)
    elif isinstance(value, str):
        if text:
            yield from _text_faults(value, path)
    else:
        yield from _scalar_faults(value, path)


def _scalar_faults(value: object, path: str) -> Iterator[Fault]:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            bound = "an integer of at most 2^53-1 either way"
            yield Fault("out_of_range", path, bound, "a larger integer")
    elif isinstance(value, float):
        yield Fault("float", path, "an integer, or a decimal number in a string", "float")
    else:
        yield Fault("wrong_type", path, "a JSON value", type(value).__name__)


def _object_faults(
    value: dict[object, object], path: str, depth: int, text: bool
) -> Iterator[Fault]:
    for name, member in value.items():
        if not (isinstance(name, str) and name.isascii() and name.isprintable()):
            yield Fault("bad_key", path, "names of printable ASCII", "another character in a name")
        else:
            yield from _faults(member, f"{path}.{name}", depth, text)


def _text_faults(value: str, path: str) -> Iterator[Fault]:
    if value.isascii():
        return
    if any("\ud800" <= char <= "\udfff" for char in value):
        yield Fault("bad_format", path, "valid Unicode text", "a lone surrogate")
    elif not unicodedata.is_normalized("NFC", value):
        yield Fault("bad_format", path, "text in Unicode form NFC", "another form")


def _repeated_name_exactly(data: bytes) -> str | None:
    """The plain way: look at every object as it is parsed."""
    found: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs) and not found:
            names = [name for name, _ in pairs]
            found.append(next(name for at, name in enumerate(names) if name in names[:at]))
        return members

    try:
        json.loads(data, object_pairs_hook=note, parse_constant=_refuse)
    except (ValueError, RecursionError):  # `parse` has read it: only reached through a bug there
        return "$"
    return f"$..{found[0]}" if found and found[0].isascii() else "$" if found else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _json_reason(error: msgspec.DecodeError) -> str:
    return str(error).removeprefix("JSON is malformed: ")
