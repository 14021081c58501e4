"""Rule 19 of a bundle: which gaps and silences could hide an event."""

from msgspec import UnsetType
from msgspec.structs import asdict

from vitne.answers.verdict import LIMIT, Reason
from vitne.core.index.index_record import Coverage
from vitne.evidence.bundle.document import CoverageMember, StreamMember
from vitne.evidence.bundle.state import Case, rule_failed

__all__ = ["coverage"]

_COUNTS = ("registered", "open", "silent", "abandoned", "missing", "voided")
_LISTED = {
    "silent": "silent_source",
    "abandoned": "abandoned_stream",
    "missing": "missing_numbers",
    "voided": "voided_numbers",
}


def coverage(case: Case) -> None:
    """Rule 19: the counts are those of the last record, and the listed streams make them."""
    stated = case.bundle.coverage
    if isinstance(stated.streams, UnsetType):
        case.limit("no_coverage")
    else:
        _check(case, stated, stated.streams)
    if case.covered < case.bundle.range[1]:
        case.limit("tail_uncovered")
    limits = case.bundle.limits
    for limit in [] if isinstance(limits, UnsetType) else limits:
        if _meets(case, limit.from_us, limit.to_us):
            case.reasons.append(Reason(LIMIT + limit.code, limit.text, limit.source))


def _check(case: Case, stated: CoverageMember, streams: list[StreamMember]) -> None:
    if not case.runs:
        raise rule_failed("counts without a record")
    last = case.runs[-1]
    counts = {name: getattr(stated, name) for name in _COUNTS}
    if stated.record != last.position or counts != asdict(last.record.coverage):
        raise rule_failed("the counts are not those of the last record", f"record {last.position}")
    for name in _LISTED:
        if sum(getattr(stream, name) for stream in streams) != counts[name]:
            raise rule_failed("the listed streams do not make the counts", name)
    case.counts = Coverage(**counts)
    for stream in streams:
        if _meets(case, stream.from_us, stream.to_us):
            for name, code in _LISTED.items():
                if getattr(stream, name):
                    case.limit(code, f"{stream.source} {stream.stream.hex()}")


def _meets(case: Case, from_us: int, to_us: int) -> bool:
    low, high = case.window
    return from_us < high and low < to_us
