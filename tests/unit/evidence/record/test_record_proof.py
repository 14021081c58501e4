"""The proof of one record: what verifies, and that nothing else does."""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry import commit, entry
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, sign_note
from vitne.core.values.types import SECTIONS, TreeSize
from vitne.errors import BadInputError, VerificationError
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import verify as record_proof
from vitne.evidence.record.document import build_document, redact_record
from vitne.evidence.record.sentences import claims_of_record
from vitne.evidence.record.verify import RULES

Change = Callable[[dict[str, Any]], object]


def _changed(data: bytes, change: Change) -> bytes:
    """The document with one change, canonical again."""
    value = json.loads(data)
    change(value)
    return _jcs(value)


def _jcs(value: object) -> bytes:
    """RFC 8785 for this domain, by other code than ours."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _rule_of(data: bytes, **kwargs: Any) -> str:
    """The rule that refuses a document."""
    with pytest.raises(VerificationError) as refused:
        record_proof.verify_record(data, **kwargs)
    return refused.value.rule


def test_every_record_of_a_log_proves(make_log: Callable[[int], Any]) -> None:
    """For trees of every size up to 20 and every index."""
    for size in range(1, 21):
        log = make_log(size)
        policy = policy_of_keys([log.signer.vkey])
        for index in range(size):
            found = record_proof.verify_record(log.prove(index), policy)
            assert (found.index, found.head.size, found.head.trust) == (index, size, "given")
            assert found.parts == log.records[index].parts


def test_a_document_is_its_own_canonical_form(small_log: Any) -> None:
    """Sorted and compact as RFC 8785 says, written by other code."""
    data = small_log.prove(3)

    assert _jcs(json.loads(data)) == data


def test_the_event_comes_back_whole_with_its_names(small_log: Any) -> None:
    """The sections are joined again."""
    event = record_proof.verify_record(small_log.prove(3)).event()

    assert event["actor"] == {"id": "usr_3", "name": "Kari Nordmann"}
    assert event["targets"] == [{"id": "cus_3", "name": "Åse Ødegård", "type": "customer"}]


@pytest.mark.parametrize("index", [0, 3])
def test_any_one_byte_changed_is_refused_by_a_named_rule(small_log: Any, index: int) -> None:
    """Every byte, every bit, and a byte more or less: of a document with keys from outside."""
    data = small_log.prove(index)
    policy = policy_of_keys([small_log.signer.vkey])

    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            assert _rule_of(flipped, policy=policy) in RULES
        assert _rule_of(data[:at] + data[at + 1 :], policy=policy) in RULES


@given(where=st.integers(0, 10_000), junk=st.binary(min_size=1, max_size=40))
def test_junk_put_anywhere_is_refused_by_a_named_rule(
    small_log: Any, where: int, junk: bytes
) -> None:
    """Inserted, and written over what was there."""
    data = small_log.prove(3)
    at = where % (len(data) + 1)

    assert _rule_of(data[:at] + junk + data[at:]) in RULES
    over = data[:at] + junk + data[at + len(junk) :]
    if over != data:
        assert _rule_of(over) in RULES


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_never_crash(data: bytes) -> None:
    """Whatever they are."""
    assert _rule_of(data) in {"json", "members"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
_NAMES = ("checkpoint", "entry", "format", "index", "keys", "opened", "origin", "path", "size")


@given(name=st.sampled_from(_NAMES), value=_JSON)
def test_any_member_replaced_by_any_json_is_refused(small_log: Any, name: str, value: Any) -> None:
    """Of another type, or of the right type with another value."""
    data = small_log.prove(3)
    if json.loads(data)[name] == value and not isinstance(value, bool):
        return

    assert _rule_of(_changed(data, lambda d: d.update({name: value}))) in RULES


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (lambda d: d[:-1] + b" }", "json"),
        (lambda d: b" " + d, "json"),
        (lambda d: b"\xef\xbb\xbf" + d, "json"),
        (lambda d: d + b"\n", "json"),
        (lambda d: d.replace(b'"index":3', b'"index":3,"index":3'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":3.0'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":3e0'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":03'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":-0'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":9007199254740993'), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":NaN'), "json"),
        (lambda d: d.replace("Åse".encode(), "A\u030ase".encode()), "json"),
        (lambda d: d.replace(b"Kari", b"\\u004bari"), "json"),
        (lambda d: d.replace(b"Kari", b"\\ud800ari"), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":' + b"[" * 40 + b"]" * 40), "json"),
        (lambda d: d.replace(b'"index":3', b'"index":' + b"[" * 100_000), "json"),
        (lambda d: d + b" " * (4 << 20), "json"),
        (lambda _: b"[]", "json"),
        (lambda _: b"null", "json"),
        (lambda _: b"{}", "members"),
        (lambda d: d.replace(b'"index":3', b'"index":true'), "members"),
        (lambda d: d.replace(b'"index":3', b'"index":"3"'), "members"),
        (lambda d: d.replace(b'"index":3', b'"index":-1'), "members"),
        (lambda d: d.replace(b'"index":3', b'"index":11'), "members"),
        (lambda d: d.replace(b'"index":3', b'"index":4'), "path"),
        (lambda d: d.replace(b"vitne-record/v1", b"vitne-record/v2"), "members"),
        (lambda d: d.replace(b'"size":11', b'"size":12'), "origin"),
        (lambda d: d.replace(b'"origin":"vitne.test', b'"origin":"vitne.best'), "origin"),
        (lambda d: d.replace(b"Kari", b"Karl"), "body_root"),
        (lambda d: d.replace(b"accepted", b"rejected"), "body_root"),
    ],
)
def test_a_strict_reader_takes_one_spelling_only(
    small_log: Any, attack: Callable[[bytes], bytes], rule: str
) -> None:
    """Each attack by the rule that is meant to stop it."""
    data = small_log.prove(3)
    attacked = attack(data)

    assert attacked != data
    assert _rule_of(attacked) == rule


@pytest.mark.parametrize(
    ("attack", "rule"),
    [
        (lambda d: d.update(more=1), "members"),
        (lambda d: d.pop("keys"), "members"),
        (lambda d: d.update(keys=[]), "trust"),
        (lambda d: d.update(path=d["path"][:-1]), "path"),
        (lambda d: d.update(path=[*d["path"], d["path"][0]]), "path"),
        (lambda d: d.update(path=d["path"] * 20), "members"),
        (lambda d: d.update(path=list(reversed(d["path"]))), "path"),
        (lambda d: d["path"].__setitem__(0, d["path"][0].rstrip("=")), "members"),
        (lambda d: d["path"].__setitem__(0, "AAAA"), "members"),
        (lambda d: d["opened"].pop("payload"), "members"),
        (lambda d: d["opened"]["core"].pop("record"), "sections"),
        (lambda d: d["opened"]["payload"].update(record=d["opened"]["core"]["record"]), "sections"),
        (lambda d: d["opened"].update(payload=d["opened"]["person"]), "sections"),
        (lambda d: d["opened"]["person"]["event"].update(hash="A" * 43 + "="), "members"),
        (lambda d: d["opened"]["core"]["event"].update(salt="AAAA"), "members"),
        (lambda d: d["opened"]["core"]["event"].update(salt="A" * 22 + "=="), "body_root"),
        (lambda d: d["opened"]["core"]["event"].update(json=[]), "members"),
        (lambda d: d.update(entry="dml0MQ=="), "entry"),
        (lambda d: d.update(entry=""), "entry"),
        (lambda d: d.update(checkpoint=""), "origin"),
        (lambda d: d.update(checkpoint=d["checkpoint"] + "\n"), "origin"),
        (lambda d: d.update(checkpoint=d["checkpoint"].replace("\n", "\r\n")), "origin"),
    ],
)
def test_a_document_that_was_tampered_with_fails_the_rule_meant_for_it(
    small_log: Any, attack: Change, rule: str
) -> None:
    """Canonical each time, so that the rule itself is what stops it."""
    assert _rule_of(_changed(small_log.prove(3), attack)) == rule


def test_a_log_of_another_key_is_not_yours(small_log: Any) -> None:
    """A forger signs the same tree under the same name with a key of their own."""
    forger = Signer(small_log.signer.name, b"f" * 32)
    forged = small_log.prove(3, note=sign_note(small_log.text, [forger]), key=forger.vkey)

    assert record_proof.verify_record(forged).head.trust == "bundled"
    assert _rule_of(forged, policy=policy_of_keys([small_log.signer.vkey])) == "signature"


def test_a_key_of_another_log_proves_nothing_here(small_log: Any) -> None:
    """The key's name must be the origin."""
    other = Signer("vitne.test/log/other", b"o" * 32)

    assert _rule_of(small_log.prove(3), policy=policy_of_keys([other.vkey])) == "trust"
    assert _rule_of(small_log.prove(3, key=other.vkey)) == "trust"


