"""Auditing an index log as its readers find it: over HTTP, or in a mirrored folder."""

from collections.abc import Callable, Sequence

from msgspec import UNSET, Struct

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Verifier, open_checkpoint
from vitne.core.tree.tile_reader import TileReader
from vitne.errors import NotFoundError, VerificationError, VitneError
from vitne.evidence.audit.fraud import (
    FraudProof,
    HiddenEntryMember,
    HidingLeavesMember,
    encode_fraud_proof,
    find_hidden_entry,
)
from vitne.evidence.audit.index_audit import AuditState, IndexAudit
from vitne.evidence.bundle.document import Bundle
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import VerifiedHead, check_head
from vitne.services.log import COSIGNED, PublishedFiles, parse_checkpoint


class Audited(Struct, frozen=True):
    """How far an audit came, without finding anything wrong."""

    log: VerifiedHead
    index: Checkpoint | None
    """Head of the index log, if every record below it was verified; it may be cosigned."""
    index_note: str
    """The same as its log signed it, without other lines."""
    records: int
    """Verified, over all runs."""
    new: int
    """Of them in this run."""
    waiting: int
    """Records that speak of entries which no cosigned head of the log covers yet."""


class _Log:
    """The two trees of a log."""

    def __init__(self, files: PublishedFiles, policy: Policy) -> None:
        self._files = files
        self.note = self._note(files, policy)
        self.head = check_head(self.note, policy)
        self.tiles = TileReader(files.get, self.head.size)

    @staticmethod
    def _note(files: PublishedFiles, policy: Policy) -> str:
        names = ("checkpoint", COSIGNED) if policy.quorum == "none" else (COSIGNED, "checkpoint")
        for name in names:
            found = files.get(name)
            if found is not None:
                return found.decode("utf-8", "replace")
        raise NotFoundError("the log shows no head", where=names[0])

    def index_note(self) -> str | None:
        """The newest head of the index log."""
        found = self._files.get("index/checkpoint")
        return None if found is None else found.decode("utf-8", "replace")

    def index_tiles(self, size: int) -> TileReader:
        """The tiles of the index log."""
        return TileReader(lambda path: self._files.get(f"index/{path}"), size)


def audit_once(
    files: PublishedFiles,
    policy: Policy,
    index_log_keys: Sequence[Verifier],
    state: AuditState | None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> tuple[Audited, AuditState]:
    """Verify every record that is new since the last time; how far that came, and what to remember.

    Args:
        files: of the log.
        policy: whose word counts for the log: its key, and the quorum.
        index_log_keys: keys of the index log; none: those that the log itself names.
        state: what the last run remembered; None: begin from the first entry.
        progress: told how many of how many records are verified.

    Raises:
        VerificationError: the log or its index log contradicts itself; `rule` says which rule.
        NotFoundError: something that must be served is not.
        UnavailableError: the log is not reached.
    """
    log = _Log(files, policy)
    audit = IndexAudit(state or AuditState(log.head.origin))
    head = Checkpoint(log.head.origin, log.head.size, log.head.root)
    audit.see_head(head, log.head.quorum_s, log.tiles.consistency_proof)
    note, before = log.index_note(), audit.records
    if note is None:
        return Audited(log.head, None, "", before, 0, 0), audit.state
    size = parse_checkpoint(note).size
    if size < before:
        raise VerificationError(
            f"the index log went back from size {before} to {size}", rule="index"
        )
    tiles = log.index_tiles(size)
    for position in range(before, size):
        record = tiles.entry(position)
        if not audit.covers(record):
            break
        audit.record(record, log.tiles.entries)
        progress(position + 1, size)
    audit.confirm(log.tiles.consistency_proof)
    new, waiting = audit.records - before, size - audit.records
    if waiting:
        return Audited(log.head, None, "", audit.records, new, waiting), audit.state
    index, plain = _index_head(note, index_log_keys, audit.state)
    audit.confirm_index(index)
    return Audited(log.head, index, plain, audit.records, new, 0), audit.state


def _index_head(note: str, given: Sequence[Verifier], state: AuditState) -> tuple[Checkpoint, str]:
    """The head of the index log, and its note with its log's line alone."""
    origin = f"{state.origin}/index"
    named = [Verifier(vkey) for vkey in state.index_log_keys]
    keys = [key for key in (given or named) if key.name == origin]
    if not keys:
        raise VerificationError(
            "no key of the index log is known", rule="index", where=origin,
            hint="the log names none in its entries; give one with --index-policy",
        )  # fmt: skip
    try:
        head, opened = open_checkpoint(note, keys[0], keys[1:])
    except VitneError as error:
        raise VerificationError(error.message, rule="index", where=origin) from error
    lines = [one.line for one in opened.verified if one.verifier in keys]
    return head, f"{opened.text}\n{''.join(lines)}"


# ---------------------------------------------------------------- fraud


def find_fraud(files: PublishedFiles, policy: Policy, bundle: Bundle) -> bytes | None:
    """A fraud proof, if the gap leaves of a bundle hide an entry of the log; else None.

    Args:
        files: of the log; only its entries and tiles are read.
        policy: for the log.
        bundle: what somebody was given as an answer.

    Raises:
        VerificationError: the log's head does not hold, or is of another log.
        NotFoundError, UnavailableError: as `audit_once`.
    """
    log = _Log(files, policy)
    if log.head.origin != bundle.origin:
        raise VerificationError("the bundle is about another log", where=bundle.origin)
    records = dict(bundle.index.records)
    for gap in bundle.gaps:
        found = find_hidden_entry(records[gap.record], gap.leaves, gap.postings, log.tiles.entries)
        if found is None:
            continue
        told = [one for one in gap.postings if one.leaf == found.leaf]
        proof = FraudProof(
            origin=bundle.origin,
            key=found.key,
            log=HiddenEntryMember(
                log.note,
                found.index,
                log.tiles.entry(found.index),
                list(log.tiles.inclusion_proof(found.index)),
            ),
            index=bundle.index,
            gap=HidingLeavesMember(gap.record, gap.leaves, gap.path),
            postings=told[0] if told else UNSET,
        )
        return encode_fraud_proof(proof)
    return None
