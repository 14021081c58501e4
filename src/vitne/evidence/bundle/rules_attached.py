"""Rules 17, 19 and 20 of a bundle: who signed, what may be missing, and what decides nothing."""

from hashlib import sha256
from typing import Final, Literal

from msgspec import UnsetType
from msgspec.structs import asdict

from vitne.answers.bundle_filter import text_at
from vitne.answers.verdict_and_reasons import LIMIT, Reason
from vitne.core.entry.commit import sender_root
from vitne.core.entry.control import SigningKeyEntry, StreamEntry, verify_stream
from vitne.core.entry.entry import BatchEntry, EventEntry
from vitne.core.entry.receipt import receipt_name
from vitne.core.entry.sender import SignedMode, sender_view, verify_sender
from vitne.core.index.index_record import Coverage
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.tree.note import Verifier, open_note, parse_note, parse_vkey
from vitne.core.tree.signature import ED25519
from vitne.core.values import encode_base64
from vitne.evidence.bundle.answer import AttachedStamp, Detection, ExporterSignature
from vitne.evidence.bundle.document import (
    FORMAT,
    CoverageMember,
    DetectionMember,
    SenderMember,
    StampMember,
    StreamMember,
    unsigned_bytes,
)
from vitne.evidence.bundle.state import Case, rule_failed

_MODES: Final[dict[str, SignedMode]] = {"full": "full", "body": "body"}
_COUNTS = ("registered", "open", "silent", "abandoned", "missing", "voided")
_LISTED = {
    "silent": "silent_source",
    "abandoned": "abandoned_stream",
    "missing": "missing_numbers",
    "voided": "voided_numbers",
}
_RAN = "system.detection.ran"


def senders(case: Case) -> None:
    """Rule 17: each event that is said to be signed is in a batch that its source signed."""
    signed = case.signed = dict[int, SignedMode]()
    if not case.bundle.senders:
        return
    registrations = _registrations(case)
    sources = _source_keys(case)
    batches: dict[int, tuple[BatchEntry, SignedMode]] = {}
    for item in case.bundle.senders:
        if item.batch not in batches:
            batches[item.batch] = _batch(case, item.batch, registrations, sources)
        batch, mode = batches[item.batch]
        _check_event(case, item, batch, mode)
        signed[item.index] = mode


def _registrations(case: Case) -> dict[bytes, list[StreamEntry]]:
    found: dict[bytes, list[StreamEntry]] = {}
    for entry in case.entries.values():
        if isinstance(entry, StreamEntry):
            found.setdefault(entry.stream_id, []).append(entry)
    return found


def _source_keys(case: Case) -> set[tuple[str, bytes]]:
    """(source, public key) of every source key that was added."""
    found = set()
    for entry in case.entries.values():
        if isinstance(entry, SigningKeyEntry) and (entry.role, entry.state) == ("source", "add"):
            vkey = parse_vkey(entry.vkey)
            if vkey.kind == ED25519:
                found.add((entry.name, vkey.public_key))
    return found


def _batch(
    case: Case,
    index: int,
    registrations: dict[bytes, list[StreamEntry]],
    sources: set[tuple[str, bytes]],
) -> tuple[BatchEntry, SignedMode]:
    where = f"entry {index}"
    batch = case.entries.get(index)
    if not isinstance(batch, BatchEntry):
        raise rule_failed("a batch that is no given batch entry", where)
    streams = registrations.get(batch.stream_id, [])
    if len(streams) != 1:
        raise rule_failed("expected exactly one registration of the batch's stream", where)
    stream = streams[0]
    verify_stream(stream, case.bundle.origin)
    if stream.mode not in _MODES:
        raise rule_failed("a batch of a stream whose sender signs nothing", where)
    if (stream.source, stream.key) not in sources:
        raise rule_failed("no key entry lists the stream's key as its source's", where)
    verify_sender(case.bundle.origin, stream, stream.key)
    verify_sender(case.bundle.origin, batch, stream.key)
    return batch, _MODES[stream.mode]


