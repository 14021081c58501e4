"""The `.tlog-proof` file: one entry's place in a signed tree (C2SP tlog-proof; §2.6)."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from vitne.core.checkpoint import Checkpoint
from vitne.core.merkle import verify_inclusion
from vitne.core.note import Opened, Verifier, open_checkpoint
from vitne.core.strict import (
    decode_base64,
    decode_hash,
    decode_utf8,
    encode_base64,
    encode_utf8,
    parse_int,
)
from vitne.core.types import Hash, LeafIndex
from vitne.errors import BadInputError, DecodeError

FORMAT: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES: Final = 1 << 20
_MOST_HASHES = 63


class TlogProof(Struct, frozen=True):
    """An entry's index, its path to the root, and the checkpoint as signed."""

    index: LeafIndex
    path: tuple[Hash, ...]
    """From the leaf's sibling upwards."""
    checkpoint: str
    """The note, verbatim."""
    extra: bytes | None = None
    """Anything at all; nothing vouches for it."""

    def encode(self) -> bytes:
        """The bytes of the file.

        Raises:
            BadInputError: a value does not fit the form.
        """
        lines = [FORMAT]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [encode_base64(value) for value in self.path]
        data = encode_utf8("\n".join([*lines, "", self.checkpoint]))
        try:
            same = parse_proof(data) == self
        except DecodeError as error:
            raise BadInputError(error.message, where=error.where) from None
        if not same:
            raise BadInputError("the values of a proof do not survive encoding")
        return data

    def verify(
        self, leaf: bytes, log: Verifier, others: Iterable[Verifier] = ()
    ) -> tuple[Checkpoint, Opened]:
        """Check that the entry stands in a tree that its log signed.

        Args:
            leaf: leaf hash of the entry.
            log: the log's key.
            others: keys of witnesses; the caller holds the cosignatures against its quorum.

        Returns:
            The checkpoint, and who vouches for it.

        Raises:
            VerificationError: a signature or the path does not hold.
            DecodeError: the checkpoint is none.
        """
        head, opened = open_checkpoint(self.checkpoint, log, others)
        verify_inclusion(leaf, self.index, head.size, self.path, head.root)
        return head, opened


def parse_proof(data: bytes) -> TlogProof:
    """Read the file; the checkpoint inside stays unread until it is verified.

    Raises:
        DecodeError: it has another form.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise DecodeError(f"a proof has at most {MAX_PROOF_BYTES} bytes")
    head, empty, checkpoint = decode_utf8(data, "tlog-proof").partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != FORMAT or not empty or not checkpoint:
        raise DecodeError(f"expected {FORMAT}, a path, an empty line and a checkpoint")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), where="extra")
    if not lines or not lines[0].startswith("index "):
        raise DecodeError("expected the line of the index")
    index = LeafIndex(parse_int(lines.pop(0).removeprefix("index "), "index"))
    return TlogProof(index, _path(lines), checkpoint, extra)


def _path(lines: Sequence[str]) -> tuple[Hash, ...]:
    if len(lines) > _MOST_HASHES:
        raise DecodeError(f"a path has at most {_MOST_HASHES} hashes")
    return tuple(decode_hash(line, "path") for line in lines)
