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


@pytest.fixture
def story(house: Any) -> Any:
    """Ten hours of usr_1 and usr_2 at three customers, sealed once in the middle.

    usr_3 was there once, at another customer than cus_1.
    """
    house.send([house.event(1, stream="pod-2", actor="usr_3", target="customer/cus_2")])
    for number in range(1, 21):
        house.later(0.5)
        actor, target = f"usr_{number % 2 + 1}", f"customer/cus_{number % 3}"
        house.send([house.event(number, actor=actor, target=target)])
        if number == 8:
            house.seal()
    house.later()
    return house
