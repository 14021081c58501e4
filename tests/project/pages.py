"""Every page of this repository as text that tests can read: prose, sentences, anchors, steps.

A page is a Markdown file that is part of the source tree. Tests get this module by the fixture
`pages`.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "deploy", "docs", "src", "tests", "tools")

FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block: its first line after the backticks, and what is in it."""

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)[^)]*\)")
_HEADING = re.compile(r"^#{1,6} +(.*)$", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) ")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`\[(])")


class Step(NamedTuple):
    """A block that a reader is told to run, and what the page says that it prints."""

    language: str
    code: str
    output: str | None


def name_of(page: Path) -> str:
    """A page's path from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def all_pages() -> list[Path]:
    """Every page, by path."""
    below = (page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))
    return sorted([*ROOT.glob("*.md"), *below])


def prose(text: str) -> str:
    """What people read as sentences: no blocks, no code, no comments, no addresses of links."""
    without = _COMMENT.sub("", FENCED.sub("\n", text))
    return _LINK.sub(r"\1", _CODE.sub("`x`", without))


def sentences(text: str, *, code: bool = False) -> Iterator[str]:
    """The sentences of a text, each on one line; a cell of a table is a sentence too.

    Args:
        text: a page.
        code: keep what stands between backticks.
    """
    kept = _COMMENT.sub("", FENCED.sub("\n", text)) if code else prose(text)
    paragraph: list[str] = []
    for line in [*kept.split("\n"), ""]:
        alone = line.startswith(("|", "#"))
        if paragraph and (alone or not line.strip() or _ITEM.match(line)):
            yield from _END.split(" ".join(" ".join(paragraph).split()))
            paragraph = []
        if alone:
            yield from (cell.strip(" #") for cell in line.split("|") if cell.strip(" #-:"))
        elif line.strip():
            paragraph.append(line)


def code(text: str) -> str:
    """The blocks of shell of a text, and what stands between its backticks, a line each."""
    blocks = [block for info, block in FENCED.findall(text) if info.split(" ")[0] in {"sh", "bash"}]
    return "\n".join([*blocks, *(span.strip("`") for span in _CODE.findall(FENCED.sub("", text)))])


def links(text: str) -> list[str]:
    """The addresses of all links of a text, as they are written."""
    return [address for _, address in _LINK.findall(FENCED.sub("", text))]


def anchors(text: str) -> set[str]:
    """What `#…` may name in a text: its headings, as GitHub spells them."""
    found: set[str] = set()
    for heading in _HEADING.findall(FENCED.sub("", text)):
        plain = _LINK.sub(r"\1", heading).replace("`", "").strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = 0
        while (f"{slug}-{count}" if count else slug) in found:
            count += 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def steps(text: str) -> list[Step]:
    """The blocks marked `run`, each with the block of plain `text` that follows it, if any."""
    blocks = [*FENCED.findall(text), ("", "")]
    return [
        Step(info.removesuffix(" run"), code, output if kind == "text" else None)
        for (info, code), (kind, output) in pairwise(blocks)
        if info.endswith(" run")
    ]


_SAME_ANYWHERE = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?"), "<time>"),
    (re.compile(r"\bvk_[a-z2-7]+_[\w-]+"), "<key>"),
    (re.compile(r"\+[0-9a-f]{8}\+(?:[A-Za-z0-9+/]{40,}=*|…)"), "+<key>"),
    (re.compile(r"\bhold-[0-9a-f]{10}\b"), "<hold>"),
    (re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{64})\b"), "<hash>"),
)
"""Ids, times, keys and hashes differ from run to run: both sides get the same word for them."""


def _masked(text: str) -> str:
    joined = " ".join(text.split())
    for pattern, word in _SAME_ANYWHERE:
        joined = pattern.sub(word, joined)
    return joined


def prints(output: str, printed: str) -> bool:
    """Whether a page's `output` is what was `printed`; `…` stands for any text."""
    wanted = ".*".join(re.escape(part.strip()) for part in _masked(output).split("…"))
    wanted = wanted.replace(".*", r"\s*.*\s*")
    return re.fullmatch(wanted, _masked(printed), re.DOTALL) is not None
