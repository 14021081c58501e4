"""Random logs: a bit of everything, from a seed."""

from random import Random

from .entries import SECTIONS
from .log import TYPES, Log, Stream, Told


def random_log(rng: Random, events: int) -> Log:
    """A log with a bit of everything."""
    log = Log(rng)
    calm = rng.random() < 0.4
    odd = not calm and rng.random() < 0.7
    for number in range(rng.randint(1, 3)):
        mode = "full" if calm else rng.choice(("full", "body", "none"))
        source = rng.choice(("crm/bff", "pos/till"))
        log.open_stream(source, f"{source}/{number}", mode, rng.choice((0, 1, 60)))
    if rng.random() < 0.3:
        log.seal()
    while len(log.told) < events:
        _step(log, rng, odd)
    if calm:
        for stream in log.streams:
            log.batch(stream)
    if calm or rng.random() < 0.5:
        log.seal()
    if len(log.runs) > 1 and rng.random() < 0.6:
        _merge(log, rng)
    for _ in range(rng.randint(0, 3)):
        log.now_us += 1 if calm else 0
        _event(log, rng, rng.choice(log.streams))
    return log


def _merge(log: Log, rng: Random) -> None:
    lower = [made for level, made, _ in log.runs if level == 0]
    first = rng.randrange(len(lower) - 1)
    last = rng.randint(first + 1, len(lower) - 1)
    log.list_run(1, lower[first].start, lower[last].end, entry_too=rng.random() < 0.5)


def _event(log: Log, rng: Random, stream: Stream) -> Told:
    targets = {
        (rng.choice(("customer", "order")), f"id_{rng.randint(1, 4)}")
        for _ in range(rng.choice((0, 1, 1, 1, 2)))
    }
    odd = rng.random() < 0.06
    return log.event(
        stream,
        rng.choice(("usr_1", "usr_2", "usr_3", "")),
        tuple(sorted(targets)),
        rng.choice(TYPES),
        rng.choice(("", "act_1", "act_2")),
        overflow=rng.choice(("customer", "order")) if rng.random() < 0.05 else "",
        false_actor="usr_2" if odd else "",
        lies_on_time=rng.random() < 0.03,
        result=rng.choice(("success", "failure")),
        delay_us=rng.choice((0, rng.randrange(2_000_000), -1)),
        records=tuple(s for s in SECTIONS if rng.random() < 0.4),
        category=rng.choice(("", "view", "change")),
    )


def _step(log: Log, rng: Random, odd: bool) -> None:  # noqa: C901, PLR0912 - a list of odds
    chance, stream = rng.random(), rng.choice(log.streams)
    if chance < 0.70:
        _event(log, rng, stream)
    elif chance < 0.80:
        log.batch(stream) if stream.mode != "none" else None
    elif chance < 0.84:
        log.seal()
    elif chance < 0.86:
        log.new_epoch()
    elif chance < 0.90 and log.told:
        log.erase(rng.choice(list(log.told.values())), rng.choice(SECTIONS))
    elif chance < 0.92 and stream.mode != "none":
        log.beat(stream, rng.choice((0, 0, 1)))
    elif not odd:
        _event(log, rng, stream)
    elif chance < 0.935:
        log.skip(stream, rng.randint(1, 3))
    elif chance < 0.95:
        reasons = (130,) if stream.mode == "none" else (1, 2, 3, 128)
        log.void(stream, rng.randint(1, 3), rng.choice(reasons))
    elif chance < 0.96:
        log.beat(stream, 2)
    elif chance < 0.97:
        log.prune(rng.randrange(len(log.entries)))
    elif chance < 0.98:
        log.put_unknown()
    elif chance < 0.99:
        log.now_us += 400_000_000
    else:
        follows = rng.choice(log.streams)
        name = f"{stream.source}/{len(log.streams)}"
        log.open_stream(stream.source, name, stream.mode, 1, follows)
