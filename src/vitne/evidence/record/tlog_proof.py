"""The proof that one entry is in a log: C2SP tlog-proof (transparency-log §2.6).

    c2sp.org/tlog-proof@v1
    extra <base64>                  optional, not authenticated by the proof itself
    index <decimal>
    <base64 hash>                   from the leaf's sibling upwards, 0 to 53 lines

    <checkpoint, verbatim>

Ours carry the entry itself as `extra`: its leaf hash is what the path begins with, so the file
verifies alone, and any other tlog-proof verifier can be given the entry.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from vitne.core.tree.merkle import leaf_hash, verify_inclusion
from vitne.core.values import (
    Hash,
    LeafIndex,
    decode_base64,
    decode_hash,
    decode_utf8,
    encode_base64,
    parse_int,
)
from vitne.errors import DecodeError, VerificationError, VitneError
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import VerifiedHead, check_head

MAX_BYTES: Final = 1 << 20
_MAX_PATH: Final = 53
_FIRST: Final = "c2sp.org/tlog-proof@v1\n"


class TlogProof(Struct, frozen=True):
    """A proof as read; nothing is verified."""

    index: LeafIndex
    path: tuple[Hash, ...]
    checkpoint: str
    extra: bytes = b""
    """The entry, in proofs of ours."""


class VerifiedEntry(Struct, frozen=True):
    """That these bytes are entry `index` of the head's log."""

    head: VerifiedHead
    index: LeafIndex
    entry: bytes


def is_tlog_proof(data: bytes) -> bool:
    """Whether bytes claim to be one."""
    return data.startswith(_FIRST.encode())


def encode_tlog_proof(
    index: int, path: Sequence[bytes], checkpoint: str, extra: bytes = b""
) -> bytes:
    """The file of a proof."""
    lines = [f"extra {encode_base64(extra)}"] if extra else []
    lines += [f"index {index}", *(encode_base64(value) for value in path), "", checkpoint]
    return (_FIRST + "\n".join(lines)).encode()


def parse_tlog_proof(data: bytes) -> TlogProof:
    """Read exactly what `encode_tlog_proof` writes.

    Raises:
        DecodeError: another form.
    """
    if len(data) > MAX_BYTES:
        raise DecodeError(f"a tlog-proof has at most {MAX_BYTES:,} bytes")
    text = decode_utf8(data)
    head, blank, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first + "\n" != _FIRST or not blank:
        raise DecodeError("no tlog-proof of version 1")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), where="extra")
    if not lines or not lines[0].startswith("index ") or len(lines) > 1 + _MAX_PATH:
        raise DecodeError("expected an index line and at most 53 hashes")
    index = parse_int(lines[0].removeprefix("index "), "index")
    path = tuple(decode_hash(line, f"hash {at}") for at, line in enumerate(lines[1:]))
    return TlogProof(LeafIndex(index), path, checkpoint, extra)


def verify_tlog_proof(data: bytes, policy: Policy, entry: bytes | None = None) -> VerifiedEntry:
    """Check a proof: its form, then log key and quorum (`record_proof.check_head`), then the path.

    Args:
        data: the file's bytes.
        policy: the verifier's own keys; a tlog-proof names none itself.
        entry: the entry's bytes; None takes those that the file carries as `extra`.

    Raises:
        VerificationError: a rule fails: `tlog_proof`, `origin`, `trust`, `signature`, `quorum` or
            `path`.
    """
    try:
        proof = parse_tlog_proof(data)
    except VitneError as error:
        raise VerificationError(error.message, rule="tlog_proof", where=error.where) from error
    entry = proof.extra if entry is None else entry
    head = check_head(proof.checkpoint, policy)
    try:
        verify_inclusion(leaf_hash(entry), proof.index, head.size, proof.path, head.root)
    except VitneError as error:
        raise VerificationError(error.message, rule="path", where=f"entry {proof.index}") from error
    return VerifiedEntry(head, proof.index, entry)
