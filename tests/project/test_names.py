"""Names: a class or a function of a module is the only one of its name, or there is a reason."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "vitne"

TWICE: dict[str, str] = {
    "Client": "the client of the SDK, which everybody imports, and the client of an event's actor,"
    " which the schema calls so",
}
"""Public name: why it stands in two modules. Private names are met in their own file only."""

Defined = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _homes() -> dict[str, list[str]]:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, Defined) and not node.name.startswith("_"):
                homes[node.name].append(path.relative_to(SOURCE).as_posix())
    return homes


HOMES = _homes()


def test_no_name_stands_in_two_modules_without_a_reason() -> None:
    """Whoever searches for a name finds one thing."""
    twice = {name: homes for name, homes in HOMES.items() if len(homes) > 1}

    assert {name: homes for name, homes in twice.items() if name not in TWICE} == {}


@pytest.mark.parametrize("name", TWICE)
def test_each_reason_is_still_needed(name: str) -> None:
    """A reason outlives its name otherwise."""
    assert len(HOMES[name]) > 1
