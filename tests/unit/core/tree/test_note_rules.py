"""Notes, checkpoints and receipts beyond the published vectors."""

import pytest

from vitne.core.entry.receipt import Receipt, open_receipt
from vitne.core.tree import signature
from vitne.core.tree.checkpoint import Checkpoint, check_origin
from vitne.core.tree.merkle import EMPTY_ROOT, leaf_hash, merkle_root
from vitne.core.tree.note import (
    Signer,
    Verifier,
    Vkey,
    open_checkpoint,
    open_note,
    parse_note,
    parse_vkey,
    sign_note,
)
from vitne.core.tree.signature import COSIGNATURE, ED25519, MLDSA_COSIGNATURE
from vitne.core.values.types import Hash, LeafIndex, Origin, TreeSize
from vitne.errors import BadInputError, ConfigurationError, DecodeError, VerificationError

ORIGIN = Origin("vitne.local/log/acme")
LOG = Signer(ORIGIN, bytes(range(32)))
WITNESS = Signer("w.example", bytes(range(1, 33)), COSIGNATURE)
STRANGER = Signer("s.example", bytes(range(2, 34)))
HEAD = Checkpoint(ORIGIN, TreeSize(5), EMPTY_ROOT)
NOTE = sign_note(HEAD.text(), [LOG])


def test_a_known_signature_that_fails_spoils_the_whole_note() -> None:
    forged = sign_note("something else\n", [WITNESS]).split("\n\n")[1]

    with pytest.raises(VerificationError):
        open_note(NOTE + forged, [LOG.verifier, WITNESS.verifier])
    assert open_note(NOTE + forged, [LOG.verifier]).unknown == (forged,)


def test_a_note_without_a_known_signature_is_not_believed() -> None:
    with pytest.raises(VerificationError):
        open_note(NOTE, [STRANGER.verifier])


def test_two_keys_with_one_name_and_id_are_a_mistake_of_configuration() -> None:
    with pytest.raises(ConfigurationError):
        open_note(NOTE, [LOG.verifier, Verifier(LOG.vkey)])
    assert open_note(NOTE, [LOG.verifier, LOG.verifier]).text == HEAD.text()


def test_a_text_may_hold_empty_lines_since_the_last_one_splits() -> None:
    text = "one\n\ntwo\n"

    assert open_note(sign_note(text, [LOG]), [LOG.verifier]).text == text


def test_a_hundred_signatures_are_read_and_a_hundred_and_one_are_not() -> None:
    line = STRANGER.sign(HEAD.text())

    assert len(open_note(NOTE + line * 99, [LOG.verifier]).unknown) == 99
    with pytest.raises(DecodeError):
        open_note(NOTE + line * 100, [LOG.verifier])


LINE = NOTE.split("\n\n")[1]


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("\n", "\r\n"),
        "\ufeff" + NOTE.replace("\n\n", "\n"),
        NOTE.replace("\u2014", "-"),
        NOTE.replace("\u2014 ", "\u2014\u00a0"),
        NOTE.replace("\u2014 ", "\u2014  "),
        NOTE.replace("acme\n5", "ac\x07me\n5"),
        NOTE[:-2] + "\t\n",
        NOTE.replace(LINE, "\u2014 a+b AAAAAAAA\n"),
        NOTE.replace(LINE, "\u2014 a\u2003b AAAAAAAA\n"),
        NOTE.replace(LINE, "\u2014 name AAAAAA==\n"),
        NOTE.replace(LINE, "\u2014 name AAAAAAB=\n"),
        NOTE.replace(LINE, "\u2014 name\n"),
        NOTE.replace(LINE, "\u2014 \n"),
        NOTE + "\ud800\n",
        NOTE + "x" * (1 << 20),
    ],
)
def test_what_has_not_the_form_of_a_note_is_none(note: str) -> None:
    with pytest.raises(DecodeError):
        parse_note(note)


