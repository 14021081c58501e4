"""Text: what an event may contain, how the rest is cleaned, and how text is folded for search.

Control characters, line separators and the characters that turn the direction of writing can
make a log read differently from what it says. Ids with them are refused; in the text of unsigned
events they are replaced (event-schema §3.4).
"""

import re
import unicodedata

_LINE_BREAKS = "\t\n\x0b\x0c\r\x85\u2028\u2029"
_BIDI = "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
_FORBIDDEN_MULTILINE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}]")
_REPLACEMENT = "\ufffd"

# NFKD takes these apart (å → a + ring), but to those who write them they are letters of their own.
_LETTERS = str.maketrans({"å": "\ue000", "Å": "\ue000"})
_LETTERS_BACK = str.maketrans({"\ue000": "å", "\u0131": "i"})  # the dotless i folds with the dotted


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 event`, `2 events`, `1,200 entries`.

    Args:
        number: how many.
        noun: for one.
        plural: for all other numbers; else the noun with an `s`, or `ies` for a final `y`.
    """
    if number != 1:
        irregular = noun.endswith("y") and noun[-2:-1] not in "aeiou"
        noun = plural or (f"{noun[:-1]}ies" if irregular else f"{noun}s")
    return f"{number:,} {noun}"


def is_clean(text: str, *, multiline: bool = False) -> bool:
    """Whether text is NFC without forbidden characters; `multiline` allows line feed and tab."""
    if text.isprintable():
        return text.isascii() or unicodedata.is_normalized("NFC", text)
    pattern = _FORBIDDEN_MULTILINE if multiline else _FORBIDDEN
    return not pattern.search(text) and unicodedata.is_normalized("NFC", text)


def has_forbidden(text: str) -> bool:
    """Whether control characters, line separators or directional overrides occur."""
    return not text.isprintable() and _FORBIDDEN.search(text) is not None


def clean_text(text: str, *, multiline: bool = False) -> str:
    """The same text in NFC, line breaks as spaces, other forbidden characters as U+FFFD."""
    pattern = _FORBIDDEN_MULTILINE if multiline else _FORBIDDEN
    return unicodedata.normalize("NFC", pattern.sub(_replace, text))


def fold_text(text: str) -> str:
    """The form in which search compares text: without case, accents and compatibility forms.

    `É` and `e` fold alike, as do the three Greek sigmas and the four Turkish i's. Letters that
    are no accented form of another stay themselves: `æ`, `ø`, `å` are not `ae`, `o`, `a`.
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_LETTERS))
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    folded = unicodedata.normalize("NFKD", bare.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c)).translate(_LETTERS_BACK)


def _replace(match: re.Match[str]) -> str:
    return " " if match.group() in _LINE_BREAKS else _REPLACEMENT
