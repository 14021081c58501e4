"""Forget: let event ids go that are older than the dedupe window, a few at a time."""

from vitne.ports import Clock, RecordStore

_AT_ONCE = 2_000
"""Ids of one short transaction, so that intake waits for it no longer than for a batch."""

_SLACK_US = 3_600_000_000
"""Ids are kept so much longer than the window: intake must take for old whatever is forgotten, also
in a request that is prepared before and written after, and when the clock is set back a little."""


class Forget:
    """Keeps the table of remembered ids as small as the window says."""

    def __init__(self, store: RecordStore, clock: Clock, dedupe_us: int) -> None:
        self._store = store
        self._clock = clock
        self._dedupe_us = dedupe_us

    def run_once(self, most: int = 20_000) -> int:
        """Forget up to `most` ids, by default as many as hold up nobody; how many went.

        An id is kept while its row is hot, however old: what is forgotten must be sealed, since
        that is where a very late retry is looked for.
        """
        before_us = self._clock.now_us() - self._dedupe_us - _SLACK_US
        for info in self._store.logs():
            oldest_us = self._store.oldest_hot_us(info.log)
            if oldest_us is not None:
                before_us = min(before_us, oldest_us)
        gone = 0
        while gone < most:
            went = self._store.forget(before_us, min(_AT_ONCE, most - gone))
            gone += went
            if went < _AT_ONCE:
                break
        return gone
