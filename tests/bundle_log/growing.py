"""A small log with its index log, growing entry by entry, made from the definitions alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vitne.core.entry import commit, keys, sender
from vitne.core.entry import entry as entries
from vitne.core.entry.control import (
    EraseEntry,
    IndexSecretEntry,
    PruneEntry,
    SegmentEntry,
    SigningKeyEntry,
    StreamEntry,
)
from vitne.core.entry.entry import BatchEntry, BeatEntry, EventEntry, VoidEntry
from vitne.core.entry.keyring import erase_sections
from vitne.core.index import gap
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.index_record import describe_run
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.tree.note import Signer, sign_note
from vitne.core.tree.signature import COSIGNATURE, sign_ed25519
from vitne.core.values import encode_canonical
from vitne.core.values.record import Parts, Record
from vitne.core.values.times import format_utc
from vitne.core.values.types import SECTIONS, Hash, LeafIndex, Origin, Section, TreeSize
from vitne.evidence.bundle.answer import Policies
from vitne.evidence.policy import parse_policy

ORIGIN = Origin("vitne.test/log/acme")
START_US = 1_764_000_000_000_000
STEP_US = 250_000
ISSUER = "https://id.example"
SOURCE = "crm/bff"
KINDS = (1, 2, 3, 5, 6)
ZERO = bytes(32)


def seed(name: str) -> bytes:
    """The seed of a test key."""
    return sha256(b"test key " + name.encode()).digest()


@dataclass
class Event:
    """What the log was told, as the oracle keeps it."""

    index: int
    recorded_us: int
    occurred_us: int
    actor: tuple[str, str]
    targets: tuple[tuple[str, str], ...]
    type: str
    action: str
    outcome: str
    source: str
    stream: str
    overflow: str = ""


@dataclass
class Stream:
    """A stream of a sender."""

    name: str
    mode: str
    number: int = 0
    prev: bytes = ZERO
    views: list[bytes] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    first: int = 1
    registered: int = 0
    signed: dict[int, tuple[int, int, list[bytes]]] = field(default_factory=dict)
    """Event → (batch entry, first number, leaf hashes of the batch)."""


def path_of(leaves: Sequence[bytes], wanted: Sequence[int]) -> list[Hash]:
    """A multiproof by its definition."""
    return [
        merkle_root(leaves[low:high])
        for low, high in multiproof_ranges(len(leaves), sorted(wanted))
    ]


class GrowingLog:
    """A log that grows in memory, with its index log."""

    def __init__(self, origin: Origin = ORIGIN, *, witnessed: bool = True) -> None:
        self.origin = origin
        self.now_us = START_US
        self.witnessed = witnessed
        self.entries: list[bytes] = []
        self.leaves: list[bytes] = []
        self.records: dict[int, Record] = {}
        self.events: list[Event] = []
        self.streams: dict[str, Stream] = {}
        self.erased: dict[tuple[int, Section], int] = {}
        self.index_secrets: dict[int, bytes] = {}
        self.epoch = 0
        self.landmarks: list[int] = []
        self.runs: list[tuple[int, int, bytes, gap.Run]] = []
        self.covered = 0
        self.log = Signer(origin, seed("log"))
        self.index = Signer(f"{origin}/index", seed("index"))
        self.receipt = Signer(f"{origin}/receipt", seed("receipt"))
        self.w1 = Signer("w1.example", seed("w1"), COSIGNATURE)
        self.w2 = Signer("w2.example", seed("w2"), COSIGNATURE)
        self.auditor = Signer("auditor.example/index", seed("auditor"), COSIGNATURE)
        for role, signer in (("log", self.log), ("index-log", self.index)):
            self._key(role, signer)
        self.landmarks.append(self._key("receipt", self.receipt))
        self.source = Signer(SOURCE, seed("source"))
        self.landmarks.append(self._key("source", self.source))
        self.new_epoch()

    # ------------------------------------------------------------ growing

    def add(self, entry: entries.Entry) -> int:
        """Append an entry as it is."""
        return self.add_bytes(entries.encode_entry(entry))

    def add_bytes(self, data: bytes) -> int:
        """Append bytes."""
        self.entries.append(data)
        self.leaves.append(leaf_hash(data))
        return len(self.entries) - 1

    def tick(self) -> int:
        """The recorded time of the next entry."""
        self.now_us += STEP_US
        return self.now_us

    def _key(self, role: Any, signer: Signer) -> int:
        return self.add(SigningKeyEntry(self.now_us, role, signer.name, signer.vkey, "add"))

    def new_epoch(self, kinds: tuple[int, ...] = KINDS) -> int:
        """A new index secret."""
        self.epoch += 1
        key = sha256(b"K%d" % self.epoch).digest()
        self.index_secrets[self.epoch] = key
        entry = IndexSecretEntry(self.tick(), self.epoch, kinds, keys.commit(key))
        self.landmarks.append(self.add(entry))
        return self.epoch

    def register(self, name: str, mode: str = "none", *, beat_s: int = 0) -> Stream:
        """A new stream of the source."""
        stream_id = keys.stream_id(self.origin, SOURCE, name)
        numbers: Any = "sender" if mode != "none" else "server"
        made = StreamEntry(self.tick(), stream_id, SOURCE, name, "none", numbers, beat_s)
        if mode != "none":
            public = self.source.verifier.public_key
            bare = StreamEntry(
                made.recorded_us, stream_id, SOURCE, name, mode, numbers, beat_s, public, bytes(64)
            )
            message = sender.open_message(self.origin, bare)
            values = {name: getattr(bare, name) for name in bare.__struct_fields__}
            made = StreamEntry(**values | {"sig": sign_ed25519(seed("source"), message)})
        stream = Stream(name, mode, registered=self.add(made))
        self.streams[name] = stream
        self.landmarks.append(stream.registered)
        return stream

    def event(  # noqa: PLR0913 - the members of an event
        self,
        stream: str,
        actor: str = "usr_1",
        targets: Sequence[str] = ("cus_1",),
        *,
        type: str = "crm.customer.viewed",  # noqa: A002 - its name in events
        action: str = "",
        outcome: str = "succeeded",
        late_us: int = 0,
        overflow: str = "",
        core: dict[str, Any] | None = None,
        skip: int = 0,
        extra_keys: Sequence[bytes] = (),
    ) -> int:
        """One event; `core` replaces what its core says, while its keys stay as they are."""
        found, recorded_us = self.streams[stream], self.tick()
        found.number += 1 + skip
        occurred_us = recorded_us - late_us
        named = tuple(("customer", one) for one in targets)
        told = Event(
            len(self.entries), recorded_us, occurred_us, (ISSUER, actor), named, type,
            action or f"act-{len(self.entries)}", outcome, SOURCE, stream, overflow,
        )  # fmt: skip
        parts = Parts(
            encode_canonical(_core(told, found.number) | (core or {})),
            encode_canonical({"/purpose/justification": f"CASE-{told.index}"}),
            encode_canonical({"/actor/name": f"Name {actor}"}),
            encode_canonical({"status": "accepted"}),
            b"",
            encode_canonical({"peer_ip": "192.0.2.1"}) if told.index % 2 else b"",
        )
        record_key = sha256(b"record %d" % told.index).digest()[:16]
        leaves = commit.section_leaves(record_key, parts)
        index_secrets = {*self._keys(told), *extra_keys}
        entry = EventEntry(
            recorded_us, occurred_us, keys.stream_id(self.origin, SOURCE, stream), found.number,
            self.epoch, tuple(sorted(index_secrets)), commit.body_root(leaves),
            commit.record_flags(leaves) | (commit.OVERFLOW_FLAG if overflow else 0),
        )  # fmt: skip
        index = self.add(entry)
        self.events.append(told)
        self.records[index] = Record(
            LeafIndex(index), recorded_us, self.entries[index], bytes(16), record_key, parts
        )
        if found.mode != "none":
            # A batch holds numbers without a hole, so a hole can only lie between two batches.
            assert not (skip and found.views)
            found.first = found.first if found.views else found.number
            view = sender.sender_view(entry, commit.sender_root(leaves), found.mode)  # type: ignore[arg-type]
            found.views.append(leaf_hash(view))
            found.events.append(index)
        return index

    def _keys(self, told: Event) -> set[bytes]:
        k = self.index_secrets[self.epoch]
        actor = keys.secret(k, keys.ACTOR, *told.actor)
        made = {keys.key(keys.ACTOR, actor)}
        secrets = [keys.secret(k, keys.TARGET, *target) for target in told.targets]
        if told.overflow:
            secrets.append(keys.overflow_secret(told.overflow))
        made |= {keys.key(keys.TARGET, secret) for secret in secrets}
        made |= {keys.pair_key(actor, secret) for secret in secrets}
        made.add(keys.key(keys.EVENT_TYPE, keys.secret(k, keys.EVENT_TYPE, told.type)))
        made.add(keys.key(keys.ACTION, keys.secret(k, keys.ACTION, told.action)))
        return made

    def batch(self, stream: str) -> int:
        """The sender signs everything it has not signed yet."""
        found = self.streams[stream]
        now_us = self.tick()
        bare = BatchEntry(
            now_us, now_us, keys.stream_id(self.origin, SOURCE, stream), found.first, found.number,
            Hash(found.prev), merkle_root(found.views), bytes(64),
        )  # fmt: skip
        message = sender.batch_message(self.origin, bare)
        values = {name: getattr(bare, name) for name in bare.__struct_fields__}
        index = self.add(BatchEntry(**values | {"sig": sign_ed25519(seed("source"), message)}))
        for event in found.events:
            found.signed[event] = (index, found.first, list(found.views))
        found.prev, found.first = sender.message_hash(message), found.number + 1
        found.views, found.events = [], []
        return index

    def abandon(self, stream: str) -> int:
        """The log gives a stream up."""
        now_us = self.tick()
        stream_id = keys.stream_id(self.origin, SOURCE, stream)
        last = self.streams[stream].number
        return self.add(BeatEntry(now_us, now_us, stream_id, last, 2, Hash(ZERO), bytes(64)))

    def void(self, stream: str, first: int, last: int, reason: int = 130) -> int:
        """The log says that numbers will not come."""
        now_us = self.tick()
        stream_id = keys.stream_id(self.origin, SOURCE, stream)
        return self.add(VoidEntry(now_us, now_us, stream_id, first, last, reason, Hash(ZERO)))

    def erase(self, index: int, sections: Sequence[Section]) -> int:
        """Erase sections of a record."""
        items = tuple((LeafIndex(index), name) for name in SECTIONS if name in sections)
        found = self.add(EraseEntry(self.tick(), items, "gdpr-17", "REQ-12"))
        self.records[index] = erase_sections(self.records[index], sections)
        self.erased |= {(index, name): found for name in sections}
        return found

    def prune(self, min_index: int) -> int:
        """State that records below an index may be gone."""
        entry = PruneEntry(self.tick(), LeafIndex(min_index), "records", "two years")
        self.landmarks.append(self.add(entry))
        return self.landmarks[-1]

    def seal(self, *, level: int = 0, start: int | None = None, note: bool = True) -> int:
        """A record of everything from the last one on, or a run from `start` on."""
        low = self.covered if start is None else start
        end = len(self.entries) if start is None else self.covered
        counter = CoverageCounter()
        for entry in self.entries[:end]:
            counter.add(entry)
        leaves = gap.gap_leaves(low, self.entries[low:end])
        made = describe_run(
            self.origin,
            low,
            self.entries[low:end],
            log_root=merkle_root(self.leaves[:end]),
            run=(len(leaves), gap.run_root(leaves)),
            coverage=counter.coverage(),
            level=level,
        ).encode()
        self.runs.append((low, end, made, gap.build_run(low, self.entries[low:end])))
        position, self.covered = len(self.runs) - 1, end
        if note:
            self.add(SegmentEntry(self.tick(), position, leaf_hash(made)))
        return position

    # ------------------------------------------------------------ heads

    def policies(self, index_secrets: dict[int, bytes] | None = None) -> Policies:
        """What a careful verifier trusts."""
        log, index = self.policy_texts()
        return Policies(parse_policy(log), parse_policy(index), index_secrets or {})

    def policy_texts(self) -> tuple[str, str]:
        """Texts of both policies."""
        if not self.witnessed:
            return tuple(f"log {one.vkey}\nquorum none\n" for one in (self.log, self.index))  # type: ignore[return-value]
        both = f"witness w1 {self.w1.vkey}\nwitness w2 {self.w2.vkey}\n"
        return (
            f"log {self.log.vkey}\n{both}group both all w1 w2\nquorum both\n",
            (
                f"log {self.index.vkey}\n{both}witness aud {self.auditor.vkey}\n"
                "group any any w1 w2\ngroup all all any aud\nquorum all\n"
            ),
        )

    def heads(self, size: int, quorum_s: int | None = None) -> tuple[str, str]:
        """Cosigned checkpoints of both logs."""
        time_s = self.now_us // 1_000_000 + 5 if quorum_s is None else quorum_s
        log = Checkpoint(self.origin, TreeSize(size), merkle_root(self.leaves[:size]))
        made = [leaf_hash(data) for _, _, data, _ in self.runs]
        index = Checkpoint(Origin(f"{self.origin}/index"), TreeSize(len(made)), merkle_root(made))
        witnesses = [self.w1, self.w2] if self.witnessed else []
        auditor = [self.auditor] if self.witnessed else []
        return (
            sign_note(log.text(), [self.log, *witnesses], time_s),
            sign_note(index.text(), [self.index, *witnesses, *auditor], time_s),
        )


def _core(told: Event, number: int) -> dict[str, Any]:
    return {
        "actor": {"id": told.actor[1], "issuer": told.actor[0], "attribution": "token"},
        "category": "view",
        "correlation": {"action_id": told.action},
        "occurred_at": format_utc(told.occurred_us),
        "outcome": {"result": told.outcome},
        "stream": {"id": told.stream, "seq": number},
        "targets": [{"type": kind, "id": id_} for kind, id_ in told.targets],
        "type": told.type,
    }
