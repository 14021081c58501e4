"""Random logs, random questions, their bundles, and what a scan of the whole log expects.

from tools.vectors.bundles import generate, mutate
made = generate(seed=7)          # .data, .policies, .index_keys, .expected
bad = mutate(made.data, seed=1)  # no verifier may give it a stronger verdict
"""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .basics import Tree, b64, h, jcs, leaf, u
from .entries import SECTIONS, salt, secrets_of, value_key
from .index import Run, count_streams
from .log import ISSUER, TYPES, Log, Stream, Told, at, random_log, seed
from .notes import COSIGNATURE, Key, Witnesses, checkpoint_text, note

QUORUM_LATE_US = 300_000_000
ORDER = ("key", "sender", "log", "stated")
Value = tuple[str, ...]


@dataclass
class Expected:
    """What a verifier has to say."""

    verdict: str
    hits: list[int]
    reasons: list[str]
    """Codes, sorted."""
    exact: bool
    binding: str
    trust: str
    seal: str

    def json(self) -> dict[str, Any]:
        """As an object."""
        return dict(vars(self))


@dataclass
class Generated:
    """A bundle and what is to be said of it."""

    data: bytes
    policies: dict[str, str] | None
    """Texts of the verifier's own policies; None: it has none."""
    index_keys: dict[int, bytes]
    expected: Expected


@dataclass
class Choices:
    """Everything that an exporter may choose about a bundle."""

    kind: int = 2
    parts: Value = ("customer", "id_1")
    clock: str = "recorded"
    from_us: int = 0
    to_us: int = 0
    early_us: int = 0
    late_us: int = 0
    filter: str = ""
    secrets: bool = True
    withhold: set[tuple[int, str]] = field(default_factory=set)
    """(index, part)."""
    also_opened: set[int] = field(default_factory=set)
    senders: bool = True
    coverage: bool = True
    extra: set[int] = field(default_factory=set)
    """Further entries that are shown."""
    limits: list[dict[str, Any]] = field(default_factory=list)
    stream_times: tuple[int, int] | None = None
    """[from, to) of every listed stream; None: always."""
    seal: str = "held"
    levels: Random | None = None
    """Chooses among runs of several levels; None: the widest."""
    log_witnesses: Witnesses = field(default_factory=Witnesses)
    index_witnesses: Witnesses = field(default_factory=Witnesses)
    log_times: list[int | None] = field(default_factory=list)
    index_times: list[int | None] = field(default_factory=list)
    trust: str = "given"
    index_keys: dict[int, bytes] = field(default_factory=dict)
    detections: list[dict[str, Any]] = field(default_factory=list)
    stamps: list[dict[str, Any]] = field(default_factory=list)


