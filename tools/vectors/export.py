"""One bundle of a log: what has to be shown of it, and the document."""

from base64 import b64decode
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .basics import Tree, b64, h, jcs, leaf, u
from .entries import SECTIONS, salt, secrets_of, stream_id, value_key
from .index import Run, count_streams
from .log import Log, Told
from .notes import Key, Witnesses, checkpoint_text, note

Value = tuple[str, ...]


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
    index_secrets: dict[int, bytes] = field(default_factory=dict)
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
