"""`vitne verify` in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.note import Signer
from vitne.core.tree.signature import COSIGNATURE


def _verify(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-m", "vitne", "verify", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def proof(small_log: Any, tmp_path: Path) -> Path:
    """A record proof as a file."""
    file = tmp_path / "record.vitne.json"
    file.write_bytes(small_log.prove(3))
    return file


def test_a_good_proof_says_what_is_proved_on_whose_word_and_what_is_not(
    proof: Path, small_log: Any
) -> None:
    """With the key given."""
    done = _verify(proof, "--trust", small_log.signer.vkey)

    assert (done.returncode, done.stderr) == (0, "")
    for expected in (
        "Verified: the record is entry 3 of vitne.test/log/acme, unchanged.",
        "crm.customer.viewed",
        "usr_3 Kari Nordmann",
        "customer/cus_3",
        "(as the sender states)",
        "(as the log recorded it)",
        "is one that you gave",
        "Not proved",
    ):
        assert expected in done.stdout


def test_without_a_key_the_trust_is_told_to_be_the_files_own(proof: Path) -> None:
    """Whoever made the file could have made the key."""
    assert "Trust as bundled" in _verify(proof).stdout


def test_a_changed_proof_fails_with_the_rule_and_status_1(proof: Path) -> None:
    """For people and for programs."""
    proof.write_bytes(proof.read_bytes().replace(b"Kari", b"Karl"))

    done = _verify(proof, "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["rule"] == "body_root"
    assert "NOT verified, rule body_root fails" in done.stderr


def test_a_program_gets_everything_in_one_document(proof: Path, small_log: Any) -> None:
    """The event whole, and the claims beside it."""
    told = json.loads(_verify(proof, "--json", "--trust", small_log.signer.vkey).stdout)

    assert told["verified"] is True
    assert (told["index"], told["size"], told["trust"]) == (3, 11, "given")
    assert told["event"]["actor"]["name"] == "Kari Nordmann"
    assert told["record"]["peer_ip"] == "203.0.113.4"
    assert told["claims"]["not_proved"]


def test_keys_come_from_a_file_too(proof: Path, small_log: Any, tmp_path: Path) -> None:
    """One a line."""
    keys = tmp_path / "keys"
    keys.write_text(f"{small_log.signer.vkey}\n")

    assert "is one that you gave" in _verify(proof, "--trust", f"@{keys}").stdout


@pytest.mark.parametrize("word", ["", "@keys"])
def test_trust_that_names_no_key_is_refused(proof: Path, tmp_path: Path, word: str) -> None:
    """A script whose variable was empty took the keys that a forged proof brings along."""
    (tmp_path / "keys").write_text("\n \n")

    done = _verify(proof, "--trust", word.replace("@", f"@{tmp_path}/"))

    assert done.returncode == 7
    assert "--trust names no key" in done.stderr


def test_a_policy_with_a_quorum_that_is_not_met_fails(
    proof: Path, small_log: Any, tmp_path: Path
) -> None:
    """No witness cosigned this one."""
    policy = tmp_path / "policy"
    witness = Signer("w1.example", b"w" * 32, COSIGNATURE).vkey
    policy.write_text(f"log {small_log.signer.vkey}\nquorum none\n")
    assert _verify(proof, "--policy", policy).returncode == 0

    policy.write_text(f"log {small_log.signer.vkey}\nwitness w {witness}\nquorum w\n")
    done = _verify(proof, "--policy", policy)
    assert done.returncode == 1
    assert "rule quorum fails" in done.stderr


def test_a_tlog_proof_needs_a_key_and_then_verifies(small_log: Any, tmp_path: Path) -> None:
    """It names none itself."""
    file = tmp_path / "entry.tlog-proof"
    file.write_bytes(small_log.prove_entry(3))

    assert _verify(file).returncode == 2
    done = _verify(file, "--trust", small_log.signer.vkey)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bytes are entry 3 of vitne.test/log/acme" in done.stdout