def test_bytes_that_are_not_utf8_are_no_note() -> None:
    with pytest.raises(DecodeError):
        parse_note(NOTE.encode() + b"\xff\n")


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize(
    "text",
    [
        HEAD.text() + "extension\n",
        HEAD.text()[:-1],
        HEAD.text().replace("\n5\n", "\n05\n"),
        HEAD.text().replace("\n5\n", "\n+5\n"),
        HEAD.text().replace("\n5\n", "\n9007199254740992\n"),
        HEAD.text().replace("=", ""),
        HEAD.text().replace(ORIGIN, ""),
        "origin\n5\nAAAA\n",
        "",
    ],
)
def test_what_is_no_checkpoint_is_not_read_as_one(text: str) -> None:
    with pytest.raises(DecodeError):
        Checkpoint.parse(text)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    assert Checkpoint.parse(HEAD.text()) == HEAD


def test_a_checkpoint_of_another_log_is_refused() -> None:
    other = Checkpoint(Origin("vitne.local/log/other"), TreeSize(5), EMPTY_ROOT)

    with pytest.raises(VerificationError):
        open_checkpoint(sign_note(other.text(), [LOG]), LOG.verifier)


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    note = sign_note(HEAD.text(), [WITNESS], 7)

    with pytest.raises(VerificationError):
        open_checkpoint(note, LOG.verifier, [WITNESS.verifier])


@pytest.mark.parametrize("origin", ["", "A", "a b", "a" * 201, "a\n", "\u00e9"])
def test_our_origins_are_short_and_plain(origin: str) -> None:
    with pytest.raises(BadInputError):
        check_origin(origin)
    assert check_origin("a" * 200) == "a" * 200


@pytest.mark.parametrize("size", [-1, 2**53])
def test_no_checkpoint_is_written_for_an_impossible_size(size: int) -> None:
    with pytest.raises(BadInputError):
        Checkpoint(ORIGIN, TreeSize(size), EMPTY_ROOT).text()


# ---------------------------------------------------------------- cosignatures


@pytest.mark.parametrize("kind", [COSIGNATURE, MLDSA_COSIGNATURE])
def test_a_cosignature_states_its_time_and_no_other(kind: int) -> None:
    if kind == MLDSA_COSIGNATURE and not signature.HAS_MLDSA:
        pytest.skip("this cryptography has no ML-DSA-44")
    witness = Signer("w.example", bytes(32), kind)
    note = NOTE + witness.sign(HEAD.text(), 1_764_000_060)

    _, opened = open_checkpoint(note, LOG.verifier, [witness.verifier])

    assert [found.time_s for found in opened.verified] == [0, 1_764_000_060]
    line = opened.verified[1].line
    body = parse_note(note)[1][1]
    later = (1_764_000_061).to_bytes(8, "big") + body.signed[8:]
    with pytest.raises(VerificationError):
        witness.verifier.verify(opened.text, later)
    with pytest.raises(VerificationError):
        witness.verifier.verify(opened.text, body.signed[:-1])
    assert note.endswith(line)


def test_a_cosignature_of_mldsa_is_bound_to_name_size_and_root() -> None:
    if not signature.HAS_MLDSA:
        pytest.skip("this cryptography has no ML-DSA-44")
    witness = Signer("w.example", bytes(32), MLDSA_COSIGNATURE)
    signed = parse_note(NOTE + witness.sign(HEAD.text(), 9))[1][1].signed
    renamed = Verifier(Vkey("v.example", MLDSA_COSIGNATURE, witness.verifier.public_key).encode())

    assert len(signed) == 8 + 2420
    assert witness.verifier.verify(HEAD.text(), signed) == 9
    for verifier, text in (
        (renamed, HEAD.text()),
        (witness.verifier, Checkpoint(ORIGIN, TreeSize(6), EMPTY_ROOT).text()),
        (witness.verifier, Checkpoint(ORIGIN, TreeSize(5), leaf_hash(b"")).text()),
    ):
        with pytest.raises(VerificationError):
            verifier.verify(text, signed)
    with pytest.raises(DecodeError):
        witness.verifier.verify("no checkpoint\n", signed)


# ---------------------------------------------------------------- keys


