"""Every parser of the core, fed by a stranger: it reads one spelling, or says that it cannot."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.entry.receipt import Receipt, open_receipt
from vitne.core.index import coverage, gap, index_record
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.grow import Edge, grow_tree
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.tree.note import (
    Signer,
    open_checkpoint,
    open_note,
    parse_note,
    parse_vkey,
    sign_note,
)
from vitne.core.tree.tile import parse_bundle, parse_path, truncate_tile
from vitne.core.values import strict
from vitne.core.values.types import Hash, LeafIndex, Origin, TreeSize
from vitne.errors import DecodeError, VerificationError

LOG = Signer("vitne.local/log/acme", bytes(32))
RECEIPTS = Signer("vitne.local/log/acme/receipt", bytes(32))
HEAD = Checkpoint(Origin(LOG.name), TreeSize(7), Hash(bytes(32)))
RECEIPT = Receipt(Origin(LOG.name), LeafIndex(3), 4, EMPTY_ROOT, 1_764_000_000_000_000)
NOTE = sign_note(HEAD.text(), [LOG])
SIGNED_RECEIPT = RECEIPT.sign(RECEIPTS)
GROWN = grow_tree(Edge(), [b"one", b"two", b"three"])
GAP_LEAF = gap.gap_leaves(0, [])[0]

TEXT = st.text(st.characters(exclude_categories=[]), max_size=80)
TEXT_PARSERS: list[Callable[[str], Any]] = [
    strict.parse_int,
    strict.decode_base64,
    strict.decode_hash,
    Checkpoint.parse,
    Receipt.parse,
    parse_vkey,
    parse_path,
    parse_note,
    Signer.from_skey,
    lambda text: open_note(text, [LOG.verifier]),
    lambda text: open_receipt(text, RECEIPTS.verifier),
]
BYTE_PARSERS: list[Callable[[bytes], Any]] = [
    strict.decode_utf8,
    parse_note,
    gap.GapLeaf.decode,
    gap.keys_of,
    index_record.parse_record,
    coverage.CoverageCounter.decode,
    lambda data: coverage.CoverageCounter().add(data),
    lambda data: parse_bundle(data, 3),
    lambda data: truncate_tile(parse_path("tile/entries/000.p/3"), data, 2),
    lambda data: truncate_tile(parse_path("tile/0/000.p/3"), data, 2),
]


def survives(parse: Callable[[Any], Any], given_: Any) -> None:
    with contextlib.suppress(DecodeError, VerificationError):
        parse(given_)


@given(st.sampled_from(TEXT_PARSERS), TEXT)
def test_no_text_makes_a_parser_raise_anything_else(parse: Callable[[str], Any], text: str) -> None:
    survives(parse, text)


@given(st.sampled_from(BYTE_PARSERS), st.binary(max_size=200))
def test_no_bytes_make_a_parser_raise_anything_else(
    parse: Callable[[bytes], Any], data: bytes
) -> None:
    survives(parse, data)


@given(
    st.sampled_from(TEXT_PARSERS),
    st.sampled_from([NOTE, SIGNED_RECEIPT, HEAD.text(), RECEIPT.text(), LOG.vkey, LOG.skey]),
    st.integers(0, 400),
    st.text(st.characters(exclude_categories=[]), max_size=3),
)
def test_no_damaged_text_makes_a_parser_raise_anything_else(
    parse: Callable[[str], Any], text: str, at: int, put: str
) -> None:
    survives(parse, text[:at] + put + text[at + 1 :])


@given(
    st.sampled_from(BYTE_PARSERS),
    st.sampled_from([*GROWN.objects.values(), GAP_LEAF, NOTE.encode()]),
    st.integers(0, 400),
    st.binary(max_size=3),
)
def test_no_damaged_bytes_make_a_parser_raise_anything_else(
    parse: Callable[[bytes], Any], data: bytes, at: int, put: bytes
) -> None:
    survives(parse, data[:at] + put + data[at + 1 :])


@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_of_a_checkpoint_or_receipt_is_believed(bit: int) -> None:
    for note, opener in (
        (NOTE, lambda data: open_checkpoint(data, LOG.verifier)),
        (SIGNED_RECEIPT, lambda data: open_receipt(data, RECEIPTS.verifier)),
    ):
        data = note.encode()
        for at in range(len(data)):
            flipped = data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]
            with pytest.raises((DecodeError, VerificationError)):
                opener(flipped)


@given(st.integers(0, strict.MAX_INT))
def test_a_number_has_one_spelling(value: int) -> None:
    assert strict.parse_int(str(value)) == value
    for other in (f"+{value}", f" {value}", f"{value} ", f"0{value}", f"{value}\n", f"-{value}"):
        with pytest.raises(DecodeError):
            strict.parse_int(other)


@given(st.binary(max_size=40))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = strict.encode_base64(data)

    assert strict.decode_base64(text) == data
    assert strict.decode_base64(text, len(data)) == data
    for other in (text + "\n", " " + text, text + "=", text.rstrip("=") + "-"):
        with pytest.raises(DecodeError):
            strict.decode_base64(other)


@given(st.integers(0, 10**15), st.integers(1, 256), st.integers(-1, 63))
def test_a_tile_path_is_read_as_it_was_written(index: int, width: int, level: int) -> None:
    from vitne.core.tree.tile import TileId  # noqa: PLC0415 - beside its only use

    tile = TileId(level, index, width)

    assert parse_path(tile.path) == tile
