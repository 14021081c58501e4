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


@pytest.fixture
def house(answer_house: ModuleType) -> Iterator[Any]:
    """A house of the test's own."""
    with answer_house.AnswerHouse() as made:
        yield made
