"""The proof of one record: `vitne-record/v1`, one JSON document in JCS (RFC 8785).

Members, all required:

    format      "vitne-record/v1"
    origin      the log's origin
    index       position of the entry, 0-based
    size        size of the tree that the checkpoint signs
    entry       the entry's bytes (transparency-log §3), base64
    opened      {core, payload, person}, each {event, record?}; a part is opened, {salt, json}, or
                withheld, {hash}: its 32-byte leaf. An erased section has {erased} too: the index
                of the entry that says so
    path        inclusion proof, base64 hashes from the leaf's sibling upwards
    checkpoint  the signed note, verbatim
    keys        vkeys that the exporter names; the log's own is among them

`verify_record` applies these rules in order; the first that fails is named in the error:

     1 json         at most 4 MiB of strict JSON in the domain of transparency-log §1, and exactly
                    its JCS bytes
     2 members      exactly the members above, with their types; canonical base64 and vkeys
     3 entry        the entry decodes (transparency-log §3.5) and is that of an event
     4 sections     a section has a record part if and only if the entry's header says so
     5 body_root    salts, parts and withheld leaves give the entry's body_root
     6 occurred_at  the core section, if opened, claims the time that stands in the header
     7 origin       the checkpoint is of this origin and size
     8 path         leaf and path lead to the checkpoint's root
     9 trust        a trusted key is that of this log: yours if you gave any, else a bundled one
    10 signature    that key signed the checkpoint, and no known signature fails
    11 quorum       enough witnesses of your policy cosigned it

Not checked: lookup keys, for which one needs the tenant's index secret.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from vitne.core.entry import commit
from vitne.core.entry import entry as entries
from vitne.core.entry.entry import EventEntry
from vitne.core.event.sections import join_sections
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, verify_inclusion
from vitne.core.tree.note import Opened, Verifier, open_note, parse_note
from vitne.core.tree.signature import ED25519
from vitne.core.values import (
    SECTIONS,
    Hash,
    JsonObject,
    LeafIndex,
    Origin,
    Parts,
    Section,
    TreeSize,
    parse_utc,
)
from vitne.errors import VerificationError
from vitne.evidence.policy import Policy
from vitne.evidence.record.document import (
    Document,
    OpenPart,
    Part,
    load_document,
    read_document,
)
from vitne.evidence.rule import named_rule

RULES: Final = (
    "json",
    "members",
    "entry",
    "sections",
    "body_root",
    "occurred_at",
    "origin",
    "path",
    "trust",
    "signature",
    "quorum",
)
"""Names of the rules, in the order in which they are applied."""

Trust = Literal["given", "bundled"]
"""Whether the key was the verifier's own, or named by the file itself."""


class Cosignature(Struct, frozen=True):
    """A witness that saw this tree, and when."""

    name: str
    time_s: int
    """Seconds since 1970."""


class VerifiedHead(Struct, frozen=True):
    """The checkpoint that a proof leads to, and who vouches for it."""

    origin: Origin
    size: TreeSize
    root: Hash
    key: str
    """Vkey of the log."""
    trust: Trust
    cosigned: tuple[Cosignature, ...]
    """Witnesses of the verifier's policy."""
    quorum_s: int | None
    """When the policy's quorum was met; None: it asks for none."""


class VerifiedRecord(Struct, frozen=True):
    """What a document proves. `claims` says it in plain language."""

    head: VerifiedHead
    index: LeafIndex
    recorded_us: int
    occurred_us: int
    stream_id: bytes
    stream_seq: int
    parts: Parts
    """Canonical JSON of what is opened; None where withheld."""
    withheld: tuple[Section, ...]
    erased: dict[Section, LeafIndex]
    """Erased sections, each with the erase entry that the exporter names (not proved here)."""

    def event(self) -> JsonObject:
        """The event as it was sent and filled, without what is withheld."""
        shown = self.parts
        try:
            return join_sections(
                _decoded(shown.core), _decoded(shown.payload), _decoded(shown.person)
            )
        except (ValueError, LookupError, TypeError):
            # A log may have committed to sections that point nowhere: show them apart.
            return {
                "core": _decoded(shown.core),
                "payload": _decoded(shown.payload),
                "person": _decoded(shown.person),
            }

    def record(self) -> JsonObject:
        """What the log added at intake, section by section, without what is withheld."""
        shown = self.parts
        return (
            _decoded(shown.core_record)
            | _decoded(shown.payload_record)
            | _decoded(shown.person_record)
        )


