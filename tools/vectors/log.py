"""A random log, grown entry by entry; it remembers what it was told, for a reckoning by hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from .basics import ZERO, Tree, b64, h, jcs, leaf, mth, u
from .entries import (
    BATCH,
    BEAT,
    ERASE,
    EVENT,
    FLAGS,
    KEY,
    OVERFLOW,
    PRUNE,
    SECTIONS,
    SEGMENT,
    STREAM,
    VOID,
    batch_message,
    beat_message,
    body_root,
    commitment,
    control,
    entry,
    key_commit,
    open_message,
    part_leaf,
    salt,
    sender_view,
    stream_id,
    value_key,
    void_message,
)  # fmt: skip
from .index import Run, record, run
from .notes import Key

ISSUER = "https://id.example"
START_US = 1_764_000_000_000_000
KINDS = [1, 2, 3, 5, 6]
TYPES = ("crm.customer.viewed", "crm.customer.searched", "crm.order.changed", "auth.login")
UNKNOWN = 77


def seed(name: str) -> bytes:
    """Of a public test key."""
    return h(b"vitne public test key " + name.encode())


def at(us: int, digits: int = 6) -> str:
    """A time as text."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}"[:digits] + "Z"


@dataclass
class Signed:
    """How a batch signature covers an event."""

    batch: int
    position: int
    tree: Tree
    mode: str


@dataclass
class Told:
    """An event as the log was told it, and how it was filed."""

    index: int
    recorded_us: int
    occurred_us: int
    stream: "Stream"
    seq: int
    epoch: int
    filed: set[tuple[int, tuple[str, ...]]]
    core: dict[str, Any]
    parts: dict[str, dict[str, Any]]
    record_key: bytes
    overflow: str
    lies_on_time: bool
    erased: dict[str, int] = field(default_factory=dict)
    signed: Signed | None = None

    def leaf(self, part: str) -> bytes:
        """Leaf of a part."""
        return part_leaf(salt(self.record_key, part), part, jcs(self.parts[part]))

    def body_root(self) -> bytes:
        """Over the three commitments."""
        return body_root(
            *(
                commitment(
                    self.leaf(s), self.leaf(f"{s}.record") if f"{s}.record" in self.parts else None
                )
                for s in SECTIONS
            )
        )

    def sender_root(self) -> bytes:
        """Over the three event leaves."""
        return body_root(*(self.leaf(s) for s in SECTIONS))


@dataclass
class Stream:
    """A stream of a source."""

    id: bytes
    source: str
    name: str
    mode: str
    beat_s: int
    registered: int
    next: int = 1
    prev: bytes = ZERO
    pending: list[Told] = field(default_factory=list)
    views: list[bytes] = field(default_factory=list)
    closed: bool = False
    spoken_us: int = 0


