"""Rules 5 to 7, 11 and 12 of a bundle: what the index log says, all of it or nothing."""

from bisect import bisect_left
from itertools import pairwise

from vitne.core.index.gap import GapLeaf
from vitne.core.index.index_record import parse_record
from vitne.core.tree.merkle import leaf_hash, verify_consistency
from vitne.core.tree.multiproof import multiproof_root
from vitne.evidence.bundle.document import GapMember, PostingsMember
from vitne.evidence.bundle.rules_heads import after_quorum
from vitne.evidence.bundle.state import BundleRun, Case, rule_failed

__all__ = ["gaps", "link", "postings", "records", "tiling"]


def records(case: Case) -> None:
    """Rule 5: the records stand in the index log and are about this log."""
    head, given = case.heads[1], case.bundle.index
    leaves = [(at, leaf_hash(data)) for at, data in given.records]
    if multiproof_root(head.size, leaves, given.path) != head.root:
        raise rule_failed("the records are not in the index log")
    for position, data in given.records:
        record = parse_record(data)
        if record.origin != case.bundle.origin or record.end > case.log.size:
            raise rule_failed("a record of another log, or beyond its end", f"record {position}")
        case.runs.append(BundleRun(position, record))
    if case.runs:
        after_quorum(case, head, max(run.record.recorded_us[1] for run in case.runs))


def tiling(case: Case) -> None:
    """Rule 6: their ranges follow each other without hole or overlap and hold the first entry."""
    a, b = case.bundle.range
    case.covered = a
    if not case.runs:
        return
    case.runs.sort(key=lambda run: run.record.start)
    if not case.runs[0].record.start <= a < case.runs[0].record.end:
        raise rule_failed("no record holds the first entry that is searched", f"entry {a}")
    for run, after in pairwise(case.runs):
        if run.record.end != after.record.start:
            raise rule_failed("the records leave a hole, or overlap", f"entry {run.record.end}")
        if run.record.recorded_us[1] > after.record.recorded_us[0]:
            raise rule_failed("recorded times go back", f"entry {run.record.end}")
    if case.runs[-1].record.start >= max(b, a + 1):
        raise rule_failed("a record begins behind the last entry that is searched")
    case.covered = case.runs[-1].record.end


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
    for run in case.runs:
        _check_leaves(run, given[run.position])


def _check_leaves(run: BundleRun, gap: GapMember) -> None:
    where = f"record {run.position}"
    leaves = [(at, leaf_hash(data)) for at, data in gap.leaves]
    if multiproof_root(run.record.gap_count, leaves, gap.path) != run.record.run_root:
        raise rule_failed("the gap leaves are not those of the run", where)
    run.leaves = {at: GapLeaf.decode(data) for at, data in gap.leaves}
    if any(one.next > after.key for one, after in pairwise(run.leaves.values())):
        raise rule_failed("gap leaves overlap", where)
    wanted = sorted(run.keys)
    used = 0
    for leaf in run.leaves.values():
        low, high = bisect_left(wanted, leaf.key), bisect_left(wanted, leaf.next)
        if low == high:
            raise rule_failed("a gap leaf answers for no key", where)
        used += high - low
    if used != len(wanted):
        raise rule_failed("no gap leaf answers for a key", where)


def postings(case: Case) -> None:
    """Rule 12: for a key that a run holds, every index of it in [a, b)."""
    runs = {run.position: run for run in case.runs}
    for gap in case.bundle.gaps:
        run = runs[gap.record]
        held = {at for at, leaf in run.leaves.items() if leaf.key in run.keys}
        if held != {found.leaf for found in gap.postings}:
            raise rule_failed("postings are not given for exactly the keys that the run holds")
        for found in gap.postings:
            _check_postings(case, run, found)


def _check_postings(case: Case, run: BundleRun, found: PostingsMember) -> None:
    leaf, (a, b), items = run.leaves[found.leaf], case.bundle.range, found.items
    where = f"record {run.position}, leaf {found.leaf}"
    start, end, last = run.record.start, run.record.end, found.from_ + len(items)
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
    for index in items:
        if a <= index < b:
            case.candidates.setdefault(index, set()).add(leaf.key)
