"""`pip install vitne` is enough to log and to verify."""

import importlib.metadata
import re
import subprocess
import sys

import pytest

BLOCK = """
import sys

class OnlyTheBaseInstall:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {blocked!r}:
            raise ImportError('outside the base install: ' + name, name=name)

sys.meta_path.insert(0, OnlyTheBaseInstall())
"""

SERVER_ROOMS = ("vitne.api", "vitne.wiring", "vitne.services", "vitne.adapters", "vitne.settings")


def _base_distributions() -> set[str]:
    """`vitne` and all that its dependencies without extras bring."""
    wanted, found = ["vitne"], set[str]()
    while wanted:
        name = _normal(wanted.pop())
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform or Python
        found.add(name)
        wanted += [_requirement(need) for need in needs if "extra ==" not in need]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    assert found
    return found[0]


def _blocked() -> set[str]:
    """Top-level modules that only packages outside the base install bring."""
    base = _base_distributions()
    return {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not {_normal(owner) for owner in owners} & base
    }


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # this interpreter, our own code
        [sys.executable, "-c", BLOCK.format(blocked=_blocked()) + code],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_block_keeps_the_server_out_and_lets_the_base_in() -> None:
    """Else the tests below could not fail."""
    blocked = _blocked()

    assert {"litestar", "duckdb", "pyarrow", "uvicorn", "pytest"} <= blocked
    assert not {"msgspec", "cryptography", "httpx", "cyclopts", "rich", "vitne"} & blocked


@pytest.mark.parametrize(
    "module", ["vitne", "vitne.sdk", "vitne.evidence", "vitne.cli.prove.verify"]
)
def test_logging_and_verifying_import_only_the_base_install(module: str) -> None:
    """In a process where every other package is missing."""
    done = _python(f"import {module}")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["verify", "--help"], ["--version"]])
def test_the_command_line_starts_without_the_server(words: list[str]) -> None:
    """Neither its packages nor its own rooms are imported: so it also starts fast."""
    done = _python(
        "from vitne.cli.base.app import run\n"
        f"status = run({words!r})\n"
        f"loaded = [m for m in sys.modules if m.startswith({SERVER_ROOMS!r})]\n"
        "assert not loaded, loaded\n"
        "sys.exit(status)"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_missing_extra_is_told_with_the_line_that_installs_it() -> None:
    """The exact line, ready to copy."""
    done = _python("from vitne.cli.base.app import run\nsys.exit(run(['serve']))")

    assert done.returncode == 7
    assert "pip install '.[server]'" in done.stderr
    assert "Traceback" not in done.stderr