class Log:
    """The log, its index log, and everything that went into them."""

    def __init__(self, rng: Random, origin: str = "vectors.example/log/acme") -> None:
        """With its keys announced, and a first epoch."""
        self.rng, self.origin = rng, origin
        self.now_us = START_US
        self.entries: list[bytes] = []
        self.tree = Tree()
        self.times: list[int] = []
        self.told: dict[int, Told] = {}
        self.streams: list[Stream] = []
        self.K: dict[int, bytes] = {}
        self.key_entries: dict[int, int] = {}
        self.source_keys: dict[str, int] = {}
        self.erasures: list[int] = []
        self.prunes: dict[int, int] = {}
        self.unknown: list[int] = []
        self.runs: list[tuple[int, Run, str]] = []
        """(level, run, record), by position in the index log."""
        self.covered = 0
        self.log, self.index = Key(origin, seed("log")), Key(f"{origin}/index", seed("index"))
        self.receipt = Key(f"{origin}/receipt", seed("receipt"))
        self.announce("log", self.log)
        self.announce("index-log", self.index)
        self.receipt_entry = self.announce("receipt", self.receipt)
        self.new_epoch()

    # ------------------------------------------------------------ entries

    def put(self, data: bytes) -> int:
        """Append an entry."""
        self.entries.append(data)
        self.tree.leaves.append(leaf(data))
        self.times.append(int.from_bytes(data[10:18], "big"))
        return len(self.entries) - 1

    def tick(self, most_us: int = 400_000) -> int:
        """Time goes on, or stands still."""
        self.now_us += self.rng.choice((0, 1, self.rng.randrange(most_us)))
        return self.now_us

    def announce(self, role: str, key: Key) -> int:
        """A key entry."""
        tail = {"name": key.name, "role": role, "state": "add", "vkey": key.vkey}
        return self.put(control(KEY, self.now_us, tail))

    def source_key(self, source: str) -> Key:
        """The key of a source."""
        return Key(source, seed(f"source {source}"))

    def new_epoch(self) -> int:
        """A new index secret."""
        epoch = len(self.K) + 1
        self.K[epoch] = h(b"K%d" % epoch + self.origin.encode())
        commit = b64(key_commit(self.K[epoch]))
        tail = {"commit": commit, "epoch": epoch, "kinds": KINDS, "role": "index"}
        self.key_entries[epoch] = self.put(control(KEY, self.tick(), tail))
        return epoch

    def open_stream(
        self, source: str, name: str, mode: str, beat_s: int = 0, follows: Stream | None = None
    ) -> Stream:
        """Register a stream."""
        key = self.source_key(source)
        if mode != "none" and source not in self.source_keys:
            self.source_keys[source] = self.announce("source", key)
        id_ = stream_id(self.origin, source, name)
        numbers = "server" if mode == "none" else "sender"
        tail: dict[str, Any] = {
            "source": source, "name": name, "mode": mode, "numbers": numbers, "beat_s": beat_s,
        }  # fmt: skip
        if follows:
            tail |= {"prev": b64(follows.id), "prev_last": follows.next - 1}
        if mode != "none":
            tail["key"] = b64(key.public)
            tail["sig"] = b64(key.sign(open_message(self.origin, id_, tail)))
        index = self.put(control(STREAM, self.tick(), tail, id_))
        self.streams.append(Stream(id_, source, name, mode, beat_s, index, spoken_us=self.now_us))
        return self.streams[-1]

    def event(
        self,
        stream: Stream,
        actor: str = "usr_1",
        targets: tuple[tuple[str, str], ...] = (("customer", "cus_1"),),
        type_: str = TYPES[0],
        action: str = "",
        *,
        overflow: str = "",
        false_actor: str = "",
        lies_on_time: bool = False,
        person: bool = True,
        result: str = "success",
        delay_us: int = 1_000_000,
        records: tuple[str, ...] = ("core",),
        category: str = "",
    ) -> Told:
        """An event; `false_actor`: it is filed under this one instead."""
        recorded, epoch = self.tick(), max(self.K)
        occurred = recorded - delay_us
        seq, stream.next = stream.next, stream.next + 1
        core: dict[str, Any] = {
            "actor": {"id": actor, "issuer": ISSUER, "type": "user"} if actor else {},
            "correlation": {"action_id": action} if action else {},
            "id": f"01981f3e-7c1a-7d34-9b0e-{len(self.entries):012x}",
            "category": category,
            "outcome": {"result": result},
            "schema": "vitne.audit/1.0",
            "stream": {"id": stream.name, "seq": seq},
            "targets": [{"id": i, "type": t} for t, i in targets],
            "type": type_,
        }
        core = {k: v for k, v in core.items() if v not in ({}, [], "")}
        if lies_on_time or self.rng.random() < 0.5:
            core["occurred_at"] = at(occurred + (1_000 if lies_on_time else 0))
        parts = {
            "core": core,
            "payload": {"/reason": f"CASE-{seq}"} if self.rng.random() < 0.5 else {},
            "person": {"/actor/name": "Per Støtte"} if person else {},
        }
        parts |= {f"{s}.record": {"source_id": stream.source, "of": s} for s in records}
        filed = self._file(core, false_actor, overflow)
        made = Told(
            len(self.entries), recorded, occurred, stream, seq, epoch, filed, core, parts,
            h(b"record key %d" % len(self.entries) + self.origin.encode())[:16],
            overflow, lies_on_time,
        )  # fmt: skip
        keys = sorted(u(1, kind) + value_key(self.K[epoch], kind, values) for kind, values in filed)
        flags = sum(FLAGS[s] for s in records) + (OVERFLOW if overflow else 0)
        data = entry(
            EVENT, recorded, occurred, stream.id, seq, flags=flags, epoch=epoch, keys=keys,
            tail=made.body_root(),
        )  # fmt: skip
        self.told[self.put(data)] = made
        if stream.mode != "none":
            stream.pending.append(made)
            stream.views.append(leaf(sender_view(data, made.sender_root(), stream.mode)))
        return made

    def _file(
        self, core: dict[str, Any], false_actor: str, overflow: str
    ) -> set[tuple[int, tuple[str, ...]]]:
        filed: set[tuple[int, tuple[str, ...]]] = {(5, (core["type"],))}
        actors = [(ISSUER, false_actor or core["actor"]["id"])] if "actor" in core else []
        targets = {(t["type"], t["id"]) for t in core.get("targets", [])}
        targets |= {(overflow, "*")} if overflow else set()
        filed |= {(1, actor) for actor in actors} | {(2, target) for target in targets}
        filed |= {(3, actor + target) for actor in actors for target in targets}
        if "correlation" in core:
            filed.add((6, (core["correlation"]["action_id"],)))
        return filed

    # ------------------------------------------------------------ what senders say

    def batch(self, stream: Stream) -> int | None:
        """Sign what is pending."""
        if not stream.pending:
            return None
        first, last = stream.pending[0].seq, stream.pending[-1].seq
        root = mth(stream.views)
        message = batch_message(self.origin, stream.id, first, last, stream.prev, root)
        signature = self.source_key(stream.source).sign(message)
        tail = u(8, first) + stream.prev + root + signature
        now = self.tick()
        index = self.put(entry(BATCH, now, now, stream.id, last, tail=tail))
        tree = Tree(stream.views)
        for position, told in enumerate(stream.pending):
            told.signed = Signed(index, position, tree, stream.mode)
        stream.pending, stream.views, stream.prev = [], [], h(message)
        return index

    def beat(self, stream: Stream, state: int = 0) -> int:
        """A heartbeat; state 2 is the log's own word."""
        self.batch(stream)
        last, now = stream.next - 1, self.tick()
        message = beat_message(self.origin, stream.id, last, now, state, stream.prev)
        signature = bytes(64) if state == 2 else self.source_key(stream.source).sign(message)
        stream.closed = stream.closed or state > 0
        tail = u(1, state) + stream.prev + signature
        return self.put(entry(BEAT, now, now, stream.id, last, tail=tail))

    def void(self, stream: Stream, count: int, reason: int) -> int:
        """Numbers that never come; reasons from 128 on are the log's."""
        self.batch(stream)
        first, last = stream.next, stream.next + count - 1
        stream.next += count
        message = void_message(self.origin, stream.id, first, last, reason, ZERO)
        signature = bytes(64) if reason >= 128 else self.source_key(stream.source).sign(message)
        now = self.tick()
        tail = u(8, first) + u(1, reason) + ZERO + signature
        return self.put(entry(VOID, now, now, stream.id, last, tail=tail))

    def skip(self, stream: Stream, count: int = 1) -> None:
        """Numbers that are lost."""
        self.batch(stream)
        stream.next += count

    # ------------------------------------------------------------ what the log does

    def erase(self, told: Told, section: str) -> int:
        """Erase a section."""
        items = [[told.index, section]]
        index = self.put(
            control(ERASE, self.tick(), {"basis": "gdpr-17", "items": items, "ref": "REQ-12"})
        )
        told.erased[section] = index
        self.erasures.append(index)
        return index

    def prune(self, min_index: int) -> int:
        """Records below are gone."""
        tail = {"min_index": min_index, "rule": "standard", "what": "records"}
        self.prunes[self.put(control(PRUNE, self.tick(), tail))] = min_index
        return len(self.entries) - 1

    def put_unknown(self) -> int:
        """An entry of a type of the future."""
        now = self.tick()
        self.unknown.append(self.put(entry(UNKNOWN, now, now, tail=b"later")))
        return self.unknown[-1]

    def seal(self, *, entry_too: bool = True) -> int:
        """List everything up to now in the index log; its position there."""
        return self.list_run(0, self.covered, len(self.entries), entry_too=entry_too)

    def list_run(self, level: int, start: int, end: int, *, entry_too: bool = True) -> int:
        """List any run."""
        made = run(self.entries, start, end)
        text = record(self.entries, self.tree, made, self.origin, level)
        self.runs.append((level, made, text))
        self.covered = max(self.covered, end)
        if entry_too:
            tail = {"leaf": b64(leaf(text.encode())), "record": len(self.runs) - 1}
            self.put(control(SEGMENT, self.tick(), tail))
        return len(self.runs) - 1