class Export:
    """One bundle of a log, made step by step; the steps are kept for whoever forges."""

    def __init__(self, log: Log, choices: Choices) -> None:
        """Decide what is searched and what has to be shown."""
        self.log, self.c = log, choices
        self.size = len(log.entries)
        self.lo, self.hi = choices.from_us - choices.early_us, choices.to_us + choices.late_us
        self.a = next((i for i, t in enumerate(log.times) if t >= self.lo), self.size)
        self.b = next((i for i, t in enumerate(log.times) if t >= self.hi), self.size)
        self.used = self._tiles()
        self.end = log.runs[self.used[-1]][1].end if self.used else self.a
        self.keys = self._keys()
        self.candidates = self._candidates()
        self.opened = self._opened()
        self.senders = self._senders()
        self.given = self._given()

    # ------------------------------------------------------------ what is needed

    def _tiles(self) -> list[int]:
        used: list[int] = []
        at_, wanted = self.a, max(self.b, self.a + 1)
        while at_ < wanted:
            fits = [
                (made.end, position)
                for position, (_, made, _) in enumerate(self.log.runs)
                if (made.start <= at_ < made.end if not used else made.start == at_)
            ]
            if not fits:
                break
            at_, position = self.c.levels.choice(fits) if self.c.levels else max(fits)
            used.append(position)
        return used

    def _epochs(self) -> list[int]:
        found = {1}
        for position in self.used:
            low, high, _ = map(int, self.log.runs[position][2].split("\n")[6].split(" "))
            found |= set(range(low, high + 1)) if low else set()
        tail = range(self.end, self.b)
        return sorted(found | {self.log.told[i].epoch for i in tail if i in self.log.told})

    def _pseudo(self) -> Value | None:
        if self.c.kind == 2:
            return (self.c.parts[0], "*")
        return (*self.c.parts[:3], "*") if self.c.kind == 3 else None

    def _keys(self) -> list[dict[str, Any]]:
        c = self.c
        if c.kind == 4:
            stream = self._stream_id()
            return [{"epoch": 0, "key": b64(stream), "kind": 4, "parts": list(c.parts)}]
        keys = []
        for epoch in self._epochs():
            for parts in [c.parts, *([pseudo] if (pseudo := self._pseudo()) else [])]:
                key = value_key(self.log.K[epoch], c.kind, parts)
                made = {"epoch": epoch, "key": b64(key), "kind": c.kind, "parts": list(parts)}
                if c.secrets:
                    made["secrets"] = [b64(s) for s in secrets_of(self.log.K[epoch], c.kind, parts)]
                keys.append(made)
        return keys

    def _stream_id(self) -> bytes:
        from .entries import stream_id

        return stream_id(self.log.origin, *self.c.parts)

    def holds(self, told: Told) -> tuple[bool, bool]:
        """Filed under the value; under its pseudo-target."""
        if self.c.kind == 4:
            return told.stream.id == self._stream_id(), False
        pseudo = self._pseudo()
        return (self.c.kind, self.c.parts) in told.filed, (
            pseudo is not None and (self.c.kind, pseudo) in told.filed
        )

    def _candidates(self) -> list[int]:
        return [
            i for i in range(self.a, self.b)
            if i in self.log.told and any(self.holds(self.log.told[i]))
        ]  # fmt: skip

    def _opened(self) -> list[int]:
        return sorted({*self.candidates, *(i for i in self.c.also_opened if i in self.log.told)})

    def _senders(self) -> list[int]:
        return [i for i in self.opened if self.c.senders and self.log.told[i].signed]

    def _given(self) -> list[int]:
        log = self.log
        wanted = {self.a - 1, self.a, self.b - 1, self.b, *self.c.extra, *self.opened}
        wanted |= set(range(self.end, self.b))
        wanted |= {log.key_entries[k["epoch"]] for k in self.keys if k["epoch"]}
        for i in self.opened:
            wanted |= set(log.told[i].erased.values())
        for i in self.senders:
            told = log.told[i]
            assert told.signed
            wanted |= {told.signed.batch, told.stream.registered}
            wanted.add(log.source_keys[told.stream.source])
        if self.c.seal == "held":
            wanted.add(log.receipt_entry)
        elif self.c.seal == "unknown_key" and log.receipt_entry in wanted:
            self.c.seal = "held"  # it has to be shown for another reason
        return sorted(i for i in wanted if 0 <= i < self.size)

    # ------------------------------------------------------------ the document

    def note(self, key: Key, tree: Tree, witnesses: Witnesses, times: list[int | None]) -> str:
        """A cosigned checkpoint."""
        body = checkpoint_text(key.name, len(tree.leaves), tree.root())
        lines = [key.line(body)]
        for witness, time in zip(witnesses.keys, times, strict=True):
            if time is not None:
                lines.append(witness.line(body, time))
        return note(body, *lines)

    def document(self) -> dict[str, Any]:
        """The bundle, without its seal."""
        log, c = self.log, self.c
        index_tree = Tree(leaf(text.encode()) for _, _, text in log.runs)
        listed = sorted(self.used)
        made: dict[str, Any] = {
            "format": "vitne-bundle/v1",
            "origin": log.origin,
            "range": [self.a, self.b],
            "policy": {
                "log": c.log_witnesses.policy(log.log),
                "index": c.index_witnesses.policy(log.index),
            },
            "question": self.question(),
            "log": {
                "checkpoint": self.note(log.log, log.tree, c.log_witnesses, c.log_times),
                "link": self._hashes(
                    log.tree.consistency(self.end, self.size) if self.used else []
                ),
                "entries": [[i, b64(log.entries[i])] for i in self.given],
                "path": self._hashes(log.tree.multiproof(self.given)),
            },
            "index": {
                "checkpoint": self.note(log.index, index_tree, c.index_witnesses, c.index_times),
                "records": [[p, b64(log.runs[p][2].encode())] for p in listed],
                "path": self._hashes(index_tree.multiproof(listed)),
            },
            "gaps": [self.gaps(p) for p in listed],
            "opened": [self.open(i) for i in self.opened],
            "senders": [self.sender(i) for i in self.senders],
            "coverage": self.coverage(),
            "detections": c.detections,
            "stamps": c.stamps,
        }
        if c.limits:
            made["limits"] = c.limits
        return made

    def question(self) -> dict[str, Any]:
        """Its member of that name."""
        c = self.c
        return {
            "text": "what was asked", "clock": c.clock, "from_us": c.from_us, "to_us": c.to_us,
            "early_us": c.early_us, "late_us": c.late_us, "filter": c.filter, "keys": self.keys,
        }  # fmt: skip

    @staticmethod
    def _hashes(path: list[bytes]) -> list[str]:
        return [b64(item) for item in path]

    def gaps(self, position: int) -> dict[str, Any]:
        """What a run says of the keys."""
        _, run, text = self.log.runs[position]
        overflow = int(text.split("\n")[6].split(" ")[2])
        looked_up = [
            bytes((k["kind"],)) + b64decode(k["key"])
            for k in self.keys
            if k["kind"] not in (2, 3) or k["parts"][-1] != "*" or overflow
        ]
        leaves = sorted({run.answer(key) for key in looked_up})
        return {
            "record": position,
            "leaves": [[i, b64(run.leaves[i])] for i in leaves],
            "path": self._hashes(run.tree.multiproof(leaves)),
            "postings": [self.postings(run, i) for i in leaves if run.leaves[i][8:25] in looked_up],
        }

    def postings(self, run: Run, position: int) -> dict[str, Any]:
        """The stretch of the postings that rule 12 needs."""
        items = run.postings[position]
        below = sum(i < self.a for i in items)
        first = max(0, below - 1)
        within = sum(i < self.b for i in items)
        last = min(len(items), max(within + 1, first + 1))
        tree = Tree(leaf(u(8, i)) for i in items)
        return {
            "leaf": position,
            "from": first,
            "items": items[first:last],
            "path": self._hashes(tree.multiproof(range(first, last))),
        }

    def open(self, index: int) -> dict[str, Any]:
        """An opened record."""
        told = self.log.told[index]
        found: dict[str, Any] = {"index": index}
        for section in SECTIONS:
            shown: dict[str, Any] = {}
            for name, part in (("event", section), ("record", f"{section}.record")):
                if part not in told.parts:
                    continue
                if section in told.erased or (index, part) in self.c.withhold:
                    shown[name] = {"hash": b64(told.leaf(part))}
                else:
                    salt_ = salt(told.record_key, part)
                    shown[name] = {"json": told.parts[part], "salt": b64(salt_)}
            if section in told.erased:
                shown["erased"] = told.erased[section]
            found[section] = shown
        return found

    def sender(self, index: int) -> dict[str, Any]:
        """The proof of a signature."""
        signed = self.log.told[index].signed
        assert signed
        path = self._hashes(signed.tree.multiproof([signed.position]))
        return {"index": index, "batch": signed.batch, "path": path}

    def coverage(self) -> dict[str, Any]:
        """The counts of the last run, stream by stream."""
        if not self.c.coverage or not self.used:
            return {}
        last = self.used[-1]
        counts = self.log.runs[last][2].split("\n")[7].split(" ")
        names = ("registered", "open", "silent", "abandoned", "missing", "voided")
        from_us, to_us = self.c.stream_times or (0, 2**52)
        streams = [
            {
                "stream": b64(one.stream), "source": one.source, "silent": one.silent,
                "abandoned": one.abandoned, "missing": one.missing, "voided": one.voided,
                "from_us": from_us, "to_us": to_us,
            }
            for one in sorted(count_streams(self.log.entries, self.end), key=lambda s: s.stream)
            if one.silent or one.abandoned or one.missing or one.voided
        ]  # fmt: skip
        return {
            "record": last,
            **dict(zip(names, map(int, counts), strict=True)),
            "streams": streams,
        }

    def sealed(self, document: dict[str, Any]) -> bytes:
        """The file."""
        document.pop("seal", None)
        if self.c.seal != "none":
            body = f"vitne-bundle/v1\n{self.log.origin}\n{b64(h(jcs(document)))}\n"
            document["seal"] = note(body, self.log.receipt.line(body))
        return jcs(document)

    # ------------------------------------------------------------ what is expected

    def expected(self) -> Expected:
        """By a scan of everything that the log was told."""
        reasons = self._heads()
        reasons += ["unknown_entry_type" for i in self.given if i in self.log.unknown]
        reasons += ["open_end"] if self.b == self.size else []
        hits = []
        for i in self.candidates:
            found = self._hit(self.log.told[i])
            if found is True:
                hits.append(i)
            elif found:
                reasons.append(found)
        binding = self._binding()
        reasons += ["unbound_key"] if binding == "stated" else []
        reasons += self._coverage_reasons()
        verdict = "proved" if hits else "undecidable" if reasons else "disproved"
        trust = "bundled" if self.c.trust == "bundled" else "given"
        return Expected(verdict, hits, sorted(reasons), not reasons, binding, trust, self.c.seal)

    def _heads(self) -> list[str]:
        found = []
        records = [
            int(self.log.runs[p][2].split("\n")[5].split(" ")[1]) for p in self.used
        ]  # recorded_us of the last entry of each
        log_newest = self.log.times[self.given[-1]]
        for witnesses, times, newest in (
            (self.c.log_witnesses, self.c.log_times, log_newest),
            (self.c.index_witnesses, self.c.index_times, max(records, default=0)),
        ):
            time = witnesses.quorum_time_s(times)
            if time is not None and newest - time * 1_000_000 > QUORUM_LATE_US:
                found.append("after_quorum")
        return found

    def shows(self, told: Told) -> bool:
        """Core's event part is opened."""
        return "core" not in told.erased and (told.index, "core") not in self.c.withhold

    def says(self, told: Told, kind: int, parts: Value) -> bool:
        """Core says the value."""
        core = told.core
        actor = core.get("actor", {})
        targets = [(t["type"], t["id"]) for t in core.get("targets", [])]
        said = {
            1: bool(actor) and (actor["issuer"], actor["id"]) == parts[:2],
            2: tuple(parts[-2:]) in targets,
            4: True,
            5: core["type"] == parts[0],
            6: core.get("correlation", {}).get("action_id") == parts[0],
        }
        return said[1] and said[2] if kind == 3 else said[kind]

    def _hit(self, told: Told) -> str | bool:  # noqa: PLR0911 - one return a step of rule 16
        if self.shows(told) and told.lies_on_time:
            return "other_time"
        time = told.recorded_us if self.c.clock == "recorded" else told.occurred_us
        if not self.c.from_us <= time < self.c.to_us:
            return False
        if not self.shows(told):
            pruned = any(
                i in self.given and least > told.index for i, least in self.log.prunes.items()
            )
            return (
                "core_erased" if "core" in told.erased
                else "core_pruned" if pruned else "core_withheld"
            )  # fmt: skip
        value, _ = self.holds(told)
        if value and not self.says(told, self.c.kind, self.c.parts):
            return "other_value"
        if not self.passes(told):
            return False
        return True if value else "overflow"

    def passes(self, told: Told) -> bool:
        """The filter holds."""
        core = told.core
        targets = core.get("targets", [])
        texts = {
            "type": [core["type"]],
            "category": [core["category"]] if "category" in core else [],
            "outcome": [core["outcome"]["result"]],
            "action": [core["correlation"]["action_id"]] if "correlation" in core else [],
            "actor": [core["actor"]["id"]] if "actor" in core else [],
            "target": [x for t in targets for x in (t["id"], f"{t['type']}/{t['id']}")],
        }
        for term in self.c.filter.split(" ") if self.c.filter else []:
            name, value = term.removeprefix("-").split(":", 1)
            begins = value.endswith("*")
            wanted = value.removesuffix("*")
            found = any(x.startswith(wanted) if begins else x == wanted for x in texts[name])
            if found == term.startswith("-"):
                return False
        return True

    def _binding(self) -> str:
        if self.c.kind == 4:
            return "key"
        epochs = {k["epoch"] for k in self.keys}
        return max((self._grade(epoch) for epoch in epochs), key=ORDER.index)

    def _grade(self, epoch: int) -> str:
        kind, parts = self.c.kind, self.c.parts
        if epoch in self.c.index_keys:
            return "key"
        if not self.c.secrets:
            return "stated"
        values = [(1, parts[:2]), (2, parts[2:])] if kind == 3 else [(kind, parts)]
        return max((self._bound(epoch, *value) for value in values), key=ORDER.index)

    def _bound(self, epoch: int, kind: int, parts: Value) -> str:
        found = [
            told
            for told in (self.log.told[i] for i in self.opened)
            if told.epoch == epoch
            and self.shows(told)
            and self.says(told, kind, parts)
            and [v for k, v in told.filed if k == kind] == [parts]
        ]
        if not found:
            return "stated"
        signed = all(t.index in self.senders and t.stream.mode == "full" for t in found)
        return "sender" if signed else "log"

    def _coverage_reasons(self) -> list[str]:
        coverage = self.coverage()
        if not coverage:
            found = ["no_coverage"]
        else:
            names = ("silent", "abandoned", "missing", "voided")
            codes = ("silent_source", "abandoned_stream", "missing_numbers", "voided_numbers")
            found = [
                code
                for stream in coverage["streams"]
                if stream["from_us"] < self.hi and self.lo < stream["to_us"]
                for name, code in zip(names, codes, strict=True)
                if stream[name]
            ]
        found += ["tail_uncovered"] if self.end < self.b else []
        return found + [
            f"limit:{limit['code']}"
            for limit in self.c.limits
            if limit["from_us"] < self.hi and self.lo < limit["to_us"]
        ]

    def generated(self) -> Generated:
        """The bundle with what is expected of it."""
        document = self.document()
        policies = dict(document["policy"]) if self.c.trust == "given" else None
        return Generated(self.sealed(document), policies, self.c.index_keys, self.expected())


