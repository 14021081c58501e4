"""What every importer makes of a foreign record: an event, the original, and what got lost."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from msgspec import Struct

from vitne.core.event.event import Problem
from vitne.core.values import Json, text, uuid8_for_original, uuid_text

ELLIPSIS = "…"


class Original(Struct, frozen=True):
    """One foreign record as it stood in its file."""

    number: int
    """1-based, counting every record of the file, readable or not."""
    text: str


class Mapped(Struct, frozen=True):
    """A foreign record as an event."""

    event: dict[str, Json] | None
    """None if no event can be made of it; `problems` then says why."""
    raw: str
    """The original, whole."""
    unmapped: tuple[str, ...] = ()
    """Fields of the original that have no place in the event, by dotted path; they are kept in
    the original only."""
    problems: tuple[Problem, ...] = ()


def refused_record(raw: str, code: str, path: str, expected: str, got: str = "") -> Mapped:
    """A record that no event can be made of, with the reason."""
    return Mapped(None, raw, problems=(Problem(code, path, expected, got),))


def wrong_type(raw: str, expected: str, found: object) -> Mapped:
    """A record that is another JSON value than expected."""
    kind = "null" if found is None else type(found).__name__
    return refused_record(raw, "wrong_type", "$", expected, kind)


def event_id(source_id: str, original_id: str) -> str:
    """Text of the UUIDv8 of a foreign record: the same whenever it is imported."""
    return uuid_text(uuid8_for_original(source_id, original_id))


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+", re.ASCII)


def snake_case(value: str) -> str:
    """Words in lower case joined by `_`: `ListMFADevices` → `list_mfa_devices`.

    Letters that ASCII lacks lose their marks; `""` if nothing is left.
    """
    plain = text.fold_text(value) if not value.isascii() else value
    return "_".join(_WORD.findall(plain.translate(_NORDIC))).lower()


_NORDIC = str.maketrans({"å": "a", "ø": "o", "æ": "ae", "ð": "d", "þ": "th", "ł": "l", "đ": "d"})


def type_part(value: str) -> str:
    """One segment of an event type: as `snake_case`, and beginning with a letter."""
    part = snake_case(value)
    return part if part[:1].isalpha() else f"x_{part}".rstrip("_")


def clip_text(value: str, most: int) -> str:
    """Text of at most so many characters; what was cut shows as `…`."""
    clean = text.clean_text(value)
    return clean if len(clean) <= most else clean[: most - 1] + ELLIPSIS


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)


def utc_time(value: str, offset: str = "") -> str | None:
    """An ISO 8601 time in the form of an event: UTC, microseconds; None if it is none.

    Args:
        value: with `Z` or an offset, or without one.
        offset: like `+01:00`, for values that have none; empty: those are refused.
    """
    try:
        return _formatted(datetime.fromisoformat(value.strip()), offset)
    except (OverflowError, ValueError):
        return None


def epoch_time(value: str, unit_s: float) -> str | None:
    """A number of units since 1970 in the form of an event; None if it is none."""
    if not re.fullmatch(r"-?\d{1,16}(\.\d{1,9})?", value, re.ASCII):
        return None
    whole, _, fraction = value.partition(".")
    scale = round(unit_s * 1_000_000)
    micros = int(whole) * scale + int((fraction or "0").ljust(9, "0")) * scale // 10**9
    try:
        return _formatted(_EPOCH + timedelta(microseconds=micros))
    except (OverflowError, ValueError):
        return None


def pattern_time(value: str, pattern: str, offset: str = "") -> str | None:
    """A time in a `strptime` pattern in the form of an event; None if it is none."""
    try:
        moment = datetime.strptime(value.strip(), pattern)  # noqa: DTZ007  # the zone follows
        return _formatted(moment, offset)
    except (OverflowError, ValueError):
        return None


def fixed_zone(offset: str) -> timezone | None:
    """The zone of an offset like `+01:00` or `Z`; None for another text."""
    if offset == "Z":
        return UTC
    match = _OFFSET.fullmatch(offset)
    if match is None:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-ahead if match[1] == "-" else ahead) if ahead < timedelta(days=1) else None


def _formatted(moment: datetime, offset: str = "") -> str | None:
    zone = moment.tzinfo or fixed_zone(offset)
    if zone is None:
        return None
    return moment.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def without_empty(value: Mapping[str, object]) -> dict[str, Json]:
    """The object without nulls, empty strings, and parents that have nothing left."""
    kept = {name: _pruned(member) for name, member in value.items()}
    return {name: member for name, member in kept.items() if member not in (None, "", {}, [])}


def _pruned(value: object) -> Json:
    if isinstance(value, Mapping):
        return without_empty(value)
    if isinstance(value, list | tuple):
        return [item for item in map(_pruned, value) if item not in (None, "", {}, [])]
    return value  # type: ignore[return-value]  # what is no Json is for the validator to say


def leaf_paths(value: object, path: str = "") -> list[str]:
    """Dotted paths of everything in a record that is not null or empty; `[]` for any item."""
    if isinstance(value, Mapping):
        return [
            leaf
            for name, member in value.items()
            for leaf in leaf_paths(member, f"{path}.{name}" if path else str(name))
        ]
    if isinstance(value, list):
        return list(dict.fromkeys(leaf for item in value for leaf in leaf_paths(item, f"{path}[]")))
    return [path] if value not in (None, "") else []
