"""Signed notes against the vectors of C2SP, golang/mod, torchwood and Tessera."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import verify_growth
from vitne.core.tree.note import Signer, Verifier, Vkey, open_note, parse_note, sign_note
from vitne.core.tree.signature import ED25519
from vitne.core.values.strict import decode_hash, parse_int
from vitne.errors import DecodeError, VerificationError, VitneError


@pytest.fixture(scope="module")
def published(vectors: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((vectors / "note_vectors.json").read_text())
    return found


def test_every_published_note_opens_with_its_key(published: dict[str, Any]) -> None:
    for case in published["notes"]:
        opened = open_note(case["note"], [Verifier(case["vkey"])])
        assert case["note"].startswith(opened.text + "\n"), case["name"]

    assert len(published["notes"]) == 7


def test_every_malformed_note_is_no_note(published: dict[str, Any]) -> None:
    for note in published["malformed"]:
        with pytest.raises(DecodeError):
            parse_note(note)

    assert len(published["malformed"]) == 6


def test_the_published_seed_signs_the_published_line(published: dict[str, Any]) -> None:
    case = next(case for case in published["notes"] if "seed_b64" in case)
    signer = Signer("PeterNeumann", b64decode(case["seed_b64"]))

    text, _ = parse_note(case["note"])

    assert signer.vkey == case["vkey"]
    assert case["note"].startswith(sign_note(text, [signer]))


# ---------------------------------------------------------------- add-checkpoint bodies


def judge(body: str, log: Verifier, state: tuple[int, bytes]) -> tuple[int, tuple[int, bytes]]:
    """The status by the rules of §2.5, made of the parts that a witness will use."""
    proof_text, _, note = body.partition("\n\n")
    first, *lines = proof_text.split("\n")
    old = parse_int(first.removeprefix("old "))
    proof = [decode_hash(line) for line in lines]
    origin = note.split("\n", 1)[0]
    if origin != log.name:
        return 404, state
    try:
        head = Checkpoint.parse(open_note(note, [log]).text)
    except VitneError:
        return 403, state
    if old != state[0]:
        return 409, state
    try:
        verify_growth(old, head.size, state[1], head.root, proof)
    except VerificationError:
        return 422, state
    return 200, (head.size, head.root)


def test_checkpoints_that_a_witness_gets_are_judged_as_published(vectors: Path) -> None:
    """The file says 403 for an unknown origin; the current text of C2SP says 404."""
    published = json.loads((vectors / "witness_add_checkpoint.json").read_text())
    origin = published["cases"][0]["body"].split("\n")[2]
    key = Vkey(origin, ED25519, bytes.fromhex(published["log_pubkey_hex"]))
    log = Verifier(key.encode())
    state: tuple[int, bytes] = (0, Checkpoint.parse(f"{origin}\n0\n{EMPTY}\n").root)

    statuses = []
    for case in published["cases"]:
        status, state = judge(case["body"], log, state)
        statuses.append(status)

    assert statuses == [200, 403, 404, 422, 422, 200, 409, 200, 409]


EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
