"""Counts of everything that happened to events, and how far they are settled."""

from collections.abc import Iterable

from msgspec import Struct


class Stats(Struct):
    """What became of the events of one run, so that every one is accounted for.

    `recorded` = accepted + duplicate + dropped + quarantined + rejected + lost + waiting, where
    an event of an earlier run adds to the answers but not to `recorded` (see `adopted`), and one
    that was copied to disk while it was under way is answered twice.
    """

    recorded: int = 0
    """Events that got a number."""
    accepted: int = 0
    duplicate: int = 0
    """The log had them already: a reply was lost, or a process died before it could note it."""
    dropped: int = 0
    """Left out by the server's policy, with a reason."""
    quarantined: int = 0
    rejected: int = 0
    lost: int = 0
    """Queue and spool were full, or there was no spool at the end: a gap in the stream."""
    after_close: int = 0
    """Handed over after `close`; they got no number."""
    damaged: int = 0
    """Spooled events of an earlier run that could not be read."""
    folded: int = 0
    """Repeats of a view that only count in its `repeat`."""
    redacted: int = 0
    """Values removed because they looked like secrets or card numbers."""
    invalid: int = 0
    """Events that failed the local check; only a client that signs does not send them."""
    spooled: int = 0
    """Events written to disk."""
    adopted: int = 0
    """Events sent for earlier runs."""
    requests: int = 0
    retries: int = 0
    """Requests that got no usable answer."""
    queued: int = 0
    """Waiting in memory now."""
    spool_bytes: int = 0
    """Used on disk now, earlier runs included."""
    away: bool = False
    """The last attempt got no usable answer."""
    last_error: str = ""


class Watermark:
    """Which ordinals 1, 2, 3, … are settled, and up to which all are.

    What is settled ahead of the mark is kept as ranges, so a long outage costs little memory.
    """

    def __init__(self) -> None:
        self.value = 0
        """Every ordinal up to here is settled."""
        self._last_of: dict[int, int] = {}
        self._first_of: dict[int, int] = {}

    def settle(self, ordinals: Iterable[int]) -> None:
        """Note ordinals as settled; repeats and zeros are no error."""
        for ordinal in ordinals:
            if ordinal == self.value + 1:
                self.value = ordinal
                self._absorb()
            elif ordinal > self.value:
                self._keep(ordinal)

    def _absorb(self) -> None:
        last = self._last_of.pop(self.value + 1, 0)
        if last:
            del self._first_of[last]
            self.value = last

    def _keep(self, ordinal: int) -> None:
        if ordinal in self._last_of or ordinal in self._first_of:
            return
        first = self._first_of.pop(ordinal - 1, ordinal)
        last = self._last_of.pop(ordinal + 1, ordinal)
        self._last_of[first] = last
        self._first_of[last] = first
