"""The receipt: a signed promise that a batch is in the log (transparency-log §3.7)."""

from msgspec import Struct

from vitne.core.tree.note import Signer, Verifier, open_note, sign_note
from vitne.core.values import (
    MAX_INT,
    Hash,
    LeafIndex,
    Origin,
    decode_hash,
    encode_base64,
    parse_int,
)
from vitne.errors import BadInputError, DecodeError, VerificationError

_FORMAT = "vitne-receipt/v1"
_LINES = 5


class Receipt(Struct, frozen=True):
    """These leaves stand at [first, first + count) of every later checkpoint."""

    origin: Origin
    first: LeafIndex
    count: int
    root: Hash
    """MTH of the leaf hashes of the batch alone."""
    recorded_us: int

    def text(self) -> str:
        """The lines that are signed.

        Raises:
            BadInputError: a value does not fit the form.
        """
        end = self.first + self.count
        numbers = 0 <= self.first < end <= MAX_INT and 0 < self.recorded_us <= MAX_INT
        if not numbers or not self.origin or "\n" in self.origin:
            raise BadInputError("no receipt has these values", where=self.origin)
        return (
            f"{_FORMAT}\n{self.origin}\n{self.first} {self.count}\n"
            f"{encode_base64(self.root)}\n{self.recorded_us}\n"
        )

    @classmethod
    def parse(cls, text: str) -> "Receipt":
        """Read exactly what `text` writes. Raises `DecodeError`."""
        lines = text.split("\n")
        if len(lines) != _LINES + 1 or lines[-1] or lines[0] != _FORMAT or not lines[1]:
            raise DecodeError("expected the five lines of a receipt")
        first, _, count = lines[2].partition(" ")
        receipt = cls(
            Origin(lines[1]),
            LeafIndex(parse_int(first, "receipt first")),
            parse_int(count, "receipt count"),
            decode_hash(lines[3], "receipt root"),
            parse_int(lines[4], "receipt time"),
        )
        if not receipt.count or not receipt.recorded_us:
            raise DecodeError("a receipt without entries or time")
        if receipt.first + receipt.count > MAX_INT:
            raise DecodeError("a receipt beyond the largest index")
        return receipt

    def sign(self, signer: Signer) -> str:
        """The receipt as a note; the same bytes at every call."""
        if signer.name != receipt_name(self.origin):
            raise BadInputError("receipts are signed under <origin>/receipt", where=signer.name)
        return sign_note(self.text(), [signer])


def receipt_name(origin: str) -> str:
    """Name of the key that signs a log's receipts."""
    return f"{origin}/receipt"


def open_receipt(note: str | bytes, verifier: Verifier) -> Receipt:
    """Read a receipt that its log signed.

    Raises:
        DecodeError: no note, or its text is no receipt.
        VerificationError: the signature fails or is lacking, or the key is another log's.
    """
    receipt = Receipt.parse(open_note(note, [verifier]).text)
    if verifier.name != receipt_name(receipt.origin):
        raise VerificationError("the receipt is another log's", where=receipt.origin)
    return receipt
