"""Cleaning and folding of text (requirement T16)."""

import pytest

from vitne.core.values.text import clean_text, fold_text, has_forbidden, is_clean


@pytest.mark.parametrize(
    ("written", "sought"),
    [
        ("ÅSE ØSTBY Ærlig", "åse østby ærlig"),
        ("A\u030ase", "åse"),
        ("\u212bngstro\u0308m", "ångstrom"),
        ("Crème Brûlée", "creme brulee"),
        ("İstanbul IĞDIR \u0131ğd\u0131r", "istanbul igdir igdir"),
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("Ελληνικά", "ελληνικα"),
        ("Straße", "STRASSE"),
        ("ﬁn Ⅷ", "fin viii"),
        ("Đặng", "đang"),
        ("한국어", "한국어"),
    ],
)
def test_text_is_found_whatever_its_case_accents_and_forms(written: str, sought: str) -> None:
    assert fold_text(written) == fold_text(sought)


@pytest.mark.parametrize(("one", "other"), [("å", "a"), ("ø", "o"), ("æ", "ae"), ("Å", "A")])
def test_norwegian_letters_match_only_themselves(one: str, other: str) -> None:
    assert fold_text(one) != fold_text(other)


def test_cleaning_keeps_good_text_and_replaces_the_rest() -> None:
    assert clean_text("Åse: 100 %") == "Åse: 100 %"
    assert clean_text("a\r\nb\x85c\u2029d") == "a  b c d"
    assert clean_text("a\x00b\u202ec\x7f") == "a\ufffdb\ufffdc\ufffd"
    assert clean_text("a\n\tb\r", multiline=True) == "a\n\tb "


def test_whatever_was_cleaned_is_clean() -> None:
    for code in [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066, 0x200F, 0x30A]:
        text = f"a{chr(code)}"
        assert is_clean(clean_text(text))
        assert has_forbidden(text) == (code != 0x30A)
