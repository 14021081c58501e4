"""Which numbers of a stream are new, which are repeats, and which are missing (pure).

A sender numbers its events 1, 2, 3, … per stream. A number is new if it is above all seen before,
or lies in a range that is missing; anything else is a repeat. A hole never stops intake: it is
remembered as missing, and closed when the late number comes.
"""

from bisect import bisect_right

from vitne.ports import StreamState

MAX_RANGES = 1024
"""Missing ranges remembered per stream; a sender with that many holes is broken."""

Range = tuple[int, int]


def admit(missing: list[Range], last: int, number: int) -> bool:
    """Whether `number` is new; if so, `missing` is brought up to date in place.

    The caller keeps `last`, the largest number seen so far (0: none yet).
    """
    if number > last:
        if number > last + 1:
            missing.append((last + 1, number - 1))
            if len(missing) > MAX_RANGES:
                _forget_one_border(missing)
        return True
    at = bisect_right(missing, (number, 1 << 63)) - 1
    if at < 0 or not missing[at][0] <= number <= missing[at][1]:
        return False
    first, end = missing[at]
    missing[at : at + 1] = [r for r in ((first, number - 1), (number + 1, end)) if r[0] <= r[1]]
    if len(missing) > MAX_RANGES:
        _forget_one_border(missing)
    return True


def _forget_one_border(missing: list[Range]) -> None:
    """Join the two oldest ranges."""
    # The numbers between them have come, and would now be taken a second time; the other way
    # round, forgetting a hole, would refuse an event that was never stored. Losing nothing wins;
    # the tree still shows the repeat (seq_distinct), and the event id still finds a true retry.
    missing[0:2] = [(missing[0][0], missing[1][1])]


class StreamCursor:
    """One stream while a group of batches is planned: starts from its state, ends in the next."""

    __slots__ = ("_missing", "_state", "last")

    def __init__(self, state: StreamState) -> None:
        self._state = state
        self._missing = list(state.missing)
        self.last = state.last_seq

    def take(self, number: int) -> bool:
        """Use up a sender's number; False if it is a repeat, and nothing changes."""
        if number == self.last + 1:
            self.last = number
            return True
        if not admit(self._missing, self.last, number):
            return False
        self.last = max(self.last, number)
        return True

    def give(self) -> int:
        """The next number of a stream that the server numbers."""
        self.last += 1
        return self.last

    def is_new(self, number: int) -> bool:
        """Whether `take` would take it."""
        if number > self.last:
            return True
        at = bisect_right(self._missing, (number, 1 << 63)) - 1
        return at >= 0 and self._missing[at][0] <= number <= self._missing[at][1]

    def state(self) -> StreamState:
        """Where the stream stands now."""
        old = self._state
        return StreamState(
            stream_id=old.stream_id,
            source=old.source,
            name=old.name,
            numbers=old.numbers,
            last_seq=self.last,
            missing=tuple(self._missing),
            closed=old.closed,
        )
