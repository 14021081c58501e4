"""What the tests of the source tree share."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest


@cache
def _pages() -> ModuleType:
    path = Path(__file__).with_name("pages.py")
    spec = importlib.util.spec_from_file_location("project_pages", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pages() -> ModuleType:
    """tests/project/pages.py: every page as prose, sentences, anchors and steps."""
    return _pages()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `runnable` gets each page with blocks marked `run`."""
    if "runnable" in metafunc.fixturenames:
        made = _pages()
        with_steps = [page for page in made.all_pages() if made.steps(page.read_text("utf-8"))]
        metafunc.parametrize("runnable", with_steps, ids=made.name_of)
