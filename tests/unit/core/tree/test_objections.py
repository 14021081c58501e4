"""What an auditor signs when it finds an index log false."""

from unicodedata import is_normalized

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import Signer, open_note
from vitne.core.tree.objection import Objection, parse_objection
from vitne.core.tree.signature import COSIGNATURE
from vitne.errors import DecodeError

ORIGIN = "log.example/log/acme/index"
MADE = st.builds(
    Objection,
    origin=st.just(ORIGIN),
    rule=st.sampled_from(["record", "tiling", "head"]),
    where=st.text(),
    said=st.text(),
)


@given(MADE)
def test_whatever_is_objected_to_can_be_signed_and_read(made: Objection) -> None:
    signer = Signer("a.example", bytes(32), COSIGNATURE)
    text = made.text()

    found = parse_objection(open_note(f"{text}\n{signer.sign(text, 5)}", [signer.verifier]).text)

    assert found.text() == text
    assert (found.origin, found.rule) == (ORIGIN, made.rule)
    assert found.sentence.isprintable()
    assert is_normalized("NFC", found.sentence)


def test_a_sentence_that_can_be_shown_comes_back_as_it_was() -> None:
    made = Objection(ORIGIN, "record", "record 7", "the run root is not that of the entries")

    assert parse_objection(made.text()) == made
    assert made.sentence == "record 7: the run root is not that of the entries (rule record)"
    assert parse_objection(Objection(ORIGIN, "record", "", "x").text()).where == ""


def test_an_objection_is_never_a_checkpoint() -> None:
    with pytest.raises(DecodeError):
        Checkpoint.parse(Objection(ORIGIN, "record", "record 7", "false").text())


GOOD = Objection(ORIGIN, "record", "record 7", "false").text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        f"{GOOD}more\n",
        GOOD.replace("v1", "v2"),
        GOOD.replace("\nrecord\n", "\nRECORD\n"),
        GOOD.replace("\nrecord\n", "\n\n"),
        GOOD.replace("false", ""),
        GOOD.replace("false", "f" * 401),
        GOOD.replace("record 7", "record\u202e7"),
        GOOD.replace("record 7", "r" * 201),
        GOOD.replace("false", "fe\u0301"),
        f"{ORIGIN}\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_anything_else_is_no_objection(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_objection(text)
