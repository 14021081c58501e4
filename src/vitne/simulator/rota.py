"""Who works when: opening hours, shifts, lunch and free days, as a rule without chance.

So anyone can ask whether a person was at work at a given moment: the planted story depends on it.
Local time is UTC+1 all year round; a day is its number since 1970-01-01.
"""

from msgspec import Struct

from vitne.simulator.world import Person

SECOND_US = 1_000_000
HOUR_S = 3600
DAY_S = 24 * HOUR_S
LOCAL_OFFSET_S = HOUR_S

_SATURDAY, _SUNDAY = 5, 6
_OFFICE = ("buyer", "finance", "admin", "service", "lead", "support", "developer")


class Shift(Struct, frozen=True):
    """One working day of one person, in seconds after local midnight."""

    start_s: int
    end_s: int
    lunch_s: int
    """When half an hour of lunch begins."""


def day_of(time_us: int) -> int:
    """The local day of a moment."""
    return (time_us // SECOND_US + LOCAL_OFFSET_S) // DAY_S


def midnight_us(day: int) -> int:
    """The moment at which a local day begins."""
    return (day * DAY_S - LOCAL_OFFSET_S) * SECOND_US


def weekday(day: int) -> int:
    """0 for Monday; 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def shift(person: Person, day: int) -> Shift | None:
    """When somebody works on a day; None if not at all.

    Offices work Monday to Friday. Stores are open Monday to Saturday, and everybody there has
    Sunday and one more day of the week off. One day in 30 is lost to illness or holidays.
    """
    today, number = weekday(day), person.number
    if today == _SUNDAY or (day * 31 + number * 17) % 30 == 0:
        return None
    if person.job in _OFFICE:
        if today == _SATURDAY:
            return None
        start_s = 8 * HOUR_S + number % 4 * 900
        return Shift(start_s, start_s + 8 * HOUR_S, 11 * HOUR_S + number % 3 * 900)
    if today == number % 6:
        return None
    if today == _SATURDAY:
        return Shift(10 * HOUR_S, 18 * HOUR_S, 13 * HOUR_S + number % 4 * 1800)
    late = (day + number) % 2
    start_s = 9 * HOUR_S + late * 3 * HOUR_S
    return Shift(start_s, start_s + 8 * HOUR_S, start_s + 3 * HOUR_S + number % 4 * 1800)
