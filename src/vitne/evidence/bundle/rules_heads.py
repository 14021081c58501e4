"""Rules 2 to 4 of a bundle: whose word counts, and the two signed heads."""

from msgspec.structs import replace

from vitne.evidence.bundle.answer import Policies
from vitne.evidence.bundle.state import Case, rule_failed
from vitne.evidence.policy import Policy, parse_policy
from vitne.evidence.record.verify import VerifiedHead, check_head

__all__ = ["after_quorum", "index_checkpoint", "log_checkpoint", "policies"]

_LATE_US = 300_000_000


def policies(case: Case) -> None:
    """Rule 2: the verifier's own policies, or those of the bundle; the latter must parse anyhow."""
    bundled = parse_policy(case.bundle.policy.log), parse_policy(case.bundle.policy.index)
    mine = case.given or Policies()
    case.policies = mine.log or bundled[0], mine.index or bundled[1]
    case.trust = "bundled" if mine.log is None or mine.index is None else "given"


def log_checkpoint(case: Case) -> None:
    """Rule 3: the log's head is signed by the log and by a quorum."""
    case.heads.append(_head(case, case.bundle.log.checkpoint, case.bundle.origin, 0))


def index_checkpoint(case: Case) -> None:
    """Rule 4: the same for the index log."""
    origin = f"{case.bundle.origin}/index"
    case.heads.append(_head(case, case.bundle.index.checkpoint, origin, 1))


def after_quorum(case: Case, head: VerifiedHead, recorded_us: int) -> None:
    """Note the reason of rules 3 and 4, once the newest recorded time is known."""
    if head.quorum_s is not None and recorded_us > head.quorum_s * 1_000_000 + _LATE_US:
        case.limit("after_quorum", head.origin)


def _head(case: Case, note: str, origin: str, which: int) -> VerifiedHead:
    policy = _policy(case, which)
    head = check_head(note, policy)
    if head.origin != origin:
        raise rule_failed(f"expected a checkpoint of {origin}", head.origin)
    return replace(head, trust=case.trust)


def _policy(case: Case, which: int) -> Policy:
    if case.policies is None:
        raise rule_failed("no policy was read")
    return case.policies[which]
