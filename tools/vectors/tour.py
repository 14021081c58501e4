"""One small log that holds an entry of every type and mode, and bundles of it for every verdict."""

import json
from base64 import b64decode
from collections.abc import Callable
from random import Random
from typing import Any

from .basics import Tree, b64, h, jcs, leaf
from .entries import CONFIG, control
from .export import Choices, Export
from .log import ISSUER, Log, seed
from .notes import COSIGNATURE, Key, Witnesses

CUSTOMER, QUIET = ("customer", "cus_1"), ("customer", "cus_9")


def tour_log() -> Log:
    """Every entry type; streams of all modes; erasure, overflow, voids, losses; a merged run."""
    log = Log(Random(0), "vectors.example/log/tour")
    log.put(control(CONFIG, log.tick(), {"value": {"max_delay_s": 60}, "what": "publish"}))
    log.put(control(CONFIG, log.tick(), {"hash": b64(h(b"catalog")), "what": "catalog"}))
    full = log.open_stream("crm/bff", "crm/bff/pod-1", "full", 60)
    body = log.open_stream("crm/web", "crm/web/pod-1", "body", 60)
    none = log.open_stream("pos/till", "till-0412", "none")
    for number in range(4):
        log.now_us += 250_000
        log.event(full, f"usr_{number % 2}", (CUSTOMER,), action="act_1")
        log.event(body, "usr_2", (("order", f"o_{number}"), CUSTOMER), "crm.order.changed")
        log.event(none, "", (("order", "o_1"),), person=False, records=())
    log.event(full, "usr_3", (QUIET,), records=("core", "payload", "person"))
    log.batch(full)
    log.batch(body)
    log.seal()
    log.now_us += 1_000_000
    log.event(none, "usr_1", (("customer", "cus_2"),), overflow="order")
    log.event(full, "usr_1", (CUSTOMER,), "auth.login", lies_on_time=True)
    log.event(none, "usr_1", (("customer", "cus_3"),), false_actor="usr_4")
    log.erase(log.told[min(log.told)], "person")
    log.erase(log.told[min(log.told) + 1], "core")
    log.new_epoch()
    log.event(full, "usr_1", (CUSTOMER,))
    log.event(body, "usr_1", (QUIET,))
    log.beat(full)
    log.skip(body, 2)
    log.event(body, "usr_5", ())
    log.void(body, 3, 1)
    log.void(full, 2, 3)
    log.void(none, 1, 130)
    log.beat(body, 2)
    log.prune(4)
    log.seal()
    log.list_run(1, log.runs[0][1].start, log.runs[1][1].end)
    log.now_us += 1_000_000
    after = log.open_stream("crm/bff", "crm/bff/pod-2", "full", 60, full)
    log.event(after, "usr_1", (CUSTOMER,))
    log.beat(after, 1)
    return log


def calm_log() -> Log:
    """One signing stream that loses nothing, and a second one."""
    log = Log(Random(0), "vectors.example/log/calm")
    stream = log.open_stream("crm/bff", "crm/bff/pod-1", "full", 60)
    for number in range(6):
        log.now_us += 250_000
        log.event(stream, f"usr_{number % 2}", (CUSTOMER,), action=f"act_{number}")
    log.batch(stream)
    log.seal()
    for number in range(6):
        log.now_us += 250_000
        log.event(stream, f"usr_{number % 3}", (CUSTOMER, QUIET), type_="crm.order.changed")
    log.event(stream, "usr_1", (QUIET,))
    log.batch(stream)
    log.seal()
    log.now_us += 1_000_000
    log.event(stream, "usr_7", (CUSTOMER,))
    return log


def witnesses(which: str, log: Log) -> tuple[Witnesses, list[int | None]]:
    """Two of three, of whom one is silent."""
    keys = tuple(Key(f"w{i}.example/{which}", seed(f"w{i} {which}"), COSIGNATURE) for i in range(3))
    now = log.times[-1] // 1_000_000
    return Witnesses(keys, "2"), [now + 1, None, now + 2]


