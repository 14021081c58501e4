"""Times of events: RFC 3339 in UTC with at least milliseconds, and microseconds since 1970."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

MAX_TIME_US = 2**53 - 1
"""Largest time that an entry can carry (in the year 2255)."""

_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:", re.ASCII)
_SHORTEST = len("2026-11-24T09:15:02.113Z")
_LONGEST = _SHORTEST + 6  # nanoseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_utc(text: str) -> int | None:
    """Microseconds since 1970 of a time like `2026-11-24T09:15:02.113Z`; None if it is none.

    Digits beyond microseconds are cut. A leap second, an offset other than `Z`, and a time that
    has no milliseconds are refused; negative for times before 1970.
    """
    if not _SHORTEST <= len(text) <= _LONGEST or text[19] != "." or text[-1] != "Z":
        return None
    start_us = _minute_us(text[:17])
    digits = text[17:19] + text[20:-1]
    if start_us is None or not (digits.isascii() and digits.isdecimal()) or digits >= "60":
        return None
    return start_us + int(digits[:8].ljust(8, "0"))


def format_utc(time_us: int) -> str:
    """The form that `parse_utc` reads, with six digits."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=4096)
def _minute_us(minute: str) -> int | None:
    if not _MINUTE.fullmatch(minute):
        return None
    try:
        moment = datetime.fromisoformat(minute[:-1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND
