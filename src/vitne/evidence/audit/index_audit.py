"""Recomputing an index log from the entries of its log (transparency-log §5.4).

An auditor reads every entry once and every record of the index log in order, and holds each record
against what it computes itself; no key of the log's is needed. These are the rules, by name:

    form        a record is in its form, and of this log
    within      its range ends within a head of the log that enough witnesses cosigned
    tiling      records of level 0 follow each other from 0 without hole or overlap
    cover       a record above covers whole listed records, from the start of one to the end of one
    once        a range that was listed does not come back with another root
    entries     every entry decodes, and is the one that was read before if it is read again
    order       recorded_us never decreases
    delay       an entry that a head of size n, cosigned at t, does not hold was not recorded before
                t - max publish delay, whatever it claims
    epochs      each epoch of the index secrets has one commitment
    record      every number and root of the record is what comes of the entries
    head        what was read is what the cosigned head of the log signs
    index       the records read are what the head of the index log signs

The first that fails is named in the error. The state between two runs is `AuditState`.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Struct, field

from vitne.core.entry.control import ConfigEntry, IndexSecretEntry, SigningKeyEntry
from vitne.core.entry.entry import HEADER, HEADER_BYTES, decode_entry
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.gap import gap_leaves, run_root
from vitne.core.index.index_record import (
    Coverage,
    IndexRecord,
    describe_run,
    parse_record,
    wrong_members,
)
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import Frontier, leaf_hash, verify_growth
from vitne.core.values import Hash, Origin
from vitne.errors import DecodeError, VerificationError
from vitne.evidence.rule import named_rule

AUDIT_RULES: Final = (
    *("form", "within", "tiling", "cover", "once", "entries", "order", "delay", "epochs"),
    *("record", "head", "index"),
)

PUBLISH_DELAY_US: Final = 60_000_000
"""Unless a `publish` config entry says otherwise (transparency-log §3.7)."""

_HEADS_KEPT: Final = 10_000

Entries = Callable[[int, int], Sequence[bytes]]
"""(start, end) → the entries of the log there."""


class AuditedRecord(Struct, frozen=True, array_like=True):
    """A record that was verified."""

    level: int
    start: int
    end: int
    run_root: bytes
    coverage: Coverage
    digest: bytes
    """SHA-256 over its entries, in level 0; `b""` above."""
    log_root: bytes
    """Of the log at size `end`."""


class AuditState(Struct, array_like=True):
    """What an auditor must remember; no format of the log's."""

    origin: Origin
    listed: list[AuditedRecord] = field(default_factory=list)
    index_edge: list[bytes] = field(default_factory=list)
    """Right edge of the tree of the records."""
    log_size: int = 0
    """How many entries were read."""
    log_edge: list[bytes] = field(default_factory=list)
    recorded_us: int = 0
    """Of the last entry that was read."""
    counter: bytes = b""
    """Encoded `CoverageCounter` at `log_size`."""
    commits: dict[int, bytes] = field(default_factory=dict)
    """Epoch of the index secrets → what it commits to."""
    delay_us: int = PUBLISH_DELAY_US
    heads: list[tuple[int, int]] = field(default_factory=list)
    """(size, time in seconds) of heads of the log that end at or behind `log_size`, ascending."""
    index_log_keys: list[str] = field(default_factory=list)
    """Vkeys of the index log that the entries name."""
    newest: tuple[int, bytes] = (0, b"")
    """Size and root of the newest cosigned head of the log."""

    def encode(self) -> bytes:
        """As bytes, to go on later."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "AuditState":
        """Read what `encode` wrote. Raises `DecodeError`."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise DecodeError(f"no state of an audit: {error}") from None


