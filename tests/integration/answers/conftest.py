"""A house that answers questions."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_FILE = Path(__file__).parents[2] / "answer_house.py"


@pytest.fixture(scope="session")
def answer_house() -> ModuleType:
    """`tests/answer_house.py`."""
    name = "vitne_test_answer_house"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _FILE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(params=["definition", "memory", "folder"])
def house(
    request: pytest.FixtureRequest, answer_house: ModuleType, tmp_path: Path
) -> Iterator[Any]:
    """A house of the test's own: by definition, in memory, and with SQLite and Parquet files."""
    folder = tmp_path / "vitne" if request.param == "folder" else None
    index = "definition" if request.param == "definition" else "made"
    with answer_house.AnswerHouse(folder, index) as made:
        yield made
