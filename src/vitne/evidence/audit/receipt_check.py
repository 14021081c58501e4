"""Whether a log keeps what its receipts promise (transparency-log §3.7).

A receipt promises that these leaves stand at these indices in every checkpoint signed later than
its time and the log's largest publishing delay. Both are signed by the log: where they disagree,
receipt and checkpoint together are evidence against it, which anybody can check.
"""

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.entry.receipt import Receipt, open_receipt
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import merkle_root
from vitne.core.tree.multiproof import multiproof_ranges, multiproof_root
from vitne.core.tree.note import Verifier
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import encode_base64, encode_canonical, format_utc
from vitne.errors import DecodeError, NotFoundError, VerificationError

FORMAT: Final = "vitne-receipt-evidence/v1"
MAX_LEAVES: Final = 100_000
"""Of one receipt; no request makes as many entries."""

Status = Literal["held", "waits", "broken"]


class DatedCheckpoint(Struct, frozen=True):
    """A checkpoint that its log signed, and when it was taken."""

    checkpoint: Checkpoint
    note: str
    at_us: int


class CheckedReceipt(Struct, frozen=True):
    """What became of one receipt."""

    status: Status
    """`waits`: it is younger than the log's delay, and not in the checkpoint yet."""
    code: str
    """`held`, `waits`; `not_included`, `other_entries`, `bad_tiles`, `bad_signature`,
    `malformed`."""
    text: str
    note: str
    origin: str = ""
    first: int = -1
    count: int = 0
    leaves: tuple[bytes, ...] = ()
    """The leaf hashes that do stand there."""
    path: tuple[bytes, ...] = ()
    """Their multiproof to the checkpoint's root."""

    def evidence(self, head: DatedCheckpoint) -> bytes:
        """What is broken, as a document that names receipt and checkpoint."""
        return encode_canonical(
            {
                "format": FORMAT,
                "code": self.code,
                "text": self.text,
                "receipt": self.note,
                "checkpoint": head.note,
                "taken_at": format_utc(head.at_us),
                "leaves": [encode_base64(leaf) for leaf in self.leaves],
                "path": [encode_base64(one) for one in self.path],
            }
        )


def check_receipt(
    note: str, verifier: Verifier, head: DatedCheckpoint, tiles: TileReader, max_delay_us: int
) -> CheckedReceipt:
    """Hold one receipt against a checkpoint and the tiles of its tree; never raises for either.

    Args:
        note: the receipt, as it was kept.
        verifier: the key of the log's receipts.
        head: the log's checkpoint.
        tiles: of the tree that it names; believed only as far as its root confirms.
        max_delay_us: within which the log promises to publish.
    """
    try:
        receipt = open_receipt(note, verifier)
    except VerificationError as error:
        return CheckedReceipt(
            "broken", "bad_signature", f"no receipt of this log: {error.message}", note
        )
    except DecodeError as error:
        return CheckedReceipt("broken", "malformed", f"no receipt: {error.message}", note)
    if receipt.count > MAX_LEAVES:
        text = f"it promises {receipt.count} entries at once"
        return _checked("broken", "malformed", text, note, receipt)
    end, size = receipt.first + receipt.count, head.checkpoint.size
    if end > size:
        late_us = head.at_us - receipt.recorded_us - max_delay_us
        if late_us <= 0:
            text = f"entries up to {end} are promised, {size} are published yet"
            return _checked("waits", "waits", text, note, receipt)
        text = (
            f"entries up to {end} were recorded {format_utc(receipt.recorded_us)}, and the"
            f" checkpoint taken {format_utc(head.at_us)} covers {size}"
        )
        return _checked("broken", "not_included", text, note, receipt)
    return _against_tiles(receipt, note, head, tiles)


def _against_tiles(
    receipt: Receipt, note: str, head: DatedCheckpoint, tiles: TileReader
) -> CheckedReceipt:
    size = head.checkpoint.size
    wanted = range(receipt.first, receipt.first + receipt.count)
    try:
        leaves = [tiles.node(0, at) for at in wanted]
        path = tiles.roots(multiproof_ranges(size, wanted))
        confirmed = multiproof_root(size, list(zip(wanted, leaves, strict=True)), path)
    except (DecodeError, NotFoundError, VerificationError) as error:
        return _checked("broken", "bad_tiles", f"the tiles: {error}", note, receipt)
    if confirmed != head.checkpoint.root:
        text = "the tiles do not give the root of the checkpoint"
        return _checked("broken", "bad_tiles", text, note, receipt)
    if merkle_root(leaves) != receipt.root:
        text = f"other entries than promised stand at {receipt.first} to {wanted[-1]}"
        found = _checked("broken", "other_entries", text, note, receipt)
        return replace(found, leaves=tuple(leaves), path=tuple(path))
    return _checked("held", "held", "the entries stand where they were promised", note, receipt)


def _checked(status: Status, code: str, text: str, note: str, receipt: Receipt) -> CheckedReceipt:
    return CheckedReceipt(status, code, text, note, receipt.origin, receipt.first, receipt.count)
