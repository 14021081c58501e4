"""Whatever intake accepts can be proved, and the proof verifies: from bytes to bytes."""

import json
from typing import Any

from hypothesis import given, settings, target
from hypothesis import strategies as st

from vitne.core.entry.assemble import Assembler, stamp_entry
from vitne.core.event.body import raw_part
from vitne.core.event.event import ValidEvent
from vitne.core.event.intake import IntakeContext, SourceRegistration
from vitne.core.event.validate import validate_event
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, sign_note
from vitne.core.values.record import Record
from vitne.core.values.types import LeafIndex, Origin, TreeSize
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import verify as record_proof
from vitne.evidence.record.document import build_document

ORIGIN = Origin("vitne.test/log/acme")
SIGNER = Signer(ORIGIN, b"s" * 32)
ASSEMBLER = Assembler(ORIGIN, bytes(32), 1)
NOW_US = 1_795_000_000_000_000
CONTEXT = IntakeContext(
    now_us=NOW_US,
    registration=SourceRegistration("crm", "crm-bff", faces_user=True),
    fresh=lambda count: b"r" * count,
    pseudonym=lambda _tenant, _id: "0" * 32,
    tenants=("acme",),
    default_tenant="acme",
    peer_ip="203.0.113.9",
)

_TEXT = st.text(max_size=20) | st.sampled_from(
    [
        "Åse",
        "A\u030ase",
        "\u2028",
        "a\x00b",
        "\u202egnp",
        "\U0001d518\U0001f642",
        "\ud800",
        "x" * 300,
        "\r\n\t",
    ]
)
_SCALAR = _TEXT | st.integers(-(2**60), 2**60) | st.booleans() | st.none() | st.floats()
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_OPTIONAL: dict[str, Any] = {
    "summary": _TEXT,
    "tenant": st.fixed_dictionaries({"id": st.just("acme")}, optional={"name": _TEXT}),
    "client": st.fixed_dictionaries({}, optional={"user_agent": _TEXT, "site": _TEXT}),
    "outcome": st.fixed_dictionaries(
        {"result": st.sampled_from(["succeeded", "denied"])},
        optional={"reason": _TEXT, "code": st.just("no_right")},
    ),
    "extra": st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), _SCALAR, max_size=3),
    "changes": st.lists(
        st.fixed_dictionaries(
            {"op": st.just("set"), "path": st.just("/a")}, optional={"before": _TEXT}
        ),
        max_size=2,
    ),
    "purpose": st.fixed_dictionaries({}, optional={"justification": _TEXT}),
    "schema": st.sampled_from(["vitne.audit/1.0", "vitne.audit/1.7"]),
    "brand_new_field": _VALUE,
}
_TARGET = st.fixed_dictionaries(
    {"type": st.just("customer"), "id": st.from_regex("[a-z0-9_]{1,9}", fullmatch=True)},
    optional={"name": _TEXT},
)
_EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["crm.customer.viewed", "crm.order.updated"]),
        "actor": st.fixed_dictionaries({"id": st.just("usr_7")}, optional={"name": _TEXT}),
        "targets": st.lists(_TARGET, min_size=1, max_size=3),
    },
    optional=_OPTIONAL,
)


def _record(event: ValidEvent, raw: str) -> Record:
    """The record of an event, as the first of its log."""
    prepared = ASSEMBLER.prepare(
        event, b'{"status":"accepted"}', raw_part(raw), b'{"peer_ip":"203.0.113.9"}', b"k" * 16
    )
    entry = stamp_entry(prepared.entry, NOW_US.to_bytes(8, "big"), prepared.stream_id, 1)
    return Record(LeafIndex(0), NOW_US, entry, event.event_id, b"k" * 16, prepared.parts)


def test_a_plain_event_is_accepted() -> None:
    """Else the property below would hold of nothing."""
    event = b'{"type":"crm.customer.viewed","actor":{"id":"usr_7"},"target":"customer/c_1"}'

    assert isinstance(validate_event(event, CONTEXT), ValidEvent)


@settings(max_examples=400)
@given(event=_EVENTS, raw=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_whatever_intake_accepts_proves_and_verifies(event: dict[str, Any], raw: str) -> None:
    """With odd text, new fields, and an original of any characters."""
    found = validate_event(json.dumps(event).encode("utf-8", "surrogatepass"), CONTEXT)
    target(float(isinstance(found, ValidEvent)))
    if not isinstance(found, ValidEvent):
        return
    record = _record(found, raw)
    text = Checkpoint(ORIGIN, TreeSize(1), merkle_root([leaf_hash(record.entry)])).text()

    document = build_document(record, sign_note(text, [SIGNER]), [], [SIGNER.vkey])
    verified = record_proof.verify_record(document, policy_of_keys([SIGNER.vkey]))

    assert verified.parts == record.parts
    assert verified.event()["actor"]["id"] == "usr_7"
