"""Rule 17 of a bundle: which events their senders signed, with a key that the log lists."""

from typing import Final

from vitne.core.entry.commit import sender_root
from vitne.core.entry.control import SigningKeyEntry, StreamEntry, verify_stream
from vitne.core.entry.entry import BatchEntry, EventEntry
from vitne.core.entry.sender import SignedMode, sender_view, verify_sender
from vitne.core.tree.merkle import leaf_hash
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.tree.note import parse_vkey
from vitne.core.tree.signature import ED25519
from vitne.evidence.bundle.document import SenderMember
from vitne.evidence.bundle.state import Case, rule_failed

__all__ = ["senders"]

_MODES: Final[dict[str, SignedMode]] = {"full": "full", "body": "body"}


def senders(case: Case) -> None:
    """Rule 17: each event that is said to be signed is in a batch that its source signed."""
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
        case.signed[item.index] = mode


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
