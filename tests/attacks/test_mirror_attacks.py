"""A log that lies to its mirror, over HTTP."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vitne.cli.base.app import run
from vitne.core.entry import entry as entries
from vitne.core.entry.control import ConfigEntry, SigningKeyEntry
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.grow import Edge, grow_tree
from vitne.core.tree.note import Signer, sign_note
from vitne.core.tree.tile import TileId
from vitne.core.values.types import Origin, TreeSize
from vitne.wiring.mirror import open_mirror

ORIGIN = Origin("mirror.test/log/acme")
SIGNER = Signer(ORIGIN, b"a key of a test, 32 bytes long..")
EMPTY = Edge(TreeSize(0), ())


def _entries(count: int, word: str = "a") -> list[bytes]:
    """A log of so many entries, its key first; `word` makes another history."""
    key = SigningKeyEntry(1, "log", ORIGIN, SIGNER.vkey, "add")
    more = [ConfigEntry(n + 2, f"{word}{n}", {"number": n}) for n in range(count - 1)]
    return [entries.encode_entry(one) for one in (key, *more)]


def _log(log: list[bytes], signer: Signer = SIGNER) -> dict[str, bytes]:
    """Everything that a log serves."""
    grown = grow_tree(EMPTY, log)
    head = Checkpoint(ORIGIN, TreeSize(len(log)), grown.root)
    return {**grown.objects, "checkpoint": sign_note(head.text(), [signer]).encode()}


class Liar:
    """A web server that serves whatever it is told to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.redirect = ""
        self.slow = ""
        """A path whose answer waits for `go_on`."""
        self.reached, self.go_on = threading.Event(), threading.Event()
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.removeprefix("/log/acme/")
                liar.asked.append(path)
                if path == liar.slow:
                    liar.reached.set()
                    liar.go_on.wait(60)
                data = liar.files.get(path)
                if liar.redirect:
                    self.send_response(302)
                    self.send_header("location", liar.redirect)
                    self.send_header("content-length", "0")
                    self.end_headers()
                    return
                self.send_response(200 if data is not None else 404)
                self.send_header("content-length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/log/acme"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def liar() -> Iterator[Liar]:
    found = Liar()
    yield found
    found.close()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def _mirror(liar: Liar, copy: Path) -> int:
    return run(["mirror", liar.url, str(copy), "--json"])


def _public(copy: Path) -> dict[str, bytes]:
    """What a web server would serve of the copy."""
    return {
        path.relative_to(copy).as_posix(): path.read_bytes()
        for path in sorted(copy.rglob("*"))
        if path.is_file() and ".mirror" not in path.parts
    }


def _evidence(copy: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in (copy / ".mirror/evidence").glob("*.json")]


def _code(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize(("before", "after"), [(1, 2), (255, 256), (256, 257), (300, 5000)])
def test_a_copy_is_byte_for_byte_what_the_log_serves_however_it_grew(
    liar: Liar, copy: Path, before: int, after: int
) -> None:
    for size in (before, after):
        liar.files = _log(_entries(size))

        assert _mirror(liar, copy) == 0

        assert _public(copy) == liar.files
        assert run(["mirror", "verify", str(copy), "--json"]) == 0


def test_a_second_history_is_a_fork_and_both_heads_are_kept(
    liar: Liar, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    liar.files = _log(_entries(300))
    _mirror(liar, copy)
    kept, held = _public(copy), liar.files["checkpoint"].decode()
    liar.files = _log(_entries(20) + _entries(300, "b")[20:])

    same_size = _mirror(liar, copy)
    shown = [liar.files["checkpoint"].decode()]
    liar.files = _log(_entries(20) + _entries(400, "b")[20:])
    shown.append(liar.files["checkpoint"].decode())
    larger = _mirror(liar, copy)

    assert (same_size, larger) == (1, 1)
    assert "a fork" in _code(capsys)
    assert _public(copy) == kept
    assert {(one["rule"], one["held"]) for one in _evidence(copy)} == {("fork", held)}
    assert sorted(one["shown"] for one in _evidence(copy)) == sorted(shown)


def test_a_log_that_shrinks_is_refused_and_the_copy_stays(
    liar: Liar, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    liar.files = _log(_entries(300))
    _mirror(liar, copy)
    kept = _public(copy)
    liar.files = _log(_entries(200))

    status = _mirror(liar, copy)

    assert status == 1
    assert "300" in _code(capsys)
    assert _public(copy) == kept
    assert [one["code"] for one in _evidence(copy)] == ["rollback"]


def test_a_withheld_bundle_stops_the_copy_and_nothing_of_the_rest_is_shown(
    liar: Liar, copy: Path
) -> None:
    liar.files = _log(_entries(100))
    _mirror(liar, copy)
    kept = _public(copy)
    whole = _log(_entries(1000))
    gone = TileId(-1, 2).path
    liar.files = {path: data for path, data in whole.items() if path != gone}

    status = _mirror(liar, copy)

    assert status == 3
    assert _public(copy) == kept
    liar.files = whole
    assert _mirror(liar, copy) == 0
    assert _public(copy) == whole


def test_entries_that_were_not_signed_are_not_kept(
    liar: Liar, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    liar.files = _log(_entries(100))
    _mirror(liar, copy)
    kept = _public(copy)
    whole, other = _log(_entries(600)), _log(_entries(600, "b"))
    path = TileId(-1, 1).path
    liar.files = {**whole, path: other[path]}

    status = _mirror(liar, copy)

    assert status == 1
    assert "not those that it signed" in _code(capsys)
    assert _public(copy) == kept
    assert [one["rule"] for one in _evidence(copy)] == ["entries"]
    liar.files = whole
    assert _mirror(liar, copy) == 0


def test_tiles_that_lie_change_nothing_since_they_are_computed(liar: Liar, copy: Path) -> None:
    whole = _log(_entries(600))
    tile = TileId(0, 0).path
    liar.files = {**whole, tile: bytes(len(whole[tile]))}

    status = _mirror(liar, copy)

    assert status == 0
    assert _public(copy) == whole
    assert tile not in liar.asked


def test_another_key_does_not_speak_for_the_log_that_is_held(liar: Liar, copy: Path) -> None:
    liar.files = _log(_entries(100))
    _mirror(liar, copy)
    kept = _public(copy)
    liar.files = _log(_entries(200), Signer(ORIGIN, b"another key, also of 32 bytes...."[:32]))

    assert _mirror(liar, copy) == 1
    assert _public(copy) == kept


def test_a_key_that_the_first_entries_name_must_have_signed(liar: Liar, copy: Path) -> None:
    liar.files = _log(_entries(100), Signer(ORIGIN, b"another key, also of 32 bytes...."[:32]))

    assert _mirror(liar, copy) == 1
    assert _public(copy) == {}


def test_a_policy_of_the_owners_is_asked_for_its_quorum(
    liar: Liar, copy: Path, tmp_path: Path
) -> None:
    witness = Signer("w1.example", b"a witness's key of 32 bytes.....", 4)
    policy = tmp_path / "policy.txt"
    policy.write_text(f"log {SIGNER.vkey}\nwitness w1 {witness.vkey}\nquorum w1\n")
    liar.files = _log(_entries(100))
    words = ["mirror", liar.url, str(copy), "--policy", str(policy), "--json"]

    alone = run(words)
    text = liar.files["checkpoint"].decode().partition("\n\n")[0] + "\n"
    liar.files["checkpoint.cosigned"] = sign_note(text, [SIGNER, witness], 1_764_000_000).encode()
    cosigned = run(words)

    assert (alone, cosigned) == (1, 0)
    assert (copy / "checkpoint").read_bytes() == liar.files["checkpoint.cosigned"]


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff\xfe",
        b"../../etc/passwd\n1\nAAAA\n",
        b"x" * (2 << 20),
        f"{ORIGIN}\n99999999999999999999\nAAAA\n\n".encode(),
    ],
    ids=["empty", "not-text", "path", "long", "huge-size"],
)
def test_a_malformed_checkpoint_is_refused_and_writes_nothing(
    liar: Liar, copy: Path, note: bytes
) -> None:
    liar.files = {**_log(_entries(10)), "checkpoint": note}

    assert _mirror(liar, copy) in {1, 2}
    assert _public(copy) == {}


def test_a_redirect_is_not_followed(liar: Liar, copy: Path) -> None:
    liar.files = _log(_entries(10))
    liar.redirect = "http://127.0.0.1:1/elsewhere"

    assert _mirror(liar, copy) == 6
    assert liar.asked == ["checkpoint"]


def test_a_link_in_the_copy_leads_no_write_out_of_it(
    liar: Liar, copy: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    copy.mkdir()
    (copy / "tile").symlink_to(outside)
    liar.files = _log(_entries(300))

    assert _mirror(liar, copy) != 0
    assert list(outside.iterdir()) == []


def test_what_a_killed_run_left_is_hashed_again_and_not_fetched_again(
    liar: Liar, copy: Path
) -> None:
    whole = _log(_entries(1000))
    gone = TileId(-1, 3, 1000 - 768).path
    liar.files = {path: data for path, data in whole.items() if path != gone}
    _mirror(liar, copy)  # stops at the last bundle, like a kill
    waiting = copy / ".mirror/incoming" / TileId(-1, 0).path
    waiting.parent.mkdir(parents=True, exist_ok=True)
    waiting.write_bytes(whole[TileId(-1, 0).path])
    (copy / ".mirror/incoming" / TileId(-1, 1).path).write_bytes(b"half a fi")
    liar.files, liar.asked = whole, []

    assert _mirror(liar, copy) == 0

    assert _public(copy) == whole
    assert liar.asked.count(TileId(-1, 0).path) == 1  # for the key; then what waited is used
    assert TileId(-1, 1).path in liar.asked


def test_a_mirror_that_is_killed_goes_on_where_it_was(liar: Liar, copy: Path) -> None:
    liar.files = _log(_entries(300))
    _mirror(liar, copy)
    kept, before = _public(copy), liar.files
    liar.files = _log(_entries(9000))
    liar.slow = TileId(-1, 34).path
    words = [sys.executable, "-m", "vitne", "mirror", liar.url, str(copy)]

    with subprocess.Popen(words) as process:  # noqa: S603 - our own program
        assert liar.reached.wait(60)
        process.send_signal(signal.SIGKILL)
    liar.go_on.set()

    assert _public(copy) == kept == before
    assert run(["mirror", "verify", str(copy), "--json"]) == 0
    liar.asked = []
    assert _mirror(liar, copy) == 0
    assert _public(copy) == liar.files
    assert TileId(-1, 5).path not in liar.asked


def test_what_waits_and_is_wrong_does_not_blame_the_log(liar: Liar, copy: Path) -> None:
    whole, other = _log(_entries(600)), _log(_entries(600, "b"))
    waiting = copy / ".mirror/incoming" / TileId(-1, 1).path
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(other[TileId(-1, 1).path])
    liar.files = whole

    assert _mirror(liar, copy) == 0
    assert _public(copy) == whole
    assert not (copy / ".mirror/evidence").exists()


@pytest.mark.parametrize("path", [TileId(-1, 0).path, TileId(0, 1).path, TileId(1, 0, 2).path])
def test_a_damaged_or_lost_file_of_a_copy_is_named(
    liar: Liar, copy: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    liar.files = _log(_entries(600))
    _mirror(liar, copy)
    data = bytearray((copy / path).read_bytes())
    data[-1] ^= 1
    (copy / path).write_bytes(data)

    changed = run(["mirror", "verify", str(copy), "--json"])
    (copy / path).unlink()
    gone = run(["mirror", "verify", str(copy), "--json"])

    assert (changed, gone) == (1, 1)
    told = _code(capsys)
    assert path in told or "do not lead to its checkpoint" in told


def test_two_mirrors_do_not_write_to_one_folder(liar: Liar, copy: Path) -> None:
    liar.files = _log(_entries(10))
    with open_mirror(copy):
        assert _mirror(liar, copy) == 7
