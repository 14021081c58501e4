"""C2SP tlog-proof: the way of one entry to a signed tree."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.errors import VerificationError
from vitne.evidence.policy import policy_of_keys
from vitne.evidence.record import tlog_proof

RULES = {"tlog_proof", "origin", "trust", "signature", "quorum", "path"}


def _rule_of(data: bytes, log: Any, entry: bytes | None = None) -> str:
    with pytest.raises(VerificationError) as refused:
        tlog_proof.verify_tlog_proof(data, policy_of_keys([log.signer.vkey]), entry)
    return refused.value.rule


def test_every_entry_of_a_log_proves(make_log: Callable[[int], Any]) -> None:
    """For trees of every size up to 20 and every index."""
    for size in range(1, 21):
        log = make_log(size)
        for index in range(size):
            policy = policy_of_keys([log.signer.vkey])
            found = tlog_proof.verify_tlog_proof(log.prove_entry(index), policy)
            assert (found.index, found.entry) == (index, log.records[index].entry)


def test_the_file_reads_as_the_standard_says(small_log: Any) -> None:
    """Line by line, with nothing else in it."""
    lines = small_log.prove_entry(3).decode().split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(small_log.records[3].entry).decode()
    assert lines[2] == "index 3"
    assert [len(base64.b64decode(line)) for line in lines[3:7]] == [32] * 4
    assert lines[7] == ""
    assert "\n".join(lines[8:]) == small_log.note


def test_any_one_byte_changed_is_refused_by_a_named_rule(small_log: Any) -> None:
    """Every byte, every bit."""
    data = small_log.prove_entry(3)

    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            assert _rule_of(flipped, small_log) in RULES


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(small_log: Any, data: bytes) -> None:
    """Alone, and behind a good first line."""
    assert _rule_of(data, small_log) == "tlog_proof"
    assert _rule_of(b"c2sp.org/tlog-proof@v1\n" + data, small_log) in RULES


def test_a_proof_without_the_entry_takes_it_from_outside(small_log: Any) -> None:
    """As other implementations write it."""
    log = small_log
    with_entry = log.prove_entry(3).decode().split("\n")
    data = "\n".join(with_entry[:1] + with_entry[2:]).encode()
    policy = policy_of_keys([log.signer.vkey])

    assert tlog_proof.verify_tlog_proof(data, policy, log.records[3].entry).index == 3
    assert _rule_of(data, log) == "path"
    assert _rule_of(data, log, log.records[4].entry) == "path"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"index 3", b"index 03"),
        (b"index 3", b"index +3"),
        (b"index 3", b"index 3 "),
        (b"index 3\n", b""),
        (b"index 3\n", b"index 3\nindex 3\n"),
        (b"@v1\n", b"@v1\r\n"),
        (b"@v1\nextra", b"@v1\nextra AAAA\nextra"),
        (b"@v1", b"@v2"),
        (b"\n\n", b"\n"),
        (b"\n\n", b"\n" + b"A" * 43 + b"=\n" + (b"A" * 43 + b"=\n") * 60 + b"\n"),
    ],
)
def test_a_strict_reader_takes_one_spelling_only(small_log: Any, old: bytes, new: bytes) -> None:
    """Each by the rule for the form."""
    data = small_log.prove_entry(3)
    attacked = data.replace(old, new, 1)

    assert attacked != data
    assert _rule_of(attacked, small_log) in {"tlog_proof", "origin"}
