"""What is not there yet: one table, which the code and every page must agree with."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "limits.md"
HEADING = "## What is not there yet"
ANCHOR = "#what-is-not-there-yet"


class Missing(NamedTuple):
    """One thing that is not there yet."""

    words: str
    """A pattern that a sentence about it matches."""
    sign: tuple[str, str]
    """Glob below the root, and a pattern: once a file has it, the thing is there. `""`: any."""


NOT_YET = {
    "catalogs of event types": Missing(r"\b[Cc]atalogs?\b", ("src/vitne/**/catalog/*.py", "")),
    "detection of misuse": Missing(r"\b[Dd]etection\b", ("src/vitne/detection/*.py", "")),
    "a web interface": Missing(r"\bweb interface\b", ("src/vitne/web/*.py", "")),
    "PostgreSQL": Missing(r"\bPostgreSQL\b", ("src/vitne/adapters/postgres*/*.py", "")),
    "S3": Missing(r"\bS3\b", ("src/vitne/adapters/**/s3*", "")),
    "a package on PyPI": Missing(r"\bPyPI\b", ("", "")),
    "a new index secret for a log that exists": Missing(
        r"\bkey epochs?\b|\bindex secrets?\b", ("src/vitne/**/*.py", r"\bFIRST_EPOCH \+ 1\b")
    ),
    "a command that destroys an index secret": Missing(
        r"\b[Dd]estroy", ("src/vitne/cli/**/*.py", r"destroy_index")
    ),
    "approval of an erasure by a second person": Missing(
        r"\bsecond (?:person|key)\b", ("src/vitne/services/erasure/*.py", r"\bapprov")
    ),
    "pruning of entries": Missing(
        r"\b[Pp]run(?:ing|ed)\b", ("src/vitne/services/**/*.py", r'PruneEntry\([^)]*"entries"')
    ),
}
"""Row of the table in limits.md: what pages call it, and what would show that it is there."""

_LACKING = re.compile(
    r"\bnot(?: [a-z]+)? yet\b|\b[Nn]o\b[^.]*\byet\b|\b[Nn]ot yet\b|\bcannot\b|\bcan(?: no|')t\b"
    r"|\bfor now\b"
)

MEANT = {
    r"cannot (?:be (?:reached|stored|written|read\b)|begin|listen)": "what a machine or disk does",
    r"not compared yet": "the state of one backup",
    r"no server was made there yet|was made there yet": "the state of one folder",
    r"new secret cannot continue old logs": "signatures: nobody can sign with a key that is lost",
    r"`vitne verify` cannot say more": "without a signature there is nothing to verify",
    r"mapping cannot compute": "decided: mappings are data, not programs",
    r"Entries cannot have one": "the form of an entry",
    r"append-only log .* cannot lose an entry": "the point of an append-only log",
    r"^it cannot$": "SHA-256",
    r"cannot be filed under another person": "what a signature in mode full is for",
    r"cannot change after a log exists": "decided: the name is in everything that a log signs",
    r"these cannot give it": "the bundle's filters look at core only, by its format",
    r"cannot both be honest": "what the proof proves",
    r"cannot be mistaken": "the form of an objection",
    r'says "not yet" of something else': "this table's own description",
    r"^(?:What is not there|Not) yet$": "a heading over what is in the table",
    r"acknowledged yet|sealed yet|covers yet": "the state of one event, not of Vitne",
}
"""Sentence with such a word that is about no missing thing: why it is meant to stay."""


def _rows() -> list[str]:
    section = PAGE.read_text("utf-8").partition(f"{HEADING}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in section.split("\n") if line.startswith("| ")]
    return [row for row in rows if row != "missing"]


def test_the_page_lists_what_the_table_lists() -> None:
    assert sorted(_rows()) == sorted(NOT_YET)


@pytest.mark.parametrize("thing", sorted(NOT_YET))
def test_a_thing_that_is_not_there_yet_is_not_there(thing: str) -> None:
    """Once it is, its row and the sentences about it have to go."""
    pattern, text = NOT_YET[thing].sign
    files = list(ROOT.glob(pattern)) if pattern else []

    assert [path.name for path in files if not text or re.search(text, path.read_text())] == []


def _lacking(pages: ModuleType) -> Iterator[tuple[str, str]]:
    for page in pages.all_pages():
        if pages.name_of(page).startswith("docs/reference/"):
            continue  # written from the code's own texts, which have tests of their own
        for sentence in pages.sentences(page.read_text("utf-8"), code=True):
            if _LACKING.search(sentence):
                yield pages.name_of(page), sentence


def test_a_page_says_only_of_things_in_the_table_that_they_are_lacking(pages: ModuleType) -> None:
    """A "cannot" that is meant to stay is listed, with its reason."""
    wrong = [
        f"{page}: {sentence}"
        for page, sentence in _lacking(pages)
        if not any(re.search(missing.words, sentence) for missing in NOT_YET.values())
        and not any(re.search(meant, sentence) for meant in MEANT)
    ]

    assert wrong == []


def test_every_exception_is_still_needed(pages: ModuleType) -> None:
    found = [sentence for _, sentence in _lacking(pages)]

    assert [meant for meant in MEANT if not any(re.search(meant, one) for one in found)] == []


def test_links_to_the_table_name_one_of_its_rows(pages: ModuleType) -> None:
    """Whoever follows one finds the thing there."""
    wrong = [
        f"{pages.name_of(page)}: {sentence}"
        for page in pages.all_pages()
        for sentence in pages.sentences(page.read_text("utf-8").replace(f"{ANCHOR})", ") ⟨table⟩"))
        if "⟨table⟩" in sentence
        and not any(re.search(missing.words, sentence) for missing in NOT_YET.values())
    ]

    assert wrong == []
