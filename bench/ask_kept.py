"""Questions over the data that an earlier run left (`--answers --keep`), asked three times.

The second time nearly nothing is read from the disk; how much the first time is, depends on what
was read before. The third time, if the system lets us (Linux, as root), it is told to forget all
files before each question. Answers are verified, as ever, but not held against a scan: that is
what the run that left the data did.
"""

import gc
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.answer_world import DAY_US
from bench.answers import DAYS, DEDUPE_DAYS, LOG, QUESTIONS, answer
from bench.measure import percentile
from bench.scenarios import SEGMENT, Figures
from vitne.core.values import LeafIndex, Record
from vitne.services.access import LoggedReads, OwnEvents
from vitne.settings import Settings
from vitne.testing import FixedClock
from vitne.wiring import Server, folder_adapters

_KINDS: Final = [kind for kind in DAYS if kind != "all_of_action"]
_ABSENT: Final = 0.2
_DROP: Final = Path("/proc/sys/vm/drop_caches")


def measure(root: Path, seed: int = 1) -> Figures:
    """Ask 100 random questions three times.

    Args:
        root: of the bench run: `<folder>/vitne-bench-…`.
        seed: of the questions.
    """
    settings = Settings(
        folder=str(root / "answers"),
        prepare_processes=0,
        seal_age_s=400 * 86_400,
        free_bytes_min=0,
        dedupe_days=DEDUPE_DAYS,
    )
    clock = FixedClock()
    with Server(folder_adapters(settings, clock=clock), settings) as server:
        clock.set(server.adapters.store.log(LOG).last_recorded_us + 1_000_000)
        reading = LoggedReads(OwnEvents(server.intake.requests, "api"))
        asked = list(_questions(server, random.Random(seed)))  # noqa: S311 - a repeatable choice
        # The first question may have the newest entries sealed.
        answer(server, clock, reading, {"ask": "what_did", "actor": "usr_0"})
        figures: Figures = {"questions": len(asked)}
        gc.collect()
        gc.freeze()  # as a server does: else looking for cycles stands in the figures
        for name in ("first", "again", "cold"):
            if name == "cold" and not _forget_files():
                break
            figures |= _figures(name, [_ask(server, clock, reading, name, one) for one in asked])
        return figures


def _forget_files() -> bool:
    """Have the system forget what it holds of files; whether it did."""
    os.sync()  # only what is on disk is forgotten
    try:
        _DROP.write_text("3")
    except OSError:
        return False
    return True


def _ask(
    server: Server, clock: FixedClock, reading: LoggedReads, name: str, members: dict[str, Any]
) -> dict[str, float]:
    """Seconds that a question took, and milliseconds of each step."""
    if name == "cold":
        _forget_files()
    started = time.perf_counter()
    found = answer(server, clock, reading, members)
    return {"all": time.perf_counter() - started, **found.took_ms}


def _figures(name: str, asked: list[dict[str, float]]) -> Figures:
    seconds = [one["all"] for one in asked]
    steps = sorted({step for one in asked for step in one if step != "all"})
    return {
        f"{name} p50 ms": percentile(seconds, 0.5) * 1e3,
        f"{name} p95 ms": percentile(seconds, 0.95) * 1e3,
        f"{name} max ms": max(seconds) * 1e3,
        f"{name} above 300 ms": sum(one > 0.3 for one in seconds),  # noqa: PLR2004 - the target
    } | {f"{name} step {step} max ms": max(one.get(step, 0.0) for one in asked) for step in steps}


def _questions(server: Server, chance: random.Random) -> Iterator[dict[str, Any]]:
    # Of the load alone: what earlier runs asked is in the log too, in small segments behind it.
    loaded = [
        one for one in server.adapters.segments.segments(LOG) if one.end - one.start == SEGMENT
    ]
    if not loaded:
        raise SystemExit(f"bench: the data has no segment of {SEGMENT} entries")
    low, high, end = loaded[0].recorded_us[0], loaded[-1].recorded_us[1], loaded[-1].end
    for number in range(QUESTIONS):
        kind = _KINDS[number % len(_KINDS)]
        length = int(chance.uniform(*DAYS[kind]) * DAY_US)
        start = low + chance.randrange(max(high - low - length, 1))
        members: dict[str, Any] = {
            "ask": kind,
            "from": f"@{start}",
            "to": f"@{start + length}",
            "clock": "occurred" if chance.random() < 0.3 else "recorded",  # noqa: PLR2004 - a third
        }
        yield members | _about(kind, _record(server, chance, end), chance)


def _about(kind: str, row: Record, chance: random.Random) -> dict[str, Any]:
    """Whom and what a question names: those of a record, or ones that never existed."""
    absent = "-never" if chance.random() < _ABSENT else ""
    target = row.facets.targets.strip("\n").split("\n", maxsplit=1)[0] + absent
    other = f"usr_{chance.randrange(6_250)}"
    actor = row.facets.actor if kind == "did_touch" and chance.random() < 0.5 else other  # noqa: PLR2004
    named = {
        "who_accessed": {"target": target},
        "what_did": {"actor": other},
        "did_touch": {"actor": actor, "target": target},
        "did_anyone": {"target": target, "type": row.facets.type},
    }
    return named[kind]


def _record(server: Server, chance: random.Random, end: int) -> Record:
    while True:
        row = server.adapters.archive.record(LOG, LeafIndex(chance.randrange(end)))
        if row is not None and row.facets.targets and not row.facets.type.startswith("audit."):
            return row
