"""`vitne receipts check`: kept receipts against the server, and offline against a mirror."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.fixture
def kept(served: Any) -> Path:
    """The receipts of a client that sent 300 events, all published."""
    with served.client(batch_max_events=100) as audit:
        for at in range(300):
            audit.record("crm.customer.viewed", actor="u", target=f"customer/c{at}")
        assert audit.flush(60)
    found: Path = next(served.spool.glob("*/receipts.jsonl"))
    last = max(receipt_end(line) for line in found.read_text().splitlines())
    while size_of(served) < last:
        pass
    return found


def receipt_end(line: str) -> int:
    first, count = json.loads(line)["receipt"].split("\n")[2].split()
    return int(first) + int(count)


def size_of(served: Any) -> int:
    headers = {"Authorization": f"Bearer {served.reader}"}
    answer = httpx.get(f"{served.url}/log/acme/checkpoint", headers=headers)
    return int(answer.text.split("\n")[1]) if answer.is_success else 0


def check(*words: str, env: dict[str, str] | None = None) -> tuple[int, Any]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and verb
        [sys.executable, "-m", "vitne", "receipts", "check", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, json.loads(done.stdout or "{}")


def keys(served: Any) -> list[str]:
    log = served.get("/v1/tenants")["tenants"][0]["log"]
    return ["--trust", log["log_key"], "--trust", log["receipt_key"]]


def test_every_receipt_holds_against_the_server(served: Any, kept: Path) -> None:
    where = ["--url", served.url, "--api-key", served.reader]

    named = check("--receipts", str(kept), *where)
    pinned = check("--receipts", str(kept), *where, *keys(served))
    in_spool = check(*where, env={"VITNE_SPOOL_DIR": str(served.spool)})

    assert named[0] == pinned[0] == in_spool[0] == 0
    assert named[1]["held"] == len(kept.read_text().splitlines())
    assert named[1]["trust"] == "the key that the server names"
    assert pinned[1]["trust"] == "your keys"


def test_a_mirror_is_enough_and_a_dropped_batch_is_written_as_evidence(
    served: Any, kept: Path, tmp_path: Path
) -> None:
    pinned = keys(served)
    mirror = tmp_path / "mirror"
    shutil.copytree(served.folder / "objects", mirror)
    assert check("--receipts", str(kept), "--mirror", str(mirror), *pinned)[0] == 0
    other = served.spool / "other.jsonl"
    with served.client() as audit:
        audit.record("crm.customer.viewed", actor="u", target="customer/last")
        assert audit.flush(60)
    shutil.copy(kept, other)

    # An hour later the log shows what it showed before.
    checkpoint = mirror / "log/acme/checkpoint"
    later = checkpoint.stat().st_mtime + 3_600
    os.utime(checkpoint, (later, later))
    status, told = check(
        "--receipts", str(other), "--mirror", str(mirror), *pinned,
        "--evidence", str(tmp_path / "evidence"),
    )  # fmt: skip

    assert status == 1
    assert {one["code"] for one in told["broken"]} == {"not_included"}
    files = sorted((tmp_path / "evidence").iterdir())
    assert [str(file) for file in files] == sorted(one["evidence"] for one in told["broken"])
    document = json.loads(files[0].read_text())
    assert document["format"] == "vitne-receipt-evidence/v1"
    assert document["checkpoint"] == checkpoint.read_text()


def test_without_keys_or_receipts_it_says_what_is_missing(
    served: Any, kept: Path, tmp_path: Path
) -> None:
    mirror = ["--mirror", str(served.folder / "objects")]

    assert check("--receipts", str(kept), *mirror)[0] == 2
    assert check("--receipts", str(tmp_path / "none"), *mirror)[0] == 3
    assert check("--receipts", str(kept), "--mirror", str(tmp_path))[0] == 3


def test_a_changed_receipt_is_told_and_the_others_are_checked(
    served: Any, kept: Path, tmp_path: Path
) -> None:
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    note = lines[0]["receipt"].split("\n")
    note[4] = str(int(note[4]) + 1)
    lines[0]["receipt"] = "\n".join(note)
    changed = tmp_path / "changed.jsonl"
    changed.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"half')

    where = ["--url", served.url, "--api-key", served.reader, "--evidence", str(tmp_path / "e")]
    status, told = check("--receipts", str(changed), *where)

    assert status == 1
    assert [one["code"] for one in told["broken"]] == ["bad_signature"]
    assert told["held"] == len(lines) - 1
