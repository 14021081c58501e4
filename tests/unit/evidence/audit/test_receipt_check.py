"""A receipt against a checkpoint: what holds, what waits, and what is evidence against the log."""

import json
from collections.abc import Sequence

import pytest

from vitne.core.entry.receipt import Receipt
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_root
from vitne.core.tree.note import Signer, sign_note
from vitne.core.tree.tile import parse_path
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.strict import decode_base64
from vitne.core.values.types import Hash, LeafIndex, Origin, TreeSize
from vitne.evidence.audit.receipt_check import CheckedReceipt, DatedCheckpoint, check_receipt

ORIGIN = Origin("vitne.test/log/acme")
LOG, RECEIPTS = Signer(ORIGIN, b"\x01" * 32), Signer(f"{ORIGIN}/receipt", b"\x02" * 32)
NOW_US = 1_795_000_000_000_000
DELAY_US = 60_000_000
LEAVES = [leaf_hash(f"entry {number}".encode()) for number in range(600)]


def tiles(leaves: Sequence[bytes]) -> TileReader:
    def get(path: str) -> bytes | None:
        tile = parse_path(path)
        span = 256**tile.level
        return b"".join(
            merkle_root(leaves[start * span : (start + 1) * span])
            for start in range(tile.index * 256, tile.index * 256 + tile.width)
        )

    return TileReader(get, len(leaves))


def head(leaves: Sequence[bytes] = LEAVES, at_us: int = NOW_US) -> DatedCheckpoint:
    checkpoint = Checkpoint(ORIGIN, TreeSize(len(leaves)), merkle_root(leaves))
    return DatedCheckpoint(checkpoint, sign_note(checkpoint.text(), [LOG]), at_us)


def receipt(first: int, count: int, *, leaves: Sequence[bytes] = LEAVES, at_us: int = 1) -> str:
    promised = Hash(merkle_root(leaves[first : first + count]))
    return Receipt(ORIGIN, LeafIndex(first), count, promised, at_us).sign(RECEIPTS)


def checked(note: str, leaves: Sequence[bytes] = LEAVES, at_us: int = NOW_US) -> CheckedReceipt:
    return check_receipt(note, RECEIPTS.verifier, head(leaves, at_us), tiles(leaves), DELAY_US)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 600), (255, 3), (599, 1)])
def test_a_promise_that_was_kept_holds(first: int, count: int) -> None:
    assert checked(receipt(first, count)).status == "held"


def test_a_young_receipt_beyond_the_checkpoint_waits() -> None:
    more = [*LEAVES, leaf_hash(b"next")]
    note = receipt(600, 1, leaves=more, at_us=NOW_US - DELAY_US)

    assert checked(note).status == "waits"


def test_an_old_receipt_beyond_the_checkpoint_is_evidence() -> None:
    more = [*LEAVES, leaf_hash(b"dropped")]
    note = receipt(600, 1, leaves=more, at_us=NOW_US - DELAY_US - 1)

    found = checked(note)

    assert (found.status, found.code) == ("broken", "not_included")
    told = json.loads(found.evidence(head()))
    assert (told["receipt"], told["checkpoint"]) == (note, head().note)


def test_other_entries_at_the_promised_place_are_evidence_that_anybody_can_check() -> None:
    note = receipt(10, 3)
    changed = [*LEAVES[:11], leaf_hash(b"another"), *LEAVES[12:]]

    found = checked(note, changed)

    assert (found.status, found.code) == ("broken", "other_entries")
    told = json.loads(found.evidence(head(changed)))
    leaves = [decode_base64(leaf) for leaf in told["leaves"]]
    path = [decode_base64(one) for one in told["path"]]
    assert multiproof_root(600, list(zip(range(10, 13), leaves, strict=True)), path) == merkle_root(
        changed
    )
    assert merkle_root(leaves) != merkle_root(LEAVES[10:13])


def test_tiles_that_do_not_give_the_root_are_not_believed() -> None:
    changed = [*LEAVES[:11], leaf_hash(b"another"), *LEAVES[12:]]

    found = check_receipt(receipt(10, 3), RECEIPTS.verifier, head(), tiles(changed), DELAY_US)

    assert (found.status, found.code) == ("broken", "bad_tiles")


def test_a_missing_tile_is_told(  # as after a disk was emptied
) -> None:
    found = check_receipt(
        receipt(10, 3), RECEIPTS.verifier, head(), TileReader(lambda _: None, 600), DELAY_US
    )

    assert (found.status, found.code) == ("broken", "bad_tiles")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "nonsense",
        receipt(0, 1).replace("\n0 1\n", "\n0 2\n"),
        receipt(0, 1).replace(ORIGIN, "vitne.test/log/globex"),
        Receipt(Origin("o"), LeafIndex(0), 1, Hash(bytes(32)), 1).sign(
            Signer("o/receipt", bytes(32))
        ),
    ],
)  # fmt: skip
def test_what_the_log_has_not_signed_is_told_as_such(note: str) -> None:
    assert checked(note).code in {"malformed", "bad_signature"}


def test_a_receipt_of_another_log_does_not_stand_for_this_one() -> None:
    """The same key in two logs, by mistake: the receipt names the log that it is of."""
    other = Signer("vitne.test/log/globex/receipt", b"\x02" * 32)
    note = Receipt(
        Origin("vitne.test/log/globex"), LeafIndex(0), 1, Hash(merkle_root(LEAVES[:1])), 1
    ).sign(other)

    assert checked(note).code == "bad_signature"
