"""The layout of the code: contracts, sizes, docstrings, public names, copies, migrations."""

import ast
import hashlib
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "vitne"
SHARED = ROOT.parent / "shared"

FILE_LINES, FUNCTION_LINES = 400, 60

FOLDER_FILES = 16
"""Beside `__init__` and sub-folders."""

FRONT_DOORS = ("__init__.py", "sdk/__init__.py", "testing.py", "cli/__init__.py")
"""What others import, below src/vitne."""

NOUN_CHAPTERS = (
    "core/values",
    "api/server",
    *(
        f"services/{path.parent.name}"
        for path in sorted((SOURCE / "services").glob("*/__init__.py"))
    ),
)
"""Chapters whose `__init__` hands on what others need: docs/adr/0038."""

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _python_files(*folders: str) -> list[Path]:
    return sorted(chain.from_iterable((ROOT / folder).rglob("*.py") for folder in folders))


SOURCES = _python_files("src")
FILES = _python_files("src", "tests", "bench", "docs")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _defined(tree: ast.AST) -> Iterator[Defined]:
    for node in ast.walk(tree):
        if isinstance(node, Defined):
            yield node


def test_every_import_contract_is_kept() -> None:
    """import-linter's contracts in pyproject.toml, whole."""
    done = subprocess.run(  # noqa: S603  # our own tool, no input from outside
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def _imports_past(path: Path) -> Iterator[str]:
    """Modules inside a chapter of nouns that a file outside it imports from at its top."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module.removeprefix("vitne.").replace(".", "/")
            for chapter in NOUN_CHAPTERS:
                outside = not path.is_relative_to(SOURCE / chapter)
                if outside and inside.startswith(f"{chapter}/"):
                    yield node.module


def test_nobody_imports_past_a_chapter_that_hands_on_its_nouns() -> None:
    """At the top of a module; what a command loads late it may load from one file."""
    past = {_name(path): found for path in SOURCES if (found := list(_imports_past(path)))}

    assert past == {}


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    """400 lines, without exception."""
    lines = {_name(path): len(path.read_text("utf-8").splitlines()) for path in FILES}

    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_is_longer_than_a_reader_can_hold() -> None:
    """60 lines, without exception."""
    long = [
        f"{_name(path)}::{node.name}"
        for path in FILES
        for node in _defined(ast.parse(path.read_text("utf-8")))
        if not isinstance(node, ast.ClassDef)
        if (node.end_lineno or node.lineno) - node.lineno >= FUNCTION_LINES
    ]

    assert long == []


def test_no_folder_has_more_files_than_a_reader_can_hold() -> None:
    """Of any kind, beside `__init__` and sub-folders."""
    files = Counter(
        path.parent
        for path in SOURCE.rglob("*")
        if path.is_file() and path.name != "__init__.py" and "__pycache__" not in path.parts
    )

    assert {_name(f): count for f, count in files.items() if count > FOLDER_FILES} == {}


def test_unit_tests_lie_in_the_folders_of_what_they_test() -> None:
    """`tests/unit/services/writer` tests `src/vitne/services/writer`."""
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    places = [folder for folder in folders if not (SOURCE / folder).is_dir()]

    assert [f for f in places if not (SOURCE / f).with_suffix(".py").is_file()] == []


def _undocumented(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    if _says_nothing(ast.get_docstring(tree)):
        yield "the module"
    holders: list[ast.Module | ast.ClassDef] = [tree]
    holders += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for holder in holders:
        inside = holder.name + "." if isinstance(holder, ast.ClassDef) else ""
        if inside.startswith("_"):
            continue
        promised = _promised_by_ports(holder, path)
        for node in holder.body:
            if isinstance(node, Defined) and not node.name.startswith("_"):
                if node.name in promised:
                    continue
                overload = any("overload" in ast.dump(d) for d in node.decorator_list)
                if not overload and _says_nothing(ast.get_docstring(node)):
                    yield inside + node.name


PORT_METHODS = {
    node.name
    for path in (SOURCE / "ports").glob("*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef)
}


def _promised_by_ports(holder: ast.Module | ast.ClassDef, path: Path) -> set[str]:
    """Methods of a class of an adapter whose promise stands in `vitne.ports`, once."""
    adapter = isinstance(holder, ast.ClassDef) and SOURCE / "adapters" in path.parents
    return PORT_METHODS if adapter else set()


def _says_nothing(docstring: str | None) -> bool:
    return docstring is None or len(docstring.split()) < 2


def test_every_public_name_says_what_it_is() -> None:
    """A docstring of a single word, or of a dot, says nothing."""
    found = [f"{_name(path)}: {name}" for path in SOURCES for name in _undocumented(path)]

    assert not found


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return list(ast.literal_eval(node.value))  # type: ignore[attr-defined]  # an Assign
    return None


def _order(name: str) -> tuple[int, str]:
    """Ruff's order (RUF022): constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _public(tree: ast.Module) -> set[str]:
    """Functions and classes that a module defines and does not hide.

    A decorated function may belong to what decorates it: the verbs of `vitne key`, for example.
    """
    return {
        node.name
        for node in tree.body
        if isinstance(node, Defined)
        and node.name[0] != "_"
        and (isinstance(node, ast.ClassDef) or not node.decorator_list)
    }


def test_what_a_module_exports_is_sorted_and_complete() -> None:
    """Where there is `__all__`, it has every public function and class, in ruff's order."""
    wrong = {}
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        exported = _exported(tree)
        if exported is None:
            continue
        if exported != sorted(set(exported), key=_order):
            wrong[_name(path)] = "not in order"
        elif _public(tree) - set(exported):
            wrong[_name(path)] = f"lacks {sorted(_public(tree) - set(exported))}"

    assert not wrong


def test_the_front_doors_say_what_is_public() -> None:
    """What others import has an `__all__`."""
    missing = [
        door
        for door in FRONT_DOORS
        if _exported(ast.parse((SOURCE / door).read_text("utf-8"))) is None
    ]

    assert not missing


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_no_published_vector_or_log_is_copied_into_the_tests() -> None:
    """They lie beside the checkout, with their sources and licences; copies go stale."""
    folders = [SHARED / "vectors", SHARED / "data"]
    if not any(folder.is_dir() for folder in folders):
        pytest.skip("../shared is not beside this checkout")
    published = {
        _digest(path)
        for path in chain.from_iterable(folder.rglob("*") for folder in folders)
        if path.is_file() and path.stat().st_size
    }
    kept = (p for p in (ROOT / "tests").rglob("*") if p.is_file() and p.stat().st_size)

    assert [_name(path) for path in kept if _digest(path) in published] == []


def _schema(*scripts: str) -> list[tuple[str, str]]:
    base = sqlite3.connect(":memory:")
    for script in scripts:
        base.executescript(script)
    rows = base.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    found = [(name, " ".join(sql.split())) for name, sql in rows]
    base.close()
    return found


def test_the_migrations_one_after_another_make_the_schema() -> None:
    """`schema.sql` is what a reader reads; the migrations are what a database went through."""
    folder = SOURCE / "adapters" / "sqlite" / "engine"
    migrations = [path.read_text("utf-8") for path in sorted((folder / "migrations").glob("*.sql"))]

    assert migrations
    assert _schema(*migrations) == _schema((folder / "schema.sql").read_text("utf-8"))
