"""Which numbers of a stream are new, which are repeats, and which are missing (pure).

A sender numbers its events 1, 2, 3, … per stream. A number is new if it is above all seen before,
or lies in a range that is missing; anything else is a repeat. A hole never stops intake: it is
remembered as missing, and closed when the late number comes.
"""

from bisect import bisect_right

from msgspec.structs import replace

from vitne.ports import StreamState

MAX_RANGES = 1024
"""Missing ranges remembered per stream; a sender with that many holes is broken."""

Range = tuple[int, int]


def admit(missing: list[Range], last: int, number: int) -> bool:
    """Whether `number` is new; if so, `missing` is brought up to date in place.

    The caller keeps `last`, the largest number seen so far (0: none yet).
    """
    if number > last:
        lack(missing, last + 1, number - 1)
        return True
    at = _range_of(missing, number)
    if at < 0:
        return False
    _cut(missing, at, number, number)
    return True


def lack(missing: list[Range], first: int, last: int) -> None:
    """Note that the numbers first..last, beyond all ranges so far, have not come."""
    if first > last:
        return
    if missing and missing[-1][1] == first - 1:
        first = missing.pop()[0]
    missing.append((first, last))
    if len(missing) > MAX_RANGES:
        _forget_one_border(missing)


def _range_of(missing: list[Range], number: int) -> int:
    """Which of the ranges holds the number; -1: none."""
    at = bisect_right(missing, (number, 1 << 63)) - 1
    return at if at >= 0 and missing[at][0] <= number <= missing[at][1] else -1


def _cut(missing: list[Range], at: int, first: int, last: int) -> None:
    """Take first..last out of the range that holds them."""
    start, end = missing[at]
    missing[at : at + 1] = [r for r in ((start, first - 1), (last + 1, end)) if r[0] <= r[1]]
    if len(missing) > MAX_RANGES:
        _forget_one_border(missing)


def _forget_one_border(missing: list[Range]) -> None:
    """Join the two oldest ranges."""
    # The numbers between them have come, and would now be taken a second time; the other way
    # round, forgetting a hole, would refuse an event that was never stored. Losing nothing wins;
    # the tree still shows the repeat (seq_distinct), and the event id still finds a true retry.
    missing[0:2] = [(missing[0][0], missing[1][1])]


class StreamCursor:
    """One stream while a group of batches is planned: starts from its state, ends in the next."""

    __slots__ = (
        "_missing",
        "_state",
        "abandoned",
        "closed",
        "followed",
        "last",
        "late",
        "late_max_us",
        "sender",
        "voided",
    )

    def __init__(self, state: StreamState) -> None:
        self._state = state
        self._missing = list(state.missing)
        self.last = state.last_seq
        self.closed = state.closed
        self.abandoned = state.abandoned
        self.followed = state.followed
        self.voided = state.voided
        self.late = state.late
        self.late_max_us = state.late_max_us
        self.sender = state.sender

    @property
    def source(self) -> str:
        """Who sends it, `application/service`."""
        return self._state.source

    @property
    def name(self) -> str:
        """The sender's `stream.id`."""
        return self._state.name

    @property
    def named_us(self) -> int:
        """When it was named last, before this group."""
        return self._state.named_us

    def take(self, number: int) -> bool:
        """Use up a sender's number; False if it is a repeat, and nothing changes."""
        if number == self.last + 1:
            self.last = number
            return True
        if not admit(self._missing, self.last, number):
            return False
        self.last = max(self.last, number)
        return True

    def take_all(self, first: int, last: int) -> bool:
        """Use up the numbers first..last; False if one is a repeat, and nothing changes."""
        if not self.are_new(first, last):
            return False
        if first <= self.last:
            at = _range_of(self._missing, first)
            _cut(self._missing, at, first, min(last, self.last))
        lack(self._missing, self.last + 1, first - 1)
        self.last = max(self.last, last)
        return True

    def reach(self, number: int) -> None:
        """Its sender has given out the numbers up to this one; those that have not come lack."""
        lack(self._missing, self.last + 1, number)
        self.last = max(self.last, number)

    def give(self) -> int:
        """The next number of a stream that the server numbers."""
        self.last += 1
        return self.last

    def are_new(self, first: int, last: int) -> bool:
        """Whether `take_all` would take them."""
        if first > self.last:
            return True
        # Ranges never touch: between two of them lies a number that has come.
        at = _range_of(self._missing, first)
        return at >= 0 and min(last, self.last) <= self._missing[at][1]

    def are_old(self, first: int, last: int) -> bool:
        """Whether all of first..last were used before."""
        if last > self.last:
            return False
        at = bisect_right(self._missing, (last, 1 << 63)) - 1
        return at < 0 or self._missing[at][1] < first

    def state(self, named_us: int = 0) -> StreamState:
        """Where the stream stands now.

        Args:
            named_us: time of the entries that name it; 0: as before.
        """
        old = self._state
        return replace(
            old,
            last_seq=self.last,
            missing=tuple(self._missing),
            closed=self.closed,
            abandoned=self.abandoned,
            followed=self.followed,
            named_us=named_us or old.named_us,
            voided=self.voided,
            late=self.late,
            late_max_us=self.late_max_us,
            sender=self.sender,
        )
