"""The documents: nothing stale, nothing missing, and what they tell to do works."""

import ast
import importlib.util
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from vitne.core.event import PROBLEM_CODES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne"
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

_BLOCK = re.compile(r"^```(\w+) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_SERVE = re.compile(r"^(vitne serve.*&)\s*$", re.MULTILINE)

PROLOGUE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
until_ready() {
    for _ in $(seq 200); do curl -sf "$VITNE_URL/readyz" >/dev/null && return; sleep 0.05; done
    echo 'the server did not get ready' >&2; return 1
}
"""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """docs/build.py as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_page_is_stale(build: ModuleType) -> None:
    """`make docs` would change nothing: reference pages, and `--help` blocks wherever they are."""
    assert [_name(path) for path in build.stale()] == []


def test_every_setting_route_verb_code_and_field_is_in_the_reference(build: ModuleType) -> None:
    """By name, whatever the generator does."""
    from vitne.cli.app import VERBS  # noqa: PLC0415  # after the fixture, which needs them too
    from vitne.core.fields import FIELD_NAMES  # noqa: PLC0415  # likewise
    from vitne.settings import table  # noqa: PLC0415  # likewise

    told = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    names = [
        *(f"`{row.name}`" for row in table()),
        *(f"`{row.variable}`" for row in table()),
        *(f"## vitne {verb.name}\n" for verb in VERBS),
        *(f"`{code}`" for code in PROBLEM_CODES),
        *(f"`{name}`" for name in FIELD_NAMES),
        *(f"## {method} {path}" for method, path in build.routes()),
    ]

    assert len(names) > 100
    assert [name for name in names if name not in told] == []


def _codes(tree: ast.AST) -> Iterator[str]:
    """Codes that a module gives to problems: `Problem("…")`, `Fault("…")`, `report("…")`."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        first = node.args[0]
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if called in {"Problem", "Fault", "report"} and literal:
            yield first.value


def test_every_problem_code_that_the_code_uses_has_its_meaning() -> None:
    """And there are some, or this could not fail."""
    used = {
        code for path in SOURCE.rglob("*.py") for code in _codes(ast.parse(path.read_text("utf-8")))
    }

    assert {"missing", "wrong_type", "float"} <= used
    assert used <= set(PROBLEM_CODES)


def test_every_module_has_its_line_in_the_tour() -> None:
    """By its path below src/vitne, such as `core/merkle.py`."""
    tour = (DOCS / "tour.md").read_text("utf-8")
    modules = [path for path in SOURCE.rglob("*.py") if path.name != "__init__.py"]
    names = sorted(path.relative_to(SOURCE).as_posix() for path in modules)

    assert [name for name in names if f"`{name}`" not in tour] == []


def test_the_readme_shows_the_help_of_the_command_line() -> None:
    """A block that begins with ```text vitne --help; `test_no_page_is_stale` compares it."""
    assert "```text vitne --help\n" in (ROOT / "README.md").read_text("utf-8")


def test_every_link_of_a_page_leads_somewhere() -> None:
    """Links to files of this repository."""
    dead = []
    for page in PAGES:
        links = _LINK.findall(page.read_text("utf-8"))
        local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        dead += [f"{_name(page)}: {x}" for x in local if not (page.parent / x).exists()]

    assert dead == []


def _runnable(page: Path) -> str:
    """The blocks marked `run`, in order, as one shell script."""
    parts = []
    for language, code in _BLOCK.findall(page.read_text("utf-8")):
        if language in {"sh", "bash"}:
            parts.append(code)
        elif language == "python":
            parts.append(f"python - <<'END_OF_BLOCK'\n{code}END_OF_BLOCK\n")
        else:
            pytest.fail(f"{_name(page)}: a block in {language} cannot be run")
    return "".join(parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if _BLOCK.search(p.read_text())], ids=_name)
def test_what_a_page_tells_to_run_runs(page: Path, tmp_path: Path) -> None:
    """All its blocks marked `run` as one script, in an empty folder, at a port of its own."""
    port = _free_port()
    script = _runnable(page).replace("127.0.0.1:8470", f"127.0.0.1:{port}")
    script = PROLOGUE + _SERVE.sub(r"\1\nuntil_ready", script)
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "VITNE_PORT": str(port),
        "VITNE_URL": f"http://127.0.0.1:{port}",
    }

    done = subprocess.run(  # noqa: S603  # our own documents
        ["/bin/bash", "-c", script],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
