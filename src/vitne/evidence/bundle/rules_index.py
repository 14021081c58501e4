"""Rules 2 to 7, 11 and 12 of a bundle: the two signed heads, and what the index log says."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Set as AbstractSet
from itertools import pairwise

from msgspec.structs import replace

from vitne.core.index.gap import GapLeaf
from vitne.core.index.index_record import IndexRecord, parse_record
from vitne.core.tree.merkle import leaf_hash, verify_consistency
from vitne.core.tree.multiproof import multiproof_root
from vitne.evidence.bundle.answer import Policies
from vitne.evidence.bundle.document import GapMember, PostingsMember
from vitne.evidence.bundle.state import BundleRun, Case, rule_failed
from vitne.evidence.policy import Policy, parse_policy
from vitne.evidence.record.verify import VerifiedHead, check_head

_LATE_US = 300_000_000


def policies(case: Case) -> None:
    """Rule 2: the verifier's own policies, or those of the bundle; the latter must parse anyhow."""
    bundled = parse_policy(case.bundle.policy.log), parse_policy(case.bundle.policy.index)
    mine = case.given or Policies()
    case.log_policy, case.index_policy = mine.log or bundled[0], mine.index or bundled[1]
    case.trust = "bundled" if mine.log is None or mine.index is None else "given"


def log_checkpoint(case: Case) -> None:
    """Rule 3: the log's head is signed by the log and by a quorum."""
    case.log = _head(case, case.bundle.log.checkpoint, case.bundle.origin, case.log_policy)


def index_checkpoint(case: Case) -> None:
    """Rule 4: the same for the index log."""
    origin = f"{case.bundle.origin}/index"
    case.index = _head(case, case.bundle.index.checkpoint, origin, case.index_policy)


def after_quorum(case: Case, head: VerifiedHead, recorded_us: int) -> None:
    """Note the reason of rules 3 and 4, once the newest recorded time is known."""
    if head.quorum_s is not None and recorded_us > head.quorum_s * 1_000_000 + _LATE_US:
        case.limit("after_quorum", head.origin)


def _head(case: Case, note: str, origin: str, policy: Policy) -> VerifiedHead:
    head = check_head(note, policy)
    if head.origin != origin:
        raise rule_failed(f"expected a checkpoint of {origin}", head.origin)
    return replace(head, trust=case.trust)


def records(case: Case) -> None:
    """Rule 5: the records stand in the index log and are about this log."""
    head, given, runs = case.index, case.bundle.index, list[BundleRun]()
    leaves = [(at, leaf_hash(data)) for at, data in given.records]
    if multiproof_root(head.size, leaves, given.path) != head.root:
        raise rule_failed("the records are not in the index log")
    for position, data in given.records:
        record = parse_record(data)
        if record.origin != case.bundle.origin or record.end > case.log.size:
            raise rule_failed("a record of another log, or beyond its end", f"record {position}")
        runs.append(BundleRun(position, record))
    case.runs = sorted(runs, key=lambda run: run.record.start)
    if runs:
        after_quorum(case, head, max(run.record.recorded_us[1] for run in case.runs))


def tiling(case: Case) -> None:
    """Rule 6: their ranges follow each other without hole or overlap and hold the first entry."""
    a, b = case.bundle.range
    case.covered = case.runs[-1].record.end if case.runs else a
    if not case.runs:
        return
    if not case.runs[0].record.start <= a < case.runs[0].record.end:
        raise rule_failed("no record holds the first entry that is searched", f"entry {a}")
    for run, after in pairwise(case.runs):
        if run.record.end != after.record.start:
            raise rule_failed("the records leave a hole, or overlap", f"entry {run.record.end}")
        if run.record.recorded_us[1] > after.record.recorded_us[0]:
            raise rule_failed("recorded times go back", f"entry {run.record.end}")
    if case.runs[-1].record.start >= max(b, a + 1):
        raise rule_failed("a record begins behind the last entry that is searched")


def link(case: Case) -> None:
    """Rule 7: the log that the records describe is the log of the checkpoint."""
    proof, head = case.bundle.log.link, case.log
    if not case.runs:
        if proof:
            raise rule_failed("a link without records")
        return
    last = case.runs[-1].record
    verify_consistency(last.end, head.size, last.log_root, head.root, proof)


def gaps(case: Case) -> None:
    """Rule 11: for each run and key exactly one gap leaf."""
    given = {gap.record: gap for gap in case.bundle.gaps}
    if given.keys() != {run.position for run in case.runs}:
        raise rule_failed("gap leaves are not given for exactly the records")
    case.gap_leaves = {
        run.position: _leaves(run, given[run.position], case.run_keys[run.position])
        for run in case.runs
    }


def _leaves(run: BundleRun, gap: GapMember, keys: AbstractSet[bytes]) -> dict[int, GapLeaf]:
    where = f"record {run.position}"
    leaves = [(at, leaf_hash(data)) for at, data in gap.leaves]
    if multiproof_root(run.record.gap_count, leaves, gap.path) != run.record.run_root:
        raise rule_failed("the gap leaves are not those of the run", where)
    found = {at: GapLeaf.decode(data) for at, data in gap.leaves}
    if any(one.next > after.key for one, after in pairwise(found.values())):
        raise rule_failed("gap leaves overlap", where)
    wanted = sorted(keys)
    used = 0
    for leaf in found.values():
        low, high = bisect_left(wanted, leaf.key), bisect_left(wanted, leaf.next)
        if low == high:
            raise rule_failed("a gap leaf answers for no key", where)
        used += high - low
    if used != len(wanted):
        raise rule_failed("no gap leaf answers for a key", where)
    return found


def postings(case: Case) -> None:
    """Rule 12: for a key that a run holds, every index of it in [a, b)."""
    runs = {run.position: run.record for run in case.runs}
    (a, b), posted = case.bundle.range, defaultdict[int, set[bytes]](set)
    for gap in case.bundle.gaps:
        leaves, keys = case.gap_leaves[gap.record], case.run_keys[gap.record]
        held = {at for at, leaf in leaves.items() if leaf.key in keys}
        if held != {found.leaf for found in gap.postings}:
            raise rule_failed("postings are not given for exactly the keys that the run holds")
        for found in gap.postings:
            leaf, where = leaves[found.leaf], f"record {gap.record}, leaf {found.leaf}"
            _check_postings(runs[gap.record], leaf, found, (a, b), where)
            for index in found.items:
                if a <= index < b:
                    posted[index].add(leaf.key)
    case.posted = posted


def _check_postings(
    record: IndexRecord, leaf: GapLeaf, found: PostingsMember, range_: tuple[int, int], where: str
) -> None:
    (a, b), items = range_, found.items
    start, end, last = record.start, record.end, found.from_ + len(items)
    if not (start <= leaf.first and leaf.last < end and start <= items[0] and items[-1] < end):
        raise rule_failed("postings outside of their run", where)
    if last > leaf.count:
        raise rule_failed("more postings than the leaf counts", where)
    tree = [(found.from_ + at, leaf_hash(i.to_bytes(8, "big"))) for at, i in enumerate(items)]
    if multiproof_root(leaf.count, tree, found.path) != leaf.postings_root:
        raise rule_failed("the postings are not those of the leaf", where)
    if not (items[0] == leaf.first if found.from_ == 0 else items[0] < a):
        raise rule_failed("earlier postings may be left out", where)
    if not (items[-1] == leaf.last if last == leaf.count else items[-1] >= b):
        raise rule_failed("later postings may be left out", where)
