"""Questions with evidence over a year of events, each answer held against a plain scan.

The server runs in this process, with a clock that goes through the year while events are loaded, so
that recorded times are those of the year. The answers are those of the service that the HTTP
resource calls: the question is logged and published, and the bundle is built and verified.
"""

import gc
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from bench.answer_world import DAY_US, Asked, World, scan, target_id
from bench.measure import percentile
from bench.scenarios import SEGMENT, Figures
from vitne.answers.ask_request import QuestionRequest, read_question
from vitne.core.event.intake import SourceRegistration
from vitne.core.values import LogId
from vitne.evidence.bundle import verify as bundle
from vitne.ports import ApiKey
from vitne.services.access import AuditPurpose, Caller, LoggedReads, OwnEvents
from vitne.services.writer import Arrival
from vitne.settings import Settings
from vitne.testing import FixedClock
from vitne.wiring import Server, folder_adapters

LOG: Final = LogId("bench")
QUESTIONS: Final = 100
_BATCH: Final = 1_000
_CALLER: Final = Caller("usr_auditor", purpose=AuditPurpose("benchmark"))
_WAIT_S: Final = 1_800
DEDUPE_DAYS: Final = 3_660
"""The clock leaps over weeks: what would be forgotten little by little would go at once."""


class Timed(Struct):
    """What became of one question."""

    kind: str
    seconds: float
    bundle_bytes: int
    verify_s: float
    hits: int
    verdict: str
    wrong: str
    """How it differs from the scan; `""`: it does not."""
    took_ms: dict[str, float]


def measure(
    folder: Path, events: list[dict[str, Any]], total: int, actors: int = 5_000, seed: int = 1
) -> Figures:
    """Load a year of `total` events, ask, and compare.

    Raises:
        SystemExit: an answer is not what the scan says.
    """
    end_us = time.time_ns() // 1000 // DAY_US * DAY_US
    world = World(events, total, end_us, actors, seed)
    clock = FixedClock(world.start_us)
    settings = Settings(
        folder=str(folder),
        prepare_processes=0,
        seal_age_s=400 * 86_400,  # by size only: the clock runs thousands of times too fast
        seal_check_ms=200,
        free_bytes_min=0,
        dedupe_days=DEDUPE_DAYS,
    )
    with Server(folder_adapters(settings, create=True, clock=clock), settings) as server:
        server.writer.create(LOG)
        loaded_s = _load(server, clock, world)
        clock.set(end_us + 30 * DAY_US)  # so that no window is still open
        settled_s = _settle(server)
        answers = list(_ask_all(server, clock, world, seed))
        segments = len(server.adapters.segments.segments(LOG))
    for one in answers:
        if one.wrong:
            raise SystemExit(f"bench: {one.kind}: {one.wrong}")
    return {
        "events": total,
        "segments": segments,
        "events/s loaded": total / loaded_s,
        "s to settle": settled_s,
        **_figures(answers),
    }


def _load(server: Server, clock: FixedClock, world: World) -> float:
    key = ApiKey(
        id="k" * 12,
        name="bench",
        secret_sha256=b"",
        roles=("write",),
        tenants=(LOG,),
        source=SourceRegistration("crm", "crm-bff"),
    )
    started = time.perf_counter()
    for at_us, body in world.batches(_BATCH):
        clock.set(at_us)
        reply = server.intake.requests.submit(body, "json", key, Arrival()).result(timeout=120)
        if reply.accepted != len(reply.results):
            raise SystemExit(f"bench: {len(reply.results) - reply.accepted} events not accepted")
        world.stored([int(one.index or 0) for one in reply.results])
    return time.perf_counter() - started


def _settle(server: Server) -> float:
    """Wait until all is published, segments are sealed, sources summed up, and all is on disk."""
    started = time.perf_counter()
    while True:
        info = server.adapters.store.log(LOG)
        if int(info.head_size) == info.next_index and info.next_index - info.sealed_end < SEGMENT:
            break
        if time.perf_counter() - started > _WAIT_S:
            raise SystemExit("bench: the log does not settle")
        time.sleep(0.1)
    while server.answers.summaries.run_once():
        pass
    os.sync()  # else the first questions wait for the disk to write the load down
    return time.perf_counter() - started


def _ask_all(server: Server, clock: FixedClock, world: World, seed: int) -> Iterator[Timed]:
    chance = random.Random(seed)  # noqa: S311 - a repeatable choice
    table, pairs = world.table(), world.pairs()
    reading = LoggedReads(OwnEvents(server.intake.requests, "api"))
    # The first question after the load has the rest of it sealed; later ones do not wait for that.
    answer(server, clock, reading, {"ask": "what_did", "actor": "usr_0"})
    gc.collect()
    gc.freeze()  # as a server does: else looking for cycles stands in the figures
    for number in range(QUESTIONS):
        members, asked = _question(world, table, chance, number)
        yield _timed(server, clock, reading, world, (table, pairs), members, asked)


