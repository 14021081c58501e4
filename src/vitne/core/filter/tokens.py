"""The words of a filter's text: operators, plain text, and fields with their values."""

import unicodedata
from typing import NamedTuple, NoReturn

from vitne.errors import FilterSyntaxError

STAR = "\x00"
"""Stands for a wildcard among literal characters; typed text never holds it."""


class Token(NamedTuple):
    """A piece of the text: an operator, or a word that may carry a field."""

    kind: str
    """`(`, `)`, `-`, `word` or `end`."""
    column: int
    """1-based, of its first character."""
    name: str = ""
    """Before the colon; empty for plain text."""
    values: tuple[str, ...] = ()
    """Between commas; `STAR` for wildcards."""
    quoted: bool = False


def refuse_filter(message: str, column: int, hint: str = "") -> NoReturn:
    """Raise `FilterSyntaxError` at a 1-based column."""
    raise FilterSyntaxError(message, where=f"column {column}", hint=hint)


def split_tokens(text: str) -> list[Token]:
    """The text in tokens, `end` last."""
    text = unicodedata.normalize("NFC", text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "()":
            found.append(Token(char, at + 1))
            at += 1
        elif char == "-" and at + 1 < len(text) and not text[at + 1].isspace():
            found.append(Token("-", at + 1))
            at += 1
        else:
            token, at = _Word(text, at).read()
            found.append(token)
    return [*found, Token("end", len(text) + 1)]


class _Word:
    """Reads one word: text, or a field and its values."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._start = at
        self._at = at
        self._name = ""
        self._values: list[str] = []
        self._value = ""
        self._quoted = False

    def read(self) -> tuple[Token, int]:
        """The token, and where it ends."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if char.isspace() or char in "()":
                break
            self._take(char)
        values = (*self._values, self._value)
        return Token("word", self._start + 1, self._name, values, self._quoted), self._at

    def _take(self, char: str) -> None:
        self._at += 1
        if char == '"':
            self._take_quoted()
        elif self._quoted and char != ",":
            refuse_filter("a quote stands only around a whole value", self._at)
        elif char == ":" and self._is_name():
            self._name, self._value = self._value, ""
        elif char == "," and self._name:
            self._values.append(self._value)
            self._value, self._quoted = "", False
        elif char == "*":
            self._value += STAR
        else:
            self._value += self._escaped() if char == "\\" else _printable(char, self._at)

    def _is_name(self) -> bool:
        """Whether what was read so far is a name: at the start, and without escapes."""
        plain = self._at == self._start + len(self._value) + 1
        return bool(self._value) and not self._name and plain

    def _escaped(self) -> str:
        if self._at == len(self._text):
            refuse_filter("nothing follows the backslash", self._at)
        self._at += 1
        return _printable(self._text[self._at - 1], self._at)

    def _take_quoted(self) -> None:
        start = self._at
        if self._value or self._quoted:
            refuse_filter("a quote stands only around a whole value", start)
        self._quoted = True
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == '"':
                return
            quoted = char == "\\" and self._text[self._at : self._at + 1] in {'"', "\\"}
            self._value += self._escaped() if quoted else _printable(char, self._at, "\n\t")
        refuse_filter("this quote is never closed", start)


def _printable(char: str, column: int, more: str = "") -> str:
    if not char.isprintable() and char not in more and not char.isspace():
        refuse_filter("a control character", column)
    return char
