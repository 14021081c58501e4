"""Rule 20 of a bundle: what hangs on it and decides nothing: stamps, detections, the seal."""

from hashlib import sha256
from typing import Literal

from vitne.answers.core_values import text_at
from vitne.core.entry.control import SigningKeyEntry
from vitne.core.entry.receipt import receipt_name
from vitne.core.tree.note import Verifier, open_note, parse_note, parse_vkey
from vitne.core.tree.signature import ED25519
from vitne.core.values.strict import encode_base64
from vitne.evidence.bundle.answer import AttachedStamp, Detection, ExporterSignature
from vitne.evidence.bundle.document import FORMAT, DetectionMember, StampMember, unsigned_bytes
from vitne.evidence.bundle.state import Case, rule_failed

__all__ = ["attached", "seal_text"]

_RAN = "system.detection.ran"


def attached(case: Case) -> None:
    """Rule 20: a seal holds, if the log announced its key; the rest is listed."""
    case.stamps = [_stamp(case, stamp) for stamp in case.bundle.stamps]
    case.detections = [_detection(case, found) for found in case.bundle.detections]
    if isinstance(case.bundle.seal, str):
        case.seal = _sealed(case, case.bundle.seal)


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