def _timed(  # noqa: PLR0913, PLR0917 - one question with all that judges it
    server: Server,
    clock: FixedClock,
    reading: LoggedReads,
    world: World,
    tables: tuple[pa.Table, pa.Table],
    members: dict[str, Any],
    asked: Asked,
) -> Timed:
    started = time.perf_counter()
    found = answer(server, clock, reading, members)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    offline = bundle.verify_bundle(found.bundle)
    verify_s = time.perf_counter() - started
    expected = scan(world, *tables, asked)
    said = found.answer
    hits = [hit.index for hit in said.hits]
    exact = not _unattributed(world, tables, said.window, asked)
    verdict = "proved" if expected else "disproved" if exact else "undecidable"
    wrong = ""
    if hits != expected or [hit.index for hit in offline.hits] != expected:
        wrong = f"{len(hits)} hits where the scan finds {len(expected)}: {members}"
    elif (said.verdict, said.exact) != (verdict, exact):
        wrong = f"{said.verdict} where the scan says {verdict}: {said.reasons}: {members}"
    return Timed(
        asked_kind(members),
        seconds,
        len(found.bundle),
        verify_s,
        len(hits),
        said.verdict,
        wrong,
        dict(found.took_ms),
    )


def _unattributed(
    world: World, tables: tuple[pa.Table, pa.Table], window: tuple[int, int], asked: Asked
) -> bool:
    """Whether somebody unknown did something to the target that one person is asked about."""
    if asked.actor is None or asked.target is None:
        return False
    anyone = Asked(*window, target=asked.target)
    them = Asked(*window, target=asked.target, actor=asked.actor)
    others = set(scan(world, *tables, anyone)) - set(scan(world, *tables, them))
    return not others.isdisjoint(world.unattributed)


def asked_kind(members: dict[str, Any]) -> str:
    """The kind of a question."""
    return str(members["ask"])


def answer(server: Server, clock: FixedClock, reading: LoggedReads, members: dict[str, Any]) -> Any:  # noqa: ANN401 - Answered, of a service that bench reads by its members
    """Have a question answered. Raises `SystemExit` if it is none."""
    request = read_question(members, clock.now_us())
    if not isinstance(request, QuestionRequest):
        raise SystemExit(f"bench: {members}: {request}")
    return server.answers.questions.answer(LOG, request, _CALLER, reading)


# ---------------------------------------------------------------- questions

DAYS: Final = {
    "who_accessed": (7, 365),
    "what_did": (1, 10),
    "did_touch": (1, 365),
    "did_anyone": (30, 365),
    "all_of_action": (1, 365),
}
"""How long the period of each kind is: from a day to the year, as many events as people look at."""


def _question(
    world: World, table: pa.Table, chance: random.Random, number: int
) -> tuple[dict[str, Any], Asked]:
    """A random question, as a request and as the scan is asked it."""
    kind = list(DAYS)[number % len(DAYS)]
    low, high = DAYS[kind]
    length = int(chance.uniform(low, high) * DAY_US)
    start = world.start_us + chance.randrange(max(world.end_us - world.start_us - length, 1))
    clock = "occurred" if chance.random() < 0.3 else "recorded"  # noqa: PLR2004 - a third
    members: dict[str, Any] = {
        "ask": kind,
        "from": f"@{start}",
        "to": f"@{start + length}",
        "clock": clock,
    }
    known: dict[str, Any] = {"from_us": start, "to_us": start + length, "clock": clock}
    row = chance.randrange(world.total)
    if kind in {"what_did", "did_touch"}:
        # One in five never existed.
        actor = chance.randrange(world.actors + world.actors // 4)
        known["actor"] = members["actor"] = f"usr_{actor}"
    if kind in {"who_accessed", "did_touch", "did_anyone"}:
        name = chance.randrange(world.targets + world.targets // 4)
        target = (chance.choice(["customer", "order"]), name)
        if kind == "did_touch" and chance.random() < 0.5:  # noqa: PLR2004 - one that happened
            known["actor"] = members["actor"] = f"usr_{table.column('actor')[row].as_py()}"
            target = world.a_target(row) or target
        text = target_id(*target)
        members["target"] = f"{target[0]}/{text}"
        known["target"] = (target[0], text)
    if kind == "did_anyone":
        known["type"] = members["type"] = chance.choice(world.types)
    if kind == "all_of_action":
        digits = table.column("action")[row].as_py().hex()
        action = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        known["action"] = members["action"] = action
    return members, Asked(**known)


# ---------------------------------------------------------------- figures


def _figures(answers: list[Timed]) -> Figures:
    seconds = [one.seconds for one in answers]
    sizes = [float(one.bundle_bytes) for one in answers]
    verify = [one.verify_s for one in answers]
    found: Figures = {
        "questions": len(answers),
        "mismatches": sum(bool(one.wrong) for one in answers),
        "proved": sum(one.verdict == "proved" for one in answers),
        "disproved": sum(one.verdict == "disproved" for one in answers),
        "answer p50 ms": percentile(seconds, 0.5) * 1e3,
        "answer p95 ms": percentile(seconds, 0.95) * 1e3,
        "answer max ms": max(seconds) * 1e3,
        "bundle p50 kB": percentile(sizes, 0.5) / 1e3,
        "bundle max kB": max(sizes) / 1e3,
        "verify p50 ms": percentile(verify, 0.5) * 1e3,
        "verify max ms": max(verify) * 1e3,
        "hits mean": sum(one.hits for one in answers) / len(answers),
        "hits max": max(one.hits for one in answers),
    }
    steps = sorted({step for one in answers for step in one.took_ms})
    for step in steps:
        took = [one.took_ms.get(step, 0.0) for one in answers]
        found[f"step {step} p50 ms"] = percentile(took, 0.5)
        found[f"step {step} max ms"] = max(took)
    for kind in DAYS:
        mine = [one.seconds for one in answers if one.kind == kind]
        found[f"{kind} p95 ms"] = percentile(mine, 0.95) * 1e3
    return found
