"""A running server and its mirror: both logs, served again and audited from the copy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from vitne.cli.base.app import run


def _wait_for(client: httpx.Client, path: str, wanted: Callable[[httpx.Response], bool]) -> None:
    """Ask until the server has done it; the test's own timeout ends it."""
    while not wanted(client.get(path)):
        pass


def test_a_mirror_copies_both_logs_and_an_auditor_reads_the_copy(
    serve: Callable[..., Any],
    minimal: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    served = serve(seal_entries=256, seal_check_ms=20)
    copy, url = tmp_path / "copy", f"{served.url}/log/acme"
    with served.client() as client:
        reply = client.post("/v1/events", json=[minimal] * 700)
        assert reply.status_code == 200
        _wait_for(client, "/log/acme/index/checkpoint", lambda r: r.status_code == 200)
        _wait_for(client, "/log/acme/checkpoint", lambda r: int(r.text.split("\n")[1]) > 700)
    key = served.key
    words = ["mirror", url, str(copy), "--api-key", key, "--json"]

    first, again = run(words), run(words)
    told = json.loads(capsys.readouterr().out.split("\n")[0])

    assert (first, again) == (0, 0)
    assert told["log"]["trust"] == "named"
    assert told["log"]["size"] > 700
    assert told["index-log"]["size"] >= 1
    assert run(["mirror", "verify", str(copy)]) == 0
    vkey = (copy / ".mirror/log-key").read_text().strip()
    assert run(["audit-index", str(copy), "--trust", vkey, "--json"]) == 0
    receipts = tmp_path / "receipts.jsonl"
    lines = [json.dumps({"receipt": note}) for note in reply.json()["receipts"]]
    receipts.write_text("\n".join(lines) + "\n")
    words = ["--receipts", str(receipts), "--mirror", str(copy), "--trust", vkey]
    with served.client() as client:
        words += [
            "--trust",
            client.get("/v1/tenants").json()["tenants"][0]["log"]["receipt_key"],
        ]
    assert run(["receipts", "check", *words, "--json"]) == 0
    assert {path.name for path in copy.iterdir()} == {"checkpoint", "tile", "index", ".mirror"}