def test_a_private_key_comes_back_from_its_text_and_is_never_shown() -> None:
    for kind in (ED25519, COSIGNATURE):
        signer = Signer("w.example", bytes(range(32)), kind)
        again = Signer.from_skey(signer.skey)
        assert (again.vkey, again.sign("x\n")) == (signer.vkey, signer.sign("x\n"))
        assert signer.skey.split("+")[-1] not in repr(signer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        LOG.vkey,
        LOG.skey[1:],
        LOG.skey.replace("+KEY+vitne", "+KEY+other"),
        LOG.skey[:-4] + "AAA=",
        "PRIVATE+KEY+a+00000000+AgAA",
    ],
)
def test_what_is_no_private_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Signer.from_skey(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        "name+00000000+",
        LOG.vkey.replace("acme+", "acme2+"),
        LOG.vkey.replace("+", "-"),
        LOG.vkey.upper(),
        LOG.vkey + "\n",
        " " + LOG.vkey,
        Vkey("a", ED25519, bytes(32)).encode(),
        Vkey("a", ED25519, b"\x01" + bytes(31)).encode(),
        Vkey("a", ED25519, b"\xff" * 32).encode(),
        Vkey("a", ED25519, bytes(31)).encode(),
        Vkey("a", 0x05, bytes(32)).encode(),
        Vkey("a", MLDSA_COSIGNATURE, bytes(32)).encode(),
    ],
)
def test_an_unsafe_or_misspelled_key_is_not_configured(text: str) -> None:
    with pytest.raises(DecodeError):
        Verifier(text)


def test_a_key_of_a_type_that_is_not_verified_here_is_still_read() -> None:
    vkey = Vkey("a", 0xFF, b"anything").encode()

    assert parse_vkey(vkey) == Vkey("a", 0xFF, b"anything")


@pytest.mark.parametrize(
    ("name", "seed", "kind"),
    [
        ("", bytes(32), ED25519),
        ("a b", bytes(32), ED25519),
        ("a+b", bytes(32), ED25519),
        ("a", bytes(31), ED25519),
        ("a", bytes(32), 2),
    ],
)
def test_no_signer_is_made_of_a_wrong_name_seed_or_type(name: str, seed: bytes, kind: int) -> None:
    with pytest.raises(BadInputError):
        Signer(name, seed, kind)


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "", "cr\r\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(BadInputError):
        LOG.sign(text)


# ---------------------------------------------------------------- receipts

LEAVES = [leaf_hash(b"one"), leaf_hash(b"two")]
RECEIPT = Receipt(ORIGIN, LeafIndex(9), 2, Hash(merkle_root(LEAVES)), 1_764_000_000_000_000)
RECEIPTS = Signer(f"{ORIGIN}/receipt", bytes(32))


def test_a_receipt_gets_the_same_bytes_again() -> None:
    assert RECEIPT.sign(RECEIPTS) == RECEIPT.sign(Signer(RECEIPTS.name, bytes(32)))


def test_a_receipt_is_signed_and_believed_only_under_its_logs_receipt_key() -> None:
    with pytest.raises(BadInputError):
        RECEIPT.sign(LOG)
    with pytest.raises(VerificationError):
        open_receipt(sign_note(RECEIPT.text(), [LOG]), LOG.verifier)


@pytest.mark.parametrize(
    "text",
    [
        RECEIPT.text().replace("v1", "v2"),
        RECEIPT.text().replace("9 2", "9 0"),
        RECEIPT.text().replace("9 2", "9  2"),
        RECEIPT.text().replace("9 2", "9"),
        RECEIPT.text().replace("9 2", "9007199254740991 1"),
        RECEIPT.text().replace("1764000000000000", "0"),
        RECEIPT.text() + "more\n",
        RECEIPT.text()[:-1],
    ],
)
def test_what_is_no_receipt_is_not_read_as_one(text: str) -> None:
    with pytest.raises(DecodeError):
        Receipt.parse(text)


@pytest.mark.parametrize(("first", "count", "at_us"), [(-1, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_no_receipt_is_written_for_impossible_values(first: int, count: int, at_us: int) -> None:
    with pytest.raises(BadInputError):
        Receipt(ORIGIN, LeafIndex(first), count, EMPTY_ROOT, at_us).text()
