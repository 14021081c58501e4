"""`vitne verify bundle.vitne` in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vitne.evidence.bundle.verify import RULES

ISSUER = "https://id.example"


def _verify(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-m", "vitne", "verify", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def log(bundle_log: Any) -> Any:
    return bundle_log.example()


@pytest.fixture
def bundle(log: Any, tmp_path: Path) -> Path:
    """usr_1 over everything that is sealed."""
    file = tmp_path / "answer.vitne"
    period = log.recorded(5), log.recorded(log.covered - 1) + 1
    file.write_bytes(log.bundle(1, (ISSUER, "usr_1"), *period))
    return file


@pytest.fixture
def policies(log: Any, tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "log.policy", tmp_path / "index.policy"
    for file, text in zip(files, log.policy_texts(), strict=True):
        file.write_text(text)
    return files


def test_a_good_bundle_shows_every_rule_and_what_follows(bundle: Path) -> None:
    done = _verify(bundle)

    assert (done.returncode, done.stderr) == (0, "")
    for at, name in enumerate(RULES, start=1):
        assert f"✓ {at:>2} {name}" in done.stdout
    for expected in (
        "Proved: exactly 6 such events.",
        "the actor usr_1",
        "Trust as bundled",
        "Not proved",
    ):
        assert expected in done.stdout


def test_with_policies_and_the_index_secret_nobodys_word_is_needed(
    bundle: Path, policies: tuple[Path, Path], log: Any, tmp_path: Path
) -> None:
    secret = tmp_path / "k1"
    secret.write_text(log.index_secrets[1].hex() + "\n")
    given = ("--policy", policies[0], "--index-policy", policies[1])

    for key in (f"1:{log.index_secrets[1].hex()}", f"1:@{secret}"):
        done = _verify(bundle, *given, "--index-secret", key, "--json")
        found = json.loads(done.stdout)
        assert (done.returncode, found["trust"], found["binding"]) == (0, "given", "key")


def test_a_key_of_each_log_will_do_in_place_of_policies(bundle: Path, log: Any) -> None:
    both = _verify(bundle, "--trust", log.log.vkey, "--trust", log.index.vkey, "--json")
    one = _verify(bundle, "--trust", log.log.vkey, "--json")

    assert json.loads(both.stdout)["trust"] == "given"
    assert json.loads(one.stdout)["error"]["rule"] == "index_checkpoint"


def test_a_changed_bundle_names_its_rule_in_the_list_and_ends_with_status_1(bundle: Path) -> None:
    bundle.write_bytes(bundle.read_bytes().replace(b'"usr_1"', b'"usr_2"'))

    done, machine = _verify(bundle), _verify(bundle, "--json")

    assert done.returncode == machine.returncode == 1
    assert "✗ 15 opened" in done.stdout
    assert "· 16 hits" in done.stdout
    assert "rule opened fails" in done.stderr
    assert json.loads(machine.stdout)["error"]["rule"] == "opened"


def test_a_bundle_that_is_broken_from_the_first_byte_is_still_taken_for_one(bundle: Path) -> None:
    bundle.write_bytes(b"X" + bundle.read_bytes()[1:])

    done = _verify(bundle, "--json")

    assert json.loads(done.stdout)["error"]["rule"] == "form"


def test_undecidable_is_an_answer_and_ends_with_status_0(log: Any, tmp_path: Path) -> None:
    file = tmp_path / "x.vitne"
    file.write_bytes(log.bundle(1, (ISSUER, "nobody"), log.recorded(5), log.now_us + 1))

    done = _verify(file, "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (0, "undecidable")
    assert [reason["code"] for reason in found["reasons"]] == [
        "open_end",
        "unbound_key",
        "tail_uncovered",
    ]


@pytest.mark.parametrize("key", ["1", "1:00", ":" + "00" * 32, "x:" + "00" * 32, "1:" + "zz" * 32])
def test_an_index_secret_of_another_form_is_refused_and_not_repeated(
    key: str, bundle: Path
) -> None:
    done = _verify(bundle, "--index-secret", key)

    assert done.returncode == 2
    assert key.partition(":")[2] not in done.stderr or len(key) < 5


def test_a_record_proof_with_the_name_of_a_bundle_is_read_as_what_it_is(
    small_log: Any, tmp_path: Path
) -> None:
    file = tmp_path / "record.vitne"
    file.write_bytes(small_log.prove(3))

    assert "the record is entry 3" in _verify(file).stdout
