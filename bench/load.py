"""Load for the benchmarks: realistic events from templates, cheap enough to make on one core.

A template is an event of the simulator, encoded once and cut at the places that differ between
two events: id, action id, trace id, time and number. Filling one costs about a microsecond, so
the generator does not become what is measured.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator

import msgspec

_SLOTS = re.compile(rb"@@(ID|ACTION|TRACE|TIME|SEQ)@@")
_ENCODER = msgspec.json.Encoder()


class Template:
    """One event with holes."""

    __slots__ = ("literals", "slots")

    def __init__(self, event: dict[str, object]) -> None:
        pieces = _SLOTS.split(_ENCODER.encode(_with_holes(event)).replace(b'"@@SEQ@@"', b"@@SEQ@@"))
        self.literals = pieces[0::2]
        self.slots = tuple(name.decode() for name in pieces[1::2])

    def fill(self, values: dict[str, bytes]) -> bytes:
        """The event's JSON with `values` (by slot name) in the holes."""
        out = [self.literals[0]]
        for name, literal in zip(self.slots, self.literals[1:], strict=True):
            out.append(values[name])
            out.append(literal)
        return b"".join(out)


def _with_holes(event: dict[str, object]) -> dict[str, object]:
    correlation = event.get("correlation")
    holes: dict[str, object] = {
        **event,
        "id": "@@ID@@",
        "occurred_at": "@@TIME@@",
        "correlation": {
            **(correlation if isinstance(correlation, dict) else {}),
            "action_id": "@@ACTION@@",
            **({"trace_id": "@@TRACE@@"} if _has_trace(event) else {}),
        },
        "stream": {"id": "bench/load/1", "seq": "@@SEQ@@"},
    }
    for gone in ("ended_at", "repeat", "clock"):
        holes.pop(gone, None)
    return holes


def _has_trace(event: dict[str, object]) -> bool:
    correlation = event.get("correlation")
    return isinstance(correlation, dict) and "trace_id" in correlation


def uuid7(now_ms: int, rand: str) -> bytes:
    """An id of version 7 in its text form, from 18 hexadecimal digits of chance."""
    stamp = f"{now_ms:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{rand[:3]}-8{rand[3:6]}-{rand[6:18]}".encode()


class Load:
    """An endless run of batches of distinct events, numbered from 1 in one stream.

    A batch claims the present time, or `at_us` and then `step_us` more for each event. Ids are
    always minted now, as a sender does when it records.
    """

    def __init__(self, events: Iterable[dict[str, object]], stream: str = "bench/load/1") -> None:
        self._templates = [Template(event) for event in events]
        if not self._templates:
            raise SystemExit("bench: no events to make load from")
        self._stream = stream.encode()
        self._seq = 0

    def batch(self, count: int, *, at_us: int | None = None, step_us: int = 0) -> bytes:
        """A JSON array of `count` events; the first claims `at_us` (now if None)."""
        at_us = time.time_ns() // 1000 if at_us is None else at_us
        rand = os.urandom(count * 40).hex()
        out = []
        last, when = -1, ""
        now_ms = time.time_ns() // 1_000_000
        for i in range(count):
            r = rand[i * 80 : i * 80 + 80]
            self._seq += 1
            us = at_us + i * step_us
            second, micro = divmod(us, 1_000_000)
            if second != last:
                last, when = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            values = {
                "ID": uuid7(now_ms, r),
                "ACTION": uuid7(now_ms, r[18:]),
                "TRACE": r[36:68].encode(),
                "TIME": f"{when}.{micro // 1000:03d}Z".encode(),
                "SEQ": str(self._seq).encode(),
            }
            out.append(self._templates[self._seq % len(self._templates)].fill(values))
        body = b"[" + b",".join(out) + b"]"
        return body.replace(b"bench/load/1", self._stream)

    def batches(self, total: int, size: int) -> Iterator[bytes]:
        """`total` events in batches of `size`."""
        for start in range(0, total, size):
            yield self.batch(min(size, total - start))
