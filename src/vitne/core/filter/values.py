"""Values as people type them in a filter: moments, closed lists, names that are nearly right."""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from difflib import get_close_matches

from vitne.core.filter.fields import FIELD_NAMES, Field
from vitne.errors import BadInputError

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
_UNITS_US = {
    "s": SECOND_US,
    "m": 60 * SECOND_US,
    "h": 3600 * SECOND_US,
    "d": DAY_US,
    "w": 7 * DAY_US,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_RAW = re.compile(r"@(-?[0-9]{1,18})")
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})"
    r"(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))?"
)
_LAST_YEAR = 9999


def parse_moment(text: str, now_us: int | None = None, *, end: bool = False) -> int:
    """The microseconds since 1970 that a text means.

    Args:
        text: a year, month, day or moment (UTC unless it has a zone), an age like `7d`, `now`,
            `today`, `yesterday`, or `@` and microseconds.
        now_us: what ages and days like `today` go by.
        end: a year, month or day means the first moment after it, else its first moment.

    Raises:
        BadInputError: it means no moment.
    """
    try:
        found = _moment(text, now_us, end=end)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise BadInputError(
            f"{text!r} is no time", hint="write 2026-11-24, 2026-11-24T09:15Z or 7d"
        )
    return found


def _moment(text: str, now_us: int | None, *, end: bool) -> int | None:
    if raw := _RAW.fullmatch(text):
        return int(raw[1])
    if day := _DAY.fullmatch(text):
        return _day(day, end=end)
    if time := _TIME.fullmatch(text):
        return _time(time)
    return None if now_us is None else _relative(text, now_us, end=end)


def _relative(text: str, now_us: int, *, end: bool) -> int | None:
    if ago := _AGO.fullmatch(text):
        return now_us - int(ago[1]) * _UNITS_US[ago[2]]
    if text == "now":
        return now_us
    if text not in {"today", "yesterday"}:
        return None
    start = now_us - now_us % DAY_US - (DAY_US if text == "yesterday" else 0)
    return start + DAY_US if end else start


def _day(match: re.Match[str], *, end: bool) -> int:
    year, month, day = (int(group) if group else 0 for group in match.groups())
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if not end:
        return _since_epoch(start)
    if day:
        length = 1
    elif month:
        length = calendar.monthrange(year, month)[1]
    else:
        length = 366 if calendar.isleap(year) else 365
    return _since_epoch(start) + length * DAY_US


def _time(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(group or 0) for group in match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-offset if sign == "-" else offset)
    whole = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    return _since_epoch(whole) + int((fraction or "0").ljust(6, "0")[:6])


def _since_epoch(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment_text(at_us: int) -> str:
    """The shortest text that `moment` reads as exactly these microseconds."""
    seconds, micros = divmod(at_us, SECOND_US)
    try:
        whole = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return f"@{at_us}"
    if not _EPOCH.year <= whole.year <= _LAST_YEAR:
        return f"@{at_us}"
    fraction = f".{micros:06d}".rstrip("0") if micros else ""
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def known_value(of: Field, value: str) -> str:
    """The value as the log has it.

    Raises:
        BadInputError: the field has a closed list without it; `hint` names the nearest.
    """
    if of.name == "id":
        return value.lower()
    if not of.choices or value in of.choices:
        return value
    near = get_close_matches(value.lower(), of.choices, n=1)
    hint = f"did you mean {of.name}:{near[0]}?" if near else f"one of {', '.join(of.choices)}"
    raise BadInputError(f"{of.name} is never {value!r}", hint=hint)


def similar_field(name: str, more: tuple[str, ...] = ()) -> str:
    """A sentence that helps who typed the name of no field."""
    near = get_close_matches(name.lower(), (*FIELD_NAMES, *more), n=1)
    if near:
        return f"did you mean {near[0]}:?"
    return "put the text in quotes to search for it; fields are listed in the reference"