def _check_event(case: Case, item: SenderMember, batch: BatchEntry, mode: SignedMode) -> None:
    where = f"entry {item.index}"
    event = case.event(item.index)
    if not isinstance(event, EventEntry) or item.index not in case.leaves:
        raise rule_failed("a signed event that is not opened", where)
    if event.stream_id != batch.stream_id or not batch.first <= event.stream_seq <= batch.last:
        raise rule_failed("a batch of another stream, or of other numbers", where)
    view = sender_view(event, sender_root(case.leaves[item.index]), mode)
    leaf = (event.stream_seq - batch.first, leaf_hash(view))
    if multiproof_root(batch.last - batch.first + 1, [leaf], item.path) != batch.root:
        raise rule_failed("the event is not in the batch that was signed", where)


def coverage(case: Case) -> None:
    """Rule 19: the counts are those of the last record, and the listed streams make them."""
    stated = case.bundle.coverage
    if isinstance(stated.streams, UnsetType):
        case.counts = None
        case.limit("no_coverage")
    else:
        case.counts = _counts(case, stated, stated.streams)
    if case.covered < case.bundle.range[1]:
        case.limit("tail_uncovered")
    limits = case.bundle.limits
    for limit in [] if isinstance(limits, UnsetType) else limits:
        if _meets(case, limit.from_us, limit.to_us):
            case.reasons.append(Reason(LIMIT + limit.code, limit.text, limit.source))


def _counts(case: Case, stated: CoverageMember, streams: list[StreamMember]) -> Coverage:
    if not case.runs:
        raise rule_failed("counts without a record")
    last = case.runs[-1]
    counts = {name: getattr(stated, name) for name in _COUNTS}
    if stated.record != last.position or counts != asdict(last.record.coverage):
        raise rule_failed("the counts are not those of the last record", f"record {last.position}")
    for name in _LISTED:
        if sum(getattr(stream, name) for stream in streams) != counts[name]:
            raise rule_failed("the listed streams do not make the counts", name)
    for stream in streams:
        if _meets(case, stream.from_us, stream.to_us):
            for name, code in _LISTED.items():
                if getattr(stream, name):
                    case.limit(code, f"{stream.source} {stream.stream.hex()}")
    return Coverage(**counts)


def _meets(case: Case, from_us: int, to_us: int) -> bool:
    low, high = case.window
    return from_us < high and low < to_us


def attached(case: Case) -> None:
    """Rule 20: a seal holds, if the log announced its key; the rest is listed."""
    case.stamps = [_stamp(case, stamp) for stamp in case.bundle.stamps]
    case.detections = [_detection(case, found) for found in case.bundle.detections]
    seal = case.bundle.seal
    case.seal = _sealed(case, seal) if isinstance(seal, str) else ExporterSignature("none")


def seal_text(origin: str, data: bytes) -> str:
    """What a seal signs, given the bytes of the bundle without it."""
    return f"{FORMAT}\n{origin}\n{encode_base64(sha256(data).digest())}\n"


def _sealed(case: Case, note: str) -> ExporterSignature:
    name = receipt_name(case.bundle.origin)
    text, lines = parse_note(note)
    if text != seal_text(case.bundle.origin, unsigned_bytes(case.data)):
        raise rule_failed("the seal is over another bundle")
    if len(lines) != 1 or lines[0].name != name:
        raise rule_failed(f"expected one signature by {name}")
    known = _receipt_keys(case, name)
    if not known:
        return ExporterSignature("unknown_key")
    verified = open_note(note, known).verified
    return ExporterSignature("held", verified[0].verifier.vkey)


def _receipt_keys(case: Case, name: str) -> list[Verifier]:
    """Receipt keys that the log itself announces in the given entries."""
    wanted = ("receipt", name, "add")
    vkeys = {
        entry.vkey
        for entry in case.entries.values()
        if isinstance(entry, SigningKeyEntry) and (entry.role, entry.name, entry.state) == wanted
    }
    return [Verifier(vkey) for vkey in sorted(vkeys) if parse_vkey(vkey).kind == ED25519]


def _stamp(case: Case, stamp: StampMember) -> AttachedStamp:
    over: Literal["log", "index", "other"] = "other"
    if stamp.over == sha256(case.bundle.log.checkpoint.encode()).digest():
        over = "log"
    elif stamp.over == sha256(case.bundle.index.checkpoint.encode()).digest():
        over = "index"
    return AttachedStamp(stamp.kind, over, stamp.token)


def _detection(case: Case, found: DetectionMember) -> Detection:
    shown = all(text_at(case.cores.get(run, {}), "type") == _RAN for run in found.runs)
    return Detection(found.rule, found.hash, found.matches, tuple(found.runs), shown)
