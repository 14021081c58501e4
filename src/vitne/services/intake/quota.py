"""How much one source may send: a token bucket each, so that one flood leaves the others dry."""

from math import ceil
from typing import Final

from vitne.errors import QuotaError
from vitne.ports import Clock

_SOURCES_MAX: Final = 10_000


class _Bucket:
    """Tokens of one source at a moment; below zero it is in debt."""

    __slots__ = ("at_us", "tokens")

    def __init__(self, tokens: float, at_us: int) -> None:
        self.tokens = tokens
        self.at_us = at_us


class Quota:
    """A bucket per source, filled at `events_per_s` up to `burst_events`.

    A request is let in while its source has a token, and pays for its events once they are
    counted. So a bucket may go into debt by the requests in flight, and the long-run rate holds.
    Not locked: one thread calls.
    """

    def __init__(self, clock: Clock, *, events_per_s: int, burst_events: int) -> None:
        self._clock = clock
        self._rate_per_s = events_per_s
        self._burst = float(burst_events)
        self._buckets: dict[str, _Bucket] = {}
        self.refused = 0
        """Requests refused so far."""

    def check(self, source: str) -> None:
        """Let a request in.

        Raises:
            QuotaError: the source is in debt; says when it is out of it.
        """
        bucket = self._fill(source)
        if bucket.tokens >= 1:
            return
        self.refused += 1
        wait_s = ceil((1 - bucket.tokens) / self._rate_per_s)
        raise QuotaError(
            "this source has sent its share of events",
            where=source,
            hint=f"send again after {wait_s} s; nothing of this request was stored",
            retry_after_s=wait_s,
        )

    def pay(self, source: str, events: int) -> None:
        """Take the events of an answered request from the source's bucket."""
        self._fill(source).tokens -= events

    def _fill(self, source: str) -> _Bucket:
        now_us = self._clock.now_us()
        bucket = self._buckets.get(source)
        if bucket is None:
            if len(self._buckets) >= _SOURCES_MAX:
                self._forget_full()
            bucket = self._buckets[source] = _Bucket(self._burst, now_us)
            return bucket
        passed_us = max(0, now_us - bucket.at_us)  # a clock that stepped back fills nothing
        bucket.at_us = now_us
        bucket.tokens = min(self._burst, bucket.tokens + passed_us * self._rate_per_s / 1e6)
        return bucket

    def _forget_full(self) -> None:
        """Drop the buckets that are full: a new one would be the same."""
        for source in [name for name, one in self._buckets.items() if one.tokens >= self._burst]:
            del self._buckets[source]