def generate(seed: int) -> Generated:
    """A random log, a random question, the bundle."""
    return export(seed).generated()


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
        c.index_keys = {e: k for e, k in log.K.items() if rng.random() < 0.8}
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


# ---------------------------------------------------------------- mutations


def mutate(data: bytes, seed: int, other: bytes | None = None) -> bytes:
    """One bundle with one thing changed: still JSON mostly, sometimes raw bytes.

    Args:
        data: a bundle.
        seed: chooses the change.
        other: another bundle, of which a member may be put into this one.
    """
    rng = Random(seed)
    if rng.random() < 0.15:
        return _flip(data, rng)
    document = json.loads(data)
    for _ in range(20):
        _change(document, rng, json.loads(other) if other else None)
        changed = jcs(document)
        if changed != data:
            return changed
    return _flip(data, rng)


def _flip(data: bytes, rng: Random) -> bytes:
    at_ = rng.randrange(len(data))
    how = rng.randrange(3)
    if how == 0:
        return data[:at_] + bytes((data[at_] ^ (1 << rng.randrange(8)),)) + data[at_ + 1 :]
    if how == 1:
        return data[:at_] + data[at_ + 1 :]
    return data[:at_] + data[at_ : at_ + 1] + data[at_:]


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, dict | list):
            _places(inner, found)
    return found