def test_a_signature_over_another_tree_is_refused(make_log: Callable[[int], Any]) -> None:
    """The text of one checkpoint, the signature of another."""
    small, large = make_log(8), make_log(9)
    mixed = small.text + "\n" + large.note.partition("\n\n")[2]

    assert _rule_of(small.prove(3, note=mixed)) == "signature"


@pytest.mark.parametrize("hidden", [(), ("person",), ("core",), SECTIONS])
def test_withheld_sections_are_gone_and_the_rest_still_proves(small_log: Any, hidden: Any) -> None:
    """Neither value nor salt of a withheld section is in the file."""
    data = small_log.prove(3, withhold=hidden)
    found = record_proof.verify_record(data, policy_of_keys([small_log.signer.vkey]))

    assert found.withheld == tuple(hidden)
    assert ("person" in hidden) == (b"Kari" not in data)
    assert ("core" in hidden) == (found.parts.core is None)
    assert len(claims_of_record(found).withheld) == len(hidden)


def test_the_record_key_is_never_in_a_document(small_log: Any) -> None:
    """Whoever has it has every salt."""
    data = small_log.prove(3, withhold=("person",))
    keyring = small_log.records[3].keyring

    assert base64.b64encode(keyring)[:-2] not in data
    assert keyring.hex().encode() not in data