def choices(log: Log, **changes: Any) -> Choices:
    """An exporter who shows what is needed, about everything that is sealed."""
    c = Choices(from_us=log.times[0] + 1, to_us=log.times[log.covered - 1], parts=CUSTOMER)
    c.log_witnesses, c.log_times = witnesses("log", log)
    c.index_witnesses, c.index_times = witnesses("index", log)
    for name, value in changes.items():
        assert hasattr(c, name), name
        setattr(c, name, value)
    return c


def verdicts() -> dict[str, Export]:
    """A bundle for each row of the table of verdicts, and for each reason."""
    calm, tour = calm_log(), tour_log()
    whole = {"also_opened": set(calm.told)}
    last = calm.times[-1] + 1
    rows = {
        "proved-exactly": (calm, {"parts": QUIET}),
        "proved-at-least": (calm, {"coverage": False}),
        "proved-sender-binding": (calm, {"kind": 1, "parts": (ISSUER, "usr_0")}),
        "proved-both": (calm, {"kind": 3, "parts": (ISSUER, "usr_1", *QUIET), **whole}),
        "proved-with-key": (calm, {"secrets": False, "index_secrets": dict(calm.K)}),
        "proved-tail": (calm, {"to_us": last}),
        "proved-stream": (calm, {"kind": 4, "parts": ("crm/bff", "crm/bff/pod-1")}),
        "proved-type": (calm, {"kind": 5, "parts": ("crm.order.changed",)}),
        "proved-filter": (calm, {"filter": "type:crm.customer.* -actor:usr_0"}),
        "proved-occurred": (
            calm, {"clock": "occurred", "early_us": 1_000, "late_us": 2_000_000,
                   "to_us": calm.times[calm.covered - 1] - 2_000_000},
        ),
        "disproved": (calm, {"kind": 3, "parts": (ISSUER, "usr_7", *QUIET), **whole,
                             "index_secrets": dict(calm.K)}),
        "disproved-sender-binding": (
            calm, {"kind": 1, "parts": (ISSUER, "usr_2"), **whole, "to_us": calm.times[9]},
        ),
        "undecidable-unbound": (calm, {"kind": 1, "parts": (ISSUER, "nobody")}),
        "undecidable-open-end": (
            calm, {"kind": 6, "parts": ("act_99",), "to_us": last, "index_secrets": dict(calm.K)},
        ),
        "undecidable-no-coverage": (
            calm, {"kind": 6, "parts": ("act_99",), "coverage": False, "index_secrets": dict(calm.K)},
        ),
        "undecidable-withheld": (
            calm, {"kind": 6, "parts": ("act_1",), "index_secrets": dict(calm.K),
                   "withhold": {(i, "core") for i in calm.told}},
        ),
        "undecidable-after-quorum": (
            calm, {"kind": 6, "parts": ("act_99",), "index_secrets": dict(calm.K),
                   "log_times": [calm.times[-1] // 1_000_000 - 500] * 3},
        ),
        "undecidable-limit": (
            calm, {"kind": 6, "parts": ("act_99",), "index_secrets": dict(calm.K),
                   "limits": [{"code": "quarantined", "from_us": 0, "source": "crm/bff",
                               "text": "1 event is in quarantine", "to_us": 2**52}]},
        ),
        "undecidable-senders": (
            tour, {"kind": 1, "parts": (ISSUER, "usr_9"), "index_secrets": dict(tour.K)},
        ),
        "undecidable-erased": (
            tour, {"kind": 2, "parts": ("order", "o_0"), "index_secrets": dict(tour.K)},
        ),
        "proved-mixed": (tour, {"index_secrets": dict(tour.K)}),
        "undecidable-other-value": (tour, {"kind": 1, "parts": (ISSUER, "usr_4"),
                                      "index_secrets": dict(tour.K)}),
        "undecidable-overflow": (tour, {"kind": 2, "parts": ("order", "o_99"),
                                        "index_secrets": dict(tour.K)}),
    }  # fmt: skip
    return {name: Export(log, choices(log, **changes)) for name, (log, changes) in rows.items()}


# ---------------------------------------------------------------- broken at each rule


def broken() -> dict[str, bytes]:
    """For each rule a bundle that breaks it and none before it; sealed anew, so that only it speaks."""
    calm = calm_log()
    export = Export(calm, choices(calm, parts=QUIET, to_us=calm.times[-1]))
    whole = Export(calm, choices(calm, to_us=calm.times[-1] + 1))

    def changed(change: Callable[[dict[str, Any]], None], of: Export = export) -> bytes:
        document = json.loads(jcs(of.document()))
        change(document)
        return of.sealed(document)

    def regiven(document: dict[str, Any], gone: int) -> None:
        """Leave out an entry, with a path that fits."""
        given = [pair for pair in document["log"]["entries"] if pair[0] != gone]
        document["log"]["entries"] = given
        path = calm.tree.multiproof([i for i, _ in given])
        document["log"]["path"] = [b64(item) for item in path]

    def relisted(document: dict[str, Any]) -> None:
        """Leave out the first run, with a path that fits."""
        kept = document["index"]["records"][1:]
        tree = Tree(leaf(text.encode()) for _, _, text in calm.runs)
        document["index"]["records"] = kept
        document["index"]["path"] = [b64(x) for x in tree.multiproof([p for p, _ in kept])]

    def put(*way: Any, value: Any) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            inner: Any = document
            for step in way[:-1]:
                inner = inner[step]
            inner[way[-1]] = value(inner[way[-1]]) if callable(value) else value

        return change

    def flip(value: str) -> str:
        raw = bytearray(b64decode(value))
        raw[-1] ^= 1
        return b64(bytes(raw))

    def other_line(value: str) -> str:
        """The note with a signature that does not hold."""
        head, _, line = value.rstrip("\n").rpartition(" ")
        return f"{head} {flip(line)}\n"

    hit = export.candidates[0]
    tail = max(
        i for i in whole.given if i >= whole.end and i not in whole.candidates and i < whole.b - 1
    )
    sealed = json.loads(changed(lambda _: None))
    sealed["seal"] = other_line(sealed["seal"])
    return {
        "form": changed(lambda d: d.update(extra=1)),
        "policies": changed(put("policy", "log", value="quorum nobody\n")),
        "log_checkpoint": changed(put("log", "checkpoint", value=other_line)),
        "index_checkpoint": changed(put("index", "checkpoint", value=other_line)),
        "records": changed(put("index", "records", 0, 1, value=flip)),
        "tiling": changed(relisted),
        "link": changed(put("log", "link", 0, value=flip)),
        "entries": changed(put("log", "path", 0, value=flip)),
        "window": changed(put("question", "to_us", value=lambda us: us + 10_000_000)),
        "keys": changed(put("question", "keys", 0, "key", value=flip)),
        "gaps": changed(put("gaps", 0, "path", 0, value=flip)),
        "postings": changed(put("gaps", 1, "postings", 0, "items", value=lambda x: x[:-1])),
        "tail": changed(lambda d: regiven(d, tail), whole),
        "held": changed(lambda d: regiven(d, hit)),
        "opened": changed(put("opened", 0, "core", "event", "salt", value=flip)),
        "hits": changed(put("question", "filter", value="nothing")),
        "senders": changed(put("senders", 0, "path", 0, value=flip)),
        "binding": export.sealed(export.document()),
        "coverage": changed(put("coverage", "missing", value=1)),
        "attached": jcs(sealed),
    }


def wrong_index_key() -> dict[int, bytes]:
    """What breaks rule 18: a K that is not that of the epoch."""
    return {1: h(b"another key")}
