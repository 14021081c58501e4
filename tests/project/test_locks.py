"""Every lock says what it guards, and docs/explanation/threads.md names every thread."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ROOT / "src" / "vitne"
PAGE = (ROOT / "docs" / "explanation" / "threads.md").read_text("utf-8")
MADE = re.compile(r"(?<![\w.\"])(?:threading\.)?(?:Lock|RLock)\(\)")
NAMED = re.compile(r"""(?:name=|Loop\(|ThreadPoolExecutor\(\w+, )f?"(vitne-)?([a-z]+)""")


def _lines() -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(ROOT)}:{number}", line)
        for path in sorted(CODE.rglob("*.py"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ]


def test_every_lock_says_what_it_guards() -> None:
    lines = [*_lines(), ("", "")]
    made = [
        (where, line + after) for (where, line), (_, after) in pairwise(lines) if MADE.search(line)
    ]

    assert len(made) > 20, "the pattern finds no locks"
    assert [where for where, text in made if "# guards: " not in text] == []


def _threads() -> list[str]:
    """Names of threads, pools and processes, up to what differs between them."""
    return sorted(
        match[2]
        for _, line in _lines()
        for match in NAMED.finditer(line)
        if match[1] or "Loop(" in match[0]
    )


@pytest.mark.parametrize("name", _threads())
def test_every_thread_and_process_is_in_the_page(name: str) -> None:
    assert f"`vitne-{name}" in PAGE


def test_no_two_threads_have_the_same_name() -> None:
    names = _threads()

    assert {"writer", "publisher", "sealer", "fold", "read", "sender"} <= set(names)
    assert len(names) == len(set(names))
