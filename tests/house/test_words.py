"""Words that Vitne does not use in texts that people read: riddles, and files that talk.

Checked are the pages, and the texts of those parts of `src/vitne` that `SOURCES` names. Add a
folder or a file there once its texts are rewritten, and a generated page by taking it out of
`LATER`.
Blocks of code and output, and names in backticks, are not prose. Sentences of verdicts, claims and
reasons that a page shows as output are thereby left alone.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]

WORDS = {
    r"\btold\b|\btells?\b|\btelling\b": "report, record, show, say, distinguish",
    r"\bwhose word\b|\bown word\b|'s word\b|s' word\b|\bword (?:of|for|that)\b": "trust",
    r"\bnobody's\b": "no trust needed; not assigned",
    r"\b(?:held|holds?|holding)\b[^.]{0,40} against\b|\bheld to\b": "compare with, check against",
    r"\b(?:stands?|stood|standing)\b(?! for\b)": "is, is recorded, is in, replaces, is valid",
    r"\b(?:go|goes|going|went|gone) on\b": "continue",
    r"\bby (?:it|them)sel(?:f|ves)\b": "automatically, alone, without a restart",
    r"\ball the same\b": "even so, nevertheless, but",
    r"\bfor good\b|\bfor ever\b": "permanently",
    r"\b(?:speaks?|spoke|speaking) (?:for|of)\b": "cover, vouch for, be about",
    r"\b(?:give|gives|gave|given|giving)\b(?: \w+)? up\b": "stop, mark as abandoned",
    r"\b(?:look|looks|looked|looking) through\b": "search",
    r"\b(?:hear|hears|heard) of\b": "is informed, is recorded",
    r"\bposes? as\b|\bposing as\b": "send in the name of, be passed off as",
    r"\bthe (?:door|house)\b|\bdoors\b|\bkeepers?\b|\bshel(?:f|ves)\b|\broster\b|\bsheaf\b": (
        "the part's own name: HTTP interface, server, list, batch"
    ),
    r"(?-i:^(?:That|Asked was|Of these)\b)(?! is all\b)": "begin with who does it",
}
"""Pattern: what to say instead."""

EXCEPTIONS: dict[str, str] = {}
"""Fragment of a sentence that may use one of them: why."""

LATER = {
    "docs/reference/": "written from texts in src/vitne, which are checked there",
}
"""Page, or folder of pages: why it is not checked."""

SOURCES = ("actions",)
"""Files and folders below src/vitne of which docstrings and texts are checked."""


def _wrong(sentence: str) -> list[str]:
    if any(part in sentence for part in EXCEPTIONS):
        return []
    found = ((re.search(word, sentence, re.IGNORECASE), instead) for word, instead in WORDS.items())
    return [f"{match[0]} → {instead}" for match, instead in found if match]


def _pages_checked(pages: ModuleType) -> list[Path]:
    return [page for page in pages.all_pages() if not pages.name_of(page).startswith(tuple(LATER))]


def test_pages_are_in_plain_words(pages: ModuleType) -> None:
    wrong = [
        f"{pages.name_of(page)}: {sentence} ({', '.join(words)})"
        for page in _pages_checked(pages)
        for sentence in pages.sentences(page.read_text("utf-8"))
        if (words := _wrong(sentence))
    ]

    assert wrong == []


def _texts(tree: ast.AST) -> Iterator[str]:
    """Texts of more than one word: docstrings, help, errors, what is printed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield " ".join(node.value.split())


@pytest.mark.parametrize("source", SOURCES)
def test_texts_of_the_code_are_in_plain_words(source: str, pages: ModuleType) -> None:
    place = ROOT / "src" / "vitne" / source
    files = [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))
    wrong = [
        f"{path.name}: {sentence} ({', '.join(words)})"
        for path in files
        for text in _texts(ast.parse(path.read_text("utf-8")))
        for sentence in pages.sentences(text)
        if (words := _wrong(sentence))
    ]

    assert files
    assert wrong == []


def test_every_exception_is_still_needed(pages: ModuleType) -> None:
    texts = [" ".join(pages.prose(page.read_text("utf-8")).split()) for page in pages.all_pages()]

    assert [part for part in EXCEPTIONS if not any(part in text for text in texts)] == []


@pytest.mark.parametrize(
    "riddle",
    [
        "The log's word: it computed the key.",
        "Hold kept receipts against the log.",
        "It stands in the log for good.",
        "What differs is told in the log.",
        "Nobody's word: the key follows from the value.",
        "A server does this every day by itself.",
        "Asked was about the actor.",
    ],
)
def test_a_riddle_is_found(riddle: str) -> None:
    """Or the list would let through what it was written for."""
    assert _wrong(riddle)
