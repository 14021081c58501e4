"""`vitne demo`: what it prints works by copy and paste, and it leaves nothing running."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import pytest

from vitne.core.values.ids import parse_uuid, uuid_time_us

EVENTS = 3000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def paste(command: str, folder: Path) -> str:
    """Run a printed command in a shell, as a reader would."""
    done = subprocess.run(  # noqa: S602 - that is what is tested
        command, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


class Demo:
    """A running demo, whose printed document was read."""

    def __init__(self, folder: Path, port: int) -> None:
        words = ["demo", "--folder", "demo", "--port", str(port), "--events", str(EVENTS)]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and verb
            [sys.executable, "-m", "vitne", *words, "--pace", "50", "--json"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told: dict[str, Any] = json.loads(line)

    def __enter__(self) -> Self:
        """For `with Demo(…) as demo:`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running when a test fails."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=60)

    def stop(self) -> str:
        """Ctrl-C; what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return said


@pytest.mark.slow
def test_the_demo_tells_a_story_that_its_commands_find_prove_and_verify(tmp_path: Path) -> None:
    port = free_port()
    with Demo(tmp_path, port) as demo:
        story, commands = demo.told["story"], demo.told["commands"]
        found = paste(f"{commands['search']} --limit 100", tmp_path)
        asked = json.loads(paste(f"{commands['ask']} --json", tmp_path))
        cleared = paste(commands["clear"], tmp_path)
        proved = paste(commands["prove"], tmp_path)
        said = demo.stop()

    assert story["culprit"] in found
    assert story["innocent"] not in found
    assert asked["verdict"] == "proved"
    assert {*story["evenings"]} <= {action["id"] for action in asked["actions"]}
    assert "Proved" in paste(f"{sys.executable} -m vitne verify demo/answer.vitne", tmp_path)
    assert all(one in found for one in (*story["evenings"], story["denied"][0]))
    assert story["innocent"] in cleared
    assert story["culprit"] not in cleared
    assert "proof.vitne.json" in proved
    assert "live events were recorded" in said
    verified = paste(commands["verify"], tmp_path)  # with nothing running any more
    assert story["exported"][-1] in verified
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_a_demo_can_be_started_again_on_its_folder(tmp_path: Path) -> None:
    port, started_us = free_port(), time.time_ns() // 1000
    with Demo(tmp_path, port) as demo:
        demo.stop()

    with Demo(tmp_path, port) as again:
        found = json.loads(paste(f"{again.told['commands']['clear']} --json", tmp_path))
        said = again.stop()

    story = demo.told["story"]
    assert again.told["story"] == story
    assert again.told["log_key"] == demo.told["log_key"]
    assert "in the logs" not in said  # the history was there already
    # What the story tells of later today is not recorded yet.
    told = [one for one in story["explained"] if uuid_time_us(parse_uuid(one)) <= started_us]
    assert found["total"] == 2 * len(told)


def test_a_folder_that_is_no_demo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()

    done = subprocess.run(  # noqa: S603 - our own interpreter and verb
        [sys.executable, "-m", "vitne", "demo", "--folder", "mine", "--port", str(free_port())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 7
    assert "this folder is no demo: it is not empty" in done.stderr


def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = subprocess.run(  # noqa: S603 - our own interpreter and verb
            [sys.executable, "-m", "vitne", "demo", "--folder", "new", "--port", str(port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 7
    assert f"port {port} cannot be used" in done.stderr
    assert not (tmp_path / "new").exists()
