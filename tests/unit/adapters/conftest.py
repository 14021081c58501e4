"""Children on disks that are small, or read-only, or not theirs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Child = Callable[..., Any]
"""Runs a program in a child process; what it printed last, as JSON."""


def _run(words: list[str], program: Path, folder: Path, how: str) -> Any:
    done = subprocess.run(  # noqa: S603  # this interpreter, our own program
        [*words, sys.executable, program, folder, how],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _needs_namespaces(*words: str) -> list[str]:
    unshare = shutil.which("unshare")
    probe = [unshare or "", *words, "true"]
    if unshare is None or subprocess.run(probe, check=False, capture_output=True).returncode:  # noqa: S603  # a fixed command
        pytest.skip("this machine gives no user namespaces")
    return probe[:-1]


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Child:
    """Runs a program in a folder that is a disk of a few MB, mounted for it alone."""
    words = _needs_namespaces("--user", "--map-root-user", "--mount")

    def run(program: Path, how: str, *, size: str) -> Any:
        mount = f'mount -t tmpfs -o size={size} none "{tmp_path}" && exec "$@"'
        return _run([*words, "sh", "-c", mount, "sh"], program, tmp_path, how)

    return run


@pytest.fixture
def without_powers(tmp_path: Path) -> Child:
    """Runs a program as a user whom modes of files bind, also if the tests run as root."""
    words = _needs_namespaces("--user")
    return lambda program, how: _run(words, program, tmp_path, how)


@pytest.fixture
def in_child(tmp_path: Path) -> Child:
    """Runs a program in a process of its own."""
    return lambda program, how: _run([], program, tmp_path, how)
