"""Words that Vitne does not use in texts that people read: riddles, and files that talk.

Checked are the pages, and the texts of `src/vitne` that are shown: every text in code, and
docstrings where they are printed (`PRINTED`). Blocks of code and output, and names in backticks are
not prose; so sentences of verdicts that a page shows as output are left alone. Once the texts of a
file are rewritten, take it out of `LATER`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne"

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

PRINTED = ("cli/", "errors.py", "settings.py", "core/filter/syntax.py")
"""Below src/vitne: where docstrings become help or pages."""

_VERDICTS = (
    "src/vitne/answers/verdict_and_reasons.py",
    "src/vitne/api/answers/answer.py",
    "src/vitne/evidence/bundle/sentences.py",
    "src/vitne/evidence/record/sentences.py",
    "src/vitne/services/answers/coverage_statement.py",
)
_TEXTS = (
    "src/vitne/adapters/keys/files.py",
    "src/vitne/adapters/mirror/folder.py",
    "src/vitne/adapters/objects/folder.py",
    "src/vitne/adapters/objects/tree.py",
    "src/vitne/adapters/sqlite/records.py",
    "src/vitne/core/event/event.py",
    "src/vitne/core/filter/syntax.py",
    "src/vitne/core/filter/tokens.py",
    "src/vitne/errors.py",
    "src/vitne/evidence/audit/fraud.py",
    "src/vitne/evidence/audit/receipt_check.py",
    "src/vitne/sdk/signing/signing_transport.py",
    "src/vitne/services/answers/answer.py",
    "src/vitne/services/check/records.py",
    "src/vitne/services/copies/backup.py",
    "src/vitne/services/search/show.py",
    "src/vitne/services/senders/signed_batches.py",
    "src/vitne/services/senders/streams.py",
    "src/vitne/services/trust/ask_witnesses.py",
    "src/vitne/services/writer/refusals.py",
    "src/vitne/services/writer/writer.py",
    "src/vitne/settings.py",
    "src/vitne/wiring/backup.py",
)
LATER = {
    "docs/reference/": "made from texts in src/vitne",
    **dict.fromkeys(_VERDICTS, "sentences of verdicts and claims, which both verifiers share"),
    **dict.fromkeys(_TEXTS, "its texts are not rewritten so far"),
}
"""Page or source, or a folder of them: why it is not checked."""


def _wrong(sentence: str) -> list[str]:
    if any(part in sentence for part in EXCEPTIONS):
        return []
    found = ((re.search(word, sentence, re.IGNORECASE), instead) for word, instead in WORDS.items())
    return [f"{match[0]} → {instead}" for match, instead in found if match]


def _checked(paths: list[Path]) -> list[Path]:
    return [
        path for path in paths if not path.relative_to(ROOT).as_posix().startswith(tuple(LATER))
    ]


def test_pages_are_in_plain_words(pages: ModuleType) -> None:
    wrong = [
        f"{pages.name_of(page)}: {sentence} ({', '.join(words)})"
        for page in _checked(pages.all_pages())
        for sentence in pages.sentences(page.read_text("utf-8"))
        if (words := _wrong(sentence))
    ]

    assert wrong == []


def _docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    """Texts that stand alone: docstrings, and what follows a constant or a member."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def _texts(path: Path) -> Iterator[str]:
    """Texts of more than one word that are shown: help, errors, what is printed or logged."""
    tree = ast.parse(path.read_text("utf-8"))
    printed = path.relative_to(SOURCE).as_posix().startswith(PRINTED)
    unseen = set() if printed else {id(node) for node in _docstrings(tree)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in unseen
        ):
            yield " ".join(node.value.split())


def test_texts_of_the_code_are_in_plain_words(pages: ModuleType) -> None:
    files = _checked(sorted(SOURCE.rglob("*.py")))
    wrong = [
        f"{path.relative_to(SOURCE)}: {sentence} ({', '.join(words)})"
        for path in files
        for text in _texts(path)
        if " " in text
        for sentence in pages.sentences(text)
        if (words := _wrong(sentence))
    ]

    assert len(files) > 300
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
