"""Random logs, random questions, their bundles, and what a scan of the whole log expects.

from tools.vectors.bundles import generate, mutate
made = generate(seed=7)          # .data, .policies, .index_secrets, .expected
bad = mutate(made.data, seed=1)  # no verifier may give it a stronger verdict
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from .basics import b64
from .chance import random_log
from .export import Choices, Export, Value
from .log import ISSUER, TYPES, Log, Stream, seed
from .mutations import mutate
from .notes import COSIGNATURE, Key, Witnesses
from .reckoning import Expected, Reckoning

__all__ = ["Expected", "Generated", "export", "generate", "generated", "mutate"]


@dataclass
class Generated:
    """A bundle and what is to be said of it."""

    data: bytes
    policies: dict[str, str] | None
    """Texts of the verifier's own policies; None: it has none."""
    index_secrets: dict[int, bytes]
    expected: Expected


def generated(export: Export) -> Generated:
    """The bundle with what is expected of it."""
    document = export.document()
    policies = dict(document["policy"]) if export.c.trust == "given" else None
    return Generated(
        export.sealed(document), policies, export.c.index_secrets, Reckoning(export).expected()
    )


def generate(seed: int) -> Generated:
    """A random log, a random question, the bundle."""
    return generated(export(seed))


def export(seed_: int) -> Export:
    """The same, with its inner life."""
    rng = Random(seed_)
    log = random_log(rng, rng.choice((1, 5, 15, 40)))
    return Export(log, random_choices(rng, log))


def random_choices(rng: Random, log: Log) -> Choices:
    """What is asked, and what the exporter shows of it."""
    kind = rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
    quiet = rng.random() < 0.5  # an exporter who leaves out nothing
    start, end = sorted(rng.choice(log.times) + rng.choice((-1, 0, 0, 1)) for _ in "12")
    if quiet:
        start = rng.choice(log.times[: len(log.times) // 2])
        end = rng.choice((log.times[max(0, log.covered - 1)], log.times[-1]))
    c = Choices(kind=kind, parts=_value(rng, log, kind), clock=rng.choice(("recorded", "occurred")))
    c.from_us, c.to_us = start, max(end, start + 1)
    if c.clock == "occurred":
        c.early_us, c.late_us = rng.choice((0, 10)), rng.choice((0, 2_000_000))
    c.filter = _filter(rng) if rng.random() < 0.3 else ""
    every = [(i, part) for i, told in log.told.items() for part in told.parts]
    c.withhold = {x for x in every if rng.random() < (0 if quiet else 0.1) or x[1] == "payload"}
    c.also_opened = {i for i in log.told if rng.random() < rng.choice((0, 0.1, 1 if quiet else 0))}
    c.secrets, c.senders = quiet or rng.random() < 0.7, quiet or rng.random() < 0.7
    c.coverage = quiet or rng.random() < 0.7
    c.extra = {i for i in range(len(log.entries)) if rng.random() < 0.05} | set(log.prunes)
    c.limits = [] if quiet else _limits(rng, log)
    c.stream_times = rng.choice((None, (0, 5), (start, start + 1)))
    c.seal = rng.choice(("held", "unknown_key", "none"))
    if c.seal == "unknown_key":
        c.extra.discard(log.receipt_entry)
    c.levels = Random(rng.random())
    c.trust = rng.choice(("given", "bundled"))
    c.log_witnesses, c.log_times = _witnesses(rng, log, "log")
    c.index_witnesses, c.index_times = _witnesses(rng, log, "index")
    if rng.random() < 0.3:
        c.index_secrets = {e: k for e, k in log.K.items() if rng.random() < 0.8}
    c.detections = [_detection(rng)] if rng.random() < 0.2 else []
    c.stamps = [_stamp(rng)] if rng.random() < 0.2 else []
    return c


def _value(rng: Random, log: Log, kind: int) -> Value:
    actor = (ISSUER, f"usr_{rng.randint(1, 4)}")
    target = (rng.choice(("customer", "order")), f"id_{rng.randint(1, 5)}")
    stream: Stream = rng.choice(log.streams)
    values: dict[int, Value] = {
        1: actor, 2: target, 3: actor + target, 4: (stream.source, stream.name),
        5: (rng.choice((*TYPES, "no.such.type")),), 6: (f"act_{rng.randint(1, 3)}",),
    }  # fmt: skip
    return values[kind]


def _filter(rng: Random) -> str:
    terms = (
        "type:crm.*", "-type:auth.login", "category:view", "outcome:success", "action:act_1",
        "actor:usr_1", "-actor:usr_2", "target:customer/*", "target:id_1", "actor:*", "-action:*",
    )  # fmt: skip
    return " ".join(rng.choice(terms) for _ in range(rng.randint(1, 2)))


def _limits(rng: Random, log: Log) -> list[dict[str, Any]]:
    found = []
    for _ in range(rng.choice((0, 0, 1, 2))):
        start = rng.choice(log.times)
        found.append(
            {
                "code": rng.choice(("undeclared", "quarantined", "silent_backstop")),
                "source": rng.choice(("", "crm/bff")), "from_us": start, "to_us": start + 5,
                "text": "the exporter says so — ærlig",
            }
        )  # fmt: skip
    return found


def _witnesses(rng: Random, log: Log, which: str) -> tuple[Witnesses, list[int | None]]:
    count = rng.randint(0, 3)
    keys = tuple(
        Key(f"w{i}.example/{which}", seed(f"w{i} {which}"), COSIGNATURE) for i in range(count)
    )
    quorum = rng.choice(("any", "all", str(count))) if count else "none"
    now = log.times[-1] // 1_000_000 + 1
    times: list[int | None] = [now + rng.choice((0, 3, 3, -290, -500)) for _ in keys]
    if quorum == "any" and count > 1 and rng.random() < 0.5:
        times[rng.randrange(count)] = None
    return Witnesses(keys, quorum), times


def _detection(rng: Random) -> dict[str, Any]:
    return {"rule": "mass-lookup", "hash": b64(rng.randbytes(32)), "matches": 0, "runs": [1, 3]}


def _stamp(rng: Random) -> dict[str, Any]:
    kind = rng.choice(("rfc3161", "ots"))
    return {"kind": kind, "over": b64(rng.randbytes(32)), "token": b64(rng.randbytes(40))}
