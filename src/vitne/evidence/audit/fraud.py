"""A fraud proof: an index that hides an entry of its log, `vitne-fraud/v1` (§5.4).

One JSON document in JCS. Members, all required but `postings`:

    format    "vitne-fraud/v1"
    origin    of the log
    key       lookup key that the entry holds, tagged, 17 bytes
    log       {checkpoint, index, entry, path}: an entry, and its way to a head of the log
    index     {checkpoint, records [[position, record]...], path}: as in a bundle
    gap       {record, leaves [[position, leaf]...], path}: gap leaves of one of these records
    postings  {leaf, from, items, path}: consecutive postings of one, around where the entry lacks

`verify_fraud_proof` applies these rules in order; the first that fails is named in the error:

     1 form           at most 4 MiB of strict JSON, exactly these members, exactly its JCS bytes
     2 log_head       the log signed its checkpoint, and the quorum of your policy is met
     3 index_head     the same of the index log, whose origin is `<origin>/index`
     4 entry          the entry decodes, stands at `index` of the log, and holds the key
     5 record         the records are those of the index log; that of the gap leaves is of this
                      origin, and its range holds `index`
     6 gap            the gap leaves are those of the record's run
     7 contradiction  one of them hides the entry: its key and `next` skip the key; or it is the
                      key's, and `first`, `last` or the postings leave the index out

A proof that holds needs nobody's word but the two signatures: both heads cannot be honest.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from vitne.core.entry.entry import decode_entry
from vitne.core.entry.keys import TAGGED_BYTES
from vitne.core.index.gap import GapLeaf, keys_of
from vitne.core.index.index_record import IndexRecord, parse_record
from vitne.core.tree.checkpoint import check_origin
from vitne.core.tree.merkle import leaf_hash, verify_inclusion
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.values import Hash, Origin
from vitne.errors import BadInputError, DecodeError, VerificationError
from vitne.evidence.bundle.document import (
    IndexMember,
    Int,
    LeafAt,
    Member,
    Path,
    PostingsMember,
)
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import VerifiedHead, check_head
from vitne.evidence.rule import named_rule

FORMAT: Final = "vitne-fraud/v1"
MAX_BYTES: Final = 4 << 20
RULES: Final = ("form", "log_head", "index_head", "entry", "record", "gap", "contradiction")
_MOST_ITEMS: Final = 1_000
_MOST_HASHES: Final = 4_096


class HiddenEntryMember(Member, frozen=True):
    """The entry that is hidden."""

    checkpoint: str
    index: Int
    entry: bytes
    path: Path


class HidingLeavesMember(Member, frozen=True):
    """Gap leaves, one of which hides it."""

    record: Int
    """Position of their record."""
    leaves: Annotated[list[LeafAt], Meta(min_length=1, max_length=_MOST_ITEMS)]
    path: Path


class FraudProof(Member, frozen=True, kw_only=True):
    """The document."""

    format: Literal["vitne-fraud/v1"] = FORMAT
    origin: str
    key: Annotated[bytes, Meta(min_length=TAGGED_BYTES, max_length=TAGGED_BYTES)]
    log: HiddenEntryMember
    index: IndexMember
    gap: HidingLeavesMember
    postings: PostingsMember | UnsetType = UNSET


class Fraud(Struct, frozen=True):
    """What a proof proves."""

    log: VerifiedHead
    index: VerifiedHead
    entry: int
    """Index of the hidden entry."""
    key: bytes
    record: IndexRecord
    position: int
    """Of the record in the index log."""
    kind: Literal["skipped", "omitted"]
    """The index has no such key there; or it has the key, and not this entry."""


encode_fraud_proof = msgspec.json.Encoder(order="sorted").encode
"""The JCS bytes of a proof."""

_decode = msgspec.json.Decoder(FraudProof).decode


def read_fraud_proof(data: bytes) -> FraudProof:
    """The proof of exactly these bytes.

    Raises:
        DecodeError: too long, not JSON, other members, or another spelling of them.
    """
    if len(data) > MAX_BYTES:
        raise DecodeError(f"a fraud proof has at most {MAX_BYTES:,} bytes")
    try:
        proof = _decode(data)
        same = encode_fraud_proof(proof) == data and b'"format"' in data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DecodeError(f"not the form of a fraud proof: {error}") from error
    if not same:
        raise DecodeError("the bytes are not canonical JSON")
    _check_bounds(proof)
    try:
        check_origin(proof.origin)
    except BadInputError as error:
        raise DecodeError(error.message, where="origin") from error
    return proof


def _check_bounds(proof: FraudProof) -> None:
    """Those that members of a bundle, which may be larger, do not have."""
    told = [] if isinstance(proof.postings, UnsetType) else [proof.postings]
    paths = (proof.log.path, proof.index.path, proof.gap.path, *(one.path for one in told))
    if any(len(path) > _MOST_HASHES for path in paths):
        raise DecodeError(f"a path has at most {_MOST_HASHES:,} hashes")
    if any(len(one.items) > _MOST_ITEMS for one in told):
        raise DecodeError(f"at most {_MOST_ITEMS:,} postings are given")
    if not proof.index.records:
        raise DecodeError("expected at least one record")


def hides(leaf: GapLeaf, key: bytes, index: int) -> Literal["skipped", "omitted"] | None:
    """Whether a gap leaf alone denies that the entry at `index` holds a key."""
    if leaf.key < key < leaf.next:
        return "skipped"
    return "omitted" if leaf.key == key and not leaf.first <= index <= leaf.last else None


class Hidden(Struct, frozen=True):
    """An entry that gap leaves hide."""

    index: int
    key: bytes
    leaf: int
    """Position of the gap leaf."""


def find_hidden_entry(
    record: bytes,
    leaves: Sequence[tuple[int, bytes]],
    postings: Sequence[PostingsMember],
    entries: Callable[[int, int], Sequence[bytes]],
) -> Hidden | None:
    """The first entry of a run that some of its gap leaves hide; None if they hide none.

    Args:
        record: of the run.
        leaves: (position, bytes), ascending.
        postings: windows of some of them.
        entries: (start, end) → the entries of the log there.

    Raises:
        DecodeError: no record, or no gap leaves.
    """
    found = parse_record(record)
    known = [(at, GapLeaf.decode(leaf)) for at, leaf in leaves]
    windows = {one.leaf: one for one in postings}
    for index, entry in enumerate(entries(found.start, found.end), found.start):
        for key in keys_of(entry):
            low = bisect_right(known, key, key=lambda one: one[1].key) - 1
            if low < 0:
                continue
            # Leaves that overlap may both speak for the key: the one before too.
            for at, leaf in known[max(low - 1, 0) : low + 1]:
                window = windows.get(at)
                if hides(leaf, key, index) or (
                    window is not None and leaf.key == key and _lacks(leaf, window, index)
                ):
                    return Hidden(index, key, at)
    return None


def _lacks(leaf: GapLeaf, told: PostingsMember, index: int) -> bool:
    """Whether consecutive postings leave an index out."""
    items = told.items
    before = told.from_ == 0 and index < items[0]
    behind = told.from_ + len(items) == leaf.count and index > items[-1]
    return before or behind or any(low < index < high for low, high in pairwise(items))


def verify_fraud_proof(data: bytes, log: Policy | None, index: Policy | None) -> Fraud:
    """Check a fraud proof, offline.

    Args:
        data: the document.
        log: your policy for the log; None: nobody's key is trusted, so nothing verifies.
        index: your policy for its index log.

    Raises:
        VerificationError: a rule fails; the log is not convicted by this.
    """
    with named_rule("form"):
        proof = read_fraud_proof(data)
    with named_rule("log_head"):
        log_head = _head(proof.log.checkpoint, log, proof.origin)
    with named_rule("index_head"):
        index_head = _head(proof.index.checkpoint, index, f"{proof.origin}/index")
    with named_rule("entry"):
        _check_entry(proof, log_head)
    with named_rule("record"):
        record = _check_record(proof, index_head, log_head)
    with named_rule("gap"):
        leaves = _check_gaps(proof, record)
    with named_rule("contradiction"):
        kind = _contradiction(proof, leaves)
    return Fraud(log_head, index_head, proof.log.index, proof.key, record, proof.gap.record, kind)


def _head(note: str, policy: Policy | None, origin: str) -> VerifiedHead:
    if policy is None:
        raise VerificationError("no policy was given", hint="give yours with --policy")
    head = check_head(note, policy)
    if head.origin != origin:
        raise VerificationError(f"expected a head of {origin}, got one of {head.origin}")
    return head


def _check_entry(proof: FraudProof, head: VerifiedHead) -> None:
    told = proof.log
    decode_entry(told.entry)
    verify_inclusion(leaf_hash(told.entry), told.index, head.size, told.path, head.root)
    if proof.key not in keys_of(told.entry):
        raise VerificationError("the entry does not hold the key")


def _check_record(proof: FraudProof, head: VerifiedHead, log: VerifiedHead) -> IndexRecord:
    told = proof.index
    hashes = [(at, leaf_hash(data)) for at, data in told.records]
    if multiproof_root(head.size, hashes, [Hash(one) for one in told.path]) != head.root:
        raise VerificationError("the records are not those of the index log")
    data = dict(told.records).get(proof.gap.record)
    if data is None:
        raise VerificationError("the record of the gap leaves is not given")
    record = parse_record(data)
    if record.origin != Origin(proof.origin) or record.end > log.size:
        raise VerificationError("the record is of another log, or of more than its head")
    if not record.start <= proof.log.index < record.end:
        raise VerificationError(f"the record does not speak of entry {proof.log.index}")
    return record


def _check_gaps(proof: FraudProof, record: IndexRecord) -> dict[int, GapLeaf]:
    told = proof.gap
    hashes = [(at, leaf_hash(leaf)) for at, leaf in told.leaves]
    path = [Hash(one) for one in told.path]
    if multiproof_root(record.gap_count, hashes, path) != record.run_root:
        raise VerificationError("the gap leaves are not those of the run")
    return {at: GapLeaf.decode(leaf) for at, leaf in told.leaves}


def _contradiction(proof: FraudProof, leaves: dict[int, GapLeaf]) -> Literal["skipped", "omitted"]:
    index, told = proof.log.index, proof.postings
    for leaf in leaves.values():
        kind = hides(leaf, proof.key, index)
        if kind:
            return kind
    if isinstance(told, UnsetType) or told.leaf not in leaves:
        raise VerificationError("no gap leaf hides the entry")
    _check_left_out(leaves[told.leaf], told, proof.key, index)
    return "omitted"


def _check_left_out(leaf: GapLeaf, told: PostingsMember, key: bytes, index: int) -> None:
    """That the postings of the key's own leaf leave the entry out."""
    if leaf.key != key:
        raise VerificationError("the postings are those of another key")
    items: Sequence[int] = told.items
    tree = [(told.from_ + at, leaf_hash(item.to_bytes(8, "big"))) for at, item in enumerate(items)]
    if multiproof_root(leaf.count, tree, [Hash(one) for one in told.path]) != leaf.postings_root:
        raise VerificationError("the postings are not those of the leaf")
    if not _lacks(leaf, told, index):
        raise VerificationError("the postings do not leave the entry out")