def _change(document: dict[str, Any], rng: Random, other: dict[str, Any] | None) -> None:
    if other and rng.random() < 0.1:
        name = rng.choice([k for k in other if k in document])
        inner = other[name]
        if isinstance(inner, dict) and inner and isinstance(document[name], dict):
            name_ = rng.choice(sorted(inner))
            document[name][name_] = inner[name_]
        else:
            document[name] = inner
        return
    # A member first, so that small ones are as likely as large ones.
    top = rng.choice(sorted(document))
    inside = _places(document[top], []) if isinstance(document[top], dict | list) else []
    holder, key = rng.choice([(document, top), *inside])
    _change_one(holder, key, rng)


def _change_one(holder: Any, key: Any, rng: Random) -> None:
    value, how = holder[key], rng.random()
    if how < 0.12:
        del holder[key]
    elif how < 0.2 and isinstance(holder, list):
        holder.insert(key, value)
    elif how < 0.28 and isinstance(holder, list) and len(holder) > 1:
        second = rng.randrange(len(holder))
        holder[key], holder[second] = holder[second], holder[key]
    else:
        holder[key] = _other_value(value, rng)


def _other_value(value: Any, rng: Random) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return max(0, value + rng.choice((-1, 1, -1_000_000, 1_000_000, 2**52)))
    if isinstance(value, str):
        return _other_text(value, rng)
    if isinstance(value, list):
        return value[1:] if value and rng.random() < 0.5 else [*value, *value[-1:]]
    if value and rng.random() < 0.5:
        gone = rng.choice(sorted(value))
        return {k: v for k, v in value.items() if k != gone}
    return {**value, "extra": 1}


def _other_text(value: str, rng: Random) -> str:
    try:
        raw = bytearray(b64decode(value, validate=True))
    except ValueError:
        raw = bytearray()
    if raw and len(value) >= 16:
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        return b64encode(raw).decode()
    if "\n" in value and rng.random() < 0.7:
        lines = value.split("\n")
        at_ = rng.randrange(len(lines))
        lines[at_] = lines[at_][:-1] if rng.random() < 0.5 else lines[at_] + "x"
        return "\n".join(lines)
    if not value:
        return "x"
    at_ = rng.randrange(len(value))
    return value[:at_] + rng.choice("abc019*: /") + value[at_ + 1 :]


__all__ = ["Choices", "Expected", "Export", "Generated", "at", "export", "generate", "mutate"]
