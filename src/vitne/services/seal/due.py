"""When to seal, and which small segments to put together (pure).

A segment has at most 65,536 entries. A log that grows fast gets full ones. One that grows slowly
gets a small one a day, which would be 365 files a year for each of thousands of tenants; so a new
small segment is put together with the older ones before it as long as those are no larger, as in
a binary counter. Then every kept segment is larger than all newer small ones together, or would
not fit with them: a log of n entries has at most 2n/65,536 + 17 segments, and no entry is written
more than 17 times.
"""

from collections.abc import Sequence

from msgspec import Struct

from vitne.core.values import LeafIndex
from vitne.ports import LogInfo, Segment

FULL_ENTRIES = 65_536


class SealLimits(Struct, frozen=True):
    """When a hot part becomes a segment."""

    entries: int = FULL_ENTRIES
    """Exactly so many as soon as they are published."""
    age_us: int = 86_400_000_000
    """Fewer, once the oldest is so old."""


USUAL_LIMITS = SealLimits()


def full_range(info: LogInfo, limits: SealLimits) -> tuple[LeafIndex, LeafIndex] | None:
    """The next range that is due by size; None if too little is published."""
    end = info.sealed_end + limits.entries
    return (info.sealed_end, LeafIndex(end)) if end <= info.head_size else None


def aged_range(info: LogInfo, limits: SealLimits) -> tuple[LeafIndex, LeafIndex] | None:
    """The range that is due once the oldest hot row is old; None if nothing is published."""
    end = min(info.head_size, info.sealed_end + limits.entries)
    return (info.sealed_end, LeafIndex(end)) if end > info.sealed_end else None


def merge_range(
    segments: Sequence[Segment], most: int = FULL_ENTRIES
) -> tuple[LeafIndex, LeafIndex] | None:
    """The range of neighbouring segments to put into one, the newest among them; None: no need."""
    if not segments:
        return None
    newest = segments[-1]
    start, end = newest.start, newest.end
    for older in reversed(segments[:-1]):
        size, together = older.end - older.start, end - older.start
        if size > end - start or together > most:
            break
        start = older.start
    return None if start == newest.start else (start, end)
