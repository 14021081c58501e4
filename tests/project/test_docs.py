"""The documents: nothing stale, nothing missing, and what they say to do works as they say."""

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
from typing import Any, get_args

import pytest

from vitne.core.event.event import PROBLEM_CODES
from vitne.ports import ROLES, Role

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne"
DOCS = ROOT / "docs"

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
    from vitne.cli.base.app import VERBS  # noqa: PLC0415  # after the fixture, which needs them too
    from vitne.core.filter.fields import FIELD_NAMES  # noqa: PLC0415  # likewise
    from vitne.settings import all_settings  # noqa: PLC0415  # likewise

    told = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.md"))
    names = [
        *(f"`{row.name}`" for row in all_settings()),
        *(f"`{row.variable}`" for row in all_settings()),
        *(f"## vitne {verb.name}\n" for verb in VERBS),
        *(f"`{code}`" for code in PROBLEM_CODES),
        *(f"`{name}`" for name in FIELD_NAMES),
        *(f"## {method} {path}" for method, path in build.routes()),
    ]

    assert len(names) > 100
    assert [name for name in names if name not in told] == []


def test_the_maps_of_rooms_are_made_from_the_folders(build: ModuleType) -> None:
    """`test_no_page_is_stale` compares them: here, that there is something to compare."""
    for package in build.MAPPED:
        rooms = build.map_of(package)
        path = SOURCE.parent / Path(*package.split(".")) / "__init__.py"
        assert build.map_in(path.read_text("utf-8"))
        assert len(rooms) > 5
        assert all(rooms.values())
    assert "<!-- map of vitne -->\n| room |" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_every_role_says_what_it_may_do() -> None:
    """`test_no_page_is_stale` compares the table of the page with it; here, that there is one."""
    page = (DOCS / "howto" / "add-a-tenant.md").read_text("utf-8")

    assert set(ROLES) == set(get_args(Role))
    assert "<!-- roles -->\n| role | may |" in page


_COMMAND = re.compile(
    r"(?:^|[`(&|;] ?|\\$ |python -m )vitne ((?:[^`\n|;&#]|\\\\\n)+)", re.MULTILINE
)


def test_every_command_and_option_that_a_page_names_exists(
    build: ModuleType, pages: ModuleType
) -> None:
    """In blocks of shell and between backticks; `--help` says which options a command takes."""
    helps: dict[str, str] = {}
    wrong, named = [], 0
    for page in pages.all_pages():
        for command in _COMMAND.findall(pages.code(page.read_text("utf-8"))):
            words = command.replace("\\\n", " ").split()
            verbs = build.verbs_of(words)
            key = " ".join(verbs)
            helps[key] = helps.get(key) or build.help_of(verbs)
            named += 1
            wrong += [
                f"{_name(page)}: vitne {command.strip()}: {option}"
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words))
                if option != "--help" and not re.search(rf"{option}\b", helps[key])
            ]
            if not verbs and not words[0].startswith(("-", "…", "COMMAND")):
                wrong.append(f"{_name(page)}: vitne {command.strip()}: no such command")

    assert named > 100
    assert wrong == []


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
    """By its path below src/vitne, such as `core/tree/merkle.py`."""
    tour = (DOCS / "tour.md").read_text("utf-8")
    modules = [path for path in SOURCE.rglob("*.py") if path.name != "__init__.py"]
    names = sorted(path.relative_to(SOURCE).as_posix() for path in modules)

    assert [name for name in names if f"`{name}`" not in tour] == []


def test_the_readme_shows_the_help_of_the_command_line() -> None:
    """A block that begins with ```text vitne --help; `test_no_page_is_stale` compares it."""
    assert "```text vitne --help\n" in (ROOT / "README.md").read_text("utf-8")


def _script(steps: list[Any], out: Path) -> str:
    """The steps of a page as one shell script; what each prints goes to a file of its own."""
    parts = [PROLOGUE]
    for number, step in enumerate(steps):
        parts.append(f"exec >'{out}/{number}' 2>&1\n")
        if step.language in {"sh", "bash"}:
            parts.append(_SERVE.sub(r"\1\nuntil_ready\n", step.code))
        elif step.language == "python":
            parts.append(f"python - <<'END_OF_BLOCK'\n{step.code}END_OF_BLOCK\n")
        else:
            pytest.fail(f"a block in {step.language} cannot be run")
    return "".join(parts)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_what_a_page_says_to_run_runs_and_prints_what_the_page_shows(
    runnable: Path, pages: ModuleType, tmp_path: Path
) -> None:
    """All its blocks marked `run` as one script, in an empty folder, at a port of its own."""
    out, work = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    work.mkdir()
    port = _free_port()
    steps = pages.steps(runnable.read_text("utf-8"))
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(work),
        "VITNE_PORT": str(port),
        "VITNE_URL": f"http://127.0.0.1:{port}",
        "COLUMNS": "88",
    }

    done = subprocess.run(  # noqa: S603  # our own documents
        ["/bin/bash", "-c", _script(steps, out).replace("127.0.0.1:8470", f"127.0.0.1:{port}")],
        cwd=work,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    printed = [path.read_text("utf-8") for path in sorted(out.iterdir(), key=lambda p: int(p.name))]
    printed = [text.replace(str(work), "/home/you") for text in printed]
    assert done.returncode == 0, "\n".join([*printed, done.stderr])
    for step, text in zip(steps, printed, strict=True):
        assert step.output is None or pages.prints(step.output, text), f"{step.code}\n{text}"
