"""`vitne witness` and `vitne audit-index` as their people run them: processes, files, HTTP."""

from pathlib import Path
from types import ModuleType

import httpx

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.note import Signer, Verifier, open_note, sign_note
from vitne.core.tree.witness import encode_request
from vitne.core.values.types import Origin, TreeSize

LOG = Signer("log.example/log/acme", bytes(32))


def head(size: int) -> str:
    leaves = [leaf_hash(bytes((n,))) for n in range(size)]
    return sign_note(
        Checkpoint(Origin(LOG.name), TreeSize(size), merkle_root(leaves)).text(), [LOG]
    )


def test_a_witness_reads_its_file_and_signs_with_both_keys(
    world: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "witness"
    folder.mkdir()
    name = "w.example/vitne"
    vkeys = [
        str(world.vitne("witness", "key", name, "--out", str(folder / file), *more)["vkey"])
        for file, more in (("witness.key", ()), ("mldsa.key", ("--mldsa",)))
    ]
    (folder / "logs.policy").write_text(f"log {LOG.vkey}\nquorum none\n")
    (folder / "witness.toml").write_text(
        'signing_key = "witness.key"\nmldsa_signing_key = "mldsa.key"\n'
        'policy = "logs.policy"\nport = 0\n'
    )
    witness = world.Process(tmp_path / "witness.log")
    witness.run("witness", "serve", "--config", str(folder / "witness.toml"))

    reply = httpx.post(f"{witness.url}/add-checkpoint", content=encode_request(0, [], head(3)))

    opened = open_note(head(3) + reply.text, [LOG.verifier, *map(Verifier, vkeys)])
    assert sorted(one.verifier.kind for one in opened.verified) == [0x01, 0x04, 0x06]
    assert (folder / "witness.db").exists()
    assert (folder / "witness.key").stat().st_mode & 0o077 == 0
    assert witness.stop() == 0


def test_a_key_is_never_written_over_and_never_read_where_others_can(
    world: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "w.key"
    world.vitne("witness", "key", "w.example", "--out", str(path))

    world.vitne("witness", "key", "w.example", "--out", str(path), status=2)
    path.chmod(0o644)
    told = world.vitne(
        "witness", "serve", "--signing-key", str(path), "--trust", LOG.vkey, status=7
    )

    assert told["error"]["hint"].startswith("chmod 600")


def test_a_wrong_file_of_a_witness_says_what_is_wrong(world: ModuleType, tmp_path: Path) -> None:
    for text in ('kee = "x"\n', "port = true\n", "=\n"):
        (tmp_path / "w.toml").write_text(text)

        told = world.vitne("witness", "serve", "--config", str(tmp_path / "w.toml"), status=7)

        assert "w.toml" in told["error"]["message"]


def test_an_auditor_follows_a_server_and_its_word_makes_the_quorum(
    world: ModuleType, tmp_path: Path
) -> None:
    server = world.ServerProcess(tmp_path / "data").start()
    keys = server.keys()
    server.stop()
    witness = world.WitnessProcess(tmp_path / "w1").follow(keys["log_key"], keys["index_key"])
    vkey = world.vitne("witness", "key", "a.example", "--out", str(tmp_path / "a.key"))["vkey"]
    one = f"witness w1 {witness.vkey} {witness.url}\n"
    (tmp_path / "log.policy").write_text(f"{one}quorum w1\n")
    (tmp_path / "index.policy").write_text(
        f"{one}witness a {vkey}\ngroup all all w1 a\nquorum all\n"
    )
    (tmp_path / "mine").write_text(f"log {keys['log_key']}\n{one}quorum w1\n")
    server.start(
        log_policy=tmp_path / "log.policy",
        index_policy=tmp_path / "index.policy",
        seal_entries=20,
        seal_check_ms=20,
    )
    audit = ("audit-index", f"{server.url}/log/acme", "--policy", str(tmp_path / "mine"))
    mine = ("--signing-key", str(tmp_path / "a.key"), "--state", str(tmp_path / "state"))

    server.send(50)
    records = int(server.await_size("index/checkpoint", 2).split("\n")[1])
    assert server.checkpoint("index/checkpoint.cosigned") == ""
    for _ in range(2):
        server.send(50)
        records = int(server.await_size("index/checkpoint", records + 2).split("\n")[1])
        told = world.vitne(*audit, *mine, VITNE_API_KEY=server.key)
        while told["index_size"] is None:  # the witness has not seen the newest entries yet
            told = world.vitne(*audit, *mine, VITNE_API_KEY=server.key)
        note = server.await_size("index/checkpoint.cosigned", told["index_size"])
        log = Verifier(keys["index_key"])
        opened = open_note(note, [log, Verifier(vkey), Verifier(witness.vkey)])
        assert len(opened.verified) == 3

    # The published files are enough, without a server and without a key.
    server.stop()
    folder = str(server.folder / "objects" / "log" / "acme")
    offline = world.vitne("audit-index", folder, "--policy", str(tmp_path / "mine"))
    assert offline["records"] >= told["records"]
    witness.stop()


def test_a_stranger_brings_no_cosignature(world: ModuleType, tmp_path: Path) -> None:
    """Neither without a key of the server nor by a key that no policy names."""
    server = world.ServerProcess(tmp_path / "data").start(seal_entries=5, seal_check_ms=20)
    server.send(10)
    note = server.await_size("index/checkpoint", 1)
    line = Signer("stranger.example", bytes(32), 4).sign(note.partition("\n\n")[0] + "\n", 5)
    where = f"{server.url}/v1/logs/acme/index/cosignatures"

    refused = httpx.post(where, content=(note + line).encode())
    with server.client() as client:
        unknown = client.post("/v1/logs/acme/index/cosignatures", content=(note + line).encode())
        long = client.post("/v1/logs/acme/index/cosignatures", content=b"x" * 100_000)
        other = client.post("/v1/logs/beta/index/cosignatures", content=(note + line).encode())

    assert [refused.status_code, unknown.status_code, long.status_code] == [401, 400, 413]
    assert other.status_code == 404
    assert "stranger" not in server.checkpoint("index/checkpoint.cosigned")
    server.stop()
