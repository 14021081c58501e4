"""Every test that docs/explanation/threats.md names exists, and every row of a table names one."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs/explanation/threats.md"
_NAMED = re.compile(r"`([^`]*(?:test_[a-z0-9_]+\.py|…)[^`]*)`")


def _rows() -> list[str]:
    """The rows of every table, without its head."""
    lines = PAGE.read_text().split("\n")
    return [
        line
        for line in lines
        if line.startswith("| ") and line.split("|")[1].strip() not in {"threat", "---"}
    ]


def _named() -> list[tuple[str, str]]:
    """(file below tests, test or `""`) of each name, with `…` written out."""
    found: list[tuple[str, str]] = []
    file = ""
    for row in _rows():
        for name in _NAMED.findall(row.rpartition(" | ")[2]):
            path, _, test = name.partition("::")
            if path.startswith("…/"):
                (file,) = {
                    one.relative_to(TESTS).as_posix()
                    for one in TESTS.rglob(path.removeprefix("…/"))
                }
            elif path.endswith(".py"):
                file = path
            elif path != "…":
                test = path  # `…ending`: the rest of a test's name in the same file
            found.append((file, test))
    return found


def test_every_row_names_a_test() -> None:
    assert [row for row in _rows() if not _NAMED.search(row.rpartition(" | ")[2])] == []
    assert len(_rows()) > 60


@pytest.mark.parametrize(("file", "test"), sorted(set(_named())))
def test_the_test_of_a_threat_exists(file: str, test: str) -> None:
    defined = re.findall(r"^def (test_\w+)\(", (TESTS / file).read_text(), re.MULTILINE)

    assert defined
    if test.startswith("…"):
        assert [name for name in defined if name.endswith(test.removeprefix("…"))]
    elif test:
        assert test in defined


def test_every_file_of_attacks_is_in_the_tables() -> None:
    files = {path.relative_to(TESTS).as_posix() for path in (TESTS / "attacks").glob("test_*.py")}

    assert files - {file for file, _ in _named()} == set()