def test_a_core_that_claims_another_time_than_its_header_is_refused(small_log: Any) -> None:
    """The log committed to both, so only this rule can tell."""
    log = small_log
    record = log.records[3]
    later = record.parts.core.replace(b'"occurred_at":"2026', b'"occurred_at":"2027')
    assert later != record.parts.core

    forged = _commit_again(log, later)

    assert _rule_of(forged) == "occurred_at"


def _commit_again(log: Any, core: bytes) -> bytes:
    """A log of one entry that commits to `core` under the header of record 3."""
    replace = msgspec.structs.replace
    old = log.records[3]
    parts = replace(old.parts, core=core)
    leaves = commit.section_leaves(old.keyring, parts)
    made = entry.encode_entry(
        replace(entry.decode_entry(old.entry), body_root=commit.body_root(leaves))
    )
    text = Checkpoint(log.signer.name, TreeSize(1), merkle_root([leaf_hash(made)])).text()
    record = replace(old, index=0, entry=made, parts=parts)
    return build_document(record, sign_note(text, [log.signer]), [], [log.signer.vkey])


def test_what_is_not_published_yet_cannot_be_proved(make_log: Callable[[int], Any]) -> None:
    """An index outside the checkpoint's tree."""
    small, large = make_log(3), make_log(5)

    with pytest.raises(BadInputError, match="not in the published tree"):
        build_document(large.records[3], small.note, [], [small.signer.vkey])


def test_the_claims_say_when_the_key_came_with_the_file(small_log: Any) -> None:
    """And do not say so when it was given."""
    data = small_log.prove(3)
    bundled = claims_of_record(record_proof.verify_record(data))
    given_key = record_proof.verify_record(data, policy_of_keys([small_log.signer.vkey]))

    assert any("Trust as bundled" in line for line in bundled.trust)
    assert not any("bundled" in line for line in claims_of_record(given_key).trust)


def test_a_record_from_the_future_of_the_verifiers_clock_is_pointed_out(small_log: Any) -> None:
    """The log's clock is the log's word."""
    found = record_proof.verify_record(small_log.prove(3))

    assert "future" in claims_of_record(found, now_us=1).not_proved[0]
    assert "future" not in claims_of_record(found, now_us=found.recorded_us).not_proved[0]


@pytest.mark.parametrize("hidden", [(), ("person",), ("core", "payload"), SECTIONS])
def test_whoever_holds_a_proof_can_withhold_sections_of_it(small_log: Any, hidden: Any) -> None:
    """The same bytes as if the log had withheld them."""
    for index in (2, 3):
        whole = small_log.prove(index)

        assert redact_record(whole, hidden) == small_log.prove(index, withhold=hidden)
        assert redact_record(redact_record(whole, hidden), hidden) == (redact_record(whole, hidden))
