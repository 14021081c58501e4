"""What a witness is asked, byte for byte, and what it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Verifier, sign_note
from vitne.core.tree.signature import ED25519
from vitne.core.tree.witness import (
    CosignedHead,
    Refused,
    Request,
    Signed,
    authenticate_request,
    encode_request,
    log_path,
    read_request,
    read_size,
    refuse_request,
)
from vitne.core.values.types import Origin, TreeSize
from vitne.errors import DecodeError

ORIGIN = Origin("log.example/log/acme")
LOG = Signer(ORIGIN, bytes(32), ED25519)
LEAVES = [leaf_hash(bytes((n,))) for n in range(40)]


def head(size: int, leaves: list[bytes] = LEAVES) -> str:
    return sign_note(Checkpoint(ORIGIN, TreeSize(size), merkle_root(leaves[:size])).text(), [LOG])


def signed(body: bytes) -> Signed:
    found = read_request(body)
    assert isinstance(found, Request)
    made = authenticate_request(found, {ORIGIN: [LOG.verifier]})
    assert isinstance(made, Signed)
    return made


def seen(size: int) -> CosignedHead | None:
    return CosignedHead(size, merkle_root(LEAVES[:size]), head(size), 1) if size else None


def answer(body: bytes, stored: CosignedHead | None) -> int:
    refused = refuse_request(signed(body), stored)
    return refused.status if refused else 200


def test_a_request_has_the_bytes_of_the_specification() -> None:
    proof = consistency_proof(LEAVES[:3], 1)

    body = encode_request(1, proof, head(3))

    lines = body.decode().split("\n")
    assert lines[0] == "old 1"
    assert len(lines[1]) == len(lines[2]) == 44
    assert lines[3] == ""
    assert "\n".join(lines[4:]) == head(3)
    assert encode_request(0, [], head(3)) == f"old 0\n\n{head(3)}".encode()


def test_a_head_is_shown_under_the_digest_of_its_origin() -> None:
    assert log_path("a") == (
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb/checkpoint"
    )


@given(st.integers(0, 40), st.integers(0, 40))
def test_an_honest_log_is_cosigned_from_any_size_to_any_later_one(old: int, new: int) -> None:
    old, new = sorted((old, new))
    proof = consistency_proof(LEAVES[:new], old) if old else []

    assert answer(encode_request(old, proof, head(new)), seen(old)) == 200


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 39))
def test_a_log_that_changed_a_leaf_is_never_cosigned(old: int, new: int, at: int) -> None:
    old, new = sorted((old, new))
    changed = list(LEAVES)
    changed[at % old] = leaf_hash(b"changed")
    proof = consistency_proof(changed[:new], old)

    assert answer(encode_request(old, proof, head(new, changed)), seen(old)) == 422


@given(st.binary(max_size=400))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    found = read_request(body)

    assert isinstance(found, Refused)
    assert found.status == 400


@given(st.integers(0, 500), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(at: int, value: int) -> None:
    body = bytearray(encode_request(5, consistency_proof(LEAVES[:9], 5), head(9)))
    body[at % len(body)] = value
    found = read_request(bytes(body))
    if isinstance(found, Request):
        made = authenticate_request(found, {ORIGIN: [LOG.verifier]})
        if isinstance(made, Signed) and refuse_request(made, seen(5)) is None:
            assert made.note == head(9)


def test_the_same_head_again_is_cosigned_again_and_another_one_is_evidence() -> None:
    other = [leaf_hash(b"x"), *LEAVES[1:]]

    assert answer(encode_request(9, [], head(9)), seen(9)) == 200
    refused = refuse_request(signed(encode_request(9, [], head(9, other))), seen(9))

    assert refused is not None
    assert refused.fork is not None
    assert (refused.status, refused.fork.certain) == (422, True)
    assert (refused.fork.kept, refused.fork.other) == (head(9), head(9, other))


def test_an_empty_tree_has_one_root() -> None:
    wrong = sign_note(Checkpoint(ORIGIN, TreeSize(0), leaf_hash(b"")).text(), [LOG])
    right = sign_note(Checkpoint(ORIGIN, TreeSize(0), EMPTY_ROOT).text(), [LOG])

    assert answer(encode_request(0, [], wrong), None) == 422
    assert answer(encode_request(0, [], right), None) == 200


def test_a_bad_line_of_a_trusted_key_spoils_a_good_one_of_another() -> None:
    old = Signer(ORIGIN, b"o" * 32, ED25519)
    body = encode_request(0, [], head(3) + Signer(ORIGIN, b"o" * 32).sign("another text\n"))
    found = read_request(body)
    assert isinstance(found, Request)

    refused = authenticate_request(found, {ORIGIN: [LOG.verifier, Verifier(old.vkey)]})
    ignored = authenticate_request(found, {ORIGIN: [LOG.verifier]})

    assert isinstance(refused, Refused)
    assert refused.status == 403
    assert isinstance(ignored, Signed)
    assert ignored.note == head(3)


@pytest.mark.parametrize("body", [b"", b"5\n\n", b" 5\n", b"+5\n", b"05\n", b"x\n", b"\xff\n"])
def test_a_conflict_without_a_plain_size_is_none(body: bytes) -> None:
    with pytest.raises(DecodeError):
        read_size(body)


def test_a_conflict_tells_the_size() -> None:
    assert read_size(b"5\n") == 5
    assert Refused(409, "", 0).body == "0\n"
