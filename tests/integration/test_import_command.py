"""`vitne import` against a real server: nothing twice, nothing lost, resumed where it was."""

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vitne.core.values.ids import uuid8_for_original, uuid_text

VITNE = [sys.executable, "-m", "vitne"]

MAPPING = """
mapping = 1
[source]
application = "desk"
service = "orders"
[id]
from = "no"
[time]
from = "when"
[event]
type = "desk.order.viewed"
actor = { id = { from = "who" } }
targets = [{ type = "order", id = { from = "no" } }]
"""


def run(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "200"}
    return subprocess.run(  # noqa: S603  # our own program
        [*VITNE, *words],
        cwd=folder,
        env=home | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    """The document of a verb, whatever its status."""
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def csv_file(folder: Path, rows: int, name: str = "orders.csv") -> Path:
    lines = [f"{n},2011-05-01T10:00:{n % 60:02}+02:00,usr_{n % 7},x" for n in range(rows)]
    (folder / name).write_text("\n".join(["no,when,who,colour", *lines]))
    (folder / "mine.toml").write_text(MAPPING)
    return folder / name


class Place:
    """A served folder with a key that may import and one that may not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        told(run(folder, "init", "--tenant", "acme", "--json"))
        self.keys = {
            name: told(run(folder, "key", "add", name, "--tenant", "acme", *flags, "--json"))["key"]
            for name, flags in {
                "importer": ["--role", "write", "--role", "read", "--source", "import/cli",
                             "--may-import"],
                "writer": ["--role", "write", "--source", "crm/bff"],
            }.items()
        }  # fmt: skip
        self.server = subprocess.Popen(  # noqa: S603  # our own program
            [*VITNE, "serve", "--port", "0", "--json"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.url = ""
        assert self.server.stderr
        for line in self.server.stderr:
            found = re.search(r'"port": ?(\d+)', line)
            if found:
                self.url = f"http://127.0.0.1:{found[1]}"
                break

    def run(self, *words: str, key: str = "importer") -> subprocess.CompletedProcess[str]:
        """A verb with one of the keys."""
        return run(self.folder, *words, "--json", VITNE_URL=self.url, VITNE_API_KEY=self.keys[key])

    def stop(self) -> None:
        """End the server."""
        self.server.send_signal(signal.SIGTERM)
        self.server.communicate(timeout=60)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("imports"))
    try:
        assert made.url, "the server did not start"
        yield made
    finally:
        made.stop()


def test_a_csv_file_comes_in_once_and_only_once(place: Place) -> None:
    file = csv_file(place.folder, 1203)

    first = place.run("import", str(file), "--mapping", "mine.toml")
    again = place.run("import", str(file), "--mapping", "mine.toml")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert (told(first)["read"], told(first)["accepted"]) == (1203, 1203)
    assert told(first)["unmapped"] == {"colour": 1203}
    assert (told(again)["read"], told(again)["duplicate"]) == (1203, 1203)


def test_a_file_that_grew_adds_only_what_is_new(place: Place) -> None:
    name = "grown.csv"
    (place.folder / "grown.toml").write_text(MAPPING.replace('"orders"', '"grown"'))
    place.run("import", str(csv_file(place.folder, 10, name)), "--mapping", "grown.toml")

    done = place.run("import", str(csv_file(place.folder, 14, name)), "--mapping", "grown.toml")

    assert (told(done)["duplicate"], told(done)["accepted"]) == (10, 4)


def test_an_imported_event_keeps_its_time_and_its_original(place: Place) -> None:
    line = (
        "CEF:0|pesys|Auditlog|1.0|audit:access|Lookup|INFO|suid=Z990000 duid=77 "
        "end=1618308696856 sproc=call1 externalId=77 msg=A\u030ase"
    )
    (place.folder / "log.cef.gz").write_bytes(gzip.compress(line.encode()))

    done = place.run("import", "log.cef.gz")
    shown = told(place.run("show", uuid_text(uuid8_for_original("pesys/auditlog", "77"))))

    assert told(done)["accepted"] == 1, done.stdout
    assert shown["shown"]["event"]["occurred_at"] == "2021-04-13T10:11:36.856000Z"
    kept = shown["shown"]["record"]["raw_b64"]  # not in NFC, so kept as bytes
    assert base64.b64decode(kept).decode() == line


def test_records_that_do_not_get_in_are_told_with_their_reason(place: Place) -> None:
    events = [
        {
            "type": "desk.order.viewed",
            "actor": {"id": "u"},
            "occurred_at": "2011-05-01T10:00:00.5Z",
        },
        {"type": "desk.order.viewed", "actor": {"id": "u"}},
        {"actor": {"id": "u"}, "colour": "red"},
    ]
    lines = [*(json.dumps(event) for event in events), "{broken"]
    (place.folder / "mixed.jsonl").write_text("\n".join(lines))

    done = place.run("import", "mixed.jsonl")

    report = told(done)
    assert done.returncode == 1
    assert (report["read"], report["accepted"], report["rejected"]) == (4, 1, 3)
    assert [(e["number"], e["code"]) for e in report["examples"]] == [
        (1, "bad_format"),
        (3, "unknown_field"),
        (4, "bad_format"),
    ]


def test_a_key_without_the_right_cannot_import(place: Place) -> None:
    done = place.run("import", str(csv_file(place.folder, 3)), "--mapping", "mine.toml",
                     key="writer")  # fmt: skip

    assert done.returncode == 4
    assert "may-import" in done.stderr


def test_a_dry_run_needs_no_server(tmp_path: Path) -> None:
    file = csv_file(tmp_path, 5)

    done = run(tmp_path, "import", str(file), "--mapping", "mine.toml", "--dry-run", "--json")

    assert done.returncode == 0, done.stderr
    assert told(done) == told(done) | {"read": 5, "accepted": 5, "dry_run": True}


@pytest.mark.parametrize(
    ("words", "status", "hint"),
    [
        (["none.csv"], 2, "no such file"),
        (["orders.csv", "--mapping", "none"], 7, "permits"),
        (["orders.csv"], 2, "--mapping"),
        (["half.gz", "--format", "jsonl"], 2, "does not read"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(
    words: list[str], status: int, hint: str, tmp_path: Path
) -> None:
    csv_file(tmp_path, 2)
    (tmp_path / "half.gz").write_bytes(gzip.compress(os.urandom(9000))[:5000])

    done = run(tmp_path, "import", *words, "--dry-run")

    assert done.returncode == status, done.stderr
    assert hint in done.stderr


class _Counting(BaseHTTPRequestHandler):
    """A server that takes two batches, and refuses until it is told to go on."""

    taken: ClassVar[list[int]] = []
    refuse_after: ClassVar[int] = 2

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).count(b"\n") + 1
        if len(self.taken) >= self.refuse_after:
            self._reply(403, {"code": "not_allowed", "detail": "the key was revoked"})
            return
        self.taken.append(lines)
        counts = {"duplicate": 0, "dropped": 0, "quarantined": 0, "rejected": 0}
        results = [{"status": "accepted"}] * lines
        self._reply(200, counts | {"accepted": lines, "receipts": [], "results": results})

    def _reply(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_an_interrupted_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = csv_file(tmp_path, 1203)
    _Counting.taken.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given = {"VITNE_URL": f"http://127.0.0.1:{server.server_port}", "VITNE_API_KEY": "k"}
        words = ("import", str(file), "--mapping", "mine.toml", "--json")

        first = run(tmp_path, *words, **given)
        _Counting.refuse_after = 100
        second = run(tmp_path, *words, **given)
        third = run(tmp_path, *words, **given)
        server.shutdown()

    assert first.returncode == 4
    assert (told(second)["read"], told(second)["accepted"]) == (1203, 1203)
    assert _Counting.taken == [500, 500, 203, 500, 500, 203]  # the third began anew
    assert told(third)["read"] == 1203
