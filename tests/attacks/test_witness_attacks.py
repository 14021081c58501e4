"""Forks, rollbacks, races and lies, against real witnesses and servers over HTTP."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import consistency_proof, leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Verifier, open_note, sign_note
from vitne.core.tree.signature import ED25519
from vitne.core.tree.witness import encode_request, log_path
from vitne.core.values.types import Origin, TreeSize

ORIGIN = Origin("log.example/log/acme")
LOG = Signer(ORIGIN, bytes(32), ED25519)


@pytest.fixture
def witness(world: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A witness that follows `LOG`."""
    made = world.WitnessProcess(tmp_path / "w1").follow(LOG.vkey)
    yield made
    made.stop()


@pytest.fixture
def server(world: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A server, not started yet."""
    made = world.ServerProcess(tmp_path / "data")
    yield made
    if hasattr(made, "process"):
        made.stop()


def leaves(count: int, view: str = "a", shared: int = 0) -> list[bytes]:
    """Leaf hashes of one view of a log; the first `shared` are those of the view `a`."""
    return [leaf_hash(f"{'a' if n < shared else view}{n}".encode()) for n in range(count)]


def head(hashes: list[bytes], by: Signer = LOG, origin: Origin = ORIGIN) -> str:
    """A signed head."""
    text = Checkpoint(origin, TreeSize(len(hashes)), merkle_root(hashes)).text()
    return sign_note(text, [by])


def request(old: int, hashes: list[bytes]) -> bytes:
    """The honest request to grow from `old`."""
    proof = consistency_proof(hashes, old) if old else []
    return encode_request(old, proof, head(hashes))


def test_two_views_of_one_size_are_never_both_cosigned_and_both_are_kept(
    witness: Any, world: ModuleType
) -> None:
    honest, forked = leaves(5), leaves(5, "b", shared=3)
    assert witness.post(request(0, honest)).status_code == 200

    refused = witness.post(request(5, forked))
    grown = witness.post(request(5, leaves(9, "b", shared=3)))

    assert (refused.status_code, grown.status_code) == (422, 422)
    shown = httpx.get(f"{witness.url}/{log_path(ORIGIN)}").text
    assert shown.startswith(head(honest))
    forks = httpx.get(f"{witness.url}/{log_path(ORIGIN).replace('checkpoint', 'forks')}").json()
    certain = [one["fork"] for one in forks["forks"] if one["fork"]["certain"]]
    assert [(one["kept"], one["other"]) for one in certain] == [(shown, head(forked))]
    found = world.vitne(
        "witness", "forks", "--database", str(witness.folder / "witness.db"), status=1
    )
    assert len(found["forks"]) == 2


def test_a_fork_that_names_another_old_size_is_kept_too(witness: Any) -> None:
    """The answer is 409 as for any wrong size; but two roots of one size need no proof."""
    assert witness.post(request(0, leaves(5))).status_code == 200

    assert witness.post(request(0, leaves(5, "b"))).status_code == 409

    path = log_path(ORIGIN).replace("checkpoint", "forks")
    assert [
        one["fork"]["certain"] for one in httpx.get(f"{witness.url}/{path}").json()["forks"]
    ] == [True]


def test_of_two_requests_at_once_one_is_cosigned_and_one_gets_a_conflict(witness: Any) -> None:
    assert witness.post(request(0, leaves(4))).status_code == 200
    bodies = [request(4, leaves(8)), request(4, leaves(9, "b", 4))] * 8

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(witness.post, bodies))

    statuses = [reply.status_code for reply in replies]
    assert sorted(statuses) == [200] + [409] * 15
    kept = replies[statuses.index(200)].text
    size = {reply.text for reply in replies if reply.status_code == 409}
    shown = httpx.get(f"{witness.url}/{log_path(ORIGIN)}").text
    assert kept in shown
    assert {shown.split("\n")[1] + "\n"} == size


def test_a_forged_cosignature_line_does_not_poison_witness_state(witness: Any) -> None:
    """What others append to a head is neither kept nor shown, and stops nothing."""
    forger = Signer(witness.name, b"f" * 32, 4)
    text = Checkpoint(ORIGIN, TreeSize(3), merkle_root(leaves(3))).text()
    forged = head(leaves(3)) + forger.sign(text, 4_000_000_000)

    first = witness.post(encode_request(0, [], forged))

    assert first.status_code == 200
    shown = httpx.get(f"{witness.url}/{log_path(ORIGIN)}").text
    assert forger.sign(text, 4_000_000_000) not in shown
    assert shown == head(leaves(3)) + first.text
    assert witness.post(request(3, leaves(6))).status_code == 200


def test_a_witness_that_restarts_remembers(witness: Any) -> None:
    assert witness.post(request(0, leaves(5))).status_code == 200
    witness.stop(9)
    witness.follow(LOG.vkey)

    assert witness.post(request(0, leaves(5, "b"))).text == "5\n"
    assert witness.post(request(5, leaves(5, "b"))).status_code == 422
    assert witness.post(request(5, leaves(7))).status_code == 200


def test_a_cosignature_of_another_log_is_worth_nothing(witness: Any) -> None:
    """The message names the log: replayed under a head of another one it does not hold."""
    other = Signer("log.example/log/beta", b"b" * 32, ED25519)
    line = witness.post(request(0, leaves(5))).text
    text = Checkpoint(Origin(other.name), TreeSize(5), merkle_root(leaves(5))).text()
    key = Verifier(witness.vkey)

    opened = open_note(f"{head(leaves(5))}{line}", [key, LOG.verifier])
    assert len(opened.verified) == 2
    with pytest.raises(Exception, match="does not hold"):
        open_note(sign_note(text, [other]) + line, [key, other.verifier])


BROKEN: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "too long": (lambda body: body + b"x" * 300_000, 413),
    "no old line": (lambda body: body.removeprefix(b"old "), 400),
    "a size with a plus": (lambda body: body.replace(b"old 0", b"old +0"), 400),
    "a size with a leading zero": (lambda body: body.replace(b"old 0", b"old 00"), 400),
    "64 hashes": (lambda body: body.replace(b"\n\n", b"\n" + b"A" * 43 + b"=\n" * 64, 1), 400),
    "a hash of 31 bytes": (
        lambda body: body.replace(b"\n\n", b"\n" + b"A" * 42 + b"==\n\n", 1),
        400,
    ),
    "line ends of Windows": (lambda body: body.replace(b"\n", b"\r\n"), 400),
    "no signature": (lambda body: body[: body.rindex("—".encode())], 403),
    "a stranger's signature": (
        lambda body: body.replace(b"log.example/log/acme ", b"log.example/log/beta "),
        403,
    ),
    "an unknown log": (lambda body: body.replace(b"log.example/log/acme\n", b"x\n"), 404),
    "an old size above the new one": (lambda body: body.replace(b"old 0", b"old 9"), 400),
    "a proof from nothing": (
        lambda body: body.replace(b"\n\n", b"\n" + b"A" * 43 + b"=\n\n", 1),
        422,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_gets_its_status_and_changes_nothing(witness: Any, name: str) -> None:
    change, status = BROKEN[name]

    assert witness.post(change(request(0, leaves(5)))).status_code == status

    assert httpx.get(f"{witness.url}/{log_path(ORIGIN)}").status_code == 404


# ---------------------------------------------------------------- a log and its witnesses


Follow = Callable[[int, str], list[Any]]


@pytest.fixture
def follow(world: ModuleType, server: Any, tmp_path: Path) -> Iterator[Follow]:
    """Starts the server with policies that name so many witnesses, and these."""
    started: list[Any] = []

    def start(count: int, quorum: str) -> list[Any]:
        started.extend(
            world.WitnessProcess(tmp_path / f"w{n}", f"w{n}.example/vitne")
            for n in range(1, count + 1)
        )
        _watch(server, started, quorum, tmp_path / "policy")
        return started

    yield start
    for one in started:
        one.stop()


def _watch(server: Any, witnesses: list[Any], quorum: str, policy: Path) -> None:
    server.start()
    keys = server.keys()
    server.stop()
    lines = []
    for number, one in enumerate(witnesses, 1):
        one.follow(keys["log_key"], keys["index_key"])
        lines.append(f"witness w{number} {one.vkey} {one.url}")
    names = " ".join(f"w{number}" for number in range(1, len(witnesses) + 1))
    policy.write_text("\n".join([*lines, f"group all {quorum} {names}", "quorum all", ""]))
    server.start(log_policy=policy, index_policy=policy, seal_entries=5, seal_check_ms=20)


def test_heads_are_cosigned_though_one_witness_of_three_is_gone(
    server: Any, follow: Follow
) -> None:
    witnesses = follow(3, "2")
    witnesses[2].stop()

    # Only a checkpoint with events that came after it was gone is one that it cannot have signed.
    note = server.await_size("checkpoint.cosigned", server.send(3))

    keys = [Verifier(one.vkey) for one in witnesses]
    log = Verifier(server.keys()["log_key"])
    assert len(open_note(note, [log, *keys]).verified) == 3


def test_yesterdays_database_is_recognised_by_the_witness_before_it_signs(
    server: Any, follow: Follow, tmp_path: Path
) -> None:
    """Nothing on the machine knows; the witness does: publishing halts and answers say so."""
    follow(1, "all")
    server.send(10)
    server.await_size("index/checkpoint.cosigned", 1)
    server.stop()
    shutil.copytree(server.folder, tmp_path / "yesterday")
    before = (server.folder / "objects/log/acme/checkpoint").read_text()
    server.start()
    server.send(5)
    server.await_size("checkpoint.cosigned", int(before.split("\n")[1]) + 5)
    server.stop()

    shutil.rmtree(server.folder)
    shutil.copytree(tmp_path / "yesterday", server.folder)
    server.start()
    server.send(2)
    with server.client() as client:
        while client.get("/readyz").json()["checks"]["witnesses"] == "ok":
            assert server.process.poll() is None
        ready = client.get("/readyz")
        metrics = client.get("/metrics").text
        question = {"ask": "what_did", "actor": "usr_77", "from": "1d"}
        answered = client.post("/v1/answers", json=question)
    assert ready.status_code == 503
    assert "a witness has seen more of" in ready.json()["checks"]["witnesses"]
    assert "vitne_witness_incidents 0.0" not in metrics
    assert server.checkpoint("checkpoint") == before
    assert answered.status_code == 200, answered.text
    assert "witness" in answered.text

    # A restart forgets nothing of it.
    server.stop()
    server.start()
    with server.client() as client:
        assert "seen more" in client.get("/readyz").json()["checks"]["witnesses"]
