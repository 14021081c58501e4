"""How the working processes end: without a word on standard error, whatever they hold."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vitne.core.values.types import LogId
from vitne.settings import Settings
from vitne.wiring import open_server

CHILD = Path(__file__).with_name("worker_child.py")
UNCLOSED = Path(__file__).with_name("unclosed_child.py")


@pytest.mark.parametrize(
    ("kind", "how", "said", "status"),
    [
        ("prepare", "whole", "!", 0),  # DuckDB's binding listed what it held: it was frozen
        ("prepare", "no_disk", "-storage: no disk", 0),
        ("prepare", "broken", "", 1),
        ("seal", "whole", "records of [0, 9) are missing [acme]", 0),
        ("seal", "no_disk", "no disk", 0),
        ("seal", "broken", "sealing failed: RuntimeError: a fault of ours [acme]", 0),
    ],
)
def test_a_working_process_ends_in_silence_and_tells_the_server_what_it_must_know(
    tmp_path: Path, kind: str, how: str, said: str, status: int
) -> None:
    """Its standard error is the server's log, where every line is one of JSON."""
    folder = tmp_path / "server"
    settings = Settings(folder=str(folder), free_bytes_min=0)
    with open_server(settings, create=True, serving=False) as server:
        server.writer.create(LogId("acme"))

    done = subprocess.run(  # noqa: S603  # our own program, our own words
        [sys.executable, str(CHILD), kind, how, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(done.stdout) == [said, status]
    assert done.stderr == ""


def test_a_program_that_does_not_close_its_server_ends_all_the_same(tmp_path: Path) -> None:
    """It waited for a thread of the database, and for processes that take no SIGTERM."""
    done = subprocess.run(  # noqa: S603  # our own program, our own words
        [sys.executable, str(UNCLOSED), str(tmp_path / "server")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert int(done.stdout) > 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