class IndexAudit:
    """One audit. It raises `VerificationError` with the `rule` that fails, and is then over.

    Args:
        state: where the last one ended.
    """

    def __init__(self, state: AuditState) -> None:
        self._state = state
        self._log = Frontier(state.log_size, state.log_edge)
        self._index = Frontier(len(state.listed), state.index_edge)
        self._counter = (
            CoverageCounter.decode(state.counter) if state.counter else CoverageCounter()
        )
        self._starts = {one.start for one in state.listed}
        self._ends = {one.end: one for one in state.listed}
        self._roots = {(one.start, one.end): one.run_root for one in state.listed}
        self._head: Checkpoint | None = None

    @property
    def state(self) -> AuditState:
        """What to remember of this audit."""
        state = self._state
        state.log_size, state.log_edge = self._log.size, list(self._log.edge)
        state.index_edge, state.counter = list(self._index.edge), self._counter.encode()
        return state

    @property
    def records(self) -> int:
        """How many records of the index log were verified."""
        return len(self._state.listed)

    # ------------------------------------------------------------ heads

    def see_head(
        self, head: Checkpoint, time_s: int | None, prove: Callable[[int], Sequence[Hash]]
    ) -> None:
        """Take a head of the log that enough witnesses cosigned.

        Args:
            head: what it signs.
            time_s: its quorum time, in seconds since 1970; None: no witness is asked.
            prove: the consistency proof from a size to this head's.
        """
        old_size, old_root = self._state.newest
        with named_rule("head", "the log's head", keep=True):
            if head.origin != self._state.origin:
                raise VerificationError(f"it is of another log: {head.origin}")
            if head.size < old_size:
                raise VerificationError(f"it went back from size {old_size} to {head.size}")
            if old_root:
                proof = prove(old_size) if old_size else ()
                verify_growth(old_size, head.size, old_root, head.root, proof)
            verify_growth(
                self._log.size,
                head.size,
                self._log.root(),
                head.root,
                prove(self._log.size) if self._log.size else (),
            )
        self._head = head
        self._state.newest = (head.size, head.root)
        if time_s is not None:
            known = [one for one in self._state.heads if one[0] != head.size]
            self._state.heads = [*known, (head.size, time_s)][-_HEADS_KEPT:]

    def confirm(self, prove: Callable[[int], Sequence[Hash]]) -> None:
        """Hold all entries that were read against the head of the log."""
        head = self._needed_head()
        with named_rule("head", f"entries up to {self._log.size}", keep=True):
            proof = prove(self._log.size) if self._log.size else ()
            verify_growth(self._log.size, head.size, self._log.root(), head.root, proof)

    def confirm_index(self, head: Checkpoint) -> None:
        """Hold all records that were read against the head of the index log."""
        with named_rule("index", "the index log's head", keep=True):
            if head.origin != f"{self._state.origin}/index" or head.size != self._index.size:
                raise VerificationError(f"expected size {self._index.size}, got {head.size}")
            if head.root != self._index.root():
                raise VerificationError("its root is not that of the records")

    def _needed_head(self) -> Checkpoint:
        if self._head is None:
            raise VerificationError("no head of the log was given", rule="head")
        return self._head

    # ------------------------------------------------------------ records

    def covers(self, data: bytes) -> bool:
        """Whether the head of the log covers a record, so that it can be audited now."""
        with named_rule("form", self._where(), keep=True):
            return parse_record(data).end <= self._needed_head().size

    def record(self, data: bytes, entries: Entries) -> IndexRecord:
        """Verify the next record of the index log; what it says."""
        with named_rule("form", self._where(), keep=True):
            record = parse_record(data)
            if record.origin != self._state.origin:
                raise VerificationError(f"it is of another log: {record.origin}")
        with named_rule("within", self._where(), keep=True):
            if record.end > self._needed_head().size:
                raise VerificationError(f"it ends at {record.end}, behind the head of the log")
        self._check_range(record)
        held = entries(record.start, record.end)
        if record.level == 0:
            self._read(record, held)
        else:
            self._check_again(record, held)
        self._recompute(record, held)
        self._index.append(leaf_hash(data))
        self._remember(record, held)
        return record

    def _remember(self, record: IndexRecord, held: Sequence[bytes]) -> None:
        found = AuditedRecord(
            record.level,
            record.start,
            record.end,
            record.run_root,
            record.coverage,
            b"" if record.level else _digest(held),
            record.log_root,
        )
        self._state.listed.append(found)
        self._starts.add(found.start)
        self._ends[found.end] = found
        self._roots.setdefault((found.start, found.end), found.run_root)

    def _check_range(self, record: IndexRecord) -> None:
        size = int(self._log.size)
        if record.level == 0:
            with named_rule("tiling", self._where(), keep=True):
                if record.start != size:
                    raise VerificationError(f"it starts at {record.start}, not at {size}")
        else:
            with named_rule("cover", self._where(), keep=True):
                if record.start not in self._starts or record.end not in self._ends:
                    raise VerificationError(
                        f"[{record.start}, {record.end}) does not cover whole records"
                    )
        with named_rule("once", self._where(), keep=True):
            known = self._roots.get((record.start, record.end), record.run_root)
            if known != record.run_root:
                raise VerificationError(
                    f"[{record.start}, {record.end}) was listed with another root"
                )

    def _read(self, record: IndexRecord, found: Sequence[bytes]) -> None:
        """Read the entries of a new range for the first time."""
        with named_rule("entries", self._where(), keep=True):
            if len(found) != record.end - record.start:
                raise VerificationError("entries are missing")
            for index, entry in enumerate(found, record.start):
                self._entry(index, entry)

    def _entry(self, index: int, entry: bytes) -> None:
        state = self._state
        if len(entry) < HEADER_BYTES:
            raise DecodeError(f"entry {index} is too short")
        recorded_us = HEADER.unpack_from(entry)[5]
        found = decode_entry(entry)
        with named_rule("order", f"entry {index}", keep=True):
            if recorded_us < state.recorded_us:
                raise VerificationError(f"recorded at {recorded_us}, after {state.recorded_us}")
        state.recorded_us = recorded_us
        self._check_delay(index, recorded_us)
        if isinstance(found, IndexSecretEntry):
            with named_rule("epochs", f"entry {index}", keep=True):
                if state.commits.setdefault(found.epoch, found.commit) != found.commit:
                    raise VerificationError(f"epoch {found.epoch} has a second key")
        elif isinstance(found, SigningKeyEntry) and found.role == "index-log":
            if found.state == "add" and found.vkey not in state.index_log_keys:
                state.index_log_keys.append(found.vkey)
        elif isinstance(found, ConfigEntry) and found.what == "publish":
            value = (found.value or {}).get("delay_us")
            if isinstance(value, int) and value > 0:
                state.delay_us = value
        self._counter.add(entry)
        self._log.append(leaf_hash(entry))

    def _check_delay(self, index: int, recorded_us: int) -> None:
        heads = self._state.heads
        while heads and heads[0][0] <= index:
            size, time_s = heads.pop(0)
            with named_rule("delay", f"entry {index}", keep=True):
                if recorded_us < time_s * 1_000_000 - self._state.delay_us:
                    raise VerificationError(
                        f"recorded at {recorded_us}, and not in the head of size {size} that was"
                        f" cosigned at {time_s} s"
                    )

    def _recompute(self, record: IndexRecord, found: Sequence[bytes]) -> None:
        if record.level:
            before = self._ends[record.end]
            log_root, coverage = Hash(before.log_root), before.coverage
        else:
            log_root, coverage = self._log.root(), self._counter.coverage()
        leaves = gap_leaves(record.start, found)
        with named_rule("record", self._where(), keep=True):
            made = describe_run(
                self._state.origin,
                record.start,
                found,
                log_root=log_root,
                run=(len(leaves), run_root(leaves)),
                coverage=coverage,
                level=record.level,
            )
            wrong = wrong_members(record, made)
            if wrong:
                raise VerificationError(f"what comes of the entries is another {', '.join(wrong)}")

    def _check_again(self, record: IndexRecord, found: Sequence[bytes]) -> None:
        """Entries that were read before are the same ones, by the digests of their ranges."""
        tiles = sorted(
            (
                one
                for one in self._state.listed
                if one.level == 0 and record.start <= one.start and one.end <= record.end
            ),
            key=lambda one: one.start,
        )
        with named_rule("entries", self._where(), keep=True):
            joined = all(one.end == after.start for one, after in pairwise(tiles))
            if not tiles or not joined or len(found) != record.end - record.start:
                raise VerificationError("entries are missing")
            for one in tiles:
                part = found[one.start - record.start : one.end - record.start]
                if _digest(part) != one.digest:
                    raise VerificationError(f"[{one.start}, {one.end}) differs from last time")

    def _where(self) -> str:
        return f"record {self.records}"


def _digest(entries: Sequence[bytes]) -> bytes:
    found = sha256()
    for entry in entries:
        found.update(len(entry).to_bytes(4, "big") + entry)
    return found.digest()
