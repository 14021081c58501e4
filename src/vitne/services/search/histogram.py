"""What a filter says about time, and round bars for a histogram (pure)."""

from typing import Final

from vitne.core.filter.nodes import And, Between, Equals, Filter

_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_DAY: Final = 24 * _HOUR
_WIDTHS_US: Final = (
    *(s * _SECOND for s in (1, 5, 10, 30, 60, 300, 900, 1800)),
    *(h * _HOUR for h in (1, 3, 6, 12)),
    *(d * _DAY for d in (1, 7, 30, 90, 365)),
)
_INDEXED: Final = frozenset({"actor", "target", "type", "action", "id"})


def must_hold(where: Filter | None) -> tuple[Filter, ...]:
    """Parts that each must hold for the filter to match."""
    if isinstance(where, And):
        return where.all
    return () if where is None else (where,)


def is_indexed(where: Filter) -> bool:
    """Whether every part is an equality that indexes answer, so that counting is cheap."""
    return all(isinstance(p, Equals) and p.field in _INDEXED for p in must_hold(where))


def time_bounds(where: Filter | None, low_us: int, high_us: int) -> tuple[int, int]:
    """The span [low, high) of claimed time that matches lie in, within the given one."""
    for part in must_hold(where):
        if isinstance(part, Between) and part.field == "occurred":
            low_us = low_us if part.low is None else max(low_us, part.low)
            high_us = high_us if part.high is None else min(high_us, part.high)
    return low_us, max(high_us, low_us + 1)


def edges_for(low_us: int, high_us: int, most: int) -> list[int]:
    """Edges of at most `most` equal bars that cover [low, high): round widths, round starts."""
    for width in _WIDTHS_US:
        start = low_us // width * width
        count = -(-(high_us - start) // width)
        if count <= most:
            break
    else:
        years = -(-(high_us - low_us) // (most * _WIDTHS_US[-1])) + 1
        width = years * _WIDTHS_US[-1]
        start = low_us // width * width
        count = -(-(high_us - start) // width)
    return [start + at * width for at in range(count + 1)]