def verify_record(data: bytes, policy: Policy | None = None) -> VerifiedRecord:
    """Check a document by the rules above; needs no network and no clock.

    Args:
        data: the file's bytes.
        policy: the verifier's own keys; None takes the keys that the document names, which
            proves only that the document agrees with itself.

    Raises:
        VerificationError: a rule fails; `rule` names it.
    """
    with named_rule("json", keep=True):
        value = load_document(data)
    with named_rule("members", keep=True):
        document = read_document(value)
    with named_rule("entry", keep=True):
        entry = entries.decode_entry(document.entry)
        if not isinstance(entry, EventEntry):
            raise VerificationError("the entry is that of no event")
    leaves = document.leaves()
    with named_rule("body_root", keep=True):  # and `sections`, which it tells apart
        commit.verify_body(leaves, entry.flags, entry.body_root)
    with named_rule("occurred_at", keep=True):
        _check_time(document.opened["core"][0], entry.occurred_us)
    head = _check_tree(document, policy)
    return VerifiedRecord(
        head=head,
        index=document.index,
        recorded_us=entry.recorded_us,
        occurred_us=entry.occurred_us,
        stream_id=entry.stream_id,
        stream_seq=entry.stream_seq,
        parts=_shown(document),
        withheld=tuple(
            name for name in SECTIONS if _hidden(document, name) and name not in document.erased
        ),
        erased=document.erased,
    )


def _check_tree(document: Document, policy: Policy | None) -> VerifiedHead:
    with named_rule("origin", keep=True):
        head = Checkpoint.parse(parse_note(document.checkpoint)[0])
        if (head.origin, head.size) != (document.origin, document.size):
            raise VerificationError("the checkpoint is of another log or size", where=head.origin)
    with named_rule("path", keep=True):
        leaf = leaf_hash(document.entry)
        verify_inclusion(leaf, document.index, head.size, document.path, head.root)
    with named_rule("trust", keep=True):
        bundled = tuple(
            Verifier(key.encode())
            for key in document.keys
            if key.name == document.origin and key.kind == ED25519
        )
        if not bundled:
            raise VerificationError("the document does not name its log's key")
    return check_head(document.checkpoint, policy, bundled)


def check_head(
    note: str, policy: Policy | None, bundled: tuple[Verifier, ...] = ()
) -> VerifiedHead:
    """The rules trust, signature and quorum, for a checkpoint.

    Args:
        note: the signed note; its text must be a checkpoint.
        policy: the verifier's own keys; None trusts `bundled`.
        bundled: keys of the log that came with the proof.

    Raises:
        VerificationError: one of the three fails, or the note is none (rule `origin`).
    """
    with named_rule("origin", keep=True):
        head = Checkpoint.parse(parse_note(note)[0])
    with named_rule("trust", keep=True):
        logs = bundled if policy is None else policy.log(head.origin)
        if not logs:
            raise VerificationError(
                "no trusted key is that of this log",
                where=head.origin,
                hint="give its key with --trust; its owner publishes it",
            )
    witnesses = () if policy is None else tuple(policy.witnesses.values())
    with named_rule("signature", keep=True):
        opened = open_note(note, (*logs, *witnesses))
        key = _signer(opened, logs)
    times = {v.verifier.name: v.time_s for v in opened.verified if v.verifier in witnesses}
    with named_rule("quorum", keep=True):
        quorum_s = None if policy is None else policy.quorum_time_of(opened.verified)
    return VerifiedHead(
        origin=head.origin,
        size=head.size,
        root=head.root,
        key=key.vkey,
        trust="bundled" if policy is None else "given",
        cosigned=tuple(Cosignature(name, time_s) for name, time_s in sorted(times.items())),
        quorum_s=quorum_s,
    )


def _signer(opened: Opened, logs: tuple[Verifier, ...]) -> Verifier:
    for found in opened.verified:
        if found.verifier in logs:
            return found.verifier
    raise VerificationError("the log has not signed the checkpoint")


def _check_time(core: Part, occurred_us: int) -> None:
    if not isinstance(core, OpenPart):
        return
    claimed = _decoded(core.data).get("occurred_at")
    if not isinstance(claimed, str) or parse_utc(claimed) != occurred_us:
        raise VerificationError("the core section claims another time than the entry's header")


def _shown(document: Document) -> Parts:
    def data(section: Section, which: int) -> bytes | None:
        part = document.opened[section][which]
        if part is None:
            return b""
        return part.data if isinstance(part, OpenPart) else None

    return Parts(
        core=data("core", 0),
        payload=data("payload", 0),
        person=data("person", 0),
        core_record=data("core", 1),
        payload_record=data("payload", 1),
        person_record=data("person", 1),
    )


def _hidden(document: Document, section: Section) -> bool:
    return any(isinstance(part, bytes) for part in document.opened[section])


def _decoded(part: bytes | None) -> JsonObject:
    return msgspec.json.decode(part, type=JsonObject) if part else {}
